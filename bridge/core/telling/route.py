"""Who must be told, and why. A memory of what was told, compared with how it is now; nothing rings twice for one reason.

The decision is level-triggered: it looks at the incident as it now is understood and at what each receiver was told of it. So a
late report that changes the understanding needs no special case here; nor does a restart, a silence that ends, or a time of the
week that begins. What a brake or a group holds back waits at the receiver's desk and is told in one summary.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from heapq import heappop, heappush
from typing import NamedTuple

import msgspec

from bridge.core.telling.brake import GATHER, Admission, Brake, Desk
from bridge.core.telling.decide import NOTHING, Told, Word, bundle, decide, face, thread_of
from bridge.core.telling.holds import UNBRAKED
from bridge.core.telling.match import Compiled, Labels, Route, all_hold, labels_of
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, State


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is rung for what it describes, until it ends. Made by a person, with a reason."""

    id: str
    matchers: tuple[Compiled, ...]
    author: str
    comment: str
    until: datetime


class Way(NamedTuple):
    """How a receiver comes to hear of an incident: by which route, and why beyond the route's own receivers."""

    route: Route
    why: str = ""
    ends_only: bool = False
    """No route names it any more, but it was told of the beginning."""


class Router:
    """The memory of what was told, and the times at which to look again."""

    def __init__(
        self,
        routes: tuple[Route, ...],
        languages: Mapping[str, str] | None = None,
        in_place: frozenset[str] = frozenset(),
        brakes: Mapping[str, Brake] | None = None,
    ) -> None:
        """`in_place` names the receivers that can change what they showed; the others hear of the beginning and the end."""
        self._routes = routes
        self._in_place = in_place
        self._languages = languages or {}
        self._brakes = brakes or {}
        self._desks: dict[str, Desk] = {}
        self._live: dict[str, Incident] = {}
        self.told: dict[str, dict[str, Told]] = {}
        self._acknowledged: dict[str, str] = {}
        self._silences: dict[str, Silence] = {}
        self._looks: list[tuple[datetime, str]] = []
        self._planned: set[tuple[datetime, str]] = set()

    def review(self, incidents: Iterable[Incident], now: datetime) -> list[Notice]:
        """The words owed after these incidents changed, and after time has passed."""
        changed = {incident.key: incident for incident in incidents}
        notices: list[Notice] = []
        for incident in changed.values():
            if incident.absorbed_into is not None:
                notices += self._hand_over(incident, incident.absorbed_into, now)
        self._live |= {key: incident for key, incident in changed.items() if incident.absorbed_into is None}
        for desk in self._desks.values():
            for incident in changed.values():
                desk.refresh(incident)
        notices += self._settle_desks(now)
        for key in dict.fromkeys([*changed, *(i.absorbed_into for i in changed.values() if i.absorbed_into), *self._due(now)]):
            notices += self._look(key, now)
        return notices

    def next_due(self) -> datetime | None:
        dues = [desk.due for desk in self._desks.values() if desk.due is not None]
        return min([*dues, *(when for when, _ in self._looks[:1])], default=None)

    def acknowledge(self, key: str, author: str, *, withdrawn: bool, now: datetime) -> list[Notice]:
        """Somebody has taken the incident: no reminders, nobody further is told; only what gets worse still rings."""
        notices = self._settle_desks(now)
        if withdrawn:
            self._acknowledged.pop(key, None)
        else:
            self._acknowledged[key] = author
        return notices + self._look(key, now)

    def silence(self, silence: Silence, now: datetime) -> list[Notice]:
        """Begins, changes or (with an end in the past) ends a silence."""
        notices = self._settle_desks(now)
        self._silences[silence.id] = silence
        self._look_again(silence.until, "")
        return notices + [notice for key in list(self._live) for notice in self._look(key, now)]

    def who_has(self, key: str) -> str:
        """Who acknowledged the incident, or ""."""
        return self._acknowledged.get(key, "")

    def silences(self, now: datetime) -> list[Silence]:
        return [silence for silence in self._silences.values() if now < silence.until]

    def receivers(self, incident: Incident) -> set[str]:
        """Whom the routes name for it, whenever."""
        return {name for route in self._asked(labels_of(incident)) for name in route.receivers}

    def acknowledged(self) -> dict[str, str]:
        """Who has taken which incident, by its key."""
        return dict(self._acknowledged)

    def held(self) -> dict[str, int]:
        """How much waits at each desk."""
        return {name: len(desk.held) for name, desk in self._desks.items()}

    def forget_told(self) -> None:
        """Before a restart's memories: what was decided while the reports were read again was decided, and told, before."""
        self.told.clear()
        self._desks.clear()

    def remember(self, incident: Incident, notice: Notice) -> None:
        """After a restart: a notice about an incident (or about what is part of it now), in the order in which they were told."""
        if self._languages and notice.receiver not in self._languages:
            return  # it is no longer in the config
        if notice.kind in {Telling.DIGEST, Telling.BRAKED}:
            return
        then = next((item for item in notice.items if item.key == incident.key), incident if notice.items else notice.incident)
        known = self.told.setdefault(incident.key, {})
        if notice.kind is Telling.CLOSED or then.state is not State.OPEN:
            if then.key == incident.key and then.state is State.CLOSED:
                known.pop(notice.receiver, None)
            if notice.receiver not in known:
                return
        before = known.get(notice.receiver)
        known[notice.receiver] = Told(
            receiver=notice.receiver,
            thread=before.thread if before else thread_of(incident.key) if notice.items else notice.thread,
            first_at=before.first_at if before else notice.at,
            rung_at=notice.at if notice.kind.rings or before is None else before.rung_at,
            severity=then.severity if before is None else max(before.severity, then.severity, key=lambda one: one.rank),
            alarms=max(len(then.alarms), before.alarms if before else 0),
            shown=face(then),
            language=notice.language,
            bundled=bool(notice.items) and (before is None or before.bundled),
        )
        self._live[incident.key] = incident
        if notice.kind.rings:
            self._plan(incident, notice.at)

    def remember_ring(self, notice: Notice, now: datetime) -> None:
        """After a restart: a ring, for the brake; and whether the brake is on."""
        desk = self._desk(notice.receiver)
        if notice.kind is Telling.BRAKED and notice.until is not None:
            desk.braked(notice.until, now)
        elif notice.kind is Telling.SUMMARY or (notice.kind.rings and notice.incident.kind not in UNBRAKED):
            desk.rang(notice.at)

    def watch(self, incident: Incident, now: datetime) -> None:
        """After a restart: an incident that is not over, told or not."""
        self._live[incident.key] = incident
        self._look_again(now, incident.key)

    def _desk(self, receiver: str) -> Desk:
        if receiver not in self._desks:
            self._desks[receiver] = Desk(self._brakes.get(receiver))
        return self._desks[receiver]

    def _look_again(self, when: datetime, key: str) -> None:
        if (when, key) not in self._planned:
            self._planned.add((when, key))
            heappush(self._looks, (when, key))

    def _due(self, now: datetime) -> list[str]:
        keys: list[str] = []
        while self._looks and self._looks[0][0] <= now:
            self._planned.discard(self._looks[0])
            key = heappop(self._looks)[1]
            keys += [key] if key else list(self._live)
        return keys

    def _look(self, key: str, now: datetime) -> list[Notice]:
        incident = self._live.get(key)
        if incident is None or incident.absorbed_into is not None:
            return []
        notices = []
        for receiver, way in self._ways(incident, now).items():
            word = self._decide(incident, receiver, way, now)
            if word.again_at is not None:
                self._look_again(word.again_at, key)
            if word.kind is not None:
                notices += self._say(incident, receiver, way.route, word, now)
        if incident.state is State.CLOSED and not any(key in desk.held for desk in self._desks.values()):
            self._forget(key)
        return notices

    def _decide(self, incident: Incident, receiver: str, way: Way, now: datetime) -> Word:
        return decide(
            incident,
            self.told.get(incident.key, {}).get(receiver),
            way.route,
            now,
            silenced=way.ends_only or self._silenced(labels_of(incident), now),
            taken=incident.key in self._acknowledged,
            why=way.why,
        )

    def _asked(self, labels: Labels) -> list[Route]:
        """The first route that fits decides; a route that goes on lets the next ones speak too."""
        found: list[Route] = []
        for route in self._routes:
            if route.describes(labels):
                found.append(route)
                if not route.goes_on:
                    break
        return found

    def _ways(self, incident: Incident, now: datetime) -> dict[str, Way]:
        """Who hears of it now: whom the routes name, whom they name when nobody acknowledges, and who was told already."""
        routes = self._asked(labels_of(incident))
        found: dict[str, Way] = {}
        for route in routes:
            for receiver in route.receivers:
                found.setdefault(receiver, Way(route))
        for route in routes:
            for receiver, way in self._further(incident, route, now).items():
                found.setdefault(receiver, way)
        for receiver, told in self.told.get(incident.key, {}).items():
            found.setdefault(receiver, Way(Route(repeat=None, language=told.language), ends_only=True))
        return found

    def _further(self, incident: Incident, route: Route, now: datetime) -> dict[str, Way]:
        """Who is told since nobody acknowledged in time; who was told that way hears of it to the end."""
        told = self.told.get(incident.key, {})
        begun_at = min((told[name].first_at for name in route.receivers if name in told), default=None)
        found: dict[str, Way] = {}
        for step in route.escalate:
            found |= {name: Way(route) for name in step.receivers if name in told}
            if begun_at is None or incident.state is not State.OPEN or incident.key in self._acknowledged:
                continue
            if now < begun_at + step.after:
                self._look_again(begun_at + step.after, incident.key)
            else:
                why = f"nobody acknowledged it for {step.after.total_seconds() / 60:g} min"
                found = {name: Way(route, why) for name in step.receivers if name not in told} | found
        return found

    def _silenced(self, labels: Labels, now: datetime) -> bool:
        return any(now < silence.until and all_hold(silence.matchers, labels) for silence in self._silences.values())

    def _say(self, incident: Incident, receiver: str, route: Route, word: Word, now: datetime) -> list[Notice]:
        """The word itself; or nothing, since it waits at the desk or would be shown nowhere."""
        kind, desk = word.kind or Telling.UPDATED, self._desk(receiver)
        told = self.told.get(incident.key, {}).get(receiver)
        only_listed, free = told is not None and told.bundled, incident.kind in UNBRAKED
        if kind is Telling.UPDATED:
            return [] if only_listed or receiver not in self._in_place else [self._note(incident, receiver, route, word, now)]
        if kind is Telling.CLOSED and only_listed and not free:
            desk.hold(incident, now, now + GATHER)
            return []
        if kind is Telling.CLOSED or free:
            desk.drop(incident.key)
            return [self._note(incident, receiver, route, word, now)]
        match desk.admit(incident, now, route.group if kind is Telling.OPENED else None):
            case Admission.RING:
                return [self._note(incident, receiver, route, word, now)]
            case Admission.BRAKE:
                return [self._bundle(Telling.BRAKED, receiver, [incident], now, since=now, until=desk.braked_until)]
            case Admission.HOLD:
                return []

    def _settle_desks(self, now: datetime) -> list[Notice]:
        """What waited, and may now be told."""
        notices: list[Notice] = []
        for receiver, desk in self._desks.items():
            since = desk.since
            waited = [incident for incident in desk.take(now) if self._still_owed(incident, receiver, now)]
            if waited:
                notices.append(self._sum_up(receiver, desk, waited, since, now))
            for incident in waited:
                if incident.state is State.CLOSED:
                    self.told.get(incident.key, {}).pop(receiver, None)
                    self._look_again(now, incident.key)
        return notices

    def _still_owed(self, incident: Incident, receiver: str, now: datetime) -> bool:
        """What was silenced or taken meanwhile, and never told, is looked at again when that ends."""
        if incident.state is not State.OPEN:
            return True
        way = self._ways(incident, now).get(receiver)
        return way is not None and self._decide(incident, receiver, way, now).kind is not None

    def _sum_up(self, receiver: str, desk: Desk, waited: list[Incident], since: datetime | None, now: datetime) -> Notice:
        """One summary; or the ordinary word, when only one incident has waited."""
        (first, *others) = waited
        way = None if others else self._ways(first, now).get(receiver)
        word = NOTHING if way is None else self._decide(first, receiver, way, now)
        if word.kind is None or way is None or not (word.kind.rings or word.kind is Telling.CLOSED):
            for incident in waited:
                if incident.state is State.OPEN:
                    self._remember_telling(incident, receiver, Telling.SUMMARY, now, bundled=True)
            desk.rang(now)
            return self._bundle(Telling.SUMMARY, receiver, waited, now, since=since)
        if word.kind.rings:
            desk.rang(now)
        return self._note(first, receiver, way.route, word, now)

    def _bundle(
        self,
        kind: Telling,
        receiver: str,
        incidents: list[Incident],
        now: datetime,
        *,
        since: datetime | None,
        until: datetime | None = None,
    ) -> Notice:
        reason = "too many rings: what follows is held back" if kind is Telling.BRAKED else "what was held back"
        language = self._languages.get(receiver, "en")
        return bundle(kind, receiver, incidents, now, reason=reason, language=language, since=since, until=until)

    def _note(self, incident: Incident, receiver: str, route: Route, word: Word, now: datetime) -> Notice:
        kind = word.kind or Telling.UPDATED
        told = self._remember_telling(incident, receiver, kind, now, language=route.language)
        if kind is Telling.CLOSED:
            del self.told[incident.key][receiver]
        return Notice(
            incident_id=0,
            receiver=receiver,
            kind=kind,
            reason=word.reason,
            at=now,
            incident=incident,
            language=told.language,
            thread=told.thread,
        )

    def _remember_telling(
        self,
        incident: Incident,
        receiver: str,
        kind: Telling,
        now: datetime,
        *,
        language: str | None = None,
        bundled: bool = False,
    ) -> Told:
        told = self.told.setdefault(incident.key, {}).get(receiver)
        worst = incident.severity if told is None else max(incident.severity, told.severity, key=lambda one: one.rank)
        self.told[incident.key][receiver] = Told(
            receiver=receiver,
            thread=told.thread if told else thread_of(incident.key),
            first_at=told.first_at if told else now,
            rung_at=now if kind.rings or told is None else told.rung_at,
            severity=worst,
            alarms=max(len(incident.alarms), told.alarms if told else 0),
            shown=face(incident),
            language=language or self._languages.get(receiver, "en"),
            bundled=bundled and (told is None or told.bundled),
        )
        if kind.rings:
            self._plan(incident, now)
        return self.told[incident.key][receiver]

    def _plan(self, incident: Incident, rung_at: datetime) -> None:
        """The looks that follow a ring: the reminder, and whom else to tell."""
        for route in self._asked(labels_of(incident)):
            for after in (*([route.repeat] if route.repeat else []), *(step.after for step in route.escalate)):
                self._look_again(rung_at + after, incident.key)

    def _hand_over(self, incident: Incident, into: str, now: datetime) -> list[Notice]:
        """Who was told of an incident that is now part of another was told of that one; whoever was told of both hears in the
        thread that ends where it goes on, and no more there."""
        key, notices = incident.key, []
        for receiver, told in self.told.pop(key, {}).items():
            other = self.told.setdefault(into, {})
            if receiver not in other:
                other[receiver] = told
            elif not told.bundled:
                notices.append(_last_word(incident, told, now))
        if key in self._acknowledged:
            self._acknowledged.setdefault(into, self._acknowledged.pop(key))
        for desk in self._desks.values():
            desk.drop(key)
        self._live.pop(key, None)
        return notices

    def _forget(self, key: str) -> None:
        self._live.pop(key, None)
        self.told.pop(key, None)
        self._acknowledged.pop(key, None)


def _last_word(incident: Incident, told: Told, now: datetime) -> Notice:
    return Notice(
        incident_id=0,
        receiver=told.receiver,
        kind=Telling.UPDATED,
        reason=f"it goes on as part of another incident: {incident.reason}",
        at=now,
        incident=incident,
        language=told.language,
        thread=told.thread,
    )
