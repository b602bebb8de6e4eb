"""What the page's first sight asks: all that is open in short, the gravest in full, who was told, and how clusters lie.

Every function works inside a transaction that its caller opened. Ten thousand incidents may be open: of all of them only columns
are read, of which there is no JSON to be parsed.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, func, select

from bridge.core.telling.notice import Telling
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, from_us, subject_name
from bridge.core.world.incident import Kind, State
from bridge.core.world.laid import Laid
from bridge.ledger import rows
from bridge.ledger.reading import AT_ONCE, chunks, edges
from bridge.ledger.records import Edge, Standing
from bridge.ledger.tables import condition, incident, layout, mention, notice, report, revision

MOST_CONDITIONS: Final = 3000
"""More than a site of many clusters has that is well; of a flood the gravest are enough."""
NOT_OVER: Final = (State.WATCHING.value, State.OPEN.value, State.CLEARING.value)
FAILOVERS: Final = (Kind.NODE_FAILURE.value, Kind.NODE_FENCED_BY_ADMIN.value)
RINGS: Final = tuple(kind.value for kind in Telling if kind.rings)


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that is not over, without its story."""

    number: int
    key: str
    cluster: str
    kind: Kind
    severity: Severity
    peak: Severity
    state: State
    root: str
    planned: bool
    opened_at: datetime


class Woken(msgspec.Struct, frozen=True, kw_only=True):
    """That a receiver was rung for an incident, or will be; `delivered_at` None: it has not arrived."""

    number: int
    receiver: str
    kind: Telling
    state: Standing
    delivered_at: datetime | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What the first sight shows, of one moment. `failovers` by cluster: the last one's number, and when it began."""

    revision: int
    briefs: list[Brief]
    conditions: list[Condition]
    """The gravest, and of these so many as are ever drawn; how many are not well in each cluster stands below."""
    unwell: dict[str, int]
    layout: list[Laid]
    """Of what these conditions are about."""
    edges: list[Edge]
    failovers: dict[str, tuple[int, datetime]]
    last_end: datetime | None
    last_report: datetime | None


def read(connection: Connection) -> Overview:
    return Overview(
        revision=number(connection),
        briefs=briefs(connection),
        conditions=(known := gravest(connection)),
        unwell=unwell(connection),
        layout=laid(connection, {(one.cluster, subject_name(one.subject)) for one in known}),
        edges=edges(connection),
        failovers=failovers(connection),
        last_end=last_end(connection),
        last_report=last_report(connection),
    )


def number(connection: Connection) -> int:
    """Changes with all that people see."""
    return connection.execute(select(revision.c.number)).scalar() or 0


def gravest(connection: Connection) -> list[Condition]:
    """In the order of their subjects."""
    badness = case({severity.value: severity.rank for severity in Severity}, value=condition.c.severity, else_=0)
    order = (badness.desc(), condition.c.cluster, condition.c.subject)
    wanted = select(condition).order_by(*order).limit(MOST_CONDITIONS).execution_options(yield_per=AT_ONCE)
    found = [rows.CONDITION.noun(row) for row in connection.execute(wanted)]
    return sorted(found, key=lambda one: (one.cluster, one.subject))


def unwell(connection: Connection) -> dict[str, int]:
    """By cluster."""
    well = [severity.value for severity in (Severity.OK, Severity.INFO)]
    wanted = select(condition.c.cluster, func.count().label("number")).where(condition.c.severity.not_in(well))
    return {row.cluster: row.number for row in connection.execute(wanted.group_by(condition.c.cluster))}


def laid(connection: Connection, of: Collection[tuple[str, str]] | None = None) -> list[Laid]:
    """All, or of these things: cluster and name."""
    wanted = select(layout).order_by(layout.c.cluster, layout.c.name).execution_options(yield_per=AT_ONCE)
    return [
        rows.to_laid(row) for row in connection.execute(wanted) if of is None or (row.cluster, row.name.partition("/")[2]) in of
    ]


def briefs(connection: Connection) -> list[Brief]:
    names = ("key", "cluster", "root", "planned")
    columns = (incident.c.id, incident.c.kind, incident.c.severity, incident.c.peak, incident.c.state, incident.c.opened_at)
    wanted = select(*columns, *(incident.c[name] for name in names)).where(incident.c.state.in_(NOT_OVER))
    in_pieces = wanted.execution_options(yield_per=AT_ONCE)  # never all rows in memory beside what is made of them
    return [
        Brief(
            number=row.id,
            key=row.key,
            cluster=row.cluster,
            kind=Kind(row.kind),
            severity=Severity(row.severity),
            peak=Severity(row.peak),
            state=State(row.state),
            root=row.root,
            planned=row.planned,
            opened_at=from_us(row.opened_at),
        )
        for row in connection.execute(in_pieces)
    ]


def woken(connection: Connection, numbers: Collection[int]) -> list[Woken]:
    """Who was rung for these incidents, alone or in a summary, in the order of deciding."""
    columns = (notice.c.id.label("notice"), notice.c.receiver, notice.c.kind, notice.c.state, notice.c.delivered_at)
    bundles = [kind.value for kind in Telling if kind.bundles]
    found: list[Any] = []
    for some in chunks(numbers):
        alone = select(*columns, notice.c.incident_id.label("about")).where(
            notice.c.incident_id.in_(some), notice.c.kind.in_(RINGS), notice.c.kind.not_in(bundles)
        )
        several = select(*columns, mention.c.incident_id.label("about")).join_from(
            mention, notice, mention.c.notice_id == notice.c.id
        )
        found += connection.execute(alone).all()
        found += connection.execute(several.where(mention.c.incident_id.in_(some), notice.c.kind.in_(RINGS))).all()
    return [
        Woken(
            number=row.about,
            receiver=row.receiver,
            kind=Telling(row.kind),
            state=Standing(row.state),
            delivered_at=rows.maybe_at(row.delivered_at),
        )
        for row in sorted(found, key=lambda row: (row.notice, row.about))
        if row.state != Standing.WITHDRAWN
    ]


def failovers(connection: Connection) -> dict[str, tuple[int, datetime]]:
    """Of each cluster the last incident of a node that failed or was fenced: its number, and when it began."""
    last: dict[str, tuple[int, datetime]] = {}
    newest = (
        select(incident.c.cluster, func.max(incident.c.opened_at).label("at"))
        .where(incident.c.kind.in_(FAILOVERS), incident.c.absorbed_into.is_(None))
        .group_by(incident.c.cluster)
        .subquery()
    )
    same = (incident.c.cluster == newest.c.cluster) & (incident.c.opened_at == newest.c.at)
    wanted = select(incident.c.id, incident.c.cluster, incident.c.opened_at).join_from(newest, incident, same)
    for row in connection.execute(wanted.where(incident.c.kind.in_(FAILOVERS)).order_by(incident.c.id)):
        last[row.cluster] = row.id, from_us(row.opened_at)
    return last


def last_end(connection: Connection) -> datetime | None:
    """When the last incident ended that was worth a word."""
    ended = select(func.max(incident.c.closed_at)).where(incident.c.planned.is_(False))
    return rows.maybe_at(connection.execute(ended).scalar())


def last_report(connection: Connection) -> datetime | None:
    """When the last report came in."""
    newest = select(report.c.received_at).order_by(report.c.seq.desc()).limit(1)
    return rows.maybe_at(connection.execute(newest).scalar())
