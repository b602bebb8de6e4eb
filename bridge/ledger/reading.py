"""What is asked of the tables. Every function works inside a transaction that its caller opened."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Select, bindparam, func, select

from bridge.core.telling.decide import thread_of
from bridge.core.telling.notice import Notice
from bridge.core.world.condition import Condition
from bridge.core.world.event import from_us, to_us
from bridge.core.world.incident import Incident, State
from bridge.ledger import rows
from bridge.ledger.records import (
    OWN,
    Anchor,
    BoardRow,
    Checkpoint,
    Edge,
    Standing,
    StoredReport,
)
from bridge.ledger.tables import (
    READABLE,
    UNFINISHED,
    board,
    checkpoint,
    condition,
    edge,
    incident,
    notice,
    report,
)

AT_ONCE: Final = 500
"""Values in one IN (…): SQLite takes 32766 variables, and a few hundred are planned in no time."""

_known: Final = select(report.c.uid).where(report.c.uid.in_(bindparam("uids", expanding=True)))
_by_number: Final = select(report).where(report.c.seq.in_(bindparam("numbers", expanding=True)))
_next_cluster: Final = select(func.min(report.c.cluster)).where(READABLE, report.c.cluster > bindparam("after"))
_numbers: Final = select(incident.c.key, incident.c.id).where(incident.c.key.in_(bindparam("keys", expanding=True)))

Filter = ColumnElement[bool]


class Span(NamedTuple):
    """Which reports: after and up to a number, received in [since, until), of an incident."""

    after_seq: int = 0
    until_seq: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    incident_key: str | None = None


def chunks(items: Collection[Any]) -> Iterator[list[Any]]:
    listed = list(items)
    return (listed[start : start + AT_ONCE] for start in range(0, len(listed), AT_ONCE))


def known(connection: Connection, uids: Collection[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for some in chunks(uids):
        found.update(connection.scalars(_known, {"uids": some}))
    return found


def ids_of(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(keys):
        for row in connection.execute(_numbers, {"keys": some}):
            found[row.key] = row.id
    return found


def beginner(connection: Connection, told: Notice) -> int:
    """The number of the incident with which the notice's thread began: the memory of a thread is kept under it.

    It is the notice's own, unless that took the thread over from one that is part of it now.
    """
    keys, seen = [told.incident.key], {told.incident.key}
    if told.thread in {"", thread_of(told.incident.key)}:
        return told.incident_id
    while keys:
        parts = connection.execute(select(incident.c.id, incident.c.key).where(incident.c.absorbed_into.in_(keys))).all()
        for part in parts:
            if thread_of(part.key) == told.thread:
                return int(part.id)
        keys = [part.key for part in parts if part.key not in seen]
        seen.update(keys)
    return told.incident_id


def clusters(connection: Connection) -> list[str]:
    """Those of which a report could be read: one step in an index for each, however many reports they have."""
    found: list[str] = []
    while (name := connection.execute(_next_cluster, {"after": found[-1] if found else ""}).scalar()) is not None:
        found.append(name)
    return found


def first_heard(connection: Connection) -> dict[str, datetime]:
    """Of each cluster, by the same index."""
    first = select(func.min(report.c.at)).where(READABLE)
    return {
        name: from_us(at)
        for name in clusters(connection)
        if (at := connection.execute(first.where(report.c.cluster == name)).scalar()) is not None
    }


def understood(connection: Connection, cluster: str, since: datetime | None) -> list[int]:
    """The numbers of a cluster's reports that could be read, as they happened; since is a time of happening."""
    wanted = select(report.c.seq).where(READABLE, report.c.cluster == cluster, *_between(report.c.at, since, None))
    return list(connection.scalars(wanted.order_by(report.c.at, report.c.seq)))


def came_late(connection: Connection, cluster: str, before: datetime, after_seq: int, uids: Collection[bytes]) -> list[int]:
    """The numbers of a cluster's reports of before that time, of those stored since and of these; as they happened."""
    wanted = select(report.c.at, report.c.seq).where(READABLE, report.c.cluster == cluster, report.c.at <= to_us(before))
    found = {tuple(row) for row in connection.execute(wanted.where(report.c.seq > after_seq))}
    for some in chunks(uids):
        found |= {tuple(row) for row in connection.execute(wanted.where(report.c.uid.in_(some)))}
    return [number for _, number in sorted(found)]


def reports_of(connection: Connection, numbers: Collection[int]) -> list[StoredReport]:
    """In the order of the numbers given."""
    found: dict[int, StoredReport] = {}
    for some in chunks(numbers):
        found.update((row.seq, rows.REPORT.noun(row)) for row in connection.execute(_by_number, {"numbers": some}))
    return [found[number] for number in numbers]


def reports(connection: Connection, span: Span, batch: int) -> list[tuple[int, StoredReport]]:
    wanted = select(report).where(*_span_filters(span)).order_by(report.c.seq).limit(batch)
    return [(row.seq, rows.REPORT.noun(row)) for row in connection.execute(wanted)]


def bounded(connection: Connection, span: Span) -> Span:
    """From times to numbers, once for all pages: the index of times then bounds a walk in the order of numbers."""
    received = _between(report.c.received_at, span.since, span.until)
    if not received:
        return span
    first, last = connection.execute(select(func.min(report.c.seq), func.max(report.c.seq)).where(*received)).one()
    until = (last or 0) if span.until_seq is None else min(last or 0, span.until_seq)
    return span._replace(after_seq=max(span.after_seq, (first or 0) - 1), until_seq=until)


def _span_filters(span: Span) -> list[Filter]:
    filters = [report.c.seq > span.after_seq]
    if span.until_seq is not None:
        filters.append(report.c.seq <= span.until_seq)
    if span.incident_key is not None:
        filters.append(report.c.incident_key == span.incident_key)
    return filters + _between(report.c.received_at, span.since, span.until)


def _between(column: Column[int], since: datetime | None, until: datetime | None) -> list[Filter]:
    filters: list[Filter] = []
    if since is not None:
        filters.append(column >= to_us(since))
    if until is not None:
        filters.append(column < to_us(until))
    return filters


def incidents(
    connection: Connection,
    *,
    states: Collection[str] | None,
    ids: Collection[int] | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
) -> Iterator[tuple[int, Incident]]:
    """The newest first, a few hundred in memory at a time."""
    wanted = select(incident.c.id, incident.c.data).order_by(incident.c.opened_at.desc(), incident.c.id.desc()).limit(limit)
    wanted = wanted.where(*_between(incident.c.opened_at, since, until))
    if states is not None:
        wanted = wanted.where(incident.c.state.in_([str(state) for state in states]))
    if ids is not None:
        wanted = wanted.where(incident.c.id.in_(ids))
    for row in connection.execute(wanted.execution_options(yield_per=AT_ONCE)):
        yield row.id, rows.to_incident(row.data)


def incidents_of(connection: Connection, keys: Collection[str]) -> list[tuple[int, Incident]]:
    found: list[tuple[int, Incident]] = []
    for some in chunks(keys):
        found += _incidents(connection, select(incident.c.id, incident.c.data).where(incident.c.key.in_(some)))
    return found


def _incidents(connection: Connection, wanted: Select[Any]) -> list[tuple[int, Incident]]:
    return [(row.id, rows.to_incident(row.data)) for row in connection.execute(wanted)]


def closed(connection: Connection, since: datetime, until: datetime) -> list[tuple[int, Incident]]:
    """What ended in [since, until) and is no part of another, in the order of ending."""
    wanted = select(incident.c.id, incident.c.data).where(*_between(incident.c.closed_at, since, until))
    return _incidents(connection, wanted.where(incident.c.absorbed_into.is_(None)).order_by(incident.c.closed_at))


def checkpoints(connection: Connection, limit: int | None = None) -> list[Checkpoint]:
    """The newest first."""
    found = connection.execute(select(checkpoint).order_by(checkpoint.c.seq.desc()).limit(limit))
    return [Checkpoint(row.seq, from_us(row.at), row.data) for row in found]


def conditions(connection: Connection) -> list[Condition]:
    return [
        rows.CONDITION.noun(row)
        for row in connection.execute(select(condition).order_by(condition.c.cluster, condition.c.subject))
    ]


def edges(connection: Connection) -> list[Edge]:
    relays = select(edge).where(edge.c.cluster != OWN[0]).order_by(edge.c.cluster, edge.c.node)
    return [rows.EDGE.noun(row) for row in connection.execute(relays)]


def anchor(connection: Connection) -> Anchor | None:
    found = connection.execute(select(edge).where(edge.c.cluster == OWN[0], edge.c.node == OWN[1])).one_or_none()
    return None if found is None else Anchor.of(rows.EDGE.noun(found))


def open_kinds(connection: Connection) -> dict[str, int]:
    """How many incidents of each kind are not over; counted by the database, since there can be ten thousand."""
    not_over = incident.c.state.in_([State.WATCHING, State.OPEN, State.CLEARING])
    found = connection.execute(select(incident.c.kind, func.count()).where(not_over).group_by(incident.c.kind))
    return {row.kind: row[1] for row in found}


def boards(connection: Connection) -> list[BoardRow]:
    return [rows.BOARD.noun(row) for row in connection.execute(select(board).order_by(board.c.receiver))]


def counts(connection: Connection) -> dict[str, Any]:
    """`reports` walks an index of them all: some ten milliseconds for a million."""

    def number(table: Any, *filters: Any) -> int:
        return connection.execute(select(func.count()).select_from(table).where(*filters)).scalar() or 0

    oldest = connection.execute(select(func.min(notice.c.at)).where(UNFINISHED)).scalar()
    return {
        "reports": number(report),
        "unreadable": number(report, report.c.unreadable.is_not(None)),
        "open_incidents": number(incident, incident.c.state.in_([State.WATCHING, State.OPEN, State.CLEARING])),
        "pending_notices": number(notice, UNFINISHED),
        "given_up_notices": number(notice, notice.c.state == Standing.GIVEN_UP),
        "oldest_pending_at": rows.maybe_at(oldest),
    }
