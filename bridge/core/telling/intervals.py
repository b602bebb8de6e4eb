"""Named times of the week or year, as users of Alertmanager know them: when a route may ring. And the hour of a digest.

An interval is a question about the wall clock of its place: "is it a weekday, between eight and six?". So it is right on the day
on which clocks change: an hour that is skipped never holds, one that comes twice holds twice. When the answer changes is found by
asking at each moment at which it can: at the bounds that are written down, at midnight, and when the clocks are moved.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

import msgspec

DAY: Final = timedelta(days=1)
MIDNIGHT: Final = 24 * 60
FARTHEST: Final = 9 * 366
"""Days to look ahead: a 29th of February may be eight years away."""

Span = tuple[int, int]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """Holds when all that is given fits; what is empty always fits.

    `times` are minutes of the day, the end not included; 22:00 to 06:00 goes over midnight and belongs to the day on which it
    begins. `weekdays` count from Monday, 0. `days` are days of the month, both ends included; -1 is the last.
    """

    zone: tzinfo = UTC
    times: tuple[Span, ...] = ()
    weekdays: frozenset[int] = frozenset()
    days: tuple[Span, ...] = ()
    months: frozenset[int] = frozenset()

    def holds(self, at: datetime) -> bool:
        there = at.astimezone(self.zone)
        today = there.date()
        if not self.times:
            return self._day_fits(today)
        minute = there.hour * 60 + there.minute
        return any(self._time_fits(span, minute, today) for span in self.times)

    def _time_fits(self, span: Span, minute: int, today: date) -> bool:
        begin, end = span
        if begin < end:
            return begin <= minute < end and self._day_fits(today)
        return (minute >= begin and self._day_fits(today)) or (minute < end and self._day_fits(today - DAY))

    def _day_fits(self, day: date) -> bool:
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        if self.months and day.month not in self.months:
            return False
        if not self.days:
            return True
        last = monthrange(day.year, day.month)[1]
        return any(_of_month(first, last) <= day.day <= _of_month(end, last) for first, end in self.days)

    def bounds(self, day: date) -> Iterator[datetime]:
        """The instants around a local day at which the answer may change."""
        minutes = {0, *(minute % MIDNIGHT for span in self.times for minute in span)}
        for minute in minutes:
            yield from _instants(day, minute, self.zone)
        yield from _moved(day, self.zone)


class Calendar(msgspec.Struct, frozen=True):
    """Open within any of `only` (always, if there are none) and within none of `never`."""

    only: tuple[Interval, ...] = ()
    never: tuple[Interval, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.only or self.never)

    def is_open(self, at: datetime) -> bool:
        if self.only and not any(interval.holds(at) for interval in self.only):
            return False
        return not any(interval.holds(at) for interval in self.never)

    def opens_at(self, after: datetime) -> datetime | None:
        """The first moment, not before `after`, at which it is open; None if there is none in nine years."""
        return after if self.is_open(after) else self._next(after, self.is_open)

    def closes_at(self, after: datetime) -> datetime | None:
        """The first moment, not before `after`, at which it is not open; None if there is none in nine years."""
        return after if not self.is_open(after) else self._next(after, lambda at: not self.is_open(at))

    def _next(self, after: datetime, fits: Callable[[datetime], bool]) -> datetime | None:
        begin = after.astimezone(UTC)
        first = begin.date() - DAY
        for number in range(FARTHEST):
            day = first + number * DAY
            found = sorted({at for one in (*self.only, *self.never) for at in one.bounds(day) if at > begin})
            hit = next((at for at in found if fits(at)), None)
            if hit is not None:
                # The next day of a zone far to the east may begin before the end of this one in another.
                later = (at for one in (*self.only, *self.never) for at in one.bounds(day + DAY) if begin < at < hit and fits(at))
                return min(later, default=hit)
        return None


class Daily(msgspec.Struct, frozen=True, kw_only=True):
    """A time of the day, on all or some weekdays. What the clocks skip comes right after; what comes twice counts once."""

    minute: int
    zone: tzinfo = UTC
    weekdays: frozenset[int] = frozenset()

    def last(self, now: datetime) -> datetime:
        """The latest such moment that is not after `now`."""
        return next(at for at in self._from(now, -1) if at <= now)

    def after(self, now: datetime) -> datetime:
        return next(at for at in self._from(now, 1) if at > now)

    def _from(self, now: datetime, step: int) -> Iterator[datetime]:
        day = now.astimezone(self.zone).date() - step * DAY
        while True:
            if not self.weekdays or day.weekday() in self.weekdays:
                yield next(_instants(day, self.minute, self.zone))
            day += step * DAY


def _of_month(day: int, last: int) -> int:
    return day if day > 0 else last + 1 + day


def _instants(day: date, minute: int, zone: tzinfo) -> Iterator[datetime]:
    """A wall clock's time as instants: once, or twice where the clocks were set back."""
    wall = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
    first = wall.astimezone(UTC)
    yield first
    second = wall.replace(fold=1).astimezone(UTC)
    if second > first:
        yield second


def _moved(day: date, zone: tzinfo) -> Iterator[datetime]:
    """When the clocks are moved on that day, to the second."""
    before = datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)
    after = datetime.combine(day + DAY, time(0), tzinfo=zone).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    if old == after.astimezone(zone).utcoffset():
        return
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        moved = (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() != old
        low, high = (low, middle) if moved else (middle, high)
    yield before + timedelta(seconds=high)
