"""What goes into the ledger and comes out of it, beside the nouns of the core."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

import msgspec

from bridge.core.showing.board import Standing as BoardStanding
from bridge.core.telling.notice import Notice, Telling, Verdict
from bridge.core.world.condition import Condition
from bridge.core.world.event import EPOCH, Report, Severity, from_ns, to_us
from bridge.core.world.incident import Incident
from bridge.core.world.laid import Laid

Waits = Callable[[float], bool]
"""Called again and again while a server does not answer a statement, with the seconds so far; whether to go on waiting."""


class LedgerError(Exception):
    """Something about the ledger that a person must cure; the text says where and how."""


class LedgerAway(LedgerError):  # noqa: N818 - the cases of a LedgerError are said as they are
    """Not now: the database does not answer, or is full. What was to be written is not; try again, acknowledge nothing."""


class LedgerBusy(LedgerAway):
    """Another bridge writes this ledger."""


class LedgerGone(LedgerError):  # noqa: N818
    """The file was replaced or deleted under us: what is written goes nowhere. Stop, and acknowledge nothing."""


class StoredReport(msgspec.Struct, frozen=True, kw_only=True):
    uid: bytes
    cluster: str
    node: str
    source: str
    at: datetime
    received_at: datetime
    offset: timedelta = timedelta(0)
    body: bytes
    unreadable: str | None = None
    incident_key: str | None = None
    decision: str = ""

    def report(self) -> Report:
        """For the line. What cannot be parsed has no fields, and is Unreadable again."""
        try:
            body = msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            body = {}
        return Report(
            uid=self.uid,
            cluster=self.cluster,
            node=self.node,
            source=self.source,
            received_at=self.received_at,
            body=body,
            offset=self.offset,
        )


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A relay, as it was last heard."""

    cluster: str
    node: str
    last_heard_at: datetime | None = None
    silent: bool = False
    offset: timedelta = timedelta(0)
    backlog_count: int = 0
    backlog_bytes: int = 0
    oldest_at: datetime | None = None
    version: str = ""
    boot: str = ""


OWN: Final = ("*", "")
"""The (cluster, node) of the bridge's own row among the relays': how its time line goes on after a restart."""


class Anchor(msgspec.Struct, frozen=True):
    """Where the bridge's time line was: in which boot of its machine, and what the boot clock showed then."""

    boot: str
    boot_ns: int
    line_ns: int

    def row(self) -> Edge:
        """As the ledger keeps it: its offset is that of the time line to the boot clock."""
        ahead = timedelta(microseconds=(self.line_ns - self.boot_ns) // 1000)
        return Edge(cluster=OWN[0], node=OWN[1], last_heard_at=from_ns(self.line_ns), offset=ahead, boot=self.boot)

    @classmethod
    def of(cls, row: Edge) -> Self:
        line_us = to_us(row.last_heard_at or EPOCH)
        return cls(row.boot, (line_us - row.offset // timedelta(microseconds=1)) * 1000, line_us * 1000)


class BoardRow(msgspec.Struct, frozen=True, kw_only=True):
    """How it was with a board, when that was last written down."""

    receiver: str
    at: datetime
    standing: BoardStanding


class Commit(msgspec.Struct, kw_only=True):
    """Everything that one batch of reports (or one tick) changes: all of it is stored, or nothing."""

    now: datetime
    reports: list[StoredReport] = []
    redecided: list[tuple[bytes, str | None, str]] = []
    """(uid, incident key, decision) of reports that are in the ledger already."""
    incidents: list[Incident] = []
    notices: list[Notice] = []
    """An incident_id of 0 stands for the incident with the key of notice.incident, of this commit or an earlier one."""
    withdrawn: list[int] = []
    verdicts: list[tuple[int, Verdict, datetime | None]] = []
    """(notice id, verdict, when next): what record() takes, in the same transaction as the rest."""
    digested: dict[str, datetime] = {}
    """Up to when each of these receivers was now told what healed by itself."""
    conditions: list[Condition] = []
    layout: list[Laid] = []
    checkpoint: bytes | None = None
    edges: list[Edge] = []
    edges_gone: list[tuple[str, str]] = []
    """(cluster, node) of relays that are no longer enrolled."""
    boards: list[BoardRow] = []

    tried: bool = False
    """Without an answer: it may be in the ledger already."""

    @property
    def is_seen(self) -> bool:
        """Whether anything of it is shown to people: most reports only say again what is known."""
        made = (self.incidents, self.notices, self.withdrawn, self.verdicts, self.conditions, self.layout, self.edges_gone)
        return any(made) or any(not one.node for one in self.reports)


class Culprit(NamedTuple):
    """A row that the database will never take: an item of a field of the commit, and the reports that it goes back to."""

    field: str
    item: Any
    uids: frozenset[bytes]


class Unstorable(LedgerError):  # noqa: N818
    """The database will never take some rows, and no report explains it. Nothing of the commit was stored."""

    def __init__(self, culprits: Sequence[Culprit], why: str) -> None:
        super().__init__(self._words(culprits, why))
        self.culprits = culprits
        self.why = why

    def _words(self, culprits: Sequence[Culprit], why: str) -> str:
        fields = ", ".join(sorted({one.field for one in culprits}))
        return f"the ledger refuses what no report explains ({fields}): {why}"

    @property
    def refused(self) -> set[bytes]:
        """The reports whose own rows cannot be stored."""
        return {one.item.uid for one in self.culprits if one.field == "reports"}

    def leave_out(self, commit: Commit) -> None:
        """Takes the bad rows out of the commit. A report of which only what was made cannot be stored stays, and says so."""
        for field in {one.field for one in self.culprits} - {"checkpoint"}:
            bad = [one.item for one in self.culprits if one.field == field]
            kept = getattr(commit, field)
            setattr(commit, field, _without(kept, bad))
        if any(one.field == "checkpoint" for one in self.culprits):
            commit.checkpoint = None
        lost = {one.item.key for one in self.culprits if one.field == "incidents"}
        commit.notices = [one for one in commit.notices if not lost & {item.key for item in (one.incident, *one.items)}]
        marked = {uid for one in self.culprits if one.field != "reports" for uid in one.uids}
        commit.reports = [self._mark(one) if one.uid in marked else one for one in commit.reports]

    def _mark(self, report: StoredReport) -> StoredReport:
        why = f"what was made of it cannot be stored: {self.why}"
        return msgspec.structs.replace(report, unreadable=why, incident_key=None)


def _without(kept: Any, bad: Sequence[Any]) -> Any:
    if isinstance(kept, dict):
        return {key: value for key, value in kept.items() if (key, value) not in bad}
    return [one for one in kept if one not in bad]


class BadRows(Unstorable):
    """The database will never take these reports (or what was made of them). Nothing of the commit was stored."""

    def _words(self, culprits: Sequence[Culprit], why: str) -> str:
        return f"{len({uid for one in culprits for uid in one.uids})} report(s) cannot be stored: {why}"

    @property
    def uids(self) -> set[bytes]:
        """The reports that explain it."""
        return {uid for one in self.culprits for uid in one.uids}


class Standing(StrEnum):
    """How far a notice is."""

    PENDING = "pending"
    LEASED = "leased"  # a worker tries; when the lease runs out, it is owed again
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"
    WITHDRAWN = "withdrawn"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    verdict: str
    why: str


class NoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A notice and how its telling went so far. `attempts` counts those begun; `tries` holds those that ended."""

    notice: Notice
    state: Standing
    attempts: int
    next_at: datetime
    leased_until: datetime | None
    delivered_at: datetime | None
    last_word: str
    tries: tuple[Attempt, ...] = ()


class ToldRow(msgspec.Struct, frozen=True, kw_only=True):
    """That a receiver was owed a word; severity and peak are those of the incident as it was then."""

    incident_id: int
    incident_key: str
    receiver: str
    kind: Telling
    at: datetime
    severity: Severity
    peak: Severity
    state: Standing


class Checkpoint(NamedTuple):
    """What the correlator held after the report `seq`."""

    seq: int
    at: datetime
    data: bytes


class Queue(NamedTuple):
    """What is owed to a receiver, since when, and what was given up."""

    pending: int = 0
    oldest_at: datetime | None = None
    given_up: int = 0
