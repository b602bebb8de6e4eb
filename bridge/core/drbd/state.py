"""What each side of a replica last said: the state that reports are folded into.

`replica_states.py` folds the lines of events2, `replica_calls.py` the handlers; `replica_troubles.py` says what is wrong now.

A side is *told* when it has events2: then its states count, and its handlers only add what no state says. Of a side with
handlers alone the handlers must do. Names of peers are as that side knows them; 8.4 has one peer, which it calls "".
"""

from datetime import datetime
from typing import Final

import msgspec

NO_DISK: Final = frozenset({"Diskless", "Failed", "Detaching"})

replace = msgspec.structs.replace


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """What a side says of one volume at a peer. `was` is the last disk known before the connection broke."""

    replication: str = "Off"
    disk: str = "DUnknown"
    was: str = "DUnknown"
    client: bool = False
    failed_at: datetime | None = None
    resync_since: datetime | None = None
    verify_since: datetime | None = None
    differs_since: datetime | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a side says of its connection to one peer. `waits_since`: it tries, and never was connected."""

    state: str = ""
    changed_at: datetime
    lost_at: datetime | None = None
    lost_by: str = ""
    let_go_at: datetime | None = None
    waits_since: datetime | None = None
    copies: dict[str, Copy] = {}


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    state: str = ""
    client: bool = False
    quorum: bool = True
    failed_at: datetime | None = None
    called: bool = False
    """The kernel itself said so, by its handler."""
    detached: bool = False
    """It was asked for. Only 9 tells it from a failure."""


class Fence(msgspec.Struct, frozen=True):
    peer: str
    called_at: datetime
    code: int | None = None


class Refusal(msgspec.Struct, frozen=True):
    handler: str
    code: int
    peer: str
    at: datetime


class Side(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    told: bool = False
    gone: bool = False
    """The node has no such resource (any more)."""
    role: str = ""
    suspended: tuple[str, ...] = ()
    suspended_since: datetime | None = None
    fails_io: bool = False
    said_at: datetime
    disks: dict[str, Disk] = {}
    links: dict[str, Link] = {}
    peer_name: str = ""
    """8.4: the one peer, as the handlers call it."""
    fence: Fence | None = None
    refusal: Refusal | None = None
    no_data_at: datetime | None = None
    quorum_lost_at: datetime | None = None
    resyncing: tuple[str, ...] = ()
    """Volumes between before- and after-resync-target, of a side that has handlers alone."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides that have each what the other has not. With a victim: its data are being, or were, thrown away."""

    at: datetime
    nodes: tuple[str, ...]
    unsolved: bool = False
    victim: str = ""
    survivor: str = ""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    resource: str
    generation: str = ""
    sides: dict[str, Side] = {}
    splits: dict[str, Split] = {}
    """By pair of nodes, see `split_key`."""
    healed_at: datetime | None = None
    """A handler said that a resync is over: the only word of recovery where no side has events2."""


def same_node(one: str, other: str) -> bool:
    """A name and the same name with its domain are one node."""
    return one == other or one.partition(".")[0] == other.partition(".")[0] != ""


def put_side(replica: Replica, side: Side) -> Replica:
    return replace(replica, sides=replica.sides | {side.node: side})


def side_of(replica: Replica, node: str, at: datetime) -> Side:
    return replica.sides.get(node) or Side(node=node, said_at=at)


def other_side(replica: Replica, node: str, peer: str) -> Side | None:
    """The side at the other end of a connection, if it ever spoke. 8.4 has one peer, whatever it is called."""
    others = [side for side in replica.sides.values() if side.node != node]
    named = [side for side in others if peer and same_node(side.node, peer)]
    if named:
        return named[0]
    return others[0] if not peer and len(others) == 1 else None


def peer_name(replica: Replica, node: str, peer: str) -> str:
    """The peer's name, as well as it is known; "" if nobody said it."""
    other = other_side(replica, node, peer)
    if other is not None:
        return other.node
    side = replica.sides.get(node)
    return peer or (side.peer_name if side is not None else "")


def link_back(replica: Replica, node: str, peer: str) -> tuple[Side | None, Link | None]:
    """The side at the other end of a connection, and what it says of the same connection."""
    other = other_side(replica, node, peer)
    if other is None:
        return None, None
    return other, next((link for name, link in other.links.items() if not name or same_node(name, node)), None)


def pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)


def split_key(replica: Replica, node: str, peer: str) -> str:
    """8.4 has one connection, and one side of it may not know the other's name."""
    return "" if replica.generation == "8.4" else " ".join(pair(node, peer_name(replica, node, peer)))


def split_nodes(replica: Replica, node: str, peer: str) -> tuple[str, ...]:
    return tuple(sorted(name for name in (node, peer_name(replica, node, peer)) if name))
