"""Who must be told, and why. A memory of what was told, compared with how it is now; nothing rings twice for one reason.

The decision is level-triggered: it looks at the incident as it now is understood and at what each receiver was told of it. So a
late report that changes the understanding needs no special case here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2s
from heapq import heappop, heappush
from typing import Final

import msgspec

from bridge.core.event import Severity
from bridge.core.incident import Incident, State
from bridge.core.match import Compiled, Labels, Route, all_hold, labels_of
from bridge.core.notice import Notice, Telling


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver was told of an incident, the last time."""

    receiver: str
    thread: str
    rung_at: datetime
    severity: Severity
    alarms: int
    shown: str
    language: str


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is rung for what it describes, until it ends. Made by a person, with a reason."""

    id: str
    matchers: tuple[Compiled, ...]
    author: str
    comment: str
    until: datetime


class Word(msgspec.Struct, frozen=True):
    """A decision: what to say, and why; or when to look again."""

    kind: Telling | None = None
    reason: str = ""
    again_at: datetime | None = None


NOTHING: Final = Word()


def decide(incident: Incident, told: Told | None, route: Route, now: datetime, *, quiet: str = "") -> Word:
    """What one receiver is owed now. `quiet` says why nobody may be rung (a silence, an acknowledgement), if so."""
    if told is None:
        return _first_word(incident, route, now, quiet)
    if incident.state is State.CLOSED:
        return Word(Telling.CLOSED, incident.reason or "it is over")
    if incident.state is State.OPEN:
        if len(incident.alarms) > told.alarms and not quiet:
            return Word(Telling.ESCALATED, incident.alarms[-1])
        if incident.severity.rank > told.severity.rank and not quiet:
            return Word(Telling.ESCALATED, f"now {incident.severity}: {incident.reason}")
        repeat_at = told.rung_at + route.repeat if route.repeat else None
        if repeat_at is not None and now >= repeat_at and not quiet:
            return Word(Telling.REMINDER, "still open")
    else:
        repeat_at = None
    if told.shown != face(incident):
        return Word(Telling.UPDATED, incident.reason, repeat_at)
    return Word(again_at=repeat_at)


def _first_word(incident: Incident, route: Route, now: datetime, quiet: str) -> Word:
    if incident.state is not State.OPEN or incident.planned:
        return NOTHING
    hold = route.hold_for(incident.kind, incident.severity)
    if hold is None:
        return NOTHING
    ring_at = incident.opened_at + hold
    if now < ring_at:
        return Word(again_at=ring_at)
    if quiet:
        return NOTHING
    why = f"still open after {hold.total_seconds():g} s" if hold else "needs a person at once"
    return Word(Telling.OPENED, f"{why}: {incident.reason}")


def face(incident: Incident) -> str:
    """What of an incident is shown in place; when it changes, what was told is updated."""
    away = sum(outage.ended_at is None for outage in incident.outages)
    return f"{incident.kind}|{incident.root}|{incident.state}|{len(incident.subjects)}|{away}"


def thread_of(key: str) -> str:
    """One name for all words about an incident; stable over replays."""
    return blake2s(key.encode(), digest_size=8).hexdigest()


class Router:
    """The memory of what was told, and the times at which to look again."""

    def __init__(
        self, routes: tuple[Route, ...], languages: Mapping[str, str] | None = None, in_place: frozenset[str] = frozenset()
    ) -> None:
        """`in_place` names the receivers that can change what they showed; the others hear of the beginning and the end."""
        self._routes = routes
        self._in_place = in_place
        self._languages = languages or {}
        self._live: dict[str, Incident] = {}
        self.told: dict[str, dict[str, Told]] = {}
        self._acknowledged: dict[str, str] = {}
        self._silences: dict[str, Silence] = {}
        self._looks: list[tuple[datetime, str]] = []

    def review(self, incidents: Iterable[Incident], now: datetime) -> list[Notice]:
        """The words owed after these incidents changed, and after time has passed."""
        changed = {incident.key: incident for incident in incidents}
        notices: list[Notice] = []
        for incident in changed.values():
            if incident.absorbed_into is not None:
                self._hand_over(incident.key, incident.absorbed_into)
        self._live |= changed
        keys = dict.fromkeys([*changed, *(i.absorbed_into for i in changed.values() if i.absorbed_into), *self._due(now)])
        for key in keys:
            notices += self._look(key, now)
        return notices

    def next_due(self) -> datetime | None:
        return self._looks[0][0] if self._looks else None

    def acknowledge(self, key: str, author: str, *, withdrawn: bool, now: datetime) -> list[Notice]:
        """Somebody has taken the incident: no more reminders or escalations of what is known, until it is given back."""
        if withdrawn:
            self._acknowledged.pop(key, None)
        else:
            self._acknowledged[key] = author
        return self._look(key, now)

    def silence(self, silence: Silence, now: datetime) -> list[Notice]:
        """Begins, changes or (with an end in the past) ends a silence."""
        self._silences[silence.id] = silence
        heappush(self._looks, (silence.until, ""))
        return self._look_at_all(now)

    def who_has(self, key: str) -> str:
        """Who acknowledged the incident, or ""."""
        return self._acknowledged.get(key, "")

    def silences(self, now: datetime) -> list[Silence]:
        return [silence for silence in self._silences.values() if now < silence.until]

    def remember(self, key: str, told: Told, incident: Incident) -> None:
        """After a restart: what the ledger says was told."""
        self._live[key] = incident
        self.told.setdefault(key, {})[told.receiver] = told

    def watch(self, incident: Incident, now: datetime) -> None:
        """After a restart: an incident that is not over, told or not."""
        self._live[incident.key] = incident
        heappush(self._looks, (now, incident.key))

    def _due(self, now: datetime) -> list[str]:
        keys: list[str] = []
        while self._looks and self._looks[0][0] <= now:
            key = heappop(self._looks)[1]
            keys += [key] if key else list(self._live)
        return keys

    def _look_at_all(self, now: datetime) -> list[Notice]:
        return [notice for key in list(self._live) for notice in self._look(key, now)]

    def _look(self, key: str, now: datetime) -> list[Notice]:
        incident = self._live.get(key)
        if incident is None or incident.absorbed_into is not None:
            return []
        labels = labels_of(incident)
        quiet = self._quiet(incident, labels, now)
        notices = []
        for receiver, route in self._receivers(labels).items():
            told = self.told.get(key, {}).get(receiver)
            word = decide(incident, told, route, now, quiet=quiet)
            if word.again_at is not None:
                heappush(self._looks, (word.again_at, key))
            if word.kind is not None and (word.kind is not Telling.UPDATED or receiver in self._in_place):
                notices.append(self._note(incident, receiver, route, word, now))
        if incident.state is State.CLOSED:
            self._forget(key)
        return notices

    def _receivers(self, labels: Labels) -> dict[str, Route]:
        """The first route that fits says who hears of it; a route that goes on lets the next ones speak too."""
        found: dict[str, Route] = {}
        for route in self._routes:
            if route.describes(labels):
                for receiver in route.receivers:
                    found.setdefault(receiver, route)
                if not route.goes_on:
                    break
        return found

    def _quiet(self, incident: Incident, labels: Labels, now: datetime) -> str:
        if incident.key in self._acknowledged:
            return f"acknowledged by {self._acknowledged[incident.key]}"
        for silence in self._silences.values():
            if now < silence.until and all_hold(silence.matchers, labels):
                return f"silenced by {silence.author}: {silence.comment}"
        return ""

    def _note(self, incident: Incident, receiver: str, route: Route, word: Word, now: datetime) -> Notice:
        told = self.told.setdefault(incident.key, {}).get(receiver)
        kind = word.kind or Telling.UPDATED
        language = route.language or self._languages.get(receiver, "en")
        thread = told.thread if told else thread_of(incident.key)
        rung_at = now if kind.rings or told is None else told.rung_at
        worst = incident.severity if told is None else max(incident.severity, told.severity, key=lambda one: one.rank)
        self.told[incident.key][receiver] = Told(
            receiver=receiver,
            thread=thread,
            rung_at=rung_at,
            severity=worst,
            alarms=max(len(incident.alarms), told.alarms if told else 0),
            shown=face(incident),
            language=language,
        )
        if kind.rings and route.repeat:
            heappush(self._looks, (now + route.repeat, incident.key))
        return Notice(
            incident_id=0,
            receiver=receiver,
            kind=kind,
            reason=word.reason,
            at=now,
            incident=incident,
            language=language,
            thread=thread,
        )

    def _hand_over(self, key: str, into: str) -> None:
        """Who was told of an incident that is now part of another was told of that one."""
        mine = self.told.pop(key, {})
        for receiver, told in mine.items():
            other = self.told.setdefault(into, {})
            if receiver not in other:
                other[receiver] = told
        if key in self._acknowledged:
            self._acknowledged.setdefault(into, self._acknowledged.pop(key))
        self._live.pop(key, None)

    def _forget(self, key: str) -> None:
        self._live.pop(key, None)
        self.told.pop(key, None)
        self._acknowledged.pop(key, None)
