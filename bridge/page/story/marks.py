"""From reports and notices to marks: when, on whose lane, of what sort, and what it links to."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from bridge.asked.plain import plain
from bridge.asked.shapes import says
from bridge.asked.story import Story
from bridge.core.drbd.events import RESYNCS, Call, Change, HandlerCalled, StatesChanged, replica_subject
from bridge.core.normalise import normalise
from bridge.core.strand import SAME_EVENT
from bridge.core.telling.notice import Telling
from bridge.core.world.event import (
    Acknowledged,
    Action,
    AttributeSet,
    EdgeHeard,
    Fencing,
    NodeSeen,
    Outcome,
    Subject,
    node_subject,
    resource_subject,
)
from bridge.core.world.incident import Incident
from bridge.core.world.shown import relay_subject
from bridge.ledger.records import NoticeRow, Standing, StoredReport

PEOPLE: Final = Subject("people")
TOLD: Final = Subject("told")
Sorted = Iterable[tuple[Subject, str]]


class Mark(NamedTuple):
    """`about` is the id of what it links to on the page; `many` marks of one sort may have become one."""

    at: datetime
    lane: Subject
    sort: str
    words: str
    about: str
    many: int = 1


def marks(told: Story) -> list[Mark]:
    """In their order."""
    known = {told.incident.root, *told.incident.subjects, *(one.subject for one in told.incident.outages)}
    found = [mark for number, report in told.reports for mark in _of_report(number, report, told.incident, known)]
    return sorted([*found, *(_of_notice(row) for row in told.notices)], key=lambda one: one.at)


def _of_report(number: int, report: StoredReport, incident: Incident, known: Collection[str]) -> Iterator[Mark]:
    if report.decision == SAME_EVENT:
        return
    event = normalise(report.report())
    reader = READERS.get(type(event), _seen)
    for lane, sort in reader(event):
        words = f"{report.node}: {says(report.body)}"
        yield Mark(report.at, _lane(lane or incident.root, known), sort, plain(words), f"r{number}")


def _lane(subject: Subject, known: Collection[str]) -> Subject:
    """A resource that runs a guest is called so."""
    guest = Subject(subject.replace("resource/", "guest/", 1))
    return guest if subject.startswith("resource/") and guest in known else subject


def _of_notice(row: NoticeRow) -> Mark:
    notice = row.notice
    lost = row.state in {Standing.GIVEN_UP, Standing.WITHDRAWN}
    words = f"{notice.receiver}: {notice.kind}, {row.state}"
    return Mark(
        notice.at, TOLD, "not-rung" if lost and notice.kind is not Telling.UPDATED else "rung", plain(words), f"n{notice.id}"
    )


# --- one reader for each kind of event: (lane, sort); no lane is that of the root ------------------------------------------


def _node(event: NodeSeen) -> Sorted:
    return [(node_subject(event.node), "back" if event.member else "lost")]


def _fencing(event: Fencing) -> Sorted:
    if event.action in {"on", "unfence"}:
        return [(node_subject(event.target), "back" if event.rc == 0 else "fencing-failed")]
    return [(node_subject(event.target), "fenced" if event.rc == 0 else "fencing-failed")]


TASKS: Final = {
    "start": "started",
    "stop": "stopped",
    "promote": "promoted",
    "demote": "demoted",
    "migrate_to": "moved",
    "migrate_from": "moved",
}


def _action(event: Action) -> Sorted:
    subject = resource_subject(event.resource)
    if event.outcome in {Outcome.FAILED, Outcome.DEGRADED}:
        return [(subject, "failed")]
    if event.outcome is Outcome.GOOD and event.task in TASKS:
        return [(subject, TASKS[event.task])]
    return [(subject, "seen")]


def _attribute(event: AttributeSet) -> Sorted:
    return [(Subject(f"attribute/{event.name}@{event.node}"), "attribute")]


def _edge(event: EdgeHeard) -> Sorted:
    return [(relay_subject(event.node), "silent" if event.silent else "heard")]


def _person(_: Acknowledged) -> Sorted:
    return [(PEOPLE, "person")]


def _seen(_: Any) -> Sorted:
    return [(Subject(""), "seen")]


CALLS: Final = {
    "initial-split-brain": "split",
    "split-brain": "split",
    "before-resync-source": "resync",
    "before-resync-target": "resync",
    "after-resync-target": "in-sync",
    "unfence-peer": "in-sync",
    "fence-peer": "fenced",
    "disconnected": "disconnected",
}


def _handler(event: HandlerCalled) -> Sorted:
    return [(replica_subject(event.resource), _called(event.call))]


def _states(event: StatesChanged) -> Sorted:
    lane = replica_subject(event.resource)
    found = [_called(one) if isinstance(one, Call) else _changed(one) for one in event.items]
    return [(lane, sort) for sort in dict.fromkeys(found) if sort] or [(lane, "seen")]


def _called(call: Call) -> str:
    return CALLS.get(call.handler, "failed")


def _changed(change: Change) -> str:
    """What one line of events2 says in a timeline; "" for nothing."""
    states = change.states
    if (link := states.get("connection")) is not None:
        return "connected" if link == "Connected" else "split" if link == "StandAlone" else "disconnected"
    if (copying := states.get("replication")) is not None:
        return "resync" if copying in RESYNCS else "in-sync" if copying == "Established" else ""
    if states.get("disk") in {"Failed", "Diskless", "Detaching"}:
        return "failed"
    return {"Primary": "promoted", "Secondary": "demoted"}.get(states.get("role", ""), "") if change.object == "resource" else ""


READERS: Final[dict[type, Callable[[Any], Sorted]]] = {
    NodeSeen: _node,
    Fencing: _fencing,
    Action: _action,
    AttributeSet: _attribute,
    EdgeHeard: _edge,
    Acknowledged: _person,
    HandlerCalled: _handler,
    StatesChanged: _states,
}
