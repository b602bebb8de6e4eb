"""The month of one guest or service as a strip: where it was away, in per cent of the month, so that it fits any width."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from bridge.page.history.months import Line, Month, Piece

NEAREST: Final = 0.25
"""Per cent of the month: absences that are nearer to each other are one bar, so that a line has a bounded number of them."""
LEAST: Final = 0.2
"""Per cent that a bar is wide at least: an outage of a second is seen, too."""


class Bar(NamedTuple):
    """One absence, or `times` that lie too near to one another to be told apart."""

    left: float
    width: float
    began_at: datetime
    ended_at: datetime
    length: timedelta
    times: int
    still: bool
    planned: bool


class Strip(NamedTuple):
    """What is known is from `left`, `width` wide; the rest is not known, or yet to come."""

    left: float
    width: float
    bars: tuple[Bar, ...]


def strip(line: Line, one: Month, now: datetime) -> Strip:
    end = min(max(now, one.began_at), one.ended_at)
    known_at = end - line.known
    return Strip(_percent(known_at, one), _width(known_at, end, one), tuple(_bars(line.pieces, one)))


def _bars(pieces: Sequence[Piece], one: Month) -> list[Bar]:
    near = (one.ended_at - one.began_at) * (NEAREST / 100)
    found: list[Bar] = []
    for each in pieces:
        last = found[-1] if found else None
        if last is None or each.planned is not last.planned or each.began_at - last.ended_at > near:
            found.append(Bar(0, 0, each.began_at, each.ended_at, each.length, each.times, each.still, each.planned))
            continue
        found[-1] = last._replace(
            ended_at=max(last.ended_at, each.ended_at),
            length=last.length + each.length,
            times=last.times + each.times,
            still=last.still or each.still,
        )
    widths = [max(_width(bar.began_at, bar.ended_at, one), LEAST) for bar in found]
    return [
        bar._replace(left=min(_percent(bar.began_at, one), 100 - width), width=width)
        for bar, width in zip(found, widths, strict=True)
    ]


def days(one: Month, zone: tzinfo) -> Sequence[tuple[float, int]]:
    """Where each week of the month begins, counted from its first day."""
    begin = one.began_at.astimezone(zone)
    found = [(begin + timedelta(days=7 * week)) for week in range(5)]
    return [(_percent(at, one), at.day) for at in found if at.month == begin.month]


def _percent(at: datetime, one: Month) -> float:
    return round(100 * ((at - one.began_at) / (one.ended_at - one.began_at)), 3)


def _width(begin: datetime, end: datetime, one: Month) -> float:
    return round(100 * ((end - begin) / (one.ended_at - one.began_at)), 3)
