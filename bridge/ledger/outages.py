"""Every absence of guests and services: kept with the incidents that tell of them, and read for a span of time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from bridge.core.telling.digest import was_nothing
from bridge.core.world.absences import every
from bridge.core.world.event import MICROSECOND, to_us
from bridge.core.world.incident import Incident
from bridge.core.world.outage import Outage, Outages
from bridge.ledger.reading import chunks
from bridge.ledger.rows import AT, MAYBE_AT, Shape, Values, Way
from bridge.ledger.tables import incident, outage

MOST_READ: Final = 30_000
"""Absences that are read for one span of time, the newest."""
LENGTH: Final = Way(
    lambda length: None if length is None else length // MICROSECOND,
    lambda number: None if number is None else number * MICROSECOND,
)
OUTAGE: Final = Shape(
    Outage,
    began_at=AT,
    ended_at=MAYBE_AT,
    in_all=LENGTH._replace(column="away_us"),
    longest_of_all=LENGTH._replace(column="longest_us"),
)


_of_keys: Final = select(outage).where(outage.c.incident_key.in_(bindparam("keys", expanding=True)))
_drop: Final = delete(outage).where(
    outage.c.incident_key == bindparam("of_key"),
    outage.c.subject == bindparam("of_subject"),
    outage.c.began_at == bindparam("of_began"),
)
Kept = set[tuple[Outage, bool]]
"""What is written down of an incident: each absence, and whether it was arranged."""


class Absence(NamedTuple):
    """Of whom, which incident tells of it, and whether it was arranged."""

    cluster: str
    number: int
    planned: bool
    outage: Outage


def keep(connection: Connection, incidents: Sequence[Incident]) -> None:
    """Only what has changed is written: most changes of an incident change no absence."""
    known = _known(connection, [one.key for one in incidents])
    pooled = _pooled(incidents, known)
    gone: list[Values] = []
    new: list[Values] = []
    for one in incidents:
        there, wanted = known.get(one.key, set()), _wanted(one, pooled[one.key])
        gone += [{"of_key": one.key, "of_subject": old.subject, "of_began": to_us(old.began_at)} for old, _ in there - wanted]
        new += [OUTAGE.row(each) | {"incident_key": one.key, "planned": planned} for each, planned in wanted - there]
    if gone:
        connection.execute(_drop, gone)
    if new:
        connection.execute(insert(outage), new)


def _wanted(one: Incident, before: Outages) -> Kept:
    planned = one.planned or bool(one.facts.get("planned"))
    found = {} if was_nothing(one) else {(each.subject, each.began_at): each for each in every(one, before)}
    return {(each, planned) for each in found.values()}


def _known(connection: Connection, keys: Sequence[str]) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    for some in chunks(keys):
        for row in connection.execute(_of_keys, {"keys": some}):
            found.setdefault(row.incident_key, set()).add((OUTAGE.noun(row), row.planned))
    return found


def _pooled(incidents: Sequence[Incident], known: dict[str, Kept]) -> dict[str, Outages]:
    """What is written down of each, and of what has just become part of it."""
    into = {one.key: one.absorbed_into for one in incidents if one.absorbed_into is not None}
    pool: dict[str, dict[Outage, None]] = {one.key: {} for one in incidents}
    for key, there in known.items():
        last = key
        for _ in into:
            last = into.get(last, last)
        pool.setdefault(last, {}).update(dict.fromkeys(each for each, _ in there))
    return {key: tuple(found) for key, found in pool.items()}


def absences(connection: Connection, since: datetime, until: datetime, cluster: str | None) -> list[Absence]:
    """Those that reach into [since, until), the newest first."""
    wanted = select(outage, incident.c.id, incident.c.cluster).join(incident, incident.c.key == outage.c.incident_key)
    reaches = or_(outage.c.ended_at.is_(None), outage.c.ended_at > to_us(since))
    wanted = wanted.where(reaches, outage.c.began_at < to_us(until))
    if cluster is not None:
        wanted = wanted.where(incident.c.cluster == cluster)
    found: Any = connection.execute(wanted.order_by(outage.c.began_at.desc()).limit(MOST_READ))
    return [Absence(row.cluster, row.id, row.planned, OUTAGE.noun(row)) for row in found]
