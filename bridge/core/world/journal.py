"""The tables of one cluster, kept so that they can be wound back.

Every change goes through `put`, which remembers the old value. A report that arrives late is then no special case: the tables are
wound back to before it happened, and everything since is understood once more, in the order in which it happened. So the state
is a function of the events and not of their arrival.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bridge.core.world.due import Due
from bridge.core.world.incident import Incident
from bridge.core.world.table import TABLES, Key, Table, V


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
        self._rows: dict[tuple[str, ...], dict[str, Any]] = {}
        """The facts of gathered tables: by table and first name, then by the second."""
        self._timers = Due()
        self._passing = Due()
        """Facts that will be forgotten, and when."""

    def get(self, *key: *tuple[Table[V], *tuple[str, ...]]) -> V | None:
        found: V | None = self.facts.get(key)
        return found

    def rows(self, table: Table[V], name: str) -> Mapping[str, V]:
        """The facts of a gathered table that have this name, by their second one; in no order."""
        return self._rows.get((table, name), {})

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

    def keep(self, key: Key, value: Any) -> None:
        """As `put`, of what no winding back undoes."""
        self._set(key, value, self.facts.get(key))

    def begin_with(self, facts: Mapping[Key, Any]) -> None:
        """In the place of an empty journal."""
        for key, value in facts.items():
            self._set(key, value, None)
        self.touched.clear()

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
        journaled: set[Key] | None = None
        again = []
        for at, key in self._passing.due(horizon):
            if journaled is None:
                journaled = {one for one, _ in self.journal}
            passes_at = _passes_at(key, self.facts.get(key))
            if key in journaled or (passes_at is not None and (passes_at >= horizon or self._is_wanted(key))):
                again.append((max(passes_at or at, horizon), key))
            elif passes_at is not None:
                self._forget(key)
        for at, key in again:
            self._passing.add(at, key)

    def _is_wanted(self, key: Key) -> bool:  # noqa: ARG002 - said by whoever knows what the tables mean
        """Whether a fact that has passed must be kept all the same."""
        return False

    def _forget(self, key: Key) -> None:
        """With all that goes with it."""
        del self.facts[key]
        for table in TABLES.values():
            if table.goes_with is key[0]:
                self.facts.pop((table, *key[1:]), None)
                for name in self._rows.pop((table, *key[1:]), ()):
                    del self.facts[(table, *key[1:], name)]

    def take_touched(self) -> dict[Key, Any]:
        """What incidents, conditions and layouts were before they changed, since the last call; the unchanged are left out."""
        touched, self.touched = self.touched, {}
        return {key: old for key, old in touched.items() if self.facts.get(key) != old}

    # --- timers ------------------------------------------------------------------------------------------------------

    def set_timer(self, at: datetime, *name: str) -> None:
        self.put((TIMER, *name), at)

    def cancel_timer(self, *name: str) -> None:
        self.put((TIMER, *name), None)

    def next_timer(self) -> datetime | None:
        while (first := self._timers.first()) is not None:
            at, key = first
            wanted = self.facts.get(key)
            if wanted == at:
                return at
            self._timers.take()
            if wanted is not None:
                self._timers.add(wanted, key)
        return None

    def due_timers(self, until: datetime) -> Iterator[tuple[datetime, tuple[str, ...]]]:
        """Takes out and gives each timer due by then, in order; a timer that is set meanwhile takes its turn."""
        while (due := self.next_timer()) is not None and due <= until:
            key = self._timers.take()[1]
            self.put(key, None)
            yield due, key[1:]

    # --- what is kept up to date beside a table, when a fact of it changes -----------------------------------------------

    def touch(self, key: Key, _: Any, old: Any) -> None:
        self.touched.setdefault(key, old)

    def touch_incident(self, key: Key, value: Any, old: Any) -> None:
        self.touch(key, value, old)
        self.let_pass(key, value, old)

    def let_pass(self, key: Key, value: Any, _: Any) -> None:
        """The fact is forgotten some time after its value: an instant, what begins with one, or an incident, which ends."""
        at = _passes_at(key, value)
        if at is not None:
            self._passing.add(at, key)

    def queue(self, key: Key, value: Any, _: Any) -> None:
        if value is not None:
            self._timers.add(value, key)

    def gather(self, key: Key, value: Any, _: Any) -> None:
        table, *names = key
        _enter(self._rows, (table, names[0]), names[1], value)

    def place(self, key: Key, value: Any, old: Any) -> None:
        self.touch(key, value, old)
        node, resource = key[1:]
        _enter(self.runs_there, node, resource, value)
        _enter(self.runs_on, resource, node, value)


def _enter(index: dict[Any, dict[str, Any]], one: Any, other: str, value: Any) -> None:
    row = index.setdefault(one, {})
    if value is None:
        row.pop(other, None)
        if not row:
            del index[one]
    else:
        row[other] = value


def _passes_at(key: Key, value: Any) -> datetime | None:
    """When the fact is to be forgotten; None if it is not."""
    since = value.closed_at if isinstance(value, Incident) else value[0] if isinstance(value, tuple) else value
    return None if since is None else since + key[0].kept


TIMER: Final = Table("timer", datetime, aside=Journal.queue)
"""By the name of the rule that it calls, and what it is about."""
