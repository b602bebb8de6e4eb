"""Late reports, gathered: what would make much that is newer be understood again waits, and is understood together.

That is done beside the world that is told of, a piece at a time, so that what happens now is understood meanwhile; when it is
done, the one takes the place of the other. So the past may come in any order and at any speed, and the present waits for a piece
of it at the most.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bridge.core.strand import Entry, Place, Strand, copied, in_order
from bridge.core.world.event import EPOCH

AT_ONCE: Final = 250
"""Events that are understood again without more ado: a few hundredths of a second."""
LOT: Final = 5_000
"""So many do not wait for more: what is newer than they are is no more than twice as much."""
LOT_AFTER: Final = timedelta(seconds=5)
"""So long what is late waits for more of its kind."""


class Gathered:
    """Of one cluster: what waits, and the lot that is being understood `beside` what is told of."""

    def __init__(self) -> None:
        self.beside: Strand | None = None
        self.far: list[Entry] = []
        """Of the lot, what happened before the horizon."""
        self._lot: list[Entry] = []
        self._start = 0
        self._waiting: list[Entry] = []
        self._since: datetime | None = None

    def add(self, entries: Sequence[Entry], now: datetime) -> None:
        if entries:
            self._waiting += entries
            self._since = self._since or now

    def all(self) -> list[Entry]:
        """What is not understood yet."""
        return [*self._lot, *self._waiting]

    def due_at(self) -> datetime | None:
        """When there is something to do; an instant of the past, if there is already."""
        if self.beside is not None or len(self._waiting) >= LOT:
            return EPOCH
        return None if self._since is None else self._since + LOT_AFTER

    def begin(self, live: Strand, horizon: Place) -> Strand:
        """All that waits becomes a lot."""
        self._lot, self._waiting, self._since = in_order(self._waiting), [], None
        self.far = [entry for entry in self._lot if entry.place < horizon]
        near = self._lot[len(self.far) :]
        self._start = 0 if self.far else live.place_of(near)
        self.beside = live.fork(self._start)
        if self.far:
            self.beside.put_before(self.far)
        if near:
            self.beside.put_in(near, self._start)
        return self.beside

    def follow(self, fresh: Iterable[Entry], start: int) -> None:
        """What was understood meanwhile, from the live strand's entry of that number on, is understood beside it, too."""
        if self.beside is None:
            return
        if start < self._start:
            self._again()
        elif copies := [copied(entry) for entry in fresh]:
            self.beside.put_in(copies, self.beside.place_of(copies))

    def done(self) -> None:
        self.beside, self._lot, self.far = None, [], []

    def _again(self) -> None:
        """What it began with has changed."""
        for entry in self._lot:
            entry.decision = None
        self._waiting, self._since = [*self._lot, *self._waiting], self._since or EPOCH
        self.done()
