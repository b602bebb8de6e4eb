"""What each side of a replica last said: the state that reports are folded into.

`fold_states.py` folds the lines of events2, `fold_calls.py` the handlers; `troubles.py` says what is wrong now, `names.py` who is
meant by a name.

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
    suspended: tuple[str, ...] = ()
    """By what its resync is suspended."""
    stalled: bool = False
    """The resync runs, and its numbers do not fall."""
    resynced: int | None = None
    """Percent of the resync that runs, in steps; None where the relay does not count."""
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
    asked: bool = False
    """This end closed it in order, not its peer."""
    cut_since: datetime | None = None
    """Nothing was replicated since it was lost; 8.4 calls it connected for the time of a handshake."""
    dropped_at: datetime | None = None
    """It gave up what was lost instead of connecting again: a person's order, or what DRBD does with a split brain."""
    peer_was_primary: bool = False
    """When last heard of."""
    node_id: str = ""
    """The peer's."""
    paths: tuple[tuple[str, str], ...] = ()
    """Addresses: its own and the peer's."""
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
    found: bool = False
    """It was away when the side was first heard of: nobody saw it fail."""


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
    primary_until: datetime | None = None
    suspended: tuple[str, ...] = ()
    suspended_since: datetime | None = None
    fails_io: bool = False
    fails_io_since: datetime | None = None
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
    ends: tuple[tuple[str, str], ...] = ()
    """Who said so, and what it calls its peer."""
    unsolved: bool = False
    suspected: bool = False
    """No handler said so: concluded from what both sides did."""
    victim: str = ""
    survivor: str = ""


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """An incomplete copy: since when no resync of it has moved for a while, and since when one moves now."""

    node: str
    volume: str
    since: datetime
    moves_since: datetime | None = None
    in_turn: bool = False
    """Its resync waits for another's end."""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    resource: str
    generation: str = ""
    sides: dict[str, Side] = {}
    splits: dict[str, Split] = {}
    """By pair of nodes, see `split_key`."""
    stuck: dict[str, Stuck] = {}
    """By node and volume, see `degraded.stuck`."""
    healed_at: datetime | None = None
    """A handler said that a resync is over: the only word of recovery where no side has events2."""


def put_side(replica: Replica, side: Side) -> Replica:
    return replace(replica, sides=replica.sides | {side.node: side})


def side_of(replica: Replica, node: str, at: datetime) -> Side:
    return replica.sides.get(node) or Side(node=node, said_at=at)
