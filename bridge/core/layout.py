"""How a cluster lies: where its services run, what belongs together, how its replicas are linked.

It is derived from the tables of the world and kept nowhere else, so a replay and a restart arrive at the same.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

from msgspec.structs import replace

from bridge.core.drbd.events import RESYNCS, TARGETS
from bridge.core.drbd.names import pair, peer_name
from bridge.core.drbd.state import Link as ReplicaLink
from bridge.core.drbd.state import Replica as ReplicaState
from bridge.core.drbd.state import Side as ReplicaSide
from bridge.core.drbd.tables import REPLICA
from bridge.core.drbd.whole import link_stands
from bridge.core.world.event import Subject, resource_subject
from bridge.core.world.laid import Laid, Link, Replica, Service, Side
from bridge.core.world.table import Key, Table
from bridge.core.world.tables import ACTIVE, CONDITION, REPLICATED, SORT, TOGETHER
from bridge.core.world.world import World

TABLES: Final[frozenset[Table[Any]]] = frozenset({ACTIVE, SORT, TOGETHER, REPLICATED, REPLICA})
"""Beside conditions, what a layout is made of; their facts are by resource, which stands last, or by replica."""
SERVICES: Final = ("resource/", "guest/")


class Layout:
    """What was said of it last: only what differs is said again."""

    def __init__(self) -> None:
        self._said: dict[str, Service | Replica] = {}

    def changes(self, world: World, touched: Collection[Key]) -> list[Laid]:
        """Of what these facts are about, what lies otherwise now."""
        changes = []
        for name in dict.fromkeys(name for key in touched for name in _about(key)):
            how = _how(world, name)
            if how != self._said.get(name):
                changes.append(Laid(world.cluster, name, how))
            if how is None:
                self._said.pop(name, None)
            else:
                self._said[name] = how
        return changes

    def whole(self, world: World) -> list[Laid]:
        """All of it, as it is now."""
        self._said = {}
        return self.changes(world, list(world.facts))


def _about(key: Key) -> Iterator[str]:
    table, *names = key
    if table is REPLICA:
        yield f"replica/{names[0]}"
    elif table in TABLES:
        yield f"service/{names[-1]}"
    elif table is CONDITION and names[0].startswith(SERVICES):
        yield f"service/{names[0].partition('/')[2]}"


def _how(world: World, name: str) -> Service | Replica | None:
    kind, _, what = name.partition("/")
    if kind == "service":
        return _service(world, what)
    replica = world.get(REPLICA, what)
    return None if replica is None else _replica(replica)


def _service(world: World, name: str) -> Service | None:
    """Nothing is known of a resource that has no condition; a container's parts have none of their own."""
    subject = world.service(name)
    if (CONDITION, subject) not in world.facts:
        subject = resource_subject(name)
    if (CONDITION, subject) not in world.facts:
        return None
    group, clone, place = world.get(TOGETHER, name) or ("", "", 0)
    return Service(
        subject=subject,
        on=dict(sorted(world.runs_on.get(name, {}).items())),
        group=group,
        clone=clone,
        place=place,
        device=world.is_fence_device(name),
        replica=world.get(REPLICATED, name) or "",
    )


def _replica(replica: ReplicaState) -> Replica:
    sides = [_side(side) for _, side in sorted(replica.sides.items()) if not side.gone]
    links: dict[tuple[str, str], Link] = {}
    for node, side in sorted(replica.sides.items()):
        for peer, link in sorted(side.links.items()):
            name = peer_name(replica, node, peer)
            if not side.gone and name:
                found = _link(node, name, link)
                ends = pair(node, name)
                links[ends] = _worse(links[ends], found) if ends in links else found
    return Replica(subject=Subject(f"drbd/{replica.resource}"), sides=tuple(sides), links=tuple(links.values()))


def _side(side: ReplicaSide) -> Side:
    disks = dict.fromkeys("client" if disk.client else disk.state for _, disk in sorted(side.disks.items()) if disk.state)
    return Side(node=side.node, role=side.role, disk="/".join(disks))


def _link(node: str, peer: str, link: ReplicaLink) -> Link:
    one, other = pair(node, peer)
    copies = [copy for copy in link.copies.values() if copy.replication in RESYNCS]
    target = ""
    if copies:
        target = node if any(copy.replication in TARGETS for copy in copies) else peer
    return Link(
        one=one,
        other=other,
        state=link.state or "gone",
        good=link_stands(link) and not copies,
        target=target,
        done=min((copy.resynced for copy in copies if copy.resynced is not None), default=None),
        stalled=any(copy.stalled for copy in copies),
    )


def _worse(one: Link, other: Link) -> Link:
    """Both ends tell of it: the one that sees more trouble is right; of a resync either may be the one that counts."""
    if not (one.target and other.target):
        return min(one, other, key=lambda link: (not link.target, link.good))
    done = max((link.done for link in (one, other) if link.done is not None), default=None)
    return replace(one, done=done, stalled=one.stalled or other.stalled)
