"""What is asked of the notices, and of the receivers that they are for. Every function works inside its caller's transaction."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select

from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import MICROSECOND, from_us, to_us
from bridge.core.world.incident import State
from bridge.ledger import rows
from bridge.ledger.reading import Filter, chunks
from bridge.ledger.records import Attempt, NoticeRow, Queue, Standing, ToldRow
from bridge.ledger.tables import UNFINISHED, attempt, incident, mention, notice
from bridge.ledger.tables import receiver as receivers

REMEMBERED_AFTER_CLOSING: Final = timedelta(hours=24)


def notices(
    connection: Connection,
    incident_id: int | None,
    states: Collection[str] | None,
    limit: int | None,
    receiver: str | None = None,
) -> list[NoticeRow]:
    """The newest first, each with the tries that ended."""
    wanted = select(notice).order_by(notice.c.id.desc()).limit(limit)
    if incident_id is not None:
        among = select(mention.c.notice_id).where(mention.c.incident_id == incident_id)
        wanted = wanted.where(or_(notice.c.incident_id == incident_id, notice.c.id.in_(among)))
    if receiver is not None:
        wanted = wanted.where(notice.c.receiver == receiver)
    if states is not None:
        wanted = wanted.where(notice.c.state.in_([str(state) for state in states]))
    found = connection.execute(wanted).all()
    tries = _tries(connection, [row.id for row in found])
    return [rows.to_notice_row(row, tuple(tries.get(row.id, ()))) for row in found]


def notices_about(connection: Connection, incident_ids: Collection[int]) -> Iterator[tuple[int, Notice]]:
    """Of each of these incidents its notices, as those about several in which it stands."""
    for some in chunks(incident_ids):
        single = select(notice, notice.c.incident_id.label("about")).where(notice.c.incident_id.in_(some))
        several = select(notice, mention.c.incident_id.label("about")).join_from(
            mention, notice, mention.c.notice_id == notice.c.id
        )
        for wanted in (single, several.where(mention.c.incident_id.in_(some))):
            yield from ((row.about, rows.to_notice(row)) for row in connection.execute(wanted))


def _tries(connection: Connection, notice_ids: Collection[int]) -> dict[int, list[Attempt]]:
    tries: dict[int, list[Attempt]] = {}
    for some in chunks(notice_ids):
        for row in connection.execute(select(attempt).where(attempt.c.notice_id.in_(some)).order_by(attempt.c.id)):
            tries.setdefault(row.notice_id, []).append(rows.to_attempt(row))
    return tries


def told(connection: Connection, incident_ids: Collection[int] | None, closed_since: datetime | None) -> list[ToldRow]:
    """In the order of deciding. Without ids: of incidents not closed, or closed not long before the ledger's last word."""
    if incident_ids is None:
        found = _told(connection, _remembered(connection, closed_since))
    else:
        found = [row for some in chunks(incident_ids) for row in _told(connection, incident.c.id.in_(some))]
    return [rows.to_told(row) for row in sorted(found, key=lambda row: row.number)]


def _told(connection: Connection, which: Filter) -> list[Row[Any]]:
    """A bundle stands for each incident that it mentions."""
    columns = (notice.c.id.label("number"), incident.c.id.label("incident_id"), incident.c.key, notice.c.receiver, notice.c.kind)
    wanted = select(*columns, notice.c.at, notice.c.severity, notice.c.peak, notice.c.state).where(which)
    bundles = notice.c.kind.in_([kind.value for kind in Telling if kind.bundles])
    single = wanted.join_from(notice, incident, notice.c.incident_id == incident.c.id).where(~bundles)
    several = wanted.select_from(
        notice.join(mention, mention.c.notice_id == notice.c.id).join(incident, incident.c.id == mention.c.incident_id)
    )
    return [*connection.execute(single), *connection.execute(several)]


def heard(
    connection: Connection, receiver: str, incident_ids: Collection[int], *, delivered: bool = False, digests: bool = False
) -> set[int]:
    """Of these incidents, those that the receiver was told of; also in a digest; or only what really arrived."""
    bundles = [kind.value for kind in Telling if kind.bundles]
    told_by = [Telling.SUMMARY.value, *([Telling.DIGEST.value] if digests else [])]
    about = [notice.c.receiver == receiver]
    about += [notice.c.state == Standing.DELIVERED] if delivered else [notice.c.state != Standing.WITHDRAWN]
    found: set[int] = set()
    for some in chunks(incident_ids):
        alone = select(notice.c.incident_id).where(notice.c.incident_id.in_(some), notice.c.kind.not_in(bundles), *about)
        found.update(connection.scalars(alone))
        several = select(mention.c.incident_id).join_from(mention, notice, notice.c.id == mention.c.notice_id)
        found.update(connection.scalars(several.where(mention.c.incident_id.in_(some), notice.c.kind.in_(told_by), *about)))
    return found


def mentioned(connection: Connection, notice_ids: Collection[int]) -> dict[int, list[int]]:
    """The incidents of bundles."""
    found: dict[int, list[int]] = {}
    for some in chunks(notice_ids):
        for row in connection.execute(select(mention).where(mention.c.notice_id.in_(some))):
            found.setdefault(row.notice_id, []).append(row.incident_id)
    return found


def healths(connection: Connection) -> dict[str, Health]:
    return {row.name: rows.HEALTH.noun(row) for row in connection.execute(select(receivers).order_by(receivers.c.name))}


def digested(connection: Connection) -> dict[str, datetime]:
    wanted = select(receivers.c.name, receivers.c.digested_until).where(receivers.c.digested_until.is_not(None))
    return {row.name: from_us(row.digested_until) for row in connection.execute(wanted)}


def queues(connection: Connection) -> dict[str, Queue]:
    owed = select(notice.c.receiver, func.count().label("number"), func.min(notice.c.at).label("oldest")).where(UNFINISHED)
    given_up = select(notice.c.receiver, func.count().label("number")).where(notice.c.state == Standing.GIVEN_UP)
    found = {
        row.receiver: Queue(row.number, rows.maybe_at(row.oldest)) for row in connection.execute(owed.group_by(notice.c.receiver))
    }
    for row in connection.execute(given_up.group_by(notice.c.receiver)):
        found[row.receiver] = found.get(row.receiver, Queue())._replace(given_up=row.number)
    return found


def _remembered(connection: Connection, closed_since: datetime | None) -> Filter:
    if closed_since is None:
        last = connection.execute(select(func.max(incident.c.changed_at))).scalar() or 0
        since = last - REMEMBERED_AFTER_CLOSING // MICROSECOND
    else:
        since = to_us(closed_since)
    return or_(
        incident.c.state.in_([State.WATCHING, State.OPEN, State.CLEARING]),
        and_(incident.c.state == State.CLOSED, incident.c.closed_at >= since),
    )
