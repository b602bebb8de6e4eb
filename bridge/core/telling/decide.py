"""What one receiver is owed of one incident, now: a pure comparison of how it is with what was told."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Final

import msgspec

from bridge.core.telling.holds import GRAVITY
from bridge.core.telling.match import Route
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import Severity, Subject
from bridge.core.world.incident import Incident, Kind, State


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver was told of an incident: how it was at the last ring (an update is none), and what is shown now."""

    receiver: str
    thread: str
    first_at: datetime
    rung_at: datetime
    kind: Kind
    root: Subject
    severity: Severity
    alarms: int
    shown: str
    language: str
    bundled: bool = False
    """Only in a summary: there is no message of its own that could be answered or updated."""


class Word(msgspec.Struct, frozen=True):
    """A decision: what to say, and why; or when to look again."""

    kind: Telling | None = None
    reason: str = ""
    again_at: datetime | None = None


NOTHING: Final = Word()
UNFOLDS: Final = timedelta(seconds=30)
"""Who was rung just now is looking already: a story that turns into a graver one meanwhile rings when this time has passed."""
OFTEN: Final = 8
"""Absences of one subject from which on each single one is no news."""


def decide(
    incident: Incident,
    told: Told | None,
    route: Route,
    now: datetime,
    *,
    silenced: bool = False,
    taken: bool = False,
    why: str = "",
) -> Word:
    """What one receiver is owed now. An incident that is taken (acknowledged) rings only for what is worse than was told."""
    if told is not None and incident.state is State.CLOSED:
        return Word(Telling.CLOSED, incident.reason or "it is over")
    word = (
        NOTHING
        if silenced
        else _first_word(incident, route, now, why)
        if told is None
        else _next_ring(incident, told, route, now)
    )
    if taken and word.kind is not Telling.ESCALATED:
        word = NOTHING
    if word.kind is not None:
        opens_at = route.opens_at(incident, now)
        if opens_at == now:
            return word
        word = Word(again_at=opens_at)
    if told is not None and told.shown != face(incident):
        return Word(Telling.UPDATED, incident.reason, word.again_at)
    return word


def _first_word(incident: Incident, route: Route, now: datetime, why: str) -> Word:
    if incident.state is not State.OPEN or incident.planned or incident.is_quiet:
        return NOTHING
    if why:
        return Word(Telling.OPENED, f"{why}: {incident.reason}")
    hold = route.hold_for(incident.kind, incident.severity)
    if hold is None:
        return NOTHING
    ring_at = incident.opened_at + hold
    if now < ring_at:
        return Word(again_at=ring_at)
    why = f"still open after {hold.total_seconds():g} s" if hold else "needs a person at once"
    return Word(Telling.OPENED, f"{why}: {incident.reason}")


def _next_ring(incident: Incident, told: Told, route: Route, now: datetime) -> Word:
    if incident.state is not State.OPEN:
        return NOTHING
    if incident.worsened > told.alarms:
        return Word(Telling.ESCALATED, incident.alarms[-1])
    if incident.severity.rank > told.severity.rank:
        return Word(Telling.ESCALATED, f"now {incident.severity}: {incident.reason}")
    if is_graver(incident, told):
        return _graver(incident, told, route, now)
    repeat_at = told.rung_at + route.repeat if route.repeat else None
    if repeat_at is not None and now >= repeat_at:
        return Word(Telling.REMINDER, "still open")
    return Word(again_at=repeat_at)


def is_graver(incident: Incident, told: Told) -> bool:
    """Whether it is another story than the one that was told, and not a lesser one: another kind, or another root."""
    if incident.kind is told.kind and incident.root == told.root:
        return False
    return GRAVITY.get(incident.kind, 0) >= GRAVITY.get(told.kind, 0) and incident.severity.rank >= told.severity.rank


def _graver(incident: Incident, told: Told, route: Route, now: datetime) -> Word:
    """Rung when it would ring somebody who knows nothing of it."""
    word = _first_word(incident, route, now, "")
    if word.kind is None:
        return word
    if now < told.rung_at + UNFOLDS:
        return Word(again_at=told.rung_at + UNFOLDS)
    return Word(Telling.ESCALATED, f"was {told.kind} of {told.root}, is {incident.kind} of {incident.root}: {incident.reason}")


def face(incident: Incident) -> str:
    """What of an incident is shown in place; when it changes, what was told is updated.

    What comes and goes all the time is not shown anew each time, but when it did so twice as often as at the last time.
    """
    times: Counter[Subject] = Counter()
    for outage in incident.outages:
        times[outage.subject] += outage.times
    away = sum(outage.ended_at is None and times[outage.subject] < OFTEN for outage in incident.outages)
    often = "".join(f"|{count.bit_length()}" for count in times.values() if count >= OFTEN)
    subjects = len(incident.subjects) + incident.more_subjects
    return f"{incident.kind}|{incident.root}|{incident.state}|{subjects}|{away}{often}"


def thread_of(key: str) -> str:
    """One name for all words about an incident; stable over replays."""
    return blake2s(key.encode(), digest_size=8).hexdigest()


def single(kind: Telling, told: Told, incident: Incident, now: datetime, *, reason: str) -> Notice:
    """A notice about one incident, in the thread in which the receiver was told of it."""
    return Notice(
        incident_id=0,
        receiver=told.receiver,
        kind=kind,
        reason=reason,
        at=now,
        incident=incident,
        language=told.language,
        thread=told.thread,
    )


def bundle(
    kind: Telling,
    receiver: str,
    incidents: Iterable[Incident],
    now: datetime,
    *,
    reason: str,
    language: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Notice:
    """A notice about several incidents: what is still open first, and of that the gravest."""
    items = tuple(sorted(incidents, key=lambda one: (one.state is not State.OPEN, -one.severity.rank, one.opened_at, one.key)))
    return Notice(
        incident_id=0,
        receiver=receiver,
        kind=kind,
        reason=reason,
        at=now,
        incident=items[0],
        language=language,
        thread=thread_of(f"{kind}|{receiver}|{now.isoformat()}"),
        items=items,
        since=since,
        until=until,
    )
