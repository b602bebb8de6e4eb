"""What is due when: a queue in which a fact stands once, however often its time is put off."""

from collections.abc import Iterator
from datetime import datetime
from heapq import heappop, heappush

from bridge.core.world.table import Key


class Due:
    """A fact stands at the earliest of the times it was given; whoever takes it out looks whether that still holds."""

    def __init__(self) -> None:
        self._queue: list[tuple[datetime, Key]] = []
        self._at: dict[Key, datetime] = {}

    def add(self, at: datetime, key: Key) -> None:
        known = self._at.get(key)
        if known is None or at < known:
            self._at[key] = at
            heappush(self._queue, (at, key))

    def first(self) -> tuple[datetime, Key] | None:
        while self._queue and self._at.get(self._queue[0][1]) != self._queue[0][0]:
            heappop(self._queue)
        return self._queue[0] if self._queue else None

    def take(self) -> tuple[datetime, Key]:
        """The first one, which there must be."""
        at, key = heappop(self._queue)
        del self._at[key]
        return at, key

    def due(self, before: datetime) -> Iterator[tuple[datetime, Key]]:
        """Takes out what stands before this time; what is added meanwhile is not for this turn."""
        while (first := self.first()) is not None and first[0] < before:
            yield self.take()
