"""Nouns to rows and back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Row

from bridge.core.showing.board import Standing as BoardStanding
from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Delivered, GiveUp, Notice, Telling, TryLater, Verdict
from bridge.core.world.condition import Condition
from bridge.core.world.event import MICROSECOND, Severity, from_us, to_us
from bridge.core.world.incident import Incident
from bridge.core.world.laid import Laid, Replica, Service
from bridge.ledger.records import Attempt, BoardRow, Edge, NoticeRow, Standing, StoredReport, ToldRow

Values = dict[str, Any]
Noun = TypeVar("Noun", bound=msgspec.Struct)

_encode: Final = msgspec.json.Encoder().encode
_incident: Final = msgspec.json.Decoder(Incident).decode
_notice: Final = msgspec.json.Decoder(Notice).decode
_laid: Final = msgspec.json.Decoder(Service | Replica).decode
_standing: Final = msgspec.json.Decoder(BoardStanding).decode
_memory: Final = msgspec.json.Decoder(dict[str, str]).decode
MOST_ITEMS: Final = 100
"""A message about several incidents shows so many; its mentions name them all."""

VERDICTS: Final[dict[type, str]] = {Delivered: "delivered", TryLater: "try-later", GiveUp: "give-up"}


def maybe_us(instant: datetime | None) -> int | None:
    return None if instant is None else to_us(instant)


def maybe_at(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_us(microseconds)


def printable(words: str) -> str:
    """What the other side answered may hold what no database takes; a verdict must not fail for that."""
    return words.encode(errors="replace").decode().replace("\0", "?")


class Way(NamedTuple):
    """How a field is written down and read again, and its column where that is called otherwise."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    column: str = ""


class Shape(Generic[Noun]):
    """A noun whose fields are columns, most of them as they are: one list for the way in and the way out. Fields that it is
    `without` have no column."""

    def __init__(self, noun: type[Noun], *, without: str = "", **ways: Way) -> None:
        self._noun = noun
        self._fields = tuple(field for field in noun.__struct_fields__ if field != without)
        self._columns = [ways[field].column or field if field in ways else field for field in self._fields]
        self._of_noun, self._of_row = attrgetter(*self._fields), attrgetter(*self._columns)
        self._write = [(self._fields.index(field), way.write) for field, way in ways.items()]
        self._read = [(self._fields.index(field), way.read) for field, way in ways.items()]

    def row(self, noun: Noun) -> Values:
        values = list(self._of_noun(noun))
        for place, write in self._write:
            values[place] = write(values[place])
        return dict(zip(self._columns, values, strict=False))

    def noun(self, row: Row[Any]) -> Noun:
        values = list(self._of_row(row))
        for place, read in self._read:
            values[place] = read(values[place])
        return self._noun(**dict(zip(self._fields, values, strict=False)))


def _as_it_is(value: Any) -> Any:
    return value


AT: Final = Way(to_us, from_us)
MAYBE_AT: Final = Way(maybe_us, maybe_at)
OFFSET: Final = Way(lambda offset: offset // MICROSECOND, lambda number: number * MICROSECOND, "offset_us")

REPORT: Final = Shape(StoredReport, at=AT, received_at=AT, offset=OFFSET)
HEALTH: Final = Shape(
    Health,
    failing_since=MAYBE_AT,
    paused_until=MAYBE_AT,
    success_at=MAYBE_AT,
    failure_at=MAYBE_AT,
    failure=Way(printable, _as_it_is),
)
CONDITION: Final = Shape(Condition, without="gone", severity=Way(str, Severity), since=AT)
BOARD: Final = Shape(BoardRow, at=AT, standing=Way(_encode, _standing, "data"))
EDGE: Final = Shape(Edge, last_heard_at=MAYBE_AT, offset=OFFSET, oldest_at=MAYBE_AT)


def of_incident(incident: Incident) -> Values:
    return {
        "key": incident.key,
        "cluster": incident.cluster,
        "kind": incident.kind.value,
        "severity": incident.severity.value,
        "peak": incident.peak.value,
        "state": incident.state.value,
        "root": incident.root,
        "planned": incident.planned,
        "opened_at": to_us(incident.opened_at),
        "changed_at": to_us(incident.changed_at),
        "closed_at": maybe_us(incident.closed_at),
        "absorbed_into": incident.absorbed_into,
        "data": _encode(incident),
    }


def to_incident(data: bytes) -> Incident:
    return _incident(data)


def of_laid(laid: Laid) -> Values:
    return {"cluster": laid.cluster, "name": laid.name, "data": _encode(laid.how)}


def to_laid(row: Row[Any]) -> Laid:
    return Laid(row.cluster, row.name, _laid(row.data))


def of_notice(notice: Notice, ids: Mapping[str, int]) -> Values:
    at = to_us(notice.at)
    return {
        "incident_id": notice.incident_id or ids[notice.incident.key],
        "receiver": notice.receiver,
        "kind": notice.kind.value,
        "reason": notice.reason,
        "severity": notice.incident.severity.value,
        "peak": notice.incident.peak.value,
        "at": at,
        "data": _encode(_completed(notice, ids)),
        "state": Standing.PENDING.value,
        "attempts": 0,
        "next_at": at,
        "last_word": "",
    }


def _completed(notice: Notice, ids: Mapping[str, int]) -> Notice:
    """With the numbers that only the ledger knows."""
    if notice.moved:
        return msgspec.structs.replace(notice, goes_on_as=ids.get(notice.incident.absorbed_into or "", 0))
    if not notice.items:
        return notice
    items = notice.items[:MOST_ITEMS]
    left_out = notice.left_out + len(notice.items) - len(items)
    return msgspec.structs.replace(notice, items=items, numbers=tuple(ids[one.key] for one in items), left_out=left_out)


def to_notice(row: Row[Any]) -> Notice:
    """A bundle's incident_id is that of its first item, for the database only."""
    found = _notice(row.data)
    return msgspec.structs.replace(found, id=row.id, incident_id=0 if found.kind.bundles else row.incident_id)


def to_notice_row(row: Row[Any], tries: tuple[Attempt, ...]) -> NoticeRow:
    return NoticeRow(
        notice=to_notice(row),
        state=Standing(row.state),
        attempts=row.attempts,
        next_at=from_us(row.next_at),
        leased_until=maybe_at(row.leased_until),
        delivered_at=maybe_at(row.delivered_at),
        last_word=row.last_word,
        tries=tries,
    )


def to_told(row: Row[Any]) -> ToldRow:
    return ToldRow(
        incident_id=row.incident_id,
        incident_key=row.key,
        receiver=row.receiver,
        kind=Telling(row.kind),
        at=from_us(row.at),
        severity=Severity(row.severity),
        peak=Severity(row.peak),
        state=Standing(row.state),
    )


def of_attempt(notice_id: int, verdict: Verdict, now: datetime) -> Values:
    return {"notice_id": notice_id, "at": to_us(now), "verdict": VERDICTS[type(verdict)], "why": printable(verdict.why)}


def to_attempt(row: Row[Any]) -> Attempt:
    return Attempt(at=from_us(row.at), verdict=row.verdict, why=row.why)


def of_memory(memory: Mapping[str, str]) -> bytes:
    return _encode({printable(name): printable(value) for name, value in memory.items()})


def to_memory(data: bytes | None) -> dict[str, str]:
    return {} if data is None else _memory(data)
