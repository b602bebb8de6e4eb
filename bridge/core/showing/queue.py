"""Whose turn it is: objects that can be sent now, by rank, and those that are put off until an instant.

An object stands in one place only: the last one it was given. Older places are passed over when their turn comes.
"""

from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Final

import msgspec

from bridge.core.showing.picture import Target

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class _Place(msgspec.Struct):
    """Where an object stands: the running number of the place that counts, and the rank, if it can be sent now."""

    target: Target
    number: int = 0
    rank: int | None = None


class Queue:
    """The lower the rank, the sooner."""

    def __init__(self) -> None:
        self._ready: list[tuple[int, int, _Place]] = []
        self._later: list[tuple[datetime, int, _Place]] = []
        self._places: dict[Target, _Place] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many places there are, old ones among them."""
        return len(self._ready) + len(self._later)

    def put(self, target: Target, rank: int) -> None:
        """To be sent now. One that waits with this rank or a better one keeps its place."""
        place = self._places.get(target)
        if place is None or place.rank is None or rank < place.rank:
            place = self._move(target, rank)
            heappush(self._ready, (rank, place.number, place))

    def put_off(self, target: Target, until: datetime) -> None:
        """What waited to be sent now waits no more."""
        place = self._move(target, None)
        heappush(self._later, (until, place.number, place))

    def drop(self, target: Target) -> None:
        """It is not waited for any more."""
        place = self._places.pop(target, None)
        if place is not None:
            place.number = 0

    def due(self, now: datetime) -> list[Target]:
        """Takes out what was put off until now."""
        found = []
        while self._later and self._later[0][0] <= now:
            _, number, place = heappop(self._later)
            if place.number == number:
                found.append(place.target)
        return found

    def take(self) -> Target | None:
        """The next one to be sent."""
        while self._ready:
            _, number, place = heappop(self._ready)
            if place.number == number:
                place.rank = None
                return place.target
        return None

    def next_at(self) -> datetime | None:
        """When something may be due; in the past when it can be sent now."""
        return LONG_AGO if self._ready else self._later[0][0] if self._later else None

    def _move(self, target: Target, rank: int | None) -> _Place:
        self._count += 1
        place = self._places.get(target) or self._places.setdefault(target, _Place(target))
        place.number, place.rank = self._count, rank
        return place
