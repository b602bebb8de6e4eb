"""What people look for: incidents by what they say, and of an incident the first and the last of its reports."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, Text, and_, cast, func, or_, select

from bridge.core.world.event import to_us
from bridge.core.world.incident import Incident
from bridge.ledger import rows
from bridge.ledger.reading import chunks, reports_of
from bridge.ledger.records import StoredReport
from bridge.ledger.tables import incident, report

AT_ONCE: Final = 200
"""Incidents that are read at once while a page of them is being filled."""
MOST_READ: Final = 20_000
"""Incidents that one search reads at the most: about a second."""


class Place(NamedTuple):
    """Of an incident among those listed, the newest first."""

    opened_us: int
    number: int


class Sought(NamedTuple):
    """All that is named must hold; `words` stand somewhere in the incident, in any case. The times are those of opening."""

    words: tuple[str, ...] = ()
    number: int | None = None
    cluster: str = ""
    kind: str = ""
    peak: str = ""
    states: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: Place | None = None


class Found(NamedTuple):
    incidents: list[tuple[int, Incident]]
    more: Place | None = None
    """Behind which there may be others."""


def search(connection: Connection, sought: Sought, most: int) -> Found:
    """The newest first. Those that are part of another are not listed; the others tell their story."""
    wanted, before = _wanted(connection, sought), sought.before
    found: list[tuple[int, Incident]] = []
    for _ in range(MOST_READ // AT_ONCE):
        piece = connection.execute(_after(wanted, before).limit(AT_ONCE)).all()
        for row in piece:
            before = Place(row.opened_at, row.id)
            one = rows.to_incident(row.data)
            if _says(one, sought.words):
                found.append((row.id, one))
                if len(found) == most:
                    return Found(found, before if _is_more(connection, wanted, before) else None)
        if len(piece) < AT_ONCE:
            return Found(found)
    return Found(found, before)


def _wanted(connection: Connection, sought: Sought) -> Select[Any]:
    wanted = select(incident.c.id, incident.c.opened_at, incident.c.data).where(incident.c.absorbed_into.is_(None))
    named = {"id": sought.number, "cluster": sought.cluster, "kind": sought.kind, "peak": sought.peak}
    wanted = wanted.where(*(incident.c[name] == value for name, value in named.items() if value))
    if sought.states:
        wanted = wanted.where(incident.c.state.in_(sought.states))
    if sought.since is not None:
        wanted = wanted.where(incident.c.opened_at >= to_us(sought.since))
    if sought.until is not None:
        wanted = wanted.where(incident.c.opened_at < to_us(sought.until))
    # JSON may write other words otherwise.
    return wanted.where(*(_holds(connection, word) for word in sought.words if word.isascii() and word.isalnum()))


def _holds(connection: Connection, word: str) -> Any:
    """A first sieve, by the database: what it lets through is looked at once more."""
    sqlite = connection.dialect.name == "sqlite"
    words = cast(incident.c.data, Text) if sqlite else func.convert_from(incident.c.data, "UTF8")
    return words.icontains(word)


def _after(wanted: Select[Any], place: Place | None) -> Select[Any]:
    ordered = wanted.order_by(incident.c.opened_at.desc(), incident.c.id.desc())
    if place is None:
        return ordered
    same = and_(incident.c.opened_at == place.opened_us, incident.c.id < place.number)
    return ordered.where(incident.c.opened_at <= place.opened_us, or_(incident.c.opened_at < place.opened_us, same))


def _is_more(connection: Connection, wanted: Select[Any], place: Place) -> bool:
    return connection.execute(_after(wanted, place).limit(1)).first() is not None


def _says(one: Incident, words: Sequence[str]) -> bool:
    if not words:
        return True
    said = " ".join([one.kind, one.cluster, one.root, *one.subjects, *one.facts.values(), one.reason]).casefold()
    return all(word.casefold() in said for word in words)


def absorbed(connection: Connection, key: str) -> list[tuple[int, Incident]]:
    """Those that turned out to be part of it, and what had been part of them."""
    found: dict[str, tuple[int, Incident]] = {}
    keys: Collection[str] = [key]
    while keys:
        some = [
            (row.id, rows.to_incident(row.data))
            for part in chunks(keys)
            for row in connection.execute(select(incident.c.id, incident.c.data).where(incident.c.absorbed_into.in_(part)))
        ]
        keys = [one.key for _, one in some if one.key not in found and one.key != key]
        found |= {one.key: (number, one) for number, one in some if one.key != key}
    return list(found.values())


class Ends(NamedTuple):
    """The first and the last reports of a story, in the order in which they happened, and how many lie between them."""

    reports: list[tuple[int, StoredReport]]
    left_out: int


def ends(connection: Connection, keys: Collection[str], most: int) -> Ends:
    """Of reports of these incidents the first `most` and the last `most` that were stored. Only those are read."""
    first = sorted(_numbers(connection, keys, most, last=False))[:most]
    last = sorted(_numbers(connection, keys, most, last=True))[-most:]
    counted = select(func.count()).select_from(report)
    total = sum(connection.execute(counted.where(report.c.incident_key.in_(some))).scalar() or 0 for some in chunks(keys))
    numbers = sorted({*first, *last})
    found = sorted(zip(numbers, reports_of(connection, numbers), strict=True), key=lambda one: (one[1].at, one[0]))
    return Ends(found, total - len(numbers))


def _numbers(connection: Connection, keys: Collection[str], most: int, *, last: bool) -> Iterator[int]:
    """Key by key, so that the index alone answers."""
    order = report.c.seq.desc() if last else report.c.seq
    for key in keys:
        yield from connection.scalars(select(report.c.seq).where(report.c.incident_key == key).order_by(order).limit(most))
