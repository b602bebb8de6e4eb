"""Events in their order, and the world that they lead to.

What comes late winds the world back to before it happened, and everything since is understood again. What happened before the
horizon cannot be put in its place any more: it is understood at the horizon, if it is still the last word about its subject;
what was answered since is told as over.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from bridge.core import checkpoint
from bridge.core.pacemaker import lives
from bridge.core.pacemaker.names import Names, is_about
from bridge.core.rulebook import RULES, TIMERS
from bridge.core.words import answered_at, remember, unanswered
from bridge.core.world import shown
from bridge.core.world.event import Event, NodeSeen, Severity
from bridge.core.world.fault import Fault, fault
from bridge.core.world.incident import Incident, State
from bridge.core.world.journal import Journal
from bridge.core.world.nodes import circle, node
from bridge.core.world.outage import ended
from bridge.core.world.reading import ARRIVAL, SEQUENCE
from bridge.core.world.table import Table
from bridge.core.world.tables import INCIDENT
from bridge.core.world.world import World

MOST_TWINS: Final = 20
"""Copies of one event that are decided again with it."""
MOST_WORDS: Final = 50
"""Reasons in the decision on one report."""
SAME_EVENT: Final = "the same event, for another recipient"
LATE: Final = "told late"
OVER: Final = "told late, when it was over"
TOLD_LATE: Final = Table("told_late", tuple[datetime, str], aside=Journal.let_pass)
"""By kind and root of an incident that was over when it became known: when it was answered, and its key."""

Place = tuple[Any, ...]


class Decision(msgspec.Struct, frozen=True):
    """What was made of a report: the incident it belongs to, and why."""

    uid: bytes
    incident_key: str | None
    why: str


class Entry(msgspec.Struct):
    """An event in its place. `mark` is where the journal stood before it; `twins` are other recipients' copies."""

    place: Place
    event: Event
    mark: int = 0
    decision: Decision | None = None
    twins: list[bytes] = []


class Strand:
    """`decisions` by report, `faults` and `failed` (entries that raised) are taken out by whoever owns it."""

    def __init__(self, world: World, names: Names) -> None:
        self.world = world
        self.entries: list[Entry] = []
        self.after = 0
        """Where the journal stood behind the last of them."""
        self.decisions: dict[bytes, Decision] = {}
        self.faults: list[Fault] = []
        self.failed: list[Entry] = []
        self._names = names
        self._far: list[Entry] = []
        self._todo: list[Entry] = []

    def place_of(self, fresh: Sequence[Entry], named: frozenset[str] = frozenset()) -> int:
        """From which entry on events must be understood again: what was told of a number is told of a node now."""
        start = bisect_right(self.entries, fresh[0].place, key=_place)
        if not named:
            return start
        return next((at for at, entry in enumerate(self.entries[:start]) if is_about(entry.event, named)), start)

    def put_in(self, fresh: Sequence[Entry], start: int) -> None:
        """Winds back as far as the oldest needs; `go_on` understands what is owed then."""
        again = self.entries[start:]
        if again:
            self.after = again[0].mark
        self.world.wind_back(self.after)
        del self.entries[start:]
        owed = [*again, *fresh, *self._todo]
        self._todo = sorted(owed, key=_place) if len(owed) > len(fresh) else owed

    def put_before(self, far: Sequence[Entry]) -> None:
        """What happened before the horizon: everything behind that is understood again after it."""
        self.put_in((), 0)
        for entry in far:
            if self._is_return(entry.event):
                remember(self.world, self._names.called(entry.event))
        self._far = sorted([*self._far, *far], key=_place)

    def fork(self, start: int) -> "Strand":
        """The same as it was before its entry of that number, and owing the rest: to be understood beside this one."""
        mark = self.entries[start].mark if start < len(self.entries) else self.after
        world = World(self.world.cluster, self.world.settings)
        world.begin_with(checkpoint.at_mark(self.world, mark))
        world.journal = self.world.journal[:mark]
        other = Strand(world, self._names)
        other.entries, other.after = self.entries[:start], mark
        other._todo = [copied(entry) for entry in self.entries[start:]]
        return other

    @property
    def owes(self) -> bool:
        return bool(self._far or self._todo)

    def go_on(self, most: int | None = None) -> None:
        """Understands what is owed, or so many events of it."""
        if self._far:
            far, self._far = self._far[:most], self._far[most or len(self._far) :]
            for entry in far:
                self._try(entry, self._understand_late)
            if self._far:
                self.after = self.world.mark()
                return
            self.world.begin_here()
        some, self._todo = self._todo[:most], self._todo[most or len(self._todo) :]
        self.entries += [entry for entry in some if self._understood(entry)]
        self.after = self.world.mark()

    def fire(self, until: datetime) -> None:
        self.world.uid = None
        for at, (name, *subject) in self.world.due_timers(until):
            before = self.world.mark()
            try:
                TIMERS[name](self.world, subject[0], at)
            except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
                self.world.wind_back(before)
                self.faults.append(fault("waiting", error, about=f"{name} of {subject[0]}"))

    def forget(self, keep: int) -> list[Entry]:
        """Gives up winding back beyond the newest: memory is bounded, the last words stay, and the ledger keeps everything."""
        gone, self.entries = self.entries[:-keep], self.entries[-keep:]
        for entry in gone:
            remember(self.world, self._names.called(entry.event))
        first = self.entries[0]
        cut = first.mark
        del self.world.journal[:cut]
        for entry in self.entries:
            entry.mark -= cut
        self.after -= cut
        self.world.prune(first.event.at)
        return gone

    def _understood(self, entry: Entry) -> bool:
        entry.mark = self.world.mark()
        self.fire(entry.event.at)
        return self._try(entry, self._understand)

    def _try(self, entry: Entry, understand: Any) -> bool:
        """Understands an event. One that raises leaves the world as if it had not come, and is not tried again."""
        before = self.world.mark()
        try:
            understand(entry)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
            self.world.wind_back(before)
            found = fault("understood", error, entry.event.uid)
            self.faults.append(found)
            self.failed.append(entry)
            for uid in (entry.event.uid, *entry.twins):
                self.decisions[uid] = Decision(uid, None, found.why)
            return False
        return True

    def _understand(self, entry: Entry) -> None:
        world, event = self.world, entry.event
        world.uid = event.uid
        world.decisions.clear()
        if event.order[0] and event.witness:
            shown.show_relay(world, event.witness, event.at)
        life, number = event.order
        if life in {SEQUENCE, ARRIVAL}:
            lives.note_life(world, event.witness, number, event.at, stamped=life == SEQUENCE)
            shown.show_witness(world, event.witness, event.at)
        self._decide(entry, self._follow(event))

    def _follow(self, event: Event, before: str = "") -> Decision:
        """What the rules make of it."""
        RULES[type(event)](self.world, self._names.called(event))
        key = next((key for key, _ in reversed(self.world.decisions) if key is not None), None)
        words = dict.fromkeys(why for _, why in self.world.decisions)
        return Decision(event.uid, key, _joined([*([before] if before else []), *words]))

    def _decide(self, entry: Entry, decision: Decision) -> None:
        if decision == entry.decision:
            return
        entry.decision = decision
        self.decisions[entry.event.uid] = decision
        for twin in entry.twins:
            self.decisions[twin] = Decision(twin, decision.incident_key, SAME_EVENT)

    # --- before the horizon ------------------------------------------------------------------------------------------

    def _understand_late(self, entry: Entry) -> None:
        """Told as it is now, with when it happened; or as over."""
        event = self._names.called(entry.event)
        self.fire(event.at)
        self.world.uid = event.uid
        self.world.decisions.clear()
        answered = answered_at(self.world, event)
        if answered is not None:
            self._decide(entry, Decision(event.uid, self._tell_over(event, answered), f"{OVER}, at {answered.isoformat()}"))
        else:
            self._decide(entry, self._follow(unanswered(self.world, event), LATE))
        remember(self.world, event)

    def _is_return(self, event: Event) -> bool:
        """Whether nobody is to be told that the node was lost, who is told in the same breath that it came back. While another is
        missed, each word is understood in its place: what was said of that one may be void by a return."""
        if not isinstance(event, NodeSeen) or not event.member:
            return False
        return all(node(self.world, name).lost_at is None for name in circle(self.world, event.node))

    def _tell_over(self, event: Event, answered: datetime) -> str | None:
        """What it would have opened stands in the digest, once for all that was answered together. Gives its key."""
        before = self.world.mark()
        self._follow(event)
        opened = [one for key, old in self.world.journal[before:] if old is None and (one := self._opened(key)) is not None]
        self.world.wind_back(before)
        keys = [self._keep_over(one, answered) for one in opened]
        return keys[0] if keys else None

    def _opened(self, key: tuple[Any, ...]) -> Incident | None:
        found = self.world.facts.get(key) if key[0] is INCIDENT else None
        return found if found is not None and found.state is State.OPEN and not found.planned else None

    def _keep_over(self, incident: Incident, answered: datetime) -> str:
        known = self.world.get(TOLD_LATE, incident.kind.value, incident.root)
        if known is not None and known[0] == answered and (INCIDENT, known[1]) in self.world.facts:
            return known[1]
        outages = incident.outages
        for subject in incident.subjects:
            outages = ended(outages, subject, answered)
        over = msgspec.structs.replace(
            incident,
            state=State.CLOSED,
            severity=Severity.OK,
            closed_at=answered,
            changed_at=answered,
            outages=outages,
            reason=OVER,
        )
        self.world.put((INCIDENT, over.key), over)
        self.world.put((TOLD_LATE, incident.kind.value, incident.root), (answered, over.key))
        return over.key


def copied(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry)


def placed(event: Event) -> Entry:
    return Entry(place=(event.at, event.witness, event.order[1], event.uid), event=event, twins=[])


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=_place)


def _joined(words: list[str]) -> str:
    more = len(words) - MOST_WORDS
    return "; ".join([*words[:MOST_WORDS], f"and {more} more"] if more > 0 else words)


def _place(entry: Entry) -> Place:
    return entry.place
