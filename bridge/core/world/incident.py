"""An incident: one cause, all its consequences. Its life is a table."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from bridge.core.world.event import Severity, Subject
from bridge.core.world.outage import Outage


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
    PLANNED_TOO_LONG = "planned-too-long"
    EDGE_SILENT = "edge-silent"
    REPLICA_SPLIT_BRAIN = "replica-split-brain"
    REPLICA_DISCONNECTED = "replica-disconnected"
    REPLICA_DEGRADED = "replica-degraded"
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
    """Those that were drawn in first; how many more there are stands below."""
    more_subjects: int = 0
    outages: tuple[Outage, ...] = ()
    more_away: int = 0
    """How many more were away, each for a shorter time than those whose outages are kept."""
    facts: dict[str, str] = {}
    alarms: tuple[str, ...] = ()
    """What got worse after it was open, in words: each is worth a ring of its own. The last ones; so many came before them:"""
    alarms_before: int = 0
    reason: str = ""
    absorbed_into: str | None = None

    @property
    def worsened(self) -> int:
        """How often it got worse."""
        return self.alarms_before + len(self.alarms)

    @property
    def seconds_away(self) -> dict[str, float | None]:
        """How long each was away in all; None while it still is."""
        total: dict[str, float | None] = {}
        for outage in self.outages:
            before = total.get(outage.subject, 0.0)
            still = before is None or outage.ended_at is None
            total[outage.subject] = None if still else round(before + outage.lasted(outage.began_at).total_seconds(), 3)  # type: ignore[operator]
        return total

    @property
    def is_quiet(self) -> bool:
        """A series of failures that has been well for its usual time: watched on, and nothing to get up for."""
        return bool(self.facts.get("quiet_since"))

    @property
    def over_at(self) -> datetime | None:
        """When all was well again; it closes after a quiet time, which nobody wants to see counted. None while it is not over."""
        if self.closed_at is None:
            return None
        try:
            return datetime.fromisoformat(self.facts.get("recovered_at", ""))
        except ValueError:
            return self.closed_at
