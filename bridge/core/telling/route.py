"""Who must be told, and why. A memory of what was told, compared with how it is now; nothing rings twice for one reason.

The decision is level-triggered: it looks at the incident as it now is understood and at what each receiver was told of it. So a
late report that changes the understanding needs no special case here; nor does a restart, a silence that ends, or a time of the
week that begins. What a brake or a group holds back waits at the receiver's desk and is told in one summary.

    ways    whom the routes name          quiet  what people acknowledged and silenced
    memory  what each was told            looks  when to look again
    desks   what is told at once, and what waits
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bridge.core.telling.brake import Brake
from bridge.core.telling.decide import Word, decide, single
from bridge.core.telling.desks import Desks
from bridge.core.telling.digest import worth_telling
from bridge.core.telling.holds import UNBRAKED
from bridge.core.telling.looks import ALL, Looks
from bridge.core.telling.match import Route
from bridge.core.telling.memory import Memory
from bridge.core.telling.notice import Notice, Telling
from bridge.core.telling.quiet import Quiet, Silence
from bridge.core.telling.ways import Routes, Way
from bridge.core.world.event import EPOCH
from bridge.core.world.fault import Fault, fault
from bridge.core.world.incident import Incident, State


class Router:
    """The incidents that are not over, and what is owed of each."""

    def __init__(
        self,
        routes: tuple[Route, ...],
        languages: Mapping[str, str] | None = None,
        in_place: frozenset[str] = frozenset(),
        brakes: Mapping[str, Brake] | None = None,
        digests: frozenset[str] = frozenset(),
    ) -> None:
        """`in_place` names the receivers that can change what they showed; the others hear of the beginning and the end.
        `digests` names those that want to hear of what is over."""
        self._routes = Routes(routes)
        self._memory = Memory(languages or {})
        self._desks = Desks(self._memory, in_place, brakes or {})
        self.quiet = Quiet()
        self._looks = Looks()
        self._digests = digests
        self._live: dict[str, Incident] = {}
        self.faults: list[Fault] = []
        """What raised, until somebody takes it from here."""

    def review(self, incidents: Iterable[Incident], now: datetime) -> list[Notice]:
        """The words owed after these incidents changed, and after time has passed."""
        changed = {incident.key: incident for incident in incidents}
        notices = self._learn(changed, now)
        for key in dict.fromkeys([*changed, *(i.absorbed_into for i in changed.values() if i.absorbed_into), *self._due(now)]):
            notices += self._looked(key, now)
        return notices

    def catch_up(self, incidents: Iterable[Incident], now: datetime) -> list[Notice]:
        """What happened while nobody could be told: one summary for each receiver, what is still open first. It rings for that
        only; when all is over it stands in a digest."""
        changed = {incident.key: incident for incident in incidents}
        if not changed:
            return []
        notices = self._learn(changed, now)
        past = [one for one in changed.values() if one.absorbed_into is None]
        still, over = self._sorted([one for one in past if not self._goes_alone(one)], now)
        for receiver, some in still.items():
            self._desks.gather(receiver, [*some, *over.pop(receiver, ())], now)
        notices += [self._desks.digest(name, some, now) for name, some in over.items() if name in self._digests]
        notices += self._settle_desks(now)
        return notices + [notice for one in past for notice in self._looked(one.key, now)]

    def put_off(self, is_past: Callable[[Incident], bool], now: datetime) -> dict[str, Incident]:
        """What is to be looked at by now, and may be over already: by key, for the caller to bring again by `catch_up`."""
        due = {key: self._live[key] for key in self._due(now) if key in self._live}
        past = {key: one for key, one in due.items() if is_past(one)}
        for key in due.keys() - past:
            self._looks.plan(now, key)
        return past

    def next_due(self) -> datetime | None:
        return min((due for due in (self._desks.next_due(), self._looks.next_due()) if due is not None), default=None)

    def acknowledge(self, key: str, author: str, *, withdrawn: bool, now: datetime) -> list[Notice]:
        """Somebody has taken the incident: no reminders, nobody further is told; only what gets worse still rings."""
        notices = self._settle_desks(now)
        if withdrawn:
            self.quiet.give_back(key)
        else:
            self.quiet.take(key, author)
        return notices + self._look(key, now)

    def silence(self, silence: Silence, now: datetime) -> list[Notice]:
        """Begins, changes or (with an end in the past) ends a silence."""
        notices = self._settle_desks(now)
        self.quiet.silence(silence)
        self._looks.plan(silence.until, ALL)
        return notices + [notice for key in list(self._live) for notice in self._looked(key, now)]

    # --- what is asked of it -----------------------------------------------------------------------------------------

    def who_has(self, key: str) -> str:
        return self.quiet.who_has(key)

    def acknowledged(self) -> dict[str, str]:
        return self.quiet.taken()

    def silences(self, now: datetime) -> list[Silence]:
        return self.quiet.silences(now)

    def receivers(self, incident: Incident) -> set[str]:
        """Whom the routes name for it, whenever."""
        return self._routes.receivers(incident)

    def held(self) -> dict[str, int]:
        """How much waits at each desk."""
        return self._desks.held()

    def was_told(self, key: str) -> bool:
        """Whether anybody was told of the incident, and not yet of its end."""
        return bool(self._memory.of(key))

    def is_calm(self, now: datetime) -> bool:
        """Whether no incident is watched that is not over, and nothing is silenced."""
        return not self._live and not self.quiet.silences(now)

    # --- after a restart, or with a changed config ---------------------------------------------------------------------

    def keep_quiet(self, quiet: Quiet) -> None:
        """What people took and silenced, with other routes."""
        self.quiet = quiet
        for silence in self.quiet.silences(EPOCH):
            self._looks.plan(silence.until, ALL)

    def forget_told(self) -> None:
        """Before a restart's memories: what was decided while the reports were read again was decided, and told, before."""
        self._memory.clear()
        self._desks.clear()

    def remember(self, incident: Incident, notice: Notice) -> None:
        """A notice about an incident (or about what is part of it now), in the order in which they were told."""
        self._memory.recall(incident, notice)

    def remember_ring(self, notice: Notice, now: datetime) -> None:
        """A ring, for the brake; and whether the brake is on."""
        self._desks.recall(notice, now)

    def watch(self, incident: Incident, now: datetime) -> None:
        """An incident that is not over, told or not."""
        self._live[incident.key] = incident
        self._looks.plan(now, incident.key)

    # --- the decision ------------------------------------------------------------------------------------------------

    def _learn(self, changed: Mapping[str, Incident], now: datetime) -> list[Notice]:
        """How the incidents are now; and the words that are owed of those that are part of another, and by the desks."""
        notices: list[Notice] = []
        for incident in changed.values():
            if incident.absorbed_into is not None:
                notices += self._hand_over(incident, _goes_on_as(incident.absorbed_into, changed), now)
        self._live |= {key: incident for key, incident in changed.items() if incident.absorbed_into is None}
        self._desks.refresh(changed)
        return notices + self._settle_desks(now)

    def _sorted(self, past: Iterable[Incident], now: datetime) -> tuple[dict[str, list[Incident]], dict[str, list[Incident]]]:
        """By receiver: what it must be told of since it is still so, and what is over."""
        still: dict[str, list[Incident]] = {}
        over: dict[str, list[Incident]] = {}
        for incident in past:
            for receiver, way in self._ways(incident, now).items():
                if self._decide(incident, receiver, way, now).kind is Telling.OPENED:
                    still.setdefault(receiver, []).append(incident)
            for receiver in self.receivers(incident) if worth_telling(incident) else ():
                over.setdefault(receiver, []).append(incident)
        return still, over

    def _goes_alone(self, incident: Incident) -> bool:
        """Not into a summary of what is past: somebody was told of it already, or data is in danger."""
        return self.was_told(incident.key) or incident.kind in UNBRAKED

    def _due(self, now: datetime) -> list[str]:
        return [one for key in self._looks.take(now) for one in (self._live if key == ALL else [key])]

    def _looked(self, key: str, now: datetime) -> list[Notice]:
        """What is owed of one incident. Should deciding on it raise, the others are still told."""
        try:
            return self._look(key, now)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
            self.faults.append(fault("told of", error, about=key))
            return []

    def _look(self, key: str, now: datetime) -> list[Notice]:
        incident = self._live.get(key)
        if incident is None or incident.absorbed_into is not None:
            return []
        notices = []
        for receiver, way in self._ways(incident, now).items():
            word = self._decide(incident, receiver, way, now)
            if word.again_at is not None:
                self._looks.plan(word.again_at, key)
            if word.kind is not None:
                notices += self._desks.say(incident, receiver, way.route, word, now)
        if any(notice.kind.rings and not notice.kind.bundles for notice in notices):
            self._plan(incident, now)
        if incident.state is State.CLOSED and not self._desks.is_held(key):
            self._forget(key)
        return notices

    def _ways(self, incident: Incident, now: datetime) -> dict[str, Way]:
        ways = self._routes.ways(incident, self._memory.of(incident.key), now)
        for when in ways.later:
            self._looks.plan(when, incident.key)
        return ways.now

    def _decide(self, incident: Incident, receiver: str, way: Way, now: datetime) -> Word:
        return decide(
            incident,
            self._memory.of(incident.key).get(receiver),
            way.route,
            now,
            ended=self._memory.has_ended(incident.key, receiver),
            silenced=way.ends_only or self.quiet.is_silenced(incident, now),
            taken=self.quiet.is_taken(incident.key),
            why=way.why,
        )

    def _settle_desks(self, now: datetime) -> list[Notice]:
        """What waited, and may now be told; of that, what is over is done with, and the rest is looked at again in time."""
        notices = self._desks.settle(self._owed, now)
        for notice in notices:
            for incident in notice.items or (notice.incident,):
                if incident.state is State.CLOSED:
                    self._looks.plan(now, incident.key)
                elif incident.state is State.OPEN and notice.kind.rings:
                    self._plan(incident, now)
        return notices

    def _owed(self, incident: Incident, receiver: str, now: datetime) -> tuple[Route, Word] | None:
        way = self._ways(incident, now).get(receiver)
        return None if way is None else (way.route, self._decide(incident, receiver, way, now))

    def _plan(self, incident: Incident, rung_at: datetime) -> None:
        """The looks that follow a ring: the reminder, and whom else to tell."""
        for after in self._routes.after_a_ring(incident):
            self._looks.plan(rung_at + after, incident.key)

    def _hand_over(self, incident: Incident, into: str, now: datetime) -> list[Notice]:
        """Part of another now: whoever was told of both hears in the thread that ends where it goes on, and no more there."""
        both = self._memory.hand_over(incident.key, into)
        self.quiet.hand_over(incident.key, into)
        self._desks.drop(incident.key)
        self._live.pop(incident.key, None)
        reason = f"it goes on as part of another incident: {incident.reason}"
        return [single(Telling.UPDATED, told, incident, now, reason=reason) for told in both if not told.bundled]

    def _forget(self, key: str) -> None:
        self._live.pop(key, None)
        self._memory.forget(key)
        self.quiet.give_back(key)


def _goes_on_as(key: str, changed: Mapping[str, Incident]) -> str:
    """Where a story goes on that was taken over more than once meanwhile."""
    while (one := changed.get(key)) is not None and one.absorbed_into is not None:
        key = one.absorbed_into
    return key
