"""Nouns to rows and back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from bridge.core.showing.board import Standing as BoardStanding
from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Delivered, GiveUp, Notice, Telling, TryLater, Verdict
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, from_us, to_us
from bridge.core.world.incident import Incident
from bridge.ledger.records import Attempt, BoardRow, Edge, NoticeRow, Standing, StoredReport, ToldRow

Values = dict[str, Any]

_encode: Final = msgspec.json.Encoder().encode
_incident: Final = msgspec.json.Decoder(Incident).decode
_notice: Final = msgspec.json.Decoder(Notice).decode
_standing: Final = msgspec.json.Decoder(BoardStanding).decode
_memory: Final = msgspec.json.Decoder(dict[str, str]).decode
MOST_ITEMS: Final = 100
"""A message about several incidents shows so many; its mentions name them all."""
_MICROSECOND: Final = timedelta(microseconds=1)

VERDICTS: Final[dict[type, str]] = {Delivered: "delivered", TryLater: "try-later", GiveUp: "give-up"}


def maybe_us(instant: datetime | None) -> int | None:
    return None if instant is None else to_us(instant)


def maybe_at(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_us(microseconds)


def printable(words: str) -> str:
    """What the other side answered may hold what no database takes; a verdict must not fail for that."""
    return words.encode(errors="replace").decode().replace("\0", "?")


def of_report(report: StoredReport) -> Values:
    return {
        "uid": report.uid,
        "cluster": report.cluster,
        "node": report.node,
        "source": report.source,
        "at": to_us(report.at),
        "received_at": to_us(report.received_at),
        "offset_us": report.offset // _MICROSECOND,
        "body": report.body,
        "unreadable": report.unreadable,
        "incident_key": report.incident_key,
        "decision": report.decision,
    }


def to_report(row: Row[Any]) -> StoredReport:
    return StoredReport(
        uid=row.uid,
        cluster=row.cluster,
        node=row.node,
        source=row.source,
        at=from_us(row.at),
        received_at=from_us(row.received_at),
        offset=row.offset_us * _MICROSECOND,
        body=row.body,
        unreadable=row.unreadable,
        incident_key=row.incident_key,
        decision=row.decision,
    )


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


def of_health(name: str, health: Health) -> Values:
    return {
        "name": name,
        "failures": health.failures,
        "failing_since": maybe_us(health.failing_since),
        "paused_until": maybe_us(health.paused_until),
        "success_at": maybe_us(health.success_at),
        "failure_at": maybe_us(health.failure_at),
        "failure": printable(health.failure),
    }


def to_health(row: Row[Any]) -> Health:
    return Health(
        failures=row.failures,
        failing_since=maybe_at(row.failing_since),
        paused_until=maybe_at(row.paused_until),
        success_at=maybe_at(row.success_at),
        failure_at=maybe_at(row.failure_at),
        failure=row.failure,
    )


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


def of_condition(condition: Condition) -> Values:
    return {
        "cluster": condition.cluster,
        "subject": condition.subject,
        "severity": str(condition.severity),
        "since": to_us(condition.since),
        "why": condition.why,
        "uid": condition.uid,
        "incident_key": condition.incident_key,
    }


def to_condition(row: Row[Any]) -> Condition:
    return Condition(
        cluster=row.cluster,
        subject=row.subject,
        severity=row.severity,
        since=from_us(row.since),
        why=row.why,
        uid=row.uid,
        incident_key=row.incident_key,
    )


def of_board(board: BoardRow) -> Values:
    return {"receiver": board.receiver, "at": to_us(board.at), "data": _encode(board.standing)}


def to_board(row: Row[Any]) -> BoardRow:
    return BoardRow(receiver=row.receiver, at=from_us(row.at), standing=_standing(row.data))


def of_edge(edge: Edge) -> Values:
    return {
        "cluster": edge.cluster,
        "node": edge.node,
        "last_heard_at": maybe_us(edge.last_heard_at),
        "silent": edge.silent,
        "offset_us": edge.offset // _MICROSECOND,
        "backlog_count": edge.backlog_count,
        "backlog_bytes": edge.backlog_bytes,
        "oldest_at": maybe_us(edge.oldest_at),
        "version": edge.version,
        "boot": edge.boot,
    }


def to_edge(row: Row[Any]) -> Edge:
    return Edge(
        cluster=row.cluster,
        node=row.node,
        last_heard_at=maybe_at(row.last_heard_at),
        silent=row.silent,
        offset=row.offset_us * _MICROSECOND,
        backlog_count=row.backlog_count,
        backlog_bytes=row.backlog_bytes,
        oldest_at=maybe_at(row.oldest_at),
        version=row.version,
        boot=row.boot,
    )
