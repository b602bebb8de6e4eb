"""The lists of an incident: they name what came first, and count the rest, so that no story grows without end.

What is only counted stands in the tables MORE: each name once, however often it is heard of.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from bridge.core.world.event import Subject
from bridge.core.world.incident import Incident
from bridge.core.world.journal import Journal
from bridge.core.world.outage import Outages, bounded
from bridge.core.world.tables import MORE

MOST_SUBJECTS: Final = 500
"""Subjects that an incident names: what routes and silences can ask for."""
MOST_ALARMS: Final = 50
MOST_NAMES: Final = 40
"""Names in a fact of an incident."""
_REST: Final = re.compile(r"(?:, )?\+\d+$")
ARROW: Final = " → "


def with_alarm(incident: Incident, reason: str) -> dict[str, Any]:
    alarms = (*incident.alarms, reason)
    over = max(0, len(alarms) - MOST_ALARMS)
    return {"alarms": alarms[over:], "alarms_before": incident.alarms_before + over}


def with_subjects(world: Journal, incident: Incident, subjects: Iterable[Subject]) -> dict[str, Any]:
    counted = MORE["subjects"]
    new = [one for one in subjects if one not in incident.subjects and (counted, incident.key, one) not in world.facts]
    if not new:
        return {}
    named = (*incident.subjects, *new)[:MOST_SUBJECTS]
    for subject in new[len(named) - len(incident.subjects) :]:
        world.put((counted, incident.key, subject), value=True)
    return {"subjects": named, "more_subjects": len(world.rows(counted, incident.key))}


def without_subjects(world: Journal, incident: Incident, gone: Collection[Subject]) -> dict[str, Any]:
    counted = MORE["subjects"]
    for subject in gone:
        world.put((counted, incident.key, subject), None)
    named = tuple(one for one in incident.subjects if one not in gone)
    return {"subjects": named, "more_subjects": len(world.rows(counted, incident.key))}


def with_outages(world: Journal, incident: Incident, outages: Outages) -> dict[str, Any]:
    kept, left_out = bounded(outages)
    counted = MORE["away"]
    for subject in left_out:
        world.put((counted, incident.key, subject), value=True)
    for again in world.rows(counted, incident.key).keys() & {one.subject for one in kept}:
        world.put((counted, incident.key, again), None)
    return {"outages": kept, "more_away": len(world.rows(counted, incident.key))}


def count_elsewhere(world: Journal, key: str, into: str) -> None:
    """What is only counted of one incident is only counted of the other that it becomes a part of."""
    for name, counted in MORE.items():
        for one in world.rows(counted, key) if name != "subjects" else ():
            world.put((counted, into, one), value=True)


def with_listed(world: Journal, incident: Incident, fact: str, name: str, place: str = "") -> dict[str, str]:
    """The fact with one more name; with a place, as `name → place`, the last one behind all others."""
    names, counted = _names(incident.facts.get(fact, "")), MORE[fact]
    others = [one for one in names if one.partition(ARROW)[0] != name]
    fits = len(others) < MOST_NAMES
    world.put((counted, incident.key, name), None if fits else True)
    if fits and (place or name not in names):
        names = [*others, f"{name}{ARROW}{place}" if place else name]
    return {fact: _text(names, len(world.rows(counted, incident.key)))}


def without_listed(world: Journal, incident: Incident, fact: str, name: str) -> dict[str, str]:
    counted = MORE[fact]
    world.put((counted, incident.key, name), None)
    names = [one for one in _names(incident.facts.get(fact, "")) if one != name]
    if len(names) < MOST_NAMES and (waiting := min(world.rows(counted, incident.key), default="")):
        world.put((counted, incident.key, waiting), None)
        names.append(waiting)
    return {fact: _text(names, len(world.rows(counted, incident.key)))}


def _names(text: str) -> list[str]:
    return [one for one in _REST.sub("", text).split(", ") if one]


def _text(names: list[str], more: int) -> str:
    return ", ".join([*names, f"+{more}"] if more else names)
