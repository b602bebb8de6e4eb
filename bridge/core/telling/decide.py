"""What one receiver is owed of one incident, now: a pure comparison of how it is with what was told."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Final

import msgspec

from bridge.core.telling.away import LASTS, OFTEN, newly_away, times_away
from bridge.core.telling.holds import GRAVITY
from bridge.core.telling.match import Route
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import Severity, Subject, subject_name
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
    away: frozenset[Subject]
    all_away: bool
    """Whether `away` is all that was, and not only those whose outages an incident keeps."""
    shown: str
    language: str
    bundled: bool = False
    """Only in a summary: there is no message of its own that could be answered or updated."""


class Word(msgspec.Struct, frozen=True):
    """A decision: what to say, and why; or when to look again."""

    kind: Telling | None = None
    reason: str = ""
    again_at: datetime | None = None
    facts: Mapping[str, str] = {}
    """What the texts say of this word beside what they know of the incident."""


NOTHING: Final = Word()
UNFOLDS: Final = timedelta(seconds=30)
"""Who was rung just now is looking already: a story that turns into a graver one meanwhile rings when this time has passed."""
MOST_NAMED: Final = 5
"""Services that a reason names; of more it says how many."""


def decide(
    incident: Incident,
    told: Told | None,
    route: Route,
    now: datetime,
    *,
    ended: bool = False,
    silenced: bool = False,
    taken: bool = False,
    why: str = "",
) -> Word:
    """What one receiver is owed now. An incident that is taken (acknowledged) rings only for what is worse than was told.

    `ended`: he was told that it is over, and nothing since."""
    if told is not None and incident.state is State.CLOSED:
        return Word(Telling.CLOSED, incident.reason or "it is over")
    word = (
        NOTHING
        if silenced
        else _first_word(incident, route, now, why, ended=ended)
        if told is None
        else _next_ring(incident, told, route, now)
    )
    if taken and word.kind is not Telling.ESCALATED:
        word = Word(again_at=word.again_at)
    if word.kind is not None:
        opens_at = route.opens_at(incident, now)
        if opens_at == now:
            return word
        word = Word(again_at=opens_at)
    if told is not None and told.shown != face(incident):
        return Word(Telling.UPDATED, incident.reason, word.again_at)
    return word


def _first_word(incident: Incident, route: Route, now: datetime, why: str = "", *, ended: bool = False) -> Word:
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
    if ended:
        return Word(Telling.ESCALATED, f"was told to be over, and is not: {incident.reason}", facts={"reopened": "yes"})
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
    further = _further(incident, told, route, now)
    if further.kind is not None:
        return further
    repeat_at = told.rung_at + route.repeat if route.repeat else None
    if repeat_at is not None and now >= repeat_at:
        return Word(Telling.REMINDER, "still open", further.again_at)
    return Word(again_at=min((at for at in (repeat_at, further.again_at) if at is not None), default=None))


def is_graver(incident: Incident, told: Told) -> bool:
    """Whether it is another story than the one that was told, and not a lesser one: another kind, or another root."""
    if incident.kind is told.kind and incident.root == told.root:
        return False
    return GRAVITY.get(incident.kind, 0) >= GRAVITY.get(told.kind, 0) and incident.severity.rank >= told.severity.rank


def _graver(incident: Incident, told: Told, route: Route, now: datetime) -> Word:
    """Rung when it would ring somebody who knows nothing of it."""
    word = _first_word(incident, route, now)
    if word.kind is None:
        return word
    if now < told.rung_at + UNFOLDS:
        return Word(again_at=told.rung_at + UNFOLDS)
    return Word(Telling.ESCALATED, f"was {told.kind} of {told.root}, is {incident.kind} of {incident.root}: {incident.reason}")


def _further(incident: Incident, told: Told, route: Route, now: datetime) -> Word:
    """Rung when services have gone away since the last ring, and one of them has been for longer than it takes to move it.

    Who was told that the quorum is lost was told that all stops."""
    if told.kind is Kind.QUORUM_LOST:
        return NOTHING
    known = told.away if told.all_away else told.away | {one.subject for one in incident.outages if one.began_at <= told.rung_at}
    if not (new := newly_away(incident, known)):
        return NOTHING
    word = _first_word(incident, route, now)
    if word.kind is None:
        return word
    ring_at = max(min(one.began_at for one in new), told.rung_at) + LASTS
    if now < ring_at:
        return Word(again_at=ring_at)
    names = _named([subject_name(one.subject) for one in new])
    return Word(Telling.ESCALATED, f"away, too: {names}; {incident.reason}", facts={"further": names})


def _named(names: list[str]) -> str:
    """The first of them, and as `+3` how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join([*names[:MOST_NAMED], f"+{more}"] if more > 0 else names)


def face(incident: Incident) -> str:
    """What of an incident is shown in place; when it changes, what was told is updated.

    What comes and goes all the time is not shown anew each time, but when it did so twice as often as at the last time.
    """
    times = times_away(incident)
    away = sum(outage.ended_at is None and times[outage.subject] < OFTEN for outage in incident.outages)
    often = "".join(f"|{count.bit_length()}" for count in times.values() if count >= OFTEN)
    subjects = len(incident.subjects) + incident.more_subjects
    return f"{incident.kind}|{incident.root}|{incident.state}|{subjects}|{away}{often}"


def thread_of(key: str) -> str:
    """One name for all words about an incident; stable over replays."""
    return blake2s(key.encode(), digest_size=8).hexdigest()


def single(
    kind: Telling, told: Told, incident: Incident, now: datetime, *, reason: str, facts: Mapping[str, str] | None = None
) -> Notice:
    """A notice about one incident, in the thread in which the receiver was told of it."""
    return Notice(
        incident_id=0,
        receiver=told.receiver,
        kind=kind,
        reason=reason,
        at=now,
        incident=msgspec.structs.replace(incident, facts={**incident.facts, **facts}) if facts else incident,
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
