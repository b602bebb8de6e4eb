"""The nouns that travel: Report (what a witness wrote down), Event (what it means), Unreadable.

A report is raw and kept for ever. Normalising turns it into one event, or says why it could not. Events are frozen values
with the field's own words in them; rooms further down never look into a report again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType

import msgspec

from bridge.core.world.fault import Fault

Subject = NewType("Subject", str)
"""What an event is about, within one cluster: `node/n3`, `resource/web`, `guest/vm-a`, `drbd/r0`, `drbd/r0@alpha`."""

CLUSTER: Final = Subject("cluster")

ACTION_TIMED_OUT: Final = 2


def node_subject(name: str) -> Subject:
    return Subject(f"node/{name}")


def resource_subject(name: str) -> Subject:
    return Subject(f"resource/{name}")


def subject_name(subject: Subject) -> str:
    """`web` of `resource/web`, `r0@alpha` of `drbd/r0@alpha`, `cluster` of `cluster`."""
    return subject.partition("/")[2] or subject


class Severity(StrEnum):
    """How bad; the order of the members is the order of badness."""

    OK = "ok"
    INFO = "info"
    UNKNOWN = "unknown"  # of conditions only: nobody's word says how it is
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANK[self]


_RANK: Final = {Severity.OK: 0, Severity.INFO: 1, Severity.UNKNOWN: 2, Severity.WARNING: 3, Severity.CRITICAL: 4}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a hook, as its node wrote it down.

    `cluster` and `node` are those of the key that delivered it, never of the text. `received_at` is when the bridge (or, in a
    recording, the hook) had it. `offset` goes with the stamp in it, or with its wall clock when it has no stamp: their sum is
    when it happened, by the bridge's time.
    """

    uid: bytes
    cluster: str
    node: str
    source: str
    received_at: datetime
    body: Mapping[str, Any]
    offset: timedelta = timedelta(0)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What every event carries: which report said so, who wrote it down, when, and its place in the witness's own order."""

    uid: bytes
    witness: str
    at: datetime
    order: tuple[str, int] = ("", 0)
    """(life, sequence): within one life of a witness the sequence orders its events; lives differ by boot."""
    stamp: int | None = None
    """What the witness itself stamped it with, in microseconds of its own wall clock: copies of one event have it in common."""


class NodeSeen(Event, frozen=True, kw_only=True):
    """`witness` says that a node is a member, or lost. (Pacemaker Administration, node)"""

    node: str
    member: bool
    remote: bool = False
    node_id: str = ""
    """Corosync's number of the node, where it is told."""


class Fencing(Event, frozen=True, kw_only=True):
    """A finished fencing attempt; `ref` is the same on every node that tells of it. (Pacemaker Administration, fencing)"""

    target: str
    action: str
    rc: int
    executioner: str
    client: str
    origin: str
    result: str
    ref: str


class Outcome(StrEnum):
    GOOD = "good"
    FAILED = "failed"
    DEGRADED = "degraded"
    FOUND = "found running"  # a probe met a running instance: news only when there are two
    CANCELLED = "cancelled"  # a recurring action was withdrawn: says nothing about the resource
    PENDING = "pending"  # ClusterMon only


class Action(Event, frozen=True, kw_only=True):
    """A finished action of a resource on a node. (Pacemaker Administration, resource)"""

    resource: str
    instance: str
    node: str
    task: str
    interval_ms: int
    rc: int
    target_rc: int
    status: int
    outcome: Outcome
    words: str = ""
    exec_ms: int | None = None
    version: str = ""
    timed: bool = True
    """False for the old ClusterMon way, whose calls carry no time of their own."""

    @property
    def probe(self) -> bool:
        return self.task == "monitor" and self.interval_ms == 0 and self.timed

    @property
    def timed_out(self) -> bool:
        return self.status == ACTION_TIMED_OUT


class AttributeSet(Event, frozen=True, kw_only=True):
    """A transient node attribute was written; an empty value means deleted. (Pacemaker Administration, attribute)"""

    node: str
    name: str
    value: str
    node_id: str = ""


class EdgeHeard(Event, frozen=True, kw_only=True):
    """The bridge's own word about a relay: silent for too long, or heard again, or `gone`: its node is no longer enrolled."""

    node: str
    silent: bool
    gone: bool = False
    heard_at: datetime | None = None
    """When its last word came; None where nobody knows."""


class EdgeSaid(Event, frozen=True, kw_only=True):
    """A relay's word about itself: its spool fills, a report was torn or refused, its disk gave up room.

    Also the bridge's word about what a relay sends.
    """

    node: str
    what: str
    why: str
    over: bool = False


class ClockSet(Event, frozen=True, kw_only=True):
    """The bridge's own word: a node's wall clock was set, on (`by_ms` > 0) or back."""

    node: str
    by_ms: int


class Acknowledged(Event, frozen=True, kw_only=True):
    """A person (or a receiver, on a person's behalf) took an incident, or gave it back."""

    incident_key: str
    author: str
    comment: str
    withdrawn: bool = False


class Silenced(Event, frozen=True, kw_only=True):
    """A silence was made, or ended early (`until` is then its last moment)."""

    silence_id: str
    matchers: tuple[str, ...]
    author: str
    comment: str
    until: datetime
    planned: str = ""
    """What is being worked on, like `node=n3`."""


class Rung(Event, frozen=True, kw_only=True):
    """A person had a test notice sent to these receivers: written down, and nothing follows from it."""

    author: str
    receivers: str


class Drilled(Event, frozen=True, kw_only=True):
    """A report that a drill has made: it belongs to that drill, and concerns nothing real."""

    drill: str


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A report that could not be understood: stored, counted, shown; never dropped."""

    uid: bytes
    witness: str
    why: str
    fault: Fault | None = None
    """Of a report that it is our own mistake not to understand."""


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def from_ns(nanoseconds: int) -> datetime:
    """An aware instant from nanoseconds since 1970; raises OverflowError where no calendar reaches."""
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970, exactly: the ledger's and the wire's form of an instant."""
    return (instant - EPOCH) // MICROSECOND


def from_us(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
