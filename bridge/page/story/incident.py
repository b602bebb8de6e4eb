"""All that the page of one incident shows, in the words of whoever looks; made from rows, without a server."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from bridge.asked.plain import plain
from bridge.asked.story import Line, Story, lines
from bridge.core.strand import SAME_EVENT
from bridge.core.telling.match import Matcher
from bridge.core.world.event import Subject, subject_name
from bridge.core.world.incident import Incident, State
from bridge.ledger.records import NoticeRow, StoredReport
from bridge.page.story.drawing import NARROW, WIDE, Drawing, drawing
from bridge.page.story.timeline import Timeline, timeline
from bridge.texts import Told, told

MOST_REPORTS: Final = 150
"""Of an incident, from its beginning and from its end."""
MOST_DELIVERIES: Final = 200
LONGEST_RAW: Final = 4000
"""Characters of a report that are shown as it came."""


class Shown(NamedTuple):
    number: int
    incident: Incident
    parts: list[int]
    words: Told
    timeline: Timeline
    drawings: tuple[Drawing, ...]
    deliveries: list[NoticeRow]
    entries: list["Entry"]
    raw: dict[int, "Raw"]
    left_out: int
    until: datetime | None
    now: datetime


class Entry(NamedTuple):
    """A report and what was made of it; `copies` are the numbers of those that told the same event once more."""

    line: Line
    copies: tuple[int, ...] = ()


def entries(told: Iterable[Line]) -> list[Entry]:
    found: list[Entry] = []
    for line in told:
        if line.why == SAME_EVENT and found and (found[-1].line.who, found[-1].line.words) == (line.who, line.words):
            found[-1] = found[-1]._replace(copies=(*found[-1].copies, line.about))
        else:
            found.append(Entry(line))
    return found


class Raw(NamedTuple):
    """A report as it came: field by field, `characters` in all."""

    fields: list[tuple[str, str]]
    characters: int
    cut: bool


def shown(story: Story, language: str, zone: tzinfo, now: datetime) -> Shown:
    incident = story.incident
    along = timeline(story, now)
    return Shown(
        number=story.number,
        incident=incident,
        parts=[number for number, _ in story.absorbed],
        words=told(incident, language, zone=zone, now=now),
        timeline=along,
        drawings=tuple(drawing(along, form, zone) for form in (WIDE, NARROW)),
        deliveries=sorted(story.notices, key=lambda row: row.notice.id)[-MOST_DELIVERIES:],
        entries=entries(line for line in lines(story) if line.way == "reports"),
        raw={number: raw(report) for number, report in story.reports},
        left_out=story.left_out,
        until=incident.over_at,
        now=now,
    )


def raw(report: StoredReport) -> Raw:
    """What is no JSON object is one field without a name."""
    text = report.body.decode(errors="replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    fields = list(body.items()) if isinstance(body, dict) else [("", text)]
    kept: list[tuple[str, str]] = []
    room = LONGEST_RAW
    for name, value in fields:
        words = plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        if room <= 0:
            break
        kept.append((plain(name)[:room], words[:room]))
        room -= len(name) + len(words)
    return Raw(kept, len(text), room < 0 or len(kept) < len(fields))


def matchers_for(incident: Incident) -> str:
    """The silence that is proposed: this thing in this cluster, whatever its trouble."""
    return "\n".join(str(Matcher(label, "=", value)) for label, value in (("cluster", incident.cluster), ("root", incident.root)))


def lasted(incident: Incident, now: datetime) -> timedelta:
    return max((incident.over_at or now) - incident.opened_at, timedelta(0))


def is_over(incident: Incident) -> bool:
    return incident.state is State.CLOSED


def lane_name(subject: Subject) -> tuple[str, str]:
    """(sort, name): `node`, `n3`; people and what was told have no name of their own."""
    sort = subject.partition("/")[0]
    return sort, "" if sort == subject else plain(subject_name(subject))
