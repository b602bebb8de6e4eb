"""What is known of the nodes: who belongs together, who calls whom lost, and whose word counts. (Corosync membership)

Only facts and questions about them; what follows from them is membership's, fencing's and quorum's.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.world.node import Node
from bridge.core.world.tables import CIRCLE, CLAIMS, NODE, NODE_SEQUENCE
from bridge.core.world.world import World

EMPTIED_WITHIN: Final = timedelta(seconds=60)
MOST_TOGETHER: Final = 300
"""More than any cluster has, with its remote nodes: beyond, names are somebody's mistake, and belong to nobody."""


def node(world: World, name: str) -> Node:
    return world.get(NODE, name) or Node()


def set_node(world: World, name: str, **changes: object) -> None:
    world.put((NODE, name), msgspec.structs.replace(node(world, name), **changes))


def circle(world: World, name: str) -> frozenset[str]:
    """The nodes known to belong together: those that spoke about each other."""
    return world.get(CIRCLE, name) or frozenset({name})


def meet(world: World, one: str, other: str) -> None:
    mine = circle(world, one)
    if other in mine:
        return
    together = mine | circle(world, other)
    if len(together) > MOST_TOGETHER:
        return
    for name in together:
        world.put((CIRCLE, name), together)


def claims(world: World, witness: str) -> frozenset[str]:
    """The nodes that a witness says are lost."""
    return world.get(CLAIMS, witness) or frozenset()


def accusers(world: World, name: str) -> list[str]:
    return sorted(witness for witness in circle(world, name) if name in claims(world, witness) and not is_void(world, witness))


def voters(world: World, name: str) -> frozenset[str]:
    """The cluster nodes of a circle: remote and guest nodes have no vote. (Pacemaker Remote)"""
    return frozenset(other for other in circle(world, name) if not node(world, other).remote)


def support_of(world: World, witness: str) -> int:
    return len(voters(world, witness) - claims(world, witness))


def is_void(world: World, witness: str) -> bool:
    """Whether a witness speaks from the losing side: fenced, or called lost by somebody who sees more nodes than it does."""
    if node(world, witness).fenced_at is not None:
        return True
    mine = support_of(world, witness)
    return any(
        witness in claims(world, other) and support_of(world, other) > mine for other in circle(world, witness) - {witness}
    )


def is_heard(world: World, name: str) -> bool:
    """Whether the node itself has ever told anything."""
    return (NODE_SEQUENCE, name) in world.facts


def emptied(world: World, name: str, at: datetime) -> None:
    """A clean stop on a node, or a clean start elsewhere of what ran there: it may be about to leave in good order."""
    set_node(world, name, emptied_at=at)
