"""What is told at once, and what waits at a receiver's desk until it is told together: words become notices."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bridge.core.telling.brake import GATHER, Admission, Brake, Desk
from bridge.core.telling.decide import Word, bundle, single
from bridge.core.telling.holds import UNBRAKED
from bridge.core.telling.match import Route
from bridge.core.telling.memory import Memory
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, State

Owed = Callable[[Incident, str, datetime], tuple[Route, Word] | None]
"""What a receiver is owed of an incident now, and by which route; None when no route leads there."""


class Desks:
    """All receivers' desks. What leaves them is written into the memory of what was told."""

    def __init__(self, memory: Memory, in_place: frozenset[str], brakes: Mapping[str, Brake]) -> None:
        """`in_place` names the receivers that can change what they showed; the others hear of the beginning and the end."""
        self._memory = memory
        self._in_place = in_place
        self._brakes = brakes
        self._desks: dict[str, Desk] = {}

    def refresh(self, incidents: Mapping[str, Incident]) -> None:
        """What waits is told as it is then."""
        for desk in self._desks.values():
            for incident in incidents.values():
                desk.refresh(incident)

    def drop(self, key: str) -> None:
        for desk in self._desks.values():
            desk.drop(key)

    def clear(self) -> None:
        self._desks.clear()

    def next_due(self) -> datetime | None:
        return min((desk.due for desk in self._desks.values() if desk.due is not None), default=None)

    def is_held(self, key: str) -> bool:
        return any(key in desk.held for desk in self._desks.values())

    def held(self) -> dict[str, int]:
        """How much waits at each desk."""
        return {name: len(desk.held) for name, desk in self._desks.items()}

    def recall(self, notice: Notice, now: datetime) -> None:
        """After a restart: a ring, for the brake; and whether the brake is on."""
        desk = self._desk(notice.receiver)
        if notice.kind is Telling.BRAKED and notice.until is not None:
            desk.braked(notice.until, now)
        elif notice.kind is Telling.SUMMARY or (notice.kind.rings and notice.incident.kind not in UNBRAKED):
            desk.rang(notice.at)

    def say(self, incident: Incident, receiver: str, route: Route, word: Word, now: datetime) -> list[Notice]:
        """The word itself; or nothing, since it waits at the desk or would be shown nowhere."""
        kind, desk = word.kind or Telling.UPDATED, self._desk(receiver)
        told = self._memory.of(incident.key).get(receiver)
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

    def settle(self, owed: Owed, now: datetime) -> list[Notice]:
        """What waited, and may now be told. What was silenced or taken meanwhile, and never told, is looked at again when that
        ends."""
        notices: list[Notice] = []
        for receiver, desk in self._desks.items():
            since = desk.since
            waited = [one for one in desk.take(now) if one.state is not State.OPEN or _is_owed(owed(one, receiver, now))]
            if waited:
                notices.append(self._sum_up(receiver, desk, waited, owed, since, now))
            for incident in waited:
                if incident.state is State.CLOSED:
                    self._memory.drop(incident.key, receiver)
        return notices

    def gather(self, receiver: str, incidents: list[Incident], now: datetime) -> None:
        """To be told together, as soon as the receiver's brake lets it."""
        since = min(one.opened_at for one in incidents)
        for incident in incidents:
            self._desk(receiver).hold(incident, since, now)

    def digest(self, receiver: str, over: list[Incident], now: datetime) -> Notice:
        """What began and ended while nobody could be told of it."""
        since = min(one.opened_at for one in over)
        return self._bundle(Telling.DIGEST, receiver, over, now, since=since, until=now)

    def _desk(self, receiver: str) -> Desk:
        if receiver not in self._desks:
            self._desks[receiver] = Desk(self._brakes.get(receiver))
        return self._desks[receiver]

    def _sum_up(
        self, receiver: str, desk: Desk, waited: list[Incident], owed: Owed, since: datetime | None, now: datetime
    ) -> Notice:
        """One summary; or the ordinary word, when only one incident has waited."""
        (first, *others) = waited
        way = None if others else owed(first, receiver, now)
        if way is not None and (kind := way[1].kind) is not None and (kind.rings or kind is Telling.CLOSED):
            if kind.rings:
                desk.rang(now)
            return self._note(first, receiver, *way, now)
        for incident in waited:
            if incident.state is State.OPEN:
                self._memory.note(incident.key, receiver, incident, Telling.SUMMARY, now, bundled=True)
        desk.rang(now)
        return self._bundle(Telling.SUMMARY, receiver, waited, now, since=since)

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
        language = self._memory.language(receiver)
        return bundle(kind, receiver, incidents, now, reason=reason, language=language, since=since, until=until)

    def _note(self, incident: Incident, receiver: str, route: Route, word: Word, now: datetime) -> Notice:
        kind = word.kind or Telling.UPDATED
        told = self._memory.note(incident.key, receiver, incident, kind, now, language=route.language)
        if kind is Telling.CLOSED:
            self._memory.drop(incident.key, receiver)
        return single(kind, told, incident, now, reason=word.reason, facts=word.facts)


def _is_owed(way: tuple[Route, Word] | None) -> bool:
    return way is not None and way[1].kind is not None
