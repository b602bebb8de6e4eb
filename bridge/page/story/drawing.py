"""A timeline in pixels: what the template writes down as SVG, and nothing of what it means."""

from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from bridge.core.world.event import Subject
from bridge.page.story.axis import Axis, Cut, Tick, axis, ticks
from bridge.page.story.marks import TOLD
from bridge.page.story.sorts import SORTS
from bridge.page.story.timeline import Bar, Lane, Timeline

FOOT: Final = 44.0
MARGIN: Final = 10.0
ROOM: Final = 62.0
"""What a time below the axis needs."""


class Form(NamedTuple):
    """`labels` is the room for names left of the lanes; without, they stand above them."""

    name: str
    width: float
    labels: float
    lane: float


WIDE: Final = Form("wide", 1040, 190, 30)
NARROW: Final = Form("narrow", 344, 0, 42)


class DrawnBar(NamedTuple):
    sort: str
    x: float
    width: float
    goes_on: bool
    times: int
    bar: Bar


class DrawnMark(NamedTuple):
    """`row` counts upwards where marks would lie on one another."""

    x: float
    y: float
    sort: str
    tone: str
    shape: str
    at: datetime
    words: str
    about: str
    many: int


class DrawnLane(NamedTuple):
    subject: Subject
    y: float
    middle: float
    label_x: float
    label_y: float
    bars: tuple[DrawnBar, ...]
    marks: tuple[DrawnMark, ...]
    left_out: int
    """Marks for which there is no room."""


class Drawing(NamedTuple):
    form: Form
    height: float
    left: float
    right: float
    bottom: float
    lanes: tuple[DrawnLane, ...]
    ticks: tuple[Tick, ...]
    cuts: tuple[Cut, ...]
    sorts: tuple[str, ...]
    """Those that a legend explains."""
    left_out: int
    """Marks that are not drawn, of all."""


def drawing(told: Timeline, form: Form, zone: tzinfo) -> Drawing:
    left, right = form.labels + MARGIN, form.width - MARGIN
    along = axis(_instants(told), left, right)
    lanes = tuple(_lane(lane, number, form, along, told.ended_at) for number, lane in enumerate(told.lanes))
    bottom = len(lanes) * form.lane + 4
    sorts = dict.fromkeys(mark.sort for lane in lanes for mark in lane.marks)
    return Drawing(
        form=form,
        height=bottom + FOOT,
        left=left,
        right=right,
        bottom=bottom,
        lanes=lanes,
        ticks=tuple(ticks(along, zone, ROOM)),
        cuts=along.cuts,
        sorts=tuple(sort for sort in SORTS if sort in sorts),
        left_out=told.marks_left_out + sum(lane.left_out for lane in lanes),
    )


def _instants(told: Timeline) -> list[datetime]:
    """What gets room on the axis. Reminders that come for days do not: what happened would have none."""
    found = [told.began_at, told.ended_at]
    for lane in told.lanes:
        if lane.subject == TOLD:
            continue
        found += [mark.at for mark in lane.marks]
        found += [at for bar in lane.bars for at in (bar.began_at, bar.ended_at) if at is not None]
    return [min(max(at, told.began_at), told.ended_at) for at in found]


def _lane(lane: Lane, number: int, form: Form, along: Axis, ended_at: datetime) -> DrawnLane:
    top = number * form.lane + 4
    middle = top + (form.lane / 2 if form.labels else form.lane - 13)
    marks = _marks(lane, along, middle)
    return DrawnLane(
        subject=lane.subject,
        y=top,
        middle=round(middle, 1),
        label_x=form.labels - 6 if form.labels else MARGIN,
        label_y=round(middle + 4 if form.labels else top + 13, 1),
        bars=tuple(_bar(bar, along, ended_at) for bar in lane.bars),
        marks=marks,
        left_out=sum(mark.many for mark in lane.marks) - sum(mark.many for mark in marks),
    )


def _bar(bar: Bar, along: Axis, ended_at: datetime) -> DrawnBar:
    """At least two pixels: an outage of a moment is seen, too."""
    start, end = along.x(bar.began_at), along.x(bar.ended_at or ended_at)
    return DrawnBar(bar.sort, round(start, 1), round(max(end - start, 2.0), 1), bar.ended_at is None, bar.times, bar)


def _marks(lane: Lane, along: Axis, middle: float) -> tuple[DrawnMark, ...]:
    """Those of one sort that would hide each other are one; others are moved aside, as far as a mark is wide."""
    found: list[DrawnMark] = []
    for mark in lane.marks:
        x = round(along.x(mark.at), 1)
        same = next((at for at, one in enumerate(found) if one.sort == mark.sort and abs(one.x - x) < 15), None)
        if same is not None:
            found[same] = found[same]._replace(many=found[same].many + mark.many)
            continue
        sort = SORTS[mark.sort]
        found.append(DrawnMark(x, round(middle, 1), mark.sort, sort.tone, sort.shape, mark.at, mark.words, mark.about, mark.many))
    return _apart(found, along.points[0][1], along.points[-1][1])


def _apart(found: list[DrawnMark], left: float, right: float) -> tuple[DrawnMark, ...]:
    """Side by side where they would lie on one another, and not over the edge."""
    placed: list[DrawnMark] = []
    for mark in found:
        nearest = placed[-1].x + 15 if placed else left
        placed.append(mark._replace(x=round(max(mark.x, nearest), 1)))
    limit = right
    for number in range(len(placed) - 1, -1, -1):
        placed[number] = placed[number]._replace(x=round(min(placed[number].x, limit), 1))
        limit = placed[number].x - 15
    return tuple(one for one in placed if one.x >= left - 15)
