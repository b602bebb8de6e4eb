"""Which notice a worker may try now. A claim is a lease: when its holder dies, it runs out and the notice is owed again."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, exists, func, literal_column, select, update

from bridge.core.event import from_us, to_us
from bridge.core.notice import Notice
from bridge.ledger import rows
from bridge.ledger.records import Standing
from bridge.ledger.tables import memory, notice

_earlier: Final = notice.alias("earlier")

Claim = tuple[Notice, int, dict[str, str]]
"""The notice, how many attempts were begun before this one, and what earlier notices asked to remember."""


def claim(connection: Connection, receiver: str, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """`next_at` of a leased notice is the end of its lease: one column says when a notice may be tried."""
    due = select(notice).where(notice.c.receiver == receiver, notice.c.next_at <= to_us(now), *_owed())
    found = connection.execute(due.order_by(notice.c.id).limit(limit)).all()
    return [_take(connection, row, to_us(now + lease)) for row in found]


def next_due(connection: Connection, receivers: Collection[str] | None) -> datetime | None:
    """When a claim can next succeed; in the past when one can now."""
    wanted: Select[Any] = select(notice.c.next_at).where(*_owed()).order_by(notice.c.next_at).limit(1)
    if receivers is not None:
        wanted = wanted.where(notice.c.receiver.in_(receivers))
    found = connection.execute(wanted).scalar()
    return None if found is None else from_us(found)


def leased(connection: Connection, now: datetime) -> int:
    held = select(func.count()).select_from(notice).where(notice.c.state == Standing.LEASED, notice.c.leased_until > to_us(now))
    return connection.execute(held).scalar() or 0


def _owed() -> tuple[ColumnElement[bool] | Any, ...]:
    """Not finished, and first of its thread: nobody reads 'it is over' before 'it broke'."""
    earlier = exists().where(
        _earlier.c.incident_id == notice.c.incident_id,
        _earlier.c.receiver == notice.c.receiver,
        _earlier.c.id < notice.c.id,
        _unfinished(_earlier),
    )
    return _unfinished(notice), ~earlier


def _unfinished(table: Any) -> Any:
    """Written out, not bound: only so does the planner see that the indices of what is owed will do."""
    return table.c.state.in_([literal_column("'pending'"), literal_column("'leased'")])


def _take(connection: Connection, row: Any, until: int) -> Claim:
    connection.execute(
        update(notice)
        .where(notice.c.id == row.id)
        .values(state=Standing.LEASED.value, attempts=row.attempts + 1, leased_until=until, next_at=until)
    )
    remembered = select(memory.c.data).where(memory.c.receiver == row.receiver, memory.c.incident_id == row.incident_id)
    return rows.to_notice(row), row.attempts, rows.to_memory(connection.execute(remembered).scalar())
