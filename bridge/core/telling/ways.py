"""Whom the routes name for an incident: at once, when nobody acknowledges it, and to hear its end."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from bridge.core.telling.decide import Told
from bridge.core.telling.match import Labels, Route, labels_of
from bridge.core.world.incident import Incident


class Way(NamedTuple):
    """How a receiver comes to hear of an incident: by which route, and why beyond the route's own receivers."""

    route: Route
    why: str = ""
    ends_only: bool = False
    """No route names it any more, but it was told of the beginning."""


class Ways(NamedTuple):
    """Who hears of an incident now, and at which times somebody else may be told."""

    now: dict[str, Way]
    later: list[datetime]


class Routes:
    """The routes, in their order."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes = routes

    def asked(self, labels: Labels) -> list[Route]:
        """The first route that fits decides; a route that goes on lets the next ones speak too."""
        found: list[Route] = []
        for route in self._routes:
            if route.describes(labels):
                found.append(route)
                if not route.goes_on:
                    break
        return found

    def receivers(self, incident: Incident) -> set[str]:
        """Whom they name for it, whenever."""
        return {name for route in self.asked(labels_of(incident)) for name in route.receivers}

    def after_a_ring(self, incident: Incident) -> Iterator[timedelta]:
        """How long after it to look again: for the reminder, and for whom else to tell."""
        for route in self.asked(labels_of(incident)):
            yield from ([route.repeat] if route.repeat else [])
            yield from (step.after for step in route.escalate)

    def ways(self, incident: Incident, told: Mapping[str, Told], now: datetime) -> Ways:
        """Whom the routes name, whom they name when nobody acknowledges, and who was told already."""
        routes = self.asked(labels_of(incident))
        found: dict[str, Way] = {}
        later: list[datetime] = []
        for route in routes:
            for receiver in route.receivers:
                found.setdefault(receiver, Way(route))
        for route in (one for one in routes if one.escalate):
            further = _further(route, told, now)
            later += further.later
            for receiver, way in further.now.items():
                found.setdefault(receiver, way)
        for receiver, before in told.items():
            found.setdefault(receiver, Way(Route(repeat=None, language=before.language), ends_only=True))
        return Ways(found, later)


def _further(route: Route, told: Mapping[str, Told], now: datetime) -> Ways:
    """Who is told since nobody acknowledged in time; who was told that way hears of it to the end."""
    begun_at = min((told[name].first_at for name in route.receivers if name in told), default=None)
    found, later = Ways({}, [])
    for step in route.escalate:
        found |= {name: Way(route) for name in step.receivers if name in told}
        if begun_at is None:
            continue
        if now < begun_at + step.after:
            later.append(begun_at + step.after)
        else:
            why = f"nobody acknowledged it for {step.after.total_seconds() / 60:g} min"
            found = {name: Way(route, why) for name in step.receivers if name not in told} | found
    return Ways(found, later)
