"""The straight line from reports to words: normalise, correlate, route. No I/O; the bridge, a replay and a rehearsal share it."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.cluster import Changes
from bridge.core.correlate import PIECE, Correlator
from bridge.core.normalise import normalise
from bridge.core.strand import Decision
from bridge.core.telling.brake import Brake
from bridge.core.telling.digest import IT_WAS_NOTHING
from bridge.core.telling.match import BadMatcher, Route, parse
from bridge.core.telling.notice import Notice
from bridge.core.telling.quiet import Silence
from bridge.core.telling.route import Router
from bridge.core.world.condition import Condition
from bridge.core.world.event import Acknowledged, Drilled, Event, Report, Rung, Severity, Silenced, Unreadable
from bridge.core.world.fault import Fault, fault
from bridge.core.world.incident import Incident, State
from bridge.core.world.lag import PRESENT, Lags
from bridge.core.world.laid import Laid
from bridge.core.world.settings import Settings

SAME_STORY: Final = timedelta(minutes=10)
"""An incident that turns out never to have begun as it seemed lives on in one of the same root born so near."""


class Outcome(msgspec.Struct, kw_only=True):
    """All that a batch, or the passing of time, led to."""

    events: dict[bytes, Event] = {}
    unreadable: dict[bytes, str] = {}
    decisions: dict[bytes, Decision] = {}
    incidents: dict[str, Incident] = {}
    conditions: list[Condition] = []
    layout: list[Laid] = []
    notices: list[Notice] = []
    drilled: list[Report] = []
    """What belongs to a drill, and was not understood here."""
    faults: list[Fault] = []
    """What raised in here, and was set aside."""


class Line:
    """Owns what is in memory of the correlator and the router. One thread."""

    def __init__(
        self,
        settings: Settings,
        routes: tuple[Route, ...],
        languages: Mapping[str, str] | None = None,
        in_place: frozenset[str] = frozenset(),
        brakes: Mapping[str, Brake] | None = None,
        digests: frozenset[str] = frozenset(),
    ) -> None:
        self.correlator = Correlator(settings)
        self.router = Router(routes, languages, in_place, brakes, digests)
        self._known: dict[str, Incident] = {}
        self._past: dict[str, Incident] = {}
        """What nobody is told of before the past has come in."""
        self._past_since: datetime | None = None

    def rerouted(self, router: Router) -> "Line":
        """One that goes on in the place of this one, with what is in memory of the correlator; the router is another."""
        other = copy(self)
        other.router = router
        return other

    def take(self, reports: Sequence[Report], now: datetime, lags: Lags = PRESENT) -> Outcome:
        """Understands reports, whatever their order, and lets time pass until `now`, or as far as the past has come in."""
        outcome = Outcome()
        understood: list[tuple[str, Event]] = []
        orders: list[Acknowledged | Silenced] = []
        for report in reports:
            event = normalise(report)
            if isinstance(event, Unreadable):
                outcome.unreadable[report.uid] = event.why
                outcome.faults += [event.fault] if event.fault else []
                continue
            outcome.events[report.uid] = event
            if isinstance(event, Drilled):
                outcome.drilled.append(report)
                outcome.decisions[report.uid] = Decision(report.uid, None, f"of drill {event.drill}: it concerns nothing real")
            elif isinstance(event, Rung):
                why = f"a test for {event.receivers}, rung by {event.author}"
                outcome.decisions[report.uid] = Decision(report.uid, None, why)
            elif isinstance(event, Acknowledged | Silenced):
                orders.append(event)
            else:
                understood.append((report.cluster, event))
        self._settle(self.correlator.feed(understood, now, lags), now, outcome, lags)
        for order in orders:
            try:
                self.obey(order, now, outcome)
            except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
                _set_aside(fault("obeyed", error, order.uid), outcome)
        return outcome

    def tick(self, now: datetime, lags: Lags = PRESENT) -> Outcome:
        outcome = Outcome()
        self._settle(self.correlator.tick(now, lags), now, outcome, lags)
        return outcome

    def catch_up(self, now: datetime, lags: Lags = PRESENT, most: int | None = PIECE) -> Outcome:
        """Understands a piece of what was gathered, or all of it."""
        outcome = Outcome()
        self._settle(self.correlator.catch_up(now, lags, most), now, outcome, lags)
        return outcome

    def next_due(self, lags: Lags = PRESENT) -> datetime | None:
        """When a tick is wanted, if nothing comes in before; None while the bridge only listens."""
        if lags.everywhere is not None:
            return None
        has_come_in = any(not lags.is_past(one) for one in self._past.values())
        dues = (self._past_since if has_come_in else None, self.correlator.next_due(lags), self.router.next_due())
        return min((due for due in dues if due is not None), default=None)

    def is_calm(self, now: datetime) -> bool:
        """Whether nothing is open or being told, and nothing silenced."""
        return not self._past and self.router.is_calm(now)

    def obey(self, order: Acknowledged | Silenced, now: datetime, outcome: Outcome) -> None:
        """A person's word: it changes who is told, not what is."""
        if isinstance(order, Acknowledged):
            why = f"{'given back' if order.withdrawn else 'acknowledged'} by {order.author}: {order.comment}".rstrip(": ")
            outcome.notices += self.router.acknowledge(order.incident_key, order.author, withdrawn=order.withdrawn, now=now)
            outcome.decisions[order.uid] = Decision(order.uid, order.incident_key, why)
            return
        try:
            matchers = tuple(parse(text) for text in order.matchers)
        except BadMatcher as error:
            outcome.decisions[order.uid] = Decision(order.uid, None, f"this silence holds nothing back: {error}")
            return
        silence = Silence(
            id=order.silence_id,
            matchers=matchers,
            author=order.author,
            comment=order.comment,
            until=order.until,
            planned=order.planned,
        )
        outcome.notices += self.router.silence(silence, now)
        named = f"planned work on {order.planned}, " if order.planned else ""
        why = f"{named}silence {order.silence_id} by {order.author} until {order.until.isoformat()}: {order.comment}"
        outcome.decisions[order.uid] = Decision(order.uid, None, why)

    def _settle(self, changes: Changes, now: datetime, outcome: Outcome, lags: Lags) -> None:
        for found in changes.faults:
            _set_aside(found, outcome)
        incidents = dict(changes.incidents)
        for key, last in changes.gone.items():
            incidents[key] = _never_was(last, self._successor(last, incidents.values()), now)
        self._remember(incidents)
        outcome.incidents |= incidents
        outcome.conditions += changes.conditions
        outcome.layout += changes.layout
        outcome.decisions |= changes.decisions
        outcome.notices += self._tell(incidents, now, lags)
        outcome.faults += self.router.faults
        self.router.faults = []

    def _tell(self, changed: Mapping[str, Incident], now: datetime, lags: Lags) -> list[Notice]:
        """What is owed now. What still may turn out otherwise waits until the past has come in, and is told together then."""
        waited = self._past.keys()
        due = self.router.put_off(lags.is_past, now) if lags.clusters and lags.everywhere is None else {}
        all_of_it = {**due, **self._past, **changed}
        past = {key: one for key, one in all_of_it.items() if lags.is_past(one)}
        present = {key: one for key, one in all_of_it.items() if key not in past}
        together = [one for key, one in present.items() if key in waited]
        self._past, self._past_since = past, (self._past_since or now) if past else None
        if lags.everywhere is not None:
            return []
        return [
            *self.router.review([one for key, one in present.items() if key not in waited], now),
            *self.router.catch_up(together, now),
        ]

    def _successor(self, last: Incident, changed: Iterable[Incident]) -> str | None:
        """The incident that tells the same story better, now that a late report is understood."""
        candidates = [
            incident
            for incident in {**self._known, **{one.key: one for one in changed}}.values()
            if incident.key != last.key
            and incident.cluster == last.cluster
            and incident.absorbed_into is None
            and last.root in incident.subjects
            and abs(incident.opened_at - last.opened_at) < SAME_STORY
        ]
        nearest = min(candidates, key=lambda one: _distance(one, last), default=None)
        return nearest.key if nearest else None

    def _remember(self, incidents: Mapping[str, Incident]) -> None:
        for key, incident in incidents.items():
            if incident.state is State.CLOSED:
                self._known.pop(key, None)
            else:
                self._known[key] = incident


def _set_aside(found: Fault, outcome: Outcome) -> None:
    outcome.faults.append(found)
    if found.uid is not None:
        outcome.unreadable[found.uid] = found.why


def _distance(one: Incident, last: Incident) -> tuple[bool, bool, timedelta]:
    return one.root != last.root, one.kind is not last.kind, abs(one.opened_at - last.opened_at)


def _never_was(last: Incident, successor: str | None, now: datetime) -> Incident:
    reason = "a later report tells this story better" if successor else IT_WAS_NOTHING
    return msgspec.structs.replace(
        last,
        state=State.CLOSED,
        severity=Severity.INFO,
        planned=True,
        closed_at=last.closed_at or now,
        changed_at=now,
        absorbed_into=successor,
        reason=reason,
    )
