"""What can be wrong with a replica, and which of it is the worst."""

from datetime import datetime
from typing import Final

import msgspec

from bridge.core.drbd.events import replica_subject
from bridge.core.drbd.state import Replica
from bridge.core.world.event import Severity, Subject
from bridge.core.world.incident import Kind

_BADNESS: Final = (
    Kind.REPLICA_DEGRADED,
    Kind.REPLICA_DISCONNECTED,
    Kind.REPLICA_FENCING,
    Kind.REPLICA_QUORUM_LOST,
    Kind.REPLICA_IO_ERROR,
    Kind.REPLICA_NO_DATA,
    Kind.REPLICA_SPLIT_BRAIN,
)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong now. `node`: the side it is about; `nodes`: sides drawn in; `pairs`: connections concerned.

    `by_wire`: a cut wire or a lost node did it, as to any replica; else it is the replica's own. `planned`: asked for."""

    kind: Kind
    severity: Severity
    why: str
    since: datetime
    node: str = ""
    nodes: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    by_wire: bool = False
    planned: bool = False
    facts: dict[str, str] = {}


def rank(kind: Kind) -> int:
    return _BADNESS.index(kind) if kind in _BADNESS else -1


def root_of(replica: Replica, trouble: Trouble) -> Subject:
    return replica_subject(replica.resource, trouble.node)


def told(**facts: str) -> dict[str, str]:
    """Facts, without those that nobody knows."""
    return {name: value for name, value in facts.items() if value}
