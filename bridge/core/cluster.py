"""One cluster: events in, changes out; the one place where order is made.

Events of a cluster are understood in the order in which they happened. One that arrives late winds the world back to before it
happened, and everything since is understood again; timers fire in the same time. So where we end up depends on what happened
and on `now`, never on the order of arrival. How far back that reaches is bounded (`REACH`): of what is older the last words are
known, and what arrives even later is understood by them (strand.py). Where the present must not wait, what is late is gathered
(gathered.py).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from bridge.core import checkpoint
from bridge.core.gathered import AT_ONCE, Gathered
from bridge.core.layout import TABLES, Layout
from bridge.core.pacemaker.names import Names
from bridge.core.pacemaker.tables import NODE_ID
from bridge.core.strand import MOST_TWINS, SAME_EVENT, Decision, Entry, Place, Strand, in_order, placed
from bridge.core.world.condition import Condition, gone
from bridge.core.world.event import Action, AttributeSet, Event, Fencing, NodeSeen, Severity
from bridge.core.world.fault import Fault
from bridge.core.world.incident import Incident
from bridge.core.world.laid import Laid
from bridge.core.world.settings import Settings
from bridge.core.world.tables import CONDITION, GONE, INCIDENT
from bridge.core.world.world import World

REACH: Final = 5_000
"""Events of one cluster that can be understood again."""
SHOWN: Final = TABLES | {INCIDENT, CONDITION}
FACTS_PER_EVENT: Final = 4
"""Facts written down in about a tenth of the time that one event takes: a large world is written down less often."""


class Changes(msgspec.Struct, kw_only=True):
    """What a batch changed. `gone` are incidents that, after a late event, never were: by key, with their last form."""

    incidents: dict[str, Incident] = {}
    gone: dict[str, Incident] = {}
    conditions: list[Condition] = []
    layout: list[Laid] = []
    decisions: dict[bytes, Decision] = {}
    faults: list[Fault] = []
    """What raised: an event (with its uid), or a timer."""


class Cluster:
    """One cluster's events in order, and its world."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.clock: datetime | None = None
        self._names = Names()
        self._strand = Strand(World(name, settings), self._names)
        self._gathered = Gathered()
        self._known: dict[tuple[Any, ...], Entry] = {}
        self._horizon: Place = ()
        self._decisions: dict[bytes, Decision] = {}
        self._faults: list[Fault] = []
        self._moved = 0
        self._layout = Layout()
        self._reached_back = False
        """The world at the horizon has learnt what happened before."""

    @property
    def world(self) -> World:
        return self._strand.world

    def feed(self, events: Iterable[Event], now: datetime | None = None) -> None:
        """Takes events in any order of time and understands what is new. With `now`, what would take long is only gathered."""
        events = list(events)
        named = self._names.learn(events)
        fresh = in_order(entry for event in events if (entry := self._place(event)) is not None)
        if now is not None:
            late = [entry for entry in fresh if entry.place < self._soon()]
            self._gathered.add(late, now)
            fresh = fresh[len(late) :]
        if not fresh:
            return
        far = [entry for entry in fresh if entry.place < self._horizon]
        near = fresh[len(far) :]
        start = 0 if far else self._strand.place_of(near, named)
        if far:
            self._strand.put_before(far)
            self._forget_copies(far)
            self._reached_back = True
        if near:
            self._strand.put_in(near, start)
        self._strand.go_on()
        self._collect(self._strand)
        self._gathered.follow([entry for entry in near if _content(entry.event) in self._known], start)
        self._bound()

    def catch_up(self, most: int | None = None) -> None:
        """Understands what was gathered, or so many events of it; with the last of them it is so."""
        beside = self._gathered.beside or self._gathered.begin(self._strand, self._horizon)
        beside.go_on(most)
        if not beside.owes:
            self._take_over(beside)
            self._bound()

    def behind_at(self) -> datetime | None:
        """When `catch_up` has something to do; None: nothing is gathered."""
        return self._gathered.due_at()

    def waits_since(self) -> datetime | None:
        """When the oldest happened that is not understood yet."""
        return min((entry.event.at for entry in self._gathered.all()), default=None)

    @property
    def worth_writing(self) -> bool:
        """Whether the horizon has moved so far that writing the world down costs less than what it spares a restart; or what no
        restart finds behind it has been understood."""
        return self._reached_back or (self._moved > 0 and self._moved >= len(self.world.facts) // FACTS_PER_EVENT)

    def page(self) -> checkpoint.Page:
        """The world at the horizon, to be written down, and what happened before that is not in it yet."""
        self._moved, self._reached_back = 0, False
        facts = checkpoint.at_mark(self.world, 0) if self._horizon else {}
        waits = tuple(entry.event.uid.hex() for entry in self._gathered.all() if entry.place < self._horizon)
        return checkpoint.Page(self.world.cluster, self._horizon, facts, waits)

    def turn_to(self, horizon: Place, facts: checkpoint.Facts) -> None:
        """Begins with a world that was written down, instead of an empty one."""
        self._horizon = horizon
        self.world.begin_with(facts)
        for (table, *name), value in facts.items():
            if table is NODE_ID:
                self._names.know(name[0], value)

    def tick(self, now: datetime) -> None:
        """Time passes: fires what is due."""
        if self.clock is None or now > self.clock:
            self.clock = now
        self._strand.fire(self.clock)  # while the past comes in: as far as was judged before it

    def take(self) -> Changes:
        """What changed since the last call."""
        self._collect(self._strand)
        changes = Changes(decisions=self._decisions, faults=self._faults)
        self._decisions, self._faults = {}, []
        touched = self.world.take_touched()
        changes.layout = self._layout.changes(self.world, touched)
        for key, old in touched.items():
            value = self.world.facts.get(key)
            if key[0] in TABLES:
                continue
            if key[0] is CONDITION:
                changes.conditions.append(value if value is not None else _last_word(self.world, old))
            elif value is not None:
                changes.incidents[value.key] = value
            else:
                changes.gone[old.key] = old
        return changes

    def layout(self) -> list[Laid]:
        """How all of it lies now."""
        return self._layout.whole(self.world)

    def _place(self, event: Event) -> Entry | None:
        """Puts an event in its place, unless another recipient's copy of it is there already."""
        content = _content(event)
        twin = self._known.get(content)
        if twin is not None:
            key = twin.decision.incident_key if twin.decision else None
            self._decisions[event.uid] = Decision(event.uid, key, SAME_EVENT)
            twin.twins = [*twin.twins, event.uid][-MOST_TWINS:]
            return None
        entry = self._known[content] = placed(event)
        return entry

    def _soon(self) -> Place:
        """What happened before that place takes long to be put in its own."""
        entries = self._strand.entries
        return entries[-AT_ONCE].place if len(entries) > AT_ONCE else self._horizon

    def _take_over(self, beside: Strand) -> None:
        """What was understood beside is how it is now."""
        live = self._strand
        beside.world.touched = _changed(live.world, beside.world) | live.world.take_touched()
        decided = {entry.event.uid: entry.decision for entry in live.entries}
        for entry in beside.entries:
            if entry.decision is not None and entry.decision != decided.get(entry.event.uid):
                beside.decisions[entry.event.uid] = entry.decision
            content = _content(entry.event)
            entry.twins = self._known.get(content, entry).twins
            self._known[content] = entry
        self._reached_back |= bool(self._gathered.far)
        self._forget_copies(self._gathered.far)
        self._gathered.done()
        self._strand = beside
        self._collect(beside)
        if self.clock is not None:
            beside.fire(self.clock)

    def _collect(self, strand: Strand) -> None:
        self._decisions |= strand.decisions
        self._faults += strand.faults
        self._forget_copies(strand.failed)
        strand.decisions, strand.faults, strand.failed = {}, [], []

    def _bound(self) -> None:
        """Memory is bounded, but while something is understood beside."""
        entries = self._strand.entries
        if self._gathered.beside is not None or len(entries) <= 2 * REACH:
            return
        gone = self._strand.forget(REACH + len(entries) % REACH)
        self._moved += len(gone)
        self._forget_copies(gone)
        self._horizon = self._strand.entries[0].place

    def _forget_copies(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._known.pop(_content(entry.event), None)


def _changed(old: World, new: World) -> dict[Any, Any]:
    """Incidents, conditions, and what is laid out, that differ, as they were."""
    keys = [key for key in old.facts.keys() | new.facts.keys() if key[0] in SHOWN]
    return {key: old.facts.get(key) for key in keys if old.facts.get(key) != new.facts.get(key)}


def _last_word(world: World, condition: Condition) -> Condition:
    """It is gone; or a late report showed that what was told of it meant nothing, and so nothing is known of it."""
    told = world.get(GONE, condition.subject)
    if told is not None:
        return gone(world.cluster, condition.subject, told)
    return msgspec.structs.replace(condition, severity=Severity.UNKNOWN, why="what was told of it is void", uid=None)


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
