"""The month of one guest or service as a strip: where it was away, in per cent of the month, so that it fits any width."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from bridge.page.history.months import Line, Month, Piece


class Bar(NamedTuple):
    left: float
    width: float
    piece: Piece


class Strip(NamedTuple):
    """What is known is from `left`, `width` wide; the rest is not known, or yet to come."""

    left: float
    width: float
    bars: tuple[Bar, ...]


def strip(line: Line, one: Month, now: datetime) -> Strip:
    end = min(max(now, one.began_at), one.ended_at)
    known_at = end - line.known
    bars = tuple(Bar(_percent(each.began_at, one), _width(each.began_at, each.ended_at, one), each) for each in line.pieces)
    return Strip(_percent(known_at, one), _width(known_at, end, one), bars)


def days(one: Month, zone: tzinfo) -> Sequence[tuple[float, int]]:
    """Where each week of the month begins, counted from its first day."""
    begin = one.began_at.astimezone(zone)
    found = [(begin + timedelta(days=7 * week)) for week in range(5)]
    return [(_percent(at, one), at.day) for at in found if at.month == begin.month]


def _percent(at: datetime, one: Month) -> float:
    return round(100 * ((at - one.began_at) / (one.ended_at - one.began_at)), 3)


def _width(begin: datetime, end: datetime, one: Month) -> float:
    return round(100 * ((end - begin) / (one.ended_at - one.began_at)), 3)
