"""Whose turn it is: objects that can be sent now, by rank, and those that are put off until an instant.

An object stands in one place only: the last one it was given. Older places are passed over when their turn comes.
"""

from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Final

from bridge.core.showing.picture import Target

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Queue:
    """The lower the rank, the sooner."""

    def __init__(self) -> None:
        self._ready: list[tuple[int, int, Target]] = []
        self._later: list[tuple[datetime, int, Target]] = []
        self._places: dict[Target, int] = {}
        """Which of its places counts, by the running number it was given with."""
        self._ranks: dict[Target, int] = {}
        """With which rank it waits among those that can be sent now."""
        self._count = 0

    def __len__(self) -> int:
        """How many places there are, old ones among them."""
        return len(self._ready) + len(self._later)

    def put(self, target: Target, rank: int) -> None:
        """To be sent now. One that waits with this rank or a better one keeps its place."""
        known = self._ranks.get(target)
        if known is None or rank < known:
            self._ranks[target] = rank
            heappush(self._ready, (rank, self._place(target), target))

    def put_off(self, target: Target, until: datetime) -> None:
        """What waited to be sent now waits no more."""
        self._ranks.pop(target, None)
        heappush(self._later, (until, self._place(target), target))

    def due(self, now: datetime) -> list[Target]:
        """Takes out what was put off until now."""
        found = []
        while self._later and self._later[0][0] <= now:
            _, place, target = heappop(self._later)
            if self._places[target] == place:
                found.append(target)
        return found

    def take(self) -> Target | None:
        """The next one to be sent."""
        while self._ready:
            _, place, target = heappop(self._ready)
            if self._places[target] == place:
                del self._ranks[target]
                return target
        return None

    def next_at(self) -> datetime | None:
        """When something may be due; in the past when it can be sent now."""
        return LONG_AGO if self._ready else self._later[0][0] if self._later else None

    def _place(self, target: Target) -> int:
        self._count += 1
        self._places[target] = self._count
        return self._count
