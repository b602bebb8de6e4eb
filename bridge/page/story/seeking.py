"""What the address of the list asks for, as the ledger is asked; and back, for the next page of it."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final
from urllib.parse import urlencode

from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind, State
from bridge.ledger.searching import Place, Sought

PAGE: Final = 25
MOST_WORDS: Final = 8
LONGEST: Final = 200
LONGEST_NUMBER: Final = 19
"""Digits: a database holds 64 bits."""
NOT_OVER: Final = (State.WATCHING.value, State.OPEN.value, State.CLEARING.value)
STATES: Final = {"": (), "not-over": NOT_OVER, "closed": (State.CLOSED.value,)}
SEVERITIES: Final = ("", Severity.CRITICAL.value, Severity.WARNING.value, Severity.INFO.value)
KINDS: Final = ("", *sorted(kind.value for kind in Kind))
FIELDS: Final = ("text", "cluster", "kind", "severity", "state", "since", "until")


class BadDay(ValueError):  # noqa: N818 - the name of the mistake
    """It is no day of a calendar."""


def sought(asked: Mapping[str, str], zone: tzinfo) -> Sought:
    """`since` and `until` are days in the zone, both of them included. Raises BadDay.

    A text that is nothing but a number (`4711`, `#4711`) asks for that incident.
    """
    text = asked.get("text", "").strip()[:LONGEST]
    number = text.removeprefix("#")
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return Sought(
        words=() if is_number else tuple(text.split()[:MOST_WORDS]),
        number=int(number) if is_number else None,
        cluster=asked.get("cluster", ""),
        kind=asked.get("kind", "") if asked.get("kind") in KINDS else "",
        peak=asked.get("severity", "") if asked.get("severity") in SEVERITIES else "",
        states=STATES.get(asked.get("state", ""), ()),
        since=_day(asked.get("since", ""), zone),
        until=_day(asked.get("until", ""), zone, timedelta(days=1)),
        before=_place(asked.get("before", "")),
    )


def _day(text: str, zone: tzinfo, on: timedelta = timedelta(0)) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text) + on, time(), zone)
    except (ValueError, OverflowError):
        raise BadDay(text) from None


def _place(text: str) -> Place | None:
    opened, _, number = text.partition("-")
    if not (text.isascii() and opened.isdigit() and number.isdigit() and max(len(opened), len(number)) < LONGEST_NUMBER):
        return None
    return Place(int(opened), int(number))


def address(asked: Mapping[str, str], before: Place | None = None) -> str:
    """Of the same search, or of what comes behind a place in it."""
    named = {name: asked[name] for name in FIELDS if asked.get(name)}
    if before is not None:
        named["before"] = f"{before.opened_us}-{before.number}"
    return f"/incidents?{urlencode(named)}" if named else "/incidents"
