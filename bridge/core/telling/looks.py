"""When an incident must be looked at again though nothing may have happened by then: a hold ends, a reminder is due."""

from datetime import datetime
from heapq import heappop, heappush
from typing import Final

ALL: Final = ""
"""Stands for every incident: a silence ends."""


class Looks:
    """Instants, each with the key of an incident."""

    def __init__(self) -> None:
        self._queue: list[tuple[datetime, str]] = []
        self._planned: set[tuple[datetime, str]] = set()

    def plan(self, when: datetime, key: str) -> None:
        if (when, key) not in self._planned:
            self._planned.add((when, key))
            heappush(self._queue, (when, key))

    def next_due(self) -> datetime | None:
        return self._queue[0][0] if self._queue else None

    def take(self, now: datetime) -> list[str]:
        """What is due, in the order of time."""
        keys: list[str] = []
        while self._queue and self._queue[0][0] <= now:
            self._planned.discard(self._queue[0])
            keys.append(heappop(self._queue)[1])
        return keys
