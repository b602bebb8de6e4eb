"""What DRBD tells, as events: a handler that was called, states that changed, and what is there at all.

Two witnesses speak on each node: the handlers that the kernel calls, and `drbdsetup events2`, which the relay follows. Both
generations are brought to the same words here. `node` is who says it; names of peers are as the node knows them, "" if it does
not (8.4's events2 calls every peer `peer`).
"""

from typing import Final

import msgspec

from bridge.core.world.event import Event, Subject

RESYNCS: Final = frozenset({"SyncSource", "SyncTarget", "PausedSyncS", "PausedSyncT"})
TARGETS: Final = frozenset({"SyncTarget", "PausedSyncT"})
VERIFIES: Final = frozenset({"VerifyS", "VerifyT"})

HANDLERS: Final = frozenset(
    {
        "initial-split-brain",
        "split-brain",
        "pri-lost-after-sb",
        "pri-lost",
        "before-resync-source",
        "before-resync-target",
        "after-resync-target",
        "out-of-sync",
        "fence-peer",
        "unfence-peer",
        "local-io-error",
        "pri-on-incon-degr",
        "quorum-lost",
        "disconnected",
    }
)


def replica_subject(resource: str, node: str = "") -> Subject:
    """`drbd/r0`, or one side of it: `drbd/r0@alpha`."""
    return Subject(f"drbd/{resource}@{node}" if node else f"drbd/{resource}")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A handler, called or (with `code`) answered. No volumes: it concerns the connection, or all of them."""

    handler: str
    peer: str = ""
    volumes: tuple[str, ...] = ()
    code: int | None = None
    cstate: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of events2: what object it is about, and the states it names. A `destroy` names none. A path's addresses count
    as its states."""

    action: str
    object: str
    peer: str = ""
    node_id: str = ""
    """The peer's; 8.4 has none."""
    volume: str = ""
    states: dict[str, str] = {}


class HandlerCalled(Event, frozen=True, kw_only=True):
    """Our own handler was called. (drbd.conf(5), section handlers)"""

    resource: str
    node: str
    call: Call
    generation: str = ""


class StatesChanged(Event, frozen=True, kw_only=True):
    """Lines of events2 about one resource, in their order. `whole`: all there is of it; what is missing is gone."""

    resource: str
    node: str
    items: tuple[Change | Call, ...]
    whole: bool = False
    generation: str = ""


class ReplicasListed(Event, frozen=True, kw_only=True):
    """Every resource that `node` has now; it has no other."""

    node: str
    resources: tuple[str, ...]
