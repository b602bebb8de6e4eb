"""Services that are away in an incident: those that a receiver was rung for, and those that went away since."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from bridge.core.world.event import Subject
from bridge.core.world.incident import Incident
from bridge.core.world.outage import Outage

OFTEN: Final = 8
"""Absences of one subject from which on each single one is no news."""
LASTS: Final = timedelta(seconds=60)
"""A service that the cluster only moves is back by then: one that goes away after a ring rings again after so long."""


def times_away(incident: Incident) -> Mapping[Subject, int]:
    times: Counter[Subject] = Counter()
    for outage in incident.outages:
        times[outage.subject] += outage.times
    return times


def away(incident: Incident) -> frozenset[Subject]:
    """Who is away now."""
    return frozenset(outage.subject for outage in incident.outages if outage.ended_at is None)


def away_at_a_ring(incident: Incident, before: frozenset[Subject]) -> frozenset[Subject]:
    """Who is away now, and who was at the ring `before` in an incident that was not yet part of this one."""
    return away(incident) | (before - {outage.subject for outage in incident.outages})


def newly_away(incident: Incident, known: frozenset[Subject]) -> list[Outage]:
    """The absences of those that are not known to be away, and do not come and go all the time."""
    times = times_away(incident)
    return [one for one in incident.outages if one.ended_at is None and one.subject not in known and times[one.subject] < OFTEN]
