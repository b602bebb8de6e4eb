"""A lane for each subject, with what lasted as bars and what happened as marks; some of them, where there are very many."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from bridge.asked.story import Story
from bridge.core.world.event import Subject
from bridge.core.world.outage import Outage
from bridge.page.story.marks import PEOPLE, TOLD, Mark, marks
from bridge.page.story.sorts import SORTS

MOST_LANES: Final = 24
MOST_MARKS: Final = 60
MOST_BARS: Final = 40
"""On one lane, as of marks."""
ORDER: Final = ("cluster", "node", "fencing", "guest", "resource", "drbd", "storage", "attribute", "relay", "people", "told")


class Bar(NamedTuple):
    """`sort` is `outage`, or that of the mark with which it began. `times` absences may be one bar; no end: it goes on."""

    sort: str
    began_at: datetime
    ended_at: datetime | None
    times: int = 1


class Lane(NamedTuple):
    subject: Subject
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


class Timeline(NamedTuple):
    """`ended_at` is the last moment shown; `marks_left_out` and `lanes_left_out` say what is not."""

    began_at: datetime
    ended_at: datetime
    goes_on: bool
    lanes: tuple[Lane, ...]
    marks_left_out: int = 0
    lanes_left_out: int = 0


def timeline(told: Story, now: datetime) -> Timeline:
    """Of the whole incident; one that is not over goes on until `now`."""
    incident, all_marks = told.incident, marks(told)
    by_lane: dict[Subject, list[Mark]] = {}
    for mark in all_marks:
        by_lane.setdefault(mark.lane, []).append(mark)
    away: dict[Subject, list[Outage]] = {}
    for outage in incident.outages:
        away.setdefault(outage.subject, []).append(outage)
    subjects = sorted({*by_lane, *away}, key=lambda one: _place(one, incident.root, one in away))
    shown = subjects[:MOST_LANES]
    if TOLD in subjects and TOLD not in shown:
        shown = [*shown[:-1], TOLD]
    lanes = tuple(_lane(one, away.get(one, []), by_lane.get(one, [])) for one in shown)
    began_at = min([incident.opened_at, *(mark.at for mark in all_marks), *(one.began_at for one in incident.outages)])
    ended_at = max([began_at, *_ends(lanes), incident.over_at or now])
    drawn = sum(mark.many for lane in lanes for mark in lane.marks)
    elsewhere = sum(len(by_lane.get(one, [])) for one in subjects if one not in shown)
    left_out = len(all_marks) - drawn - elsewhere
    return Timeline(began_at, ended_at, incident.over_at is None, lanes, left_out, len(subjects) - len(shown))


def _place(subject: Subject, root: Subject, away: bool) -> tuple[bool, int, bool, str]:
    """People and what was told stand last, the root first; of one kind, those that were away."""
    kind = subject.partition("/")[0]
    return subject != root or subject in {PEOPLE, TOLD}, ORDER.index(kind) if kind in ORDER else len(ORDER), not away, subject


def _lane(subject: Subject, away: Sequence[Outage], found: Sequence[Mark]) -> Lane:
    outages = [Bar("outage", one.began_at, one.ended_at, one.times) for one in away]
    return Lane(subject, (*outages, *list(_lasting(found))[-MOST_BARS:]), _some(found))


def _lasting(found: Sequence[Mark]) -> Iterable[Bar]:
    """From what begins to what ends it; what nobody ended is not known to have lasted."""
    begun: dict[str, Mark] = {}
    for mark in found:
        for sort in [name for name, first in begun.items() if SORTS[name].ends == mark.sort]:
            yield Bar(sort, begun.pop(sort).at, mark.at)
        if SORTS[mark.sort].ends:
            begun.setdefault(mark.sort, mark)


def _some(found: Sequence[Mark]) -> tuple[Mark, ...]:
    """The first and the last; before that, marks of one sort that follow each other within a second are one."""
    joined: list[Mark] = []
    for mark in found:
        last = joined[-1] if joined else None
        if last is not None and last.sort == mark.sort and (mark.at - last.at).total_seconds() < 1:
            joined[-1] = last._replace(many=last.many + mark.many)
        else:
            joined.append(mark)
    if len(joined) <= MOST_MARKS:
        return tuple(joined)
    half = MOST_MARKS // 2
    return (*joined[:half], *joined[-half:])


def _ends(lanes: Iterable[Lane]) -> Iterable[datetime]:
    for lane in lanes:
        yield from (mark.at for mark in lane.marks)
        yield from (bar.ended_at for bar in lane.bars if bar.ended_at is not None)


class Row(NamedTuple):
    """A bar or a mark, for those who read it as a table; a bar's sort is `bar_NAME`, a mark's `mark_NAME`, as their words are."""

    at: datetime
    until: datetime | None
    goes_on: bool
    subject: Subject
    word: str
    words: str = ""
    about: str = ""
    many: int = 1


def rows(told: Timeline) -> list[Row]:
    """All that is drawn, in the order of happening."""
    found = []
    for lane in told.lanes:
        for bar in lane.bars:
            goes_on = bar.ended_at is None
            found.append(Row(bar.began_at, bar.ended_at, goes_on, lane.subject, f"bar_{bar.sort}", many=bar.times))
        found += [
            Row(mark.at, None, False, lane.subject, f"mark_{mark.sort}", mark.words, mark.about, mark.many) for mark in lane.marks
        ]
    return sorted(found, key=lambda row: row.at)
