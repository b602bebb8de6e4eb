"""Does every critical incident have a receiver? What a config leaves out is told while it is read, not when it was needed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

from bridge.config.findings import Findings
from bridge.core.telling.intervals import Calendar
from bridge.core.telling.match import Route, labels_of
from bridge.core.world.event import Severity, Subject
from bridge.core.world.incident import Incident, Kind, State

A_YEAR: Final = (datetime(2028, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC))
"""A leap year to try calendars in."""


def look_for_gaps(routes: Sequence[Route], findings: Findings) -> None:
    """Warns of critical kinds that no route brings to anybody, or not at every hour, in a cluster that no matcher names."""
    for route in routes:
        if route.calendar and route.calendar.opens_at(A_YEAR[0]) is None:
            findings.odd(("routes", route.number - 1), "its intervals never let it ring; look at only and never")
    if not routes:
        return
    unheard: list[str] = []
    gaps: dict[datetime, list[str]] = {}
    for kind in Kind:
        heard = [
            route for route in _asked(routes, kind) if route.receivers and route.hold_for(kind, Severity.CRITICAL) is not None
        ]
        if not heard and kind is not Kind.NODE_FENCED_BY_ADMIN:
            unheard.append(kind)
        elif heard and not any(_at_any_time(route, kind) for route in heard):
            gap = _first_gap(tuple(route.calendar for route in heard))
            if gap is not None:
                gaps.setdefault(gap, []).append(kind)
    if unheard:
        findings.odd(("routes",), f"nobody hears of a critical {_listed(unheard)}; add a last route without match")
    for at, kinds in gaps.items():
        findings.odd(
            ("routes",),
            f"on a {at:%A} at {at:%H:%M} UTC nobody is rung for a critical {_listed(kinds)}; "
            'add a route for those hours, or anytime = ["critical"]',
        )


def _asked(routes: Sequence[Route], kind: Kind) -> Iterator[Route]:
    labels = labels_of(_stranger(kind))
    for route in routes:
        if route.describes(labels):
            yield route
            if not route.goes_on:
                return


def _stranger(kind: Kind) -> Incident:
    """A critical incident about which no matcher knows more than its kind."""
    return Incident(
        key="",
        cluster="\0",
        kind=kind,
        root=Subject("cluster"),
        state=State.OPEN,
        severity=Severity.CRITICAL,
        peak=Severity.CRITICAL,
        opened_at=A_YEAR[0],
        changed_at=A_YEAR[0],
    )


def _at_any_time(route: Route, kind: Kind) -> bool:
    return not route.calendar or route.anytime_critical or kind in route.anytime


@cache
def _first_gap(calendars: tuple[Calendar, ...]) -> datetime | None:
    """The first moment of a year at which none of them is open."""
    at, end = A_YEAR
    while at < end:
        last = at
        for calendar in calendars:
            if calendar.is_open(at):
                at = calendar.closes_at(at) or end
        if at == last:
            return at
    return None


def _listed(kinds: list[str]) -> str:
    return ", ".join(kinds[:5]) + (f" and {len(kinds) - 5} more kinds" if len(kinds) > 5 else "")
