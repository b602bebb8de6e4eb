"""`[intervals.NAME]` of the config, and the hour of a digest, as the core knows them."""

import re
from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bridge.config.fields import read
from bridge.config.findings import Findings, Wrong, did_you_mean
from bridge.config.toml_lines import Path as Key
from bridge.core.telling.intervals import MIDNIGHT, Daily, Interval, Span

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})")
_DAYS: Final = re.compile(r"(-?\d{1,2})(?:-(-?\d{1,2}))?|(-?\d{1,2}):(-?\d{1,2})")
_WORDS: Final = re.compile(r"\s*(\w+)\s*(?:-\s*(\w+)\s*)?")


class _Interval(msgspec.Struct, frozen=True, kw_only=True):
    weekdays: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    months: tuple[str, ...] = ()
    location: str = "UTC"


class _Digest(msgspec.Struct, frozen=True, kw_only=True):
    at: str = "07:30"
    weekdays: tuple[str, ...] = ()
    location: str | None = None


def read_intervals(tables: Any, findings: Findings) -> dict[str, tuple[Interval, ...]]:
    """Each name with what it stands for: one table, or a list of them of which any may hold."""
    if not isinstance(tables, dict):
        findings.wrong(("intervals",), "must be tables; write [intervals.NAME]")
        return {}
    found: dict[str, tuple[Interval, ...]] = {}
    for name, value in tables.items():
        key = ("intervals", name)
        if isinstance(value, list):
            made = [_interval(table, (*key, number), findings) for number, table in enumerate(value)]
        else:
            made = [_interval(value, key, findings)]
        found[name] = tuple(one for one in made if one is not None)
    return found


def _interval(table: Any, key: Key, findings: Findings) -> Interval | None:
    said = read(_Interval, table, key, findings)
    if said is None:
        return None

    def each(name: str, texts: Iterable[str], parse: Callable[[str], Any]) -> list[Any]:
        return [
            made for place, text in enumerate(texts) if (made := _parsed(text, parse, (*key, name, place), findings)) is not None
        ]

    if not (said.weekdays or said.times or said.days or said.months):
        findings.odd(key, "says nothing, so it always holds; add weekdays, times, days or months")
    return Interval(
        zone=read_zone(said.location, (*key, "location"), findings),
        times=tuple(each("times", said.times, _times)),
        weekdays=frozenset(number for some in each("weekdays", said.weekdays, _weekdays) for number in some),
        days=tuple(each("days", said.days, _days)),
        months=frozenset(number + 1 for some in each("months", said.months, _months) for number in some),
    )


def read_digest(raw: Any, zone: str, key: Key, findings: Findings) -> Daily | None:
    """`false`, a time like "07:30", or a table; the zone is the receiver's unless the table names another."""
    if raw is False:
        return None
    if not isinstance(raw, str | dict):
        findings.wrong(key, 'must be a time; write digest = "07:30", or false for none')
        return None
    said = read(_Digest, {"at": raw} if isinstance(raw, str) else raw, key, findings)
    if said is None:
        return None
    minute = _parsed(said.at, _clock, key if isinstance(raw, str) else (*key, "at"), findings)
    days = [_parsed(text, _weekdays, (*key, "weekdays", place), findings) for place, text in enumerate(said.weekdays)]
    return Daily(
        minute=(minute or 0) % MIDNIGHT,
        zone=read_zone(said.location or zone, (*key, "location"), findings),
        weekdays=frozenset(number for some in days if some for number in some),
    )


def read_zone(name: str, key: Key, findings: Findings) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        findings.wrong(key, f'there is no time zone {name!r} here; write one like "Europe/Berlin", or "UTC"')
        return ZoneInfo("UTC")


def _parsed(text: str, parse: Callable[[str], Any], key: Key, findings: Findings) -> Any:
    if not text:  # what was of the wrong type was told already
        return None
    try:
        return parse(text)
    except Wrong as error:
        findings.wrong(key, str(error))
        return None


def _clock(text: str) -> int:
    match = _TIME.fullmatch(text.strip())
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    if match is None or not 0 <= minute <= MIDNIGHT or int(match[2]) > 59:
        raise Wrong(f'{text!r} is no time of the day; write it like "07:30"')
    return minute


def _times(text: str) -> Span:
    begin, dash, end = text.partition("-")
    if not dash:
        raise Wrong(f'{text!r} has no end; write it like "08:00-18:00"')
    span = _clock(begin) % MIDNIGHT, _clock(end)
    if span[0] == span[1] % MIDNIGHT and span != (0, MIDNIGHT):
        raise Wrong(f"{text!r} has no length; for the whole day leave times out")
    return span


def _days(text: str) -> Span:
    match = _DAYS.fullmatch(text.replace(" ", ""))
    numbers = [int(number) for number in match.groups() if number is not None] if match else []
    if not numbers or not all(1 <= abs(number) <= 31 for number in numbers):
        raise Wrong(f'{text!r} are no days of a month; write "15", "1-7", or "-1" for the last')
    first, last = numbers[0], numbers[-1]
    if (first > 0) is (last > 0) and first > last:
        raise Wrong(f"{text!r} goes backwards; write the earlier day first")
    return first, last


def _weekdays(text: str) -> frozenset[int]:
    return _circle(text, WEEKDAYS, "weekday")


def _months(text: str) -> frozenset[int]:
    return _circle(text, MONTHS, "month")


def _circle(text: str, names: tuple[str, ...], what: str) -> frozenset[int]:
    """`mon`, `monday`, `fri-mon`; months also by number."""
    match = _WORDS.fullmatch(text)
    if match is None:
        raise Wrong(f'{text!r} is no {what}; write "{names[0][:3]}", or "{names[0][:3]}-{names[4][:3]}"')
    first, last = _place(match[1], names, what), _place(match[2] or match[1], names, what)
    return frozenset((first + step) % len(names) for step in range((last - first) % len(names) + 1))


def _place(word: str, names: tuple[str, ...], what: str) -> int:
    if what == "month" and word.isdigit() and 1 <= int(word) <= 12:
        return int(word) - 1
    hits = [place for place, name in enumerate(names) if len(word) >= 3 and name.startswith(word.lower())]
    if not hits:
        raise Wrong(f"{word!r} is no {what}; {did_you_mean(word.lower(), names)}")
    return hits[0]
