"""Which notice a worker may try now. A claim is a lease: when its holder dies, it runs out and the notice is owed again."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, exists, literal_column, select, update

from bridge.core.telling.notice import Notice
from bridge.core.world.event import from_us, to_us
from bridge.ledger import rows
from bridge.ledger.reading import beginner
from bridge.ledger.records import Standing
from bridge.ledger.tables import URGENT, memory, notice

Claim = tuple[Notice, int, dict[str, str]]
"""The notice, how many attempts were begun before this one, and what earlier notices asked to remember."""


def _unfinished(table: Any) -> Any:
    """Written out, not bound: only so does the planner see that the indices of what is owed will do."""
    return table.c.state.in_([literal_column("'pending'"), literal_column("'leased'")])


# The statements stand here since making them costs more than running them.
_earlier: Final = notice.alias("earlier")
_first_of_thread: Final = ~exists().where(  # nobody reads "it is over" before "it broke"
    _earlier.c.incident_id == notice.c.incident_id,
    _earlier.c.receiver == notice.c.receiver,
    _earlier.c.id < notice.c.id,
    _unfinished(_earlier),
)
_due: Final = (
    select(notice)
    .where(notice.c.receiver == bindparam("whose"), notice.c.next_at <= bindparam("by"), _unfinished(notice), _first_of_thread)
    .order_by(notice.c.id)
    .limit(bindparam("most"))
)
_urgent: Final = _due.where(URGENT)
_next: Final = select(notice.c.next_at).where(_unfinished(notice), _first_of_thread).order_by(notice.c.next_at).limit(1)
_next_of_some: Final = _next.where(notice.c.receiver.in_(bindparam("receivers", expanding=True)))
_next_urgent: Final = _next_of_some.where(URGENT)
_take: Final = (
    update(notice)
    .where(notice.c.id == bindparam("which"))
    .values(
        state=Standing.LEASED.value,
        attempts=notice.c.attempts + 1,
        leased_until=bindparam("until_us"),
        next_at=bindparam("until_us"),
    )
)
_remembered: Final = select(memory.c.data).where(
    memory.c.receiver == bindparam("whose"), memory.c.incident_id == bindparam("incident_number")
)


def claim(
    connection: Connection, receiver: str, now: datetime, lease: timedelta, limit: int, *, only_urgent: bool = False
) -> list[Claim]:
    """`next_at` of a leased notice is the end of its lease: one column says when to try. What is urgent goes first."""
    found = list(connection.execute(_urgent, {"whose": receiver, "by": to_us(now), "most": limit}))
    if not only_urgent and len(found) < limit:
        seen = {row.id for row in found}
        others = connection.execute(_due, {"whose": receiver, "by": to_us(now), "most": limit})
        found += [row for row in others if row.id not in seen][: limit - len(found)]
    return [_lease(connection, row, to_us(now + lease)) for row in found]


def next_due(connection: Connection, receivers: Collection[str] | None, *, only_urgent: bool = False) -> datetime | None:
    """When a claim can next succeed; in the past when one can now."""
    if receivers is None:
        found = connection.execute(_next).scalar()
    else:
        found = connection.execute(_next_urgent if only_urgent else _next_of_some, {"receivers": list(receivers)}).scalar()
    return None if found is None else from_us(found)


def release(connection: Connection, now: datetime) -> int:
    """Ends all leases: their holder is dead, for whoever calls this is the only writer. Gives how many there were."""
    held = update(notice).where(notice.c.state == Standing.LEASED.value)
    return connection.execute(held.values(state=Standing.PENDING.value, leased_until=None, next_at=to_us(now))).rowcount


def give_back(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Ends the leases of notices that nobody began to tell: they are due now, and the attempt does not count."""
    held = update(notice).where(notice.c.state == Standing.LEASED.value, notice.c.id.in_(ids))
    unbegun = {"state": Standing.PENDING.value, "attempts": notice.c.attempts - 1, "leased_until": None, "next_at": to_us(now)}
    connection.execute(held.values(unbegun))


def _lease(connection: Connection, row: Any, until: int) -> Claim:
    connection.execute(_take, {"which": row.id, "until_us": until})
    told = rows.to_notice(row)
    if told.kind.bundles:  # it stands for itself
        return told, row.attempts, {}
    begun = beginner(connection, told)
    remembered = connection.execute(_remembered, {"whose": row.receiver, "incident_number": begun}).scalar()
    if remembered is None and begun != row.incident_id:  # as it was kept by earlier versions
        remembered = connection.execute(_remembered, {"whose": row.receiver, "incident_number": row.incident_id}).scalar()
    return told, row.attempts, rows.to_memory(remembered)
