"""The tables of one cluster, kept so that they can be wound back.

Every change goes through `put`, which remembers the old value. A report that arrives late is then no special case: the tables are
wound back to before it happened, and everything since is understood once more, in the order in which it happened. So the state
is a function of the events and not of their arrival.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Final

from bridge.core.world.incident import Incident
from bridge.core.world.table import TABLES, Key, Table, V

KEPT: Final = timedelta(days=1)


class Journal:
    """Facts by key: the table, and whose the fact is. Timers are facts too."""

    def __init__(self) -> None:
        self.facts: dict[Key, Any] = {}
        self.journal: list[tuple[Key, Any]] = []
        self._since_mark: set[Key] = set()
        self.touched: dict[Key, Any] = {}
        self.runs_on: dict[str, dict[str, str]] = {}
        """resource -> node -> role, and the other way round below: indices over the `active` facts."""
        self.runs_there: dict[str, dict[str, str]] = {}
        self._timers: list[tuple[datetime, Key]] = []
        self._passing: list[tuple[datetime, Key]] = []
        """Facts that will be forgotten, by the time from which they age."""

    def get(self, *key: *tuple[Table[V], *tuple[str, ...]]) -> V | None:
        found: V | None = self.facts.get(key)
        return found

    def put(self, key: tuple[Table[V], *tuple[str, ...]], value: V | None) -> None:
        """None removes the fact."""
        old = self.facts.get(key)
        if old is value or old == value:
            return
        if key not in self._since_mark:
            self._since_mark.add(key)
            self.journal.append((key, old))
        self._set(key, value, old)

    def _set(self, key: Key, value: Any, old: Any) -> None:
        if value is None:
            self.facts.pop(key, None)
        else:
            self.facts[key] = value
        aside = key[0].aside
        if aside is not None:
            aside(self, key, value, old)

    def mark(self) -> int:
        """A place to wind back to. Between two of them the journal holds one old value of a fact, however often it changed."""
        self._since_mark.clear()
        return len(self.journal)

    def begin_here(self) -> None:
        """Nothing before now will be wound back to."""
        self.journal.clear()
        self._since_mark.clear()

    def wind_back(self, mark: int) -> None:
        """Undoes every change after the mark, the newest first."""
        self._since_mark.clear()
        while len(self.journal) > mark:
            key, old = self.journal.pop()
            self._set(key, old, self.facts.get(key))

    def prune(self, horizon: datetime) -> None:
        """Forgets, without a trace, what no rule asks about any more: incidents long over, old references of fencings."""
        old = horizon - KEPT
        if not self._passing or self._passing[0][0] >= old:
            return
        journaled = {key for key, _ in self.journal}
        again = []
        while self._passing and self._passing[0][0] < old:
            at, key = heappop(self._passing)
            if key in journaled:
                again.append((at, key))
            elif _passes_at(self.facts.get(key)) == at:
                del self.facts[key]
                for table in TABLES.values():
                    if table.goes_with is key[0]:
                        self.facts.pop((table, *key[1:]), None)
        for entry in again:
            heappush(self._passing, entry)

    def take_touched(self) -> dict[Key, Any]:
        """What incidents and conditions were before they changed, since the last call; the unchanged are left out."""
        touched, self.touched = self.touched, {}
        return {key: old for key, old in touched.items() if self.facts.get(key) != old}

    # --- timers ------------------------------------------------------------------------------------------------------

    def set_timer(self, at: datetime, *name: str) -> None:
        self.put((TIMER, *name), at)

    def cancel_timer(self, *name: str) -> None:
        self.put((TIMER, *name), None)

    def next_timer(self) -> datetime | None:
        while self._timers and self.facts.get(self._timers[0][1]) != self._timers[0][0]:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def due_timers(self, until: datetime) -> Iterator[tuple[datetime, tuple[str, ...]]]:
        """Takes out and gives each timer due by then, in order; a timer that is set meanwhile takes its turn."""
        while (due := self.next_timer()) is not None and due <= until:
            key = heappop(self._timers)[1]
            self.put(key, None)
            yield due, key[1:]

    # --- what is kept up to date beside a table, when a fact of it changes -----------------------------------------------

    def touch(self, key: Key, _: Any, old: Any) -> None:
        self.touched.setdefault(key, old)

    def touch_incident(self, key: Key, value: Any, old: Any) -> None:
        self.touch(key, value, old)
        self.let_pass(key, value, old)

    def let_pass(self, key: Key, value: Any, _: Any) -> None:
        """The fact is forgotten some time after its value, an instant or the end of an incident."""
        at = _passes_at(value)
        if at is not None:
            heappush(self._passing, (at, key))

    def queue(self, key: Key, value: Any, _: Any) -> None:
        if value is not None:
            heappush(self._timers, (value, key))

    def place(self, key: Key, value: Any, _: Any) -> None:
        node, resource = key[1:]
        _index(self.runs_there, node, resource, value)
        _index(self.runs_on, resource, node, value)


def _index(index: dict[str, dict[str, str]], one: str, other: str, value: str | None) -> None:
    row = index.setdefault(one, {})
    if value is None:
        row.pop(other, None)
        if not row:
            del index[one]
    else:
        row[other] = value


def _passes_at(value: Any) -> datetime | None:
    return value.closed_at if isinstance(value, Incident) else value


TIMER: Final = Table("timer", datetime, aside=Journal.queue)
"""By the name of the rule that it calls, and what it is about."""
