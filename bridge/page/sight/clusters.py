"""Each cluster as a picture: nodes as columns, services and guests as rows with a mark where each runs, replicas as links between
their nodes. Whether a thing is well is said by the same scene that boards show."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from bridge.core.showing.picture import Scene, Shade, Target
from bridge.core.world.condition import Condition
from bridge.core.world.event import CLUSTER, Severity, Subject, subject_name
from bridge.core.world.incident import State as Life
from bridge.core.world.laid import Laid, Link, Replica, Service
from bridge.ledger.overview import Brief
from bridge.ledger.records import Edge
from bridge.page.sight.seen import Silence
from bridge.page.sight.shapes import (
    NOTHING,
    OF_SEVERITY,
    WORST_FIRST,
    Band,
    ClusterPicture,
    Copy,
    Head,
    Look,
    Remark,
    ReplicaRow,
    Row,
    State,
    Tie,
    worst,
)

OF_SHADE: Final[Mapping[Shade, State]] = {
    Shade.OK: "ok",
    Shade.WARNING: "warning",
    Shade.CRITICAL: "critical",
    Shade.UNKNOWN: "unknown",
}
MOST_ROWS: Final = 60
"""Of one cluster; of ten thousand services that fail at once the gravest are drawn, and the rest is counted."""
MOST_FOLDED: Final = 400
MOST_REMARKS: Final = 12
MOST_WELL: Final = 24
"""More rows that are well are folded: what is not well must be seen without scrolling."""


class Looks:
    """How every subject of one cluster is; nobody's word is unknown, whatever it was before. `heard`: whether there is a bridge
    that hears anybody."""

    def __init__(
        self,
        cluster: str,
        conditions: Iterable[Condition],
        edges: Iterable[Edge],
        at: datetime,
        *,
        works: Iterable[Silence] = (),
        heard: bool = True,
    ) -> None:
        self._cluster = cluster
        self._works = list(works)
        self._heard = heard
        self._scene = Scene(Target)
        self._conditions = {one.subject: one for one in conditions}
        edges = list(edges)
        self._relays = len(edges)
        self._silent = [edge.last_heard_at or at for edge in edges if edge.silent]
        for edge in edges:
            self._scene.hear(cluster, edge.node, (edge.last_heard_at or at) if edge.silent else None)

    @property
    def unwell(self) -> int:
        """How many of the conditions are not well by their own word."""
        return sum(one.severity not in {Severity.OK, Severity.INFO} for one in self._conditions.values())

    @property
    def subjects(self) -> Iterable[Subject]:
        return self._conditions

    def of(self, subject: Subject, numbers: Mapping[str, int]) -> Look:
        look = self._of(subject, numbers)
        labels = {"cluster": (self._cluster,), "root": (subject,)}
        return msgspec.structs.replace(look, worked_on=any(work.holds(labels) for work in self._works))

    def _of(self, subject: Subject, numbers: Mapping[str, int]) -> Look:
        condition = self._conditions.get(subject)
        if condition is None or not self._heard:
            return NOTHING
        self._scene.learn(condition, None)
        shown = self._scene.picture(Target(self._cluster, subject))
        self._scene.learn(msgspec.structs.replace(condition, gone=True), None)  # thousands would take their room
        state = OF_SHADE[shown.shade]
        if state == "ok" and condition.severity is Severity.INFO:
            state = "planned"
        if state == "unknown" and condition.severity is not Severity.UNKNOWN:  # its last word says nothing about now
            return Look(state=state, since=shown.since)
        number = numbers.get(condition.incident_key or "") if state not in {"ok", "planned"} else None
        return Look(state=state, why=condition.why, since=shown.since or condition.since, number=number)

    @property
    def silent_since(self) -> datetime | None:
        """Since when no relay of the cluster is heard; None while one is."""
        return max(self._silent) if self._heard and self._silent and len(self._silent) == self._relays else None


def picture(
    name: str,
    conditions: Iterable[Condition],
    layout: Iterable[Laid],
    edges: Iterable[Edge],
    open_now: Iterable[Brief],
    at: datetime,
    failover: tuple[int, datetime] | None = None,
    *,
    works: Iterable[Silence] = (),
    unwell: int = 0,
    heard: bool = True,
) -> ClusterPicture:
    """`open_now` are its incidents that are not over; `unwell`: how many of its conditions are not well, in all."""
    open_now = list(open_now)
    numbers = {one.key: one.number for one in open_now}
    works = tuple(work for work in works if work.planned and at < work.until and work.holds_in(name))
    looks = Looks(name, conditions, edges, at, works=works, heard=heard)
    laid = [one.how for one in layout]
    services = [how for how in laid if isinstance(how, Service)]
    nodes = _nodes(looks.subjects, laid)
    columns = {node: place for place, node in enumerate(nodes)}
    bands = _bands(services, columns, looks, numbers)
    shown, well = _folded(bands)
    folded = [row for band in well for row in band.rows]
    shown, more = _bounded(shown, MOST_ROWS)
    heads = tuple(Head(name=node, look=looks.of(Subject(f"node/{node}"), numbers)) for node in nodes)
    drawn = (_replica(how, columns, looks, numbers) for how in laid if isinstance(how, Replica))
    tied = tuple(sorted(drawn, key=lambda one: (WORST_FIRST.index(one.look.state), one.name)))
    remarks = _remarks(looks, numbers)
    states = [looks.of(subject, numbers).state for subject in looks.subjects] or ["unknown"]
    states += [OF_SEVERITY[one.severity] for one in open_now if heard and one.state is Life.OPEN and not one.planned]
    return ClusterPicture(
        name=name,
        state=worst([state for state in states if state != "planned"] or ["planned"]),
        heads=heads,
        bands=shown,
        well=_bounded(well, MOST_FOLDED)[0],
        replicas=tied[:MOST_ROWS],
        remarks=remarks[:MOST_REMARKS],
        failover=failover,
        silent_since=looks.silent_since,
        works=works,
        folded=len(folded),
        folded_there=tuple(sum(bool(row.cells[column]) for row in folded) for column in range(len(nodes))) if folded else (),
        more=more + len(tied[MOST_ROWS:]) + len(remarks[MOST_REMARKS:]) + max(0, unwell - looks.unwell),
    )


def _nodes(subjects: Iterable[Subject], laid: Iterable[Service | Replica | None]) -> list[str]:
    """Those that anybody spoke of; what only a replica or a service knows has a column, too."""
    names = {subject_name(one) for one in subjects if one.startswith("node/")}
    for how in laid:
        if isinstance(how, Service):
            names |= how.on.keys()
        elif how is not None:
            names |= {side.node for side in how.sides} | {end for link in how.links for end in (link.one, link.other)}
    return sorted(names)


def _bands(services: Iterable[Service], columns: Mapping[str, int], looks: Looks, numbers: Mapping[str, int]) -> tuple[Band, ...]:
    """Groups and clones, then what stands alone, then fence devices."""
    by_title: dict[tuple[int, str, str], list[tuple[int, Row]]] = {}
    for how in services:
        row = _row(how, columns, looks, numbers)
        title = how.group or how.clone
        key = (2, "", "") if how.device else (0, title, "group" if how.group else "clone") if title else (1, "", "")
        by_title.setdefault(key, []).append((how.place, row))
    return tuple(
        Band(title=title, sort=sort, rows=tuple(row for _, row in sorted(rows, key=lambda one: (one[0], one[1].name))))  # type: ignore[arg-type]
        for (_, title, sort), rows in sorted(by_title.items())
    )


def _row(how: Service, columns: Mapping[str, int], looks: Looks, numbers: Mapping[str, int]) -> Row:
    cells = [""] * len(columns)
    for node, role in how.on.items():
        cells[columns[node]] = "promoted" if role == "promoted" else "started"
    sort: Literal["service", "guest", "device"] = "guest" if how.subject.startswith("guest/") else "service"
    look = looks.of(how.subject, numbers)
    return Row(name=subject_name(how.subject), sort="device" if how.device else sort, look=look, cells=tuple(cells))


def _folded(bands: tuple[Band, ...]) -> tuple[tuple[Band, ...], tuple[Band, ...]]:
    """Bands in which something is not well, and those of which nothing is to be said."""
    if sum(len(band.rows) for band in bands) <= MOST_WELL:
        return bands, ()
    parts: tuple[list[Band], list[Band]] = ([], [])
    for band in bands:
        rows = band.rows if band.sort == "" else ()
        if rows:  # what stands alone is folded row by row
            for place, some in enumerate(([r for r in rows if not _is_well(r)], [r for r in rows if _is_well(r)])):
                if some:
                    parts[place].append(msgspec.structs.replace(band, rows=tuple(some)))
        else:
            parts[all(map(_is_well, band.rows))].append(band)
    return tuple(parts[0]), tuple(parts[1])


def _bounded(bands: tuple[Band, ...], most: int) -> tuple[tuple[Band, ...], int]:
    """The gravest rows, in their bands; and how many there is no room for."""
    rows = [row for band in bands for row in band.rows]
    if len(rows) <= most:
        return bands, 0
    kept = set(map(id, sorted(rows, key=lambda row: WORST_FIRST.index(row.look.state))[:most]))
    cut = (msgspec.structs.replace(band, rows=tuple(row for row in band.rows if id(row) in kept)) for band in bands)
    return tuple(band for band in cut if band.rows), len(rows) - most


def _is_well(row: Row) -> bool:
    return row.look.state == "ok"


def _replica(how: Replica, columns: Mapping[str, int], looks: Looks, numbers: Mapping[str, int]) -> ReplicaRow:
    name = subject_name(how.subject)
    look = looks.of(how.subject, numbers)
    copies = [
        Copy(
            column=columns[side.node],
            role=side.role,
            disk=side.disk,
            look=looks.of(Subject(f"drbd/{name}@{side.node}"), numbers),
        )
        for side in how.sides
    ]
    ties = [_tie(link, columns, look) for link in how.links]
    return ReplicaRow(name=name, look=look, copies=tuple(copies), ties=tuple(sorted(ties, key=lambda tie: (tie.left, tie.right))))


def _tie(link: Link, columns: Mapping[str, int], look: Look) -> Tie:
    left, right = sorted((columns[link.one], columns[link.other]))
    state: State = "ok" if link.good else "warning"
    if look.state == "unknown":
        state = "unknown"
    elif not link.good and look.state in {"critical", "planned"}:
        state = look.state
    return Tie(left=left, right=right, link=link, state=state, to=columns[link.target] if link.target else None)


def _remarks(looks: Looks, numbers: Mapping[str, int]) -> tuple[Remark, ...]:
    """What is not well and has no place of its own: the cluster as a whole, fencing, relays, attributes, disks."""
    others = [one for one in looks.subjects if not one.startswith(("node/", "resource/", "guest/", "drbd/"))]
    found = [Remark(subject=one, look=looks.of(one, numbers)) for one in others]
    wrong = [one for one in found if one.look.state not in ({"ok"} if one.subject == CLUSTER else {"ok", "planned"})]
    return tuple(sorted(wrong, key=lambda one: (WORST_FIRST.index(one.look.state), one.subject)))
