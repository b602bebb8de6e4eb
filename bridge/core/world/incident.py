"""An incident: one cause, all its consequences. Its life is a table."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from bridge.core.world.event import Severity, Subject


class Kind(StrEnum):
    NODE_FAILURE = "node-failure"
    NODE_FENCED_BY_ADMIN = "node-fenced-by-admin"
    FENCING_FAILURE = "fencing-failure"
    FENCING_LOOP = "fencing-loop"
    FENCE_DEVICE_FAILURE = "fence-device-failure"
    CLUSTER_PARTITION = "cluster-partition"
    QUORUM_LOST = "quorum-lost"
    RESOURCE_FAILURE = "resource-failure"
    RESOURCE_DOWN = "resource-down"
    RESOURCE_BLOCKED = "resource-blocked"
    RESOURCE_FLAPPING = "resource-flapping"
    RESOURCE_DEGRADED = "resource-degraded"
    RESOURCE_MISCONFIGURED = "resource-misconfigured"
    MULTIPLE_ACTIVE = "multiple-active"
    MIGRATION_FAILURE = "migration-failure"
    GUEST_FAILURE = "guest-failure"
    CONNECTIVITY = "connectivity"
    REDUNDANCY_LOST = "redundancy-lost"
    EDGE_SILENT = "edge-silent"
    REPLICA_SPLIT_BRAIN = "replica-split-brain"
    REPLICA_DISCONNECTED = "replica-disconnected"
    REPLICA_OUT_OF_SYNC = "replica-out-of-sync"
    REPLICA_IO_ERROR = "replica-io-error"
    REPLICA_NO_DATA = "replica-no-data"
    REPLICA_QUORUM_LOST = "replica-quorum-lost"
    REPLICA_FENCING = "replica-fencing"


class State(StrEnum):
    WATCHING = "watching"  # something happened; whether it is an incident is not yet clear
    OPEN = "open"
    CLEARING = "clearing"  # all is well again; waits for a quiet time before it says so
    CLOSED = "closed"


class Step(StrEnum):
    """What may happen to an incident."""

    CONFIRM = "confirm"  # it is one
    RECOVER = "recover"  # everything drawn in is well again
    RELAPSE = "relapse"  # it is not, after all
    END = "end"  # the quiet time has passed
    ABSORB = "absorb"  # it is part of another
    DISMISS = "dismiss"  # it was planned, or nothing


LIFE: Final[dict[tuple[State, Step], State]] = {
    (State.WATCHING, Step.CONFIRM): State.OPEN,
    (State.WATCHING, Step.RECOVER): State.CLEARING,
    (State.WATCHING, Step.ABSORB): State.CLOSED,
    (State.WATCHING, Step.DISMISS): State.CLOSED,
    (State.OPEN, Step.RECOVER): State.CLEARING,
    (State.OPEN, Step.ABSORB): State.CLOSED,
    (State.OPEN, Step.DISMISS): State.CLOSED,
    (State.CLEARING, Step.RELAPSE): State.OPEN,
    (State.CLEARING, Step.END): State.CLOSED,
    (State.CLEARING, Step.ABSORB): State.CLOSED,
    (State.CLEARING, Step.DISMISS): State.CLOSED,
    # A healed failure is absorbed when it turns out to be the first of a series.
    (State.CLOSED, Step.ABSORB): State.CLOSED,
}


def advance(state: State, step: Step) -> State:
    """The state after a step; a pair that is not in the table is a mistake of ours and raises."""
    try:
        return LIFE[state, step]
    except KeyError:
        raise ValueError(f"an incident that is {state} cannot {step}") from None


class Outage(msgspec.Struct, frozen=True):
    """How long a guest or service was away: first bad sign to first good one, in the events' own times."""

    subject: Subject
    began_at: datetime
    ended_at: datetime | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the subject and instant of its birth: the same in every replay. `facts` holds what its texts name."""

    key: str
    cluster: str
    kind: Kind
    root: Subject
    state: State
    severity: Severity
    peak: Severity
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None = None
    planned: bool = False
    subjects: tuple[Subject, ...] = ()
    outages: tuple[Outage, ...] = ()
    facts: dict[str, str] = {}
    alarms: tuple[str, ...] = ()
    """What got worse after it was open, in words: each is worth a ring of its own."""
    reason: str = ""
    absorbed_into: str | None = None

    @property
    def over_at(self) -> datetime | None:
        """When all was well again; it closes after a quiet time, which nobody wants to see counted. None while it is not over."""
        if self.closed_at is None:
            return None
        try:
            return datetime.fromisoformat(self.facts.get("recovered_at", ""))
        except ValueError:
            return self.closed_at


def joined(mine: tuple[Outage, ...], theirs: tuple[Outage, ...]) -> tuple[Outage, ...]:
    """Both lists; of one subject's overlapping absences one that spans both."""
    joined = list(mine)
    for outage in theirs:
        for index, other in enumerate(joined):
            if other.subject == outage.subject and _overlap(other, outage):
                ended = None if None in (other.ended_at, outage.ended_at) else max(other.ended_at, outage.ended_at)  # type: ignore[type-var]
                joined[index] = Outage(outage.subject, min(other.began_at, outage.began_at), ended)
                break
        else:
            joined.append(outage)
    return tuple(joined)


def _overlap(one: Outage, other: Outage) -> bool:
    return (one.ended_at is None or other.began_at <= one.ended_at) and (other.ended_at is None or one.began_at <= other.ended_at)
