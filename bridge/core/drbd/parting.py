"""A side that nobody tells of any more, and a replica that no node has: nothing is known of them, and nothing waits for them."""

from datetime import datetime, timedelta
from typing import Any, Final

from bridge.core.drbd.events import replica_subject
from bridge.core.drbd.flapping import on_steady
from bridge.core.drbd.state import Replica, replace
from bridge.core.drbd.story import tell, tell_differences
from bridge.core.drbd.tables import DIFFERENCE, LOSSES, REPLICA, REPLICAS, STORY
from bridge.core.drbd.told import story_of
from bridge.core.drbd.whole import is_down
from bridge.core.world.table import Table
from bridge.core.world.world import World

OF_REPLICA: Final[tuple[Table[Any], ...]] = (REPLICA, STORY, DIFFERENCE, LOSSES)
GONE_AFTER: Final = timedelta(days=1)
"""No node has had it for so long, and nobody misses it: it was deleted. DRBD shows what is only taken down in the same way."""


def without_side(world: World, replica: Replica, node: str, at: datetime, why: str) -> Replica:
    """What remains; the rest of the world must be told of that."""
    world.let_go(replica_subject(replica.resource, node), at, why)
    left = {name: side for name, side in replica.sides.items() if name != node}
    return replace(replica, sides=left, splits=replica.splits if left else {})


def part_with(world: World, replica: Replica, at: datetime, why: str) -> None:
    """No node has it: its stories end."""
    name = replica.resource
    for node in replica.sides:
        world.let_go(replica_subject(name, node), at, why)
    empty = Replica(resource=name, generation=replica.generation)
    tell(world, empty, [], at)
    tell_differences(world, empty, at)
    on_steady(world, name, at)
    world.let_go(replica_subject(name), at, why)
    for timer in ("replica", "replica-steady"):
        world.cancel_timer(timer, name)
    for table in OF_REPLICA:
        world.put((table, name), None)
    world.put((REPLICAS,), tuple(one for one in world.get(REPLICAS) or () if one != name) or None)


def gone_at(world: World, replica: Replica) -> datetime | None:
    """When a replica that is down everywhere is taken for deleted; None while it is there, or missed."""
    stories = (story_of(world, table, replica.resource) for table in (STORY, DIFFERENCE))
    if not is_down(replica) or any(story is not None and story.held for story in stories):
        return None
    return max(side.said_at for side in replica.sides.values()) + GONE_AFTER
