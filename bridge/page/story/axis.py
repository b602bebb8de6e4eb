"""Time to pixels. Long spans in which nothing happened are cut short, and show that they are."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final, NamedTuple

LONG: Final = timedelta(minutes=1)
"""What is shorter is never cut."""
SHARE: Final = 0.4
"""A span that takes more of the axis than this …"""
CUT_TO: Final = 0.12
"""… is cut to this part of what is left."""
STEPS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
)


class Cut(NamedTuple):
    """From pixel to pixel, and how long nothing happened."""

    left: float
    right: float
    length: timedelta


class Axis(NamedTuple):
    points: tuple[tuple[datetime, float], ...]
    cuts: tuple[Cut, ...]

    def x(self, at: datetime) -> float:
        """What lies outside is drawn at the edge."""
        first, last = self.points[0], self.points[-1]
        if at <= first[0]:
            return first[1]
        for (start, left), (end, right) in pairwise(self.points):
            if at <= end:
                return left + (right - left) * ((at - start) / (end - start))
        return last[1]


def axis(instants: Iterable[datetime], left: float, right: float) -> Axis:
    """From the first to the last of these, which need no order."""
    ordered = sorted(set(instants))
    if len(ordered) == 1:
        ordered.append(ordered[0] + timedelta(seconds=1))
    gaps = [(end - start).total_seconds() for start, end in pairwise(ordered)]
    widths, cut = _cut(gaps)
    scale = (right - left) / sum(widths)
    points, cuts, place = [(ordered[0], left)], [], left
    for number, width in enumerate(widths):
        end = right if number == len(widths) - 1 else place + width * scale
        points.append((ordered[number + 1], end))
        if number in cut:
            cuts.append(Cut(place, end, timedelta(seconds=gaps[number])))
        place = end
    return Axis(tuple(points), tuple(cuts))


def _cut(gaps: list[float]) -> tuple[list[float], set[int]]:
    """How wide each gap is drawn, and which of them are cut: a cut one is as wide as CUT_TO of all that is not."""
    whole = sorted(range(len(gaps)), key=lambda number: gaps[number])
    cut: set[int] = set()
    while len(whole) > 1:
        longest, drawn = gaps[whole[-1]], sum(gaps[number] for number in whole)
        if longest <= SHARE * drawn or longest < LONG.total_seconds():
            break
        cut.add(whole.pop())
    drawn = sum(gaps[number] for number in whole)
    return [drawn * CUT_TO if number in cut else gap for number, gap in enumerate(gaps)], cut


class Tick(NamedTuple):
    x: float
    text: str


def ticks(along: Axis, zone: tzinfo, room: float) -> list[Tick]:
    """The beginning and round times in the zone, none nearer to another than `room`; midnight is told by its day."""
    width = along.points[-1][1] - along.points[0][1]
    drawn = sum((end - start).total_seconds() for start, end in _whole(along))
    step = next((one for one in STEPS if one.total_seconds() >= drawn * room / width), STEPS[-1])
    began_at = along.points[0][0].astimezone(zone)
    form = "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M"
    found = [Tick(along.points[0][1], f"{began_at:{form}}")]
    for start, end in _whole(along):
        at = _next_round(start.astimezone(zone), step)
        while at <= end:
            x = along.x(at)
            if x - found[-1].x >= (room if len(found) > 1 else 1.5 * room):  # the first one begins at its place
                found.append(Tick(x, f"{at:%m-%d}" if at.time() == time() else f"{at:{form}}"))
            at += step
    return found


def _whole(along: Axis) -> Iterable[tuple[datetime, datetime]]:
    """The spans between cuts."""
    start = along.points[0][0]
    for (before, left), (after, right) in pairwise(along.points):
        if any(cut.left == left and cut.right == right for cut in along.cuts):
            if before > start:
                yield start, before
            start = after
    if along.points[-1][0] > start:
        yield start, along.points[-1][0]


def _next_round(at: datetime, step: timedelta) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + -(-(at - midnight) // step) * step
