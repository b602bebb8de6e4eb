"""What goes into the ledger and comes out of it, beside the nouns of the core."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Self

import msgspec

from bridge.core.showing.board import Standing as BoardStanding
from bridge.core.telling.notice import Notice, Telling, Verdict
from bridge.core.world.event import EPOCH, Severity, from_ns, to_us
from bridge.core.world.incident import Incident
from bridge.core.world.world import Condition


class LedgerError(Exception):
    """Something about the ledger that a person must cure; the text says where and how."""


class LedgerAway(LedgerError):  # noqa: N818 - the cases of a LedgerError are said as they are
    """Not now: the database does not answer, or is full. What was to be written is not; try again, acknowledge nothing."""


class LedgerBusy(LedgerAway):
    """Another bridge writes this ledger."""


class LedgerGone(LedgerError):  # noqa: N818
    """The file was replaced or deleted under us: what is written goes nowhere. Stop, and acknowledge nothing."""


class BadRows(LedgerError):  # noqa: N818
    """The database will never take these reports (or what was made of them). Nothing of the commit was stored."""

    def __init__(self, uids: set[bytes], why: str) -> None:
        super().__init__(f"{len(uids)} report(s) cannot be stored: {why}")
        self.uids = uids
        self.why = why


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
    checkpoint: bytes | None = None
    edges: list[Edge] = []
    edges_gone: list[tuple[str, str]] = []
    """(cluster, node) of relays that are no longer enrolled."""
    boards: list[BoardRow] = []


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
