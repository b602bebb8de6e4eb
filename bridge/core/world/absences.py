"""Every absence of an incident's guests and services: what whoever counts a month needs, and an incident keeps only as a sum.

An incident keeps the last few absences of a subject; each stood in it for itself once, and what was written down then stays as
long as it lies within the sum. So nothing is lost, and what turns out never to have been goes. Bounded as well: of one subject
the last fifty absences stay as they were, and what is older is one entry a day (UTC).
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from bridge.core.world.event import Subject
from bridge.core.world.incident import Incident
from bridge.core.world.outage import Outage, Outages, as_one

LAST: Final = 50
"""Absences of one subject in one incident that stay each for itself."""


def every(incident: Incident, before: Outages) -> Outages:
    """All absences that this incident tells of, given those that are written down of it and of what became part of it."""
    if incident.absorbed_into is not None:
        return ()
    told = _by_subject(incident.outages)
    known = _by_subject(before)
    # Of whom an incident with very many keeps none, what was written down is all there is.
    left_out = [one for subject in known if subject not in told for one in known[subject]] if incident.more_away else []
    return (*left_out, *(one for subject in told for one in _of_one(told[subject], known.get(subject, []))))


def _of_one(told: list[Outage], known: list[Outage]) -> Iterable[Outage]:
    singles = {one.began_at: one for one in told if one.times == 1}
    for one in told:
        if one.times > 1:
            yield from _within(one, [old for old in known if old.began_at not in singles])
    yield from singles.values()


def _within(whole: Outage, known: list[Outage]) -> Iterable[Outage]:
    """What was written down of the absences that `whole` stands for; itself, if that is not all of them."""
    assert whole.ended_at is not None  # what goes on stands for itself
    inside = sorted(
        (one for one in known if whole.began_at <= one.began_at and one.ended_at is not None and one.ended_at <= whole.ended_at),
        key=lambda one: one.began_at,
    )
    if sum(one.times for one in inside) != whole.times:
        return [whole]
    old, last = inside[:-LAST], inside[-LAST:]
    days = groupby(old, key=lambda one: one.began_at.date())
    return [*(as_one(list(day)) for _, day in days), *last]


def _by_subject(outages: Outages) -> dict[Subject, list[Outage]]:
    found: dict[Subject, list[Outage]] = {}
    for one in outages:
        found.setdefault(one.subject, []).append(one)
    return found
