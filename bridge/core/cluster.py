"""One cluster: events in, changes out; the one place where order is made.

Events of a cluster are understood in the order in which they happened. One that arrives late winds the world back to before it
happened, and everything since is understood again; timers fire in the same time. So where we end up depends on what happened
and on `now`, never on the order of arrival. How far back that reaches is bounded (`REACH`); what is older is kept, and shown as
late, but changes nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from bridge.core import checkpoint
from bridge.core.pacemaker import lives
from bridge.core.pacemaker.names import Names, is_about
from bridge.core.pacemaker.tables import NODE_ID
from bridge.core.rulebook import RULES, TIMERS
from bridge.core.world import shown
from bridge.core.world.condition import Condition
from bridge.core.world.event import Action, AttributeSet, Event, Fencing, NodeSeen, Severity
from bridge.core.world.fault import Fault, fault
from bridge.core.world.incident import Incident
from bridge.core.world.reading import ARRIVAL, SEQUENCE
from bridge.core.world.settings import Settings
from bridge.core.world.tables import CONDITION
from bridge.core.world.world import World

REACH: Final = 5_000
"""Events of one cluster that can be understood again."""
MOST_TWINS: Final = 20
"""Copies of one event that are decided again with it."""
MOST_WORDS: Final = 50
"""Reasons in the decision on one report."""
TOO_LATE: Final = "too late to be understood: kept, and found by `replay`"
FACTS_PER_EVENT: Final = 4
"""Facts written down in about a tenth of the time that one event takes: a large world is written down less often."""


class Decision(msgspec.Struct, frozen=True):
    """What was made of a report: the incident it belongs to, and why."""

    uid: bytes
    incident_key: str | None
    why: str


class Changes(msgspec.Struct, kw_only=True):
    """What a batch changed. `gone` are incidents that, after a late event, never were: by key, with their last form."""

    incidents: dict[str, Incident] = {}
    gone: dict[str, Incident] = {}
    conditions: list[Condition] = []
    decisions: dict[bytes, Decision] = {}
    faults: list[Fault] = []
    """What raised: an event (with its uid), or a timer."""


class _Entry(msgspec.Struct):
    """An event in its place. `mark` is where the journal stood before it; `twins` are other recipients' copies."""

    place: tuple[Any, ...]
    event: Event
    mark: int = 0
    decision: Decision | None = None
    twins: list[bytes] = []


class Cluster:
    """One cluster's events in order, and its world."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.world = World(name, settings)
        self.clock: datetime | None = None
        self._names = Names()
        self._entries: list[_Entry] = []
        self._known: dict[tuple[Any, ...], _Entry] = {}
        self._after: int = 0
        self._horizon: tuple[Any, ...] = ()
        self._decisions: dict[bytes, Decision] = {}
        self._faults: list[Fault] = []
        self._moved = 0

    def feed(self, events: Iterable[Event]) -> None:
        """Takes events in any order of time and understands what is new, after winding back as far as the oldest needs."""
        events = list(events)
        named = self._names.learn(events)
        fresh = [entry for event in events if (entry := self._place(event)) is not None]
        if not fresh:
            return
        fresh.sort(key=_place_of)
        start = bisect_right(self._entries, fresh[0].place, key=_place_of)
        if named:  # what was told of a number is told of a node now
            start = next((place for place, entry in enumerate(self._entries[:start]) if is_about(entry.event, named)), start)
        again = self._entries[start:]
        if again or self.clock is not None:
            self.world.wind_back(again[0].mark if again else self._after)
        del self._entries[start:]
        todo = sorted([*again, *fresh], key=_place_of) if again else fresh
        self._entries += [entry for entry in todo if self._understood(entry)]
        self._after = self.world.mark()
        if len(self._entries) > 2 * REACH:
            self._forget()

    @property
    def worth_writing(self) -> bool:
        """Whether the horizon has moved so far that writing the world down costs less than what it spares a restart."""
        return self._moved > 0 and self._moved >= len(self.world.facts) // FACTS_PER_EVENT

    def page(self) -> tuple[str, tuple[Any, ...], checkpoint.Facts]:
        """The world at the horizon, to be written down."""
        self._moved = 0
        facts = checkpoint.at_mark(self.world, 0) if self._horizon else {}
        return self.world.cluster, self._horizon, facts

    def turn_to(self, horizon: tuple[Any, ...], facts: checkpoint.Facts) -> None:
        """Begins with a world that was written down, instead of an empty one."""
        self._horizon = horizon
        for key, value in facts.items():
            self.world.put(key, value)
        self._names = Names({number: value for (table, *name), value in facts.items() if table is NODE_ID for number in name})
        self.world.begin_here()
        self.world.take_touched()

    def tick(self, now: datetime) -> None:
        """Time passes: fires what is due."""
        if self.clock is None or now > self.clock:
            self.clock = now
        self._fire(self.clock)  # while the past comes in: as far as was judged before it

    def take(self) -> Changes:
        """What changed since the last call."""
        changes = Changes(decisions=self._decisions, faults=self._faults)
        self._decisions, self._faults = {}, []
        for key, old in self.world.take_touched().items():
            value = self.world.facts.get(key)
            if key[0] is CONDITION:
                changes.conditions.append(value if value is not None else _taken_back(old))
            elif value is not None:
                changes.incidents[value.key] = value
            else:
                changes.gone[old.key] = old
        return changes

    def _place(self, event: Event) -> _Entry | None:
        """Puts an event in its place, unless another recipient's copy of it is there already."""
        content = _content(event)
        twin = self._known.get(content)
        if twin is not None:
            self._decide(Decision(event.uid, _key_of(twin), "the same event, for another recipient"))
            twin.twins = [*twin.twins, event.uid][-MOST_TWINS:]
            return None
        entry = _Entry(place=(event.at, event.witness, event.order[1], event.uid), event=event, twins=[])
        if entry.place < self._horizon:
            self._decide(Decision(event.uid, None, TOO_LATE))
            return None
        self._known[content] = entry
        return entry

    def _understood(self, entry: _Entry) -> bool:
        """Understands an event. One that raises leaves the world as if it had not come, and is not tried again."""
        entry.mark = self.world.mark()
        self._fire(entry.event.at)
        before = self.world.mark()
        try:
            self._understand(entry)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
            self.world.wind_back(before)
            found = fault("understood", error, entry.event.uid)
            self._faults.append(found)
            self._known.pop(_content(entry.event), None)
            for uid in (entry.event.uid, *entry.twins):
                self._decide(Decision(uid, None, found.why))
            return False
        return True

    def _understand(self, entry: _Entry) -> None:
        world = self.world
        world.uid = entry.event.uid
        world.decisions.clear()
        if entry.event.order[0] and entry.event.witness:
            shown.show_relay(world, entry.event.witness, entry.event.at)
        life, number = entry.event.order
        if life in {SEQUENCE, ARRIVAL}:
            lives.note_life(world, entry.event.witness, number, entry.event.at, stamped=life == SEQUENCE)
            shown.show_witness(world, entry.event.witness, entry.event.at)
        RULES[type(entry.event)](world, self._names.called(entry.event))
        key = next((key for key, _ in reversed(world.decisions) if key is not None), None)
        why = _joined(list(dict.fromkeys(why for _, why in world.decisions)))
        decision = Decision(entry.event.uid, key, why)
        if decision != entry.decision:
            entry.decision = decision
            self._decide(decision)
            for twin in entry.twins:
                self._decide(Decision(twin, key, "the same event, for another recipient"))

    def _fire(self, until: datetime) -> None:
        self.world.uid = None
        for at, (name, *subject) in self.world.due_timers(until):
            before = self.world.mark()
            try:
                TIMERS[name](self.world, subject[0], at)
            except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
                self.world.wind_back(before)
                self._faults.append(fault("waiting", error, about=f"{name} of {subject[0]}"))

    def _decide(self, decision: Decision) -> None:
        self._decisions[decision.uid] = decision

    def _forget(self) -> None:
        """Gives up winding back beyond the newest half: memory is bounded, and the ledger keeps everything."""
        self._moved += REACH
        keep = self._entries[REACH:]
        for entry in self._entries[:REACH]:
            self._known.pop(_content(entry.event), None)
        self._horizon = keep[0].place
        cut = keep[0].mark
        del self.world.journal[:cut]
        for entry in keep:
            entry.mark -= cut
        self._after -= cut
        self._entries = keep
        self.world.prune(keep[0].event.at)


def _joined(words: list[str]) -> str:
    more = len(words) - MOST_WORDS
    return "; ".join([*words[:MOST_WORDS], f"and {more} more"] if more > 0 else words)


def _taken_back(condition: Condition) -> Condition:
    """A late report showed that what was told of the subject meant nothing: so nothing is known of it."""
    return msgspec.structs.replace(condition, severity=Severity.UNKNOWN, why="what was told of it is void", uid=None)


def _place_of(entry: _Entry) -> tuple[Any, ...]:
    return entry.place


def _key_of(entry: _Entry) -> str | None:
    return entry.decision.incident_key if entry.decision else None


def _content(event: Event) -> tuple[Any, ...]:
    """What makes two calls of one witness the same event: everything but the report, the recipient and the running number."""
    at = event.at if event.stamp is None else event.stamp
    if isinstance(event, Action):
        fields = (event.instance, event.node, event.task, event.interval_ms, event.rc, event.target_rc, event.status)
        return (event.witness, at, *fields)
    if isinstance(event, NodeSeen):
        return (event.witness, at, event.node, event.member)
    if isinstance(event, Fencing):
        return (event.witness, at, event.ref, event.target, event.action, event.rc)
    if isinstance(event, AttributeSet):
        return (event.witness, at, event.node, event.name, event.value)
    return (event.uid,)
