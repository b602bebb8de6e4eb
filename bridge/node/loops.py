"""A brake for states that go round in a loop: thousands of changes in an hour are one story, and a few reports.

What is told of one object goes through as it comes, until it has come back to states that it was in a moment ago again and
again. Then the newest one is told now and then, and once more when there is quiet. A state that is new goes through at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final

TURNS: Final = 8
"""So many changes of one object within WINDOW, and it goes round in a loop if it was in that state before."""
WINDOW: Final = 60.0
QUIET: Final = 5.0
"""Seconds without a change: what was held back is the state now."""
EVERY: Final = 300.0
"""Seconds between two words about an object that goes on and on."""


class _Object:
    """When it changed lately and was told of, the states it was in, and since when and until when it was held back."""

    def __init__(self) -> None:
        self.told: list[float] = []
        self.seen: set[Hashable] = set()
        self.held_since: float | None = None
        self.last = 0.0


Place = tuple[str, ...]
"""Names an object."""


class Loops:
    """By object; `now` is in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._objects: dict[Place, _Object] = {}

    def passes(self, of: Place, state: Hashable, now: float) -> bool:
        """Whether a change may be told; what may not is due later."""
        one = self._objects.setdefault(of, _Object())
        if now - one.last > WINDOW and one.held_since is None:
            one.told, one.seen = [], set()
        one.last = now
        if one.held_since is None:
            one.told = [at for at in one.told if now - at <= WINDOW]
        if state in one.seen and len(one.told) >= TURNS:
            one.held_since = now if one.held_since is None else one.held_since
            return False
        one.told.append(now)
        one.seen.add(state)
        return True

    def due(self, now: float) -> Iterator[Place]:
        """The objects whose newest state is to be told now."""
        for of, one in list(self._objects.items()):
            if one.held_since is None:
                continue
            if now - one.last >= QUIET:
                one.held_since = None
                yield of
            elif now - one.held_since >= EVERY:
                one.held_since = now
                yield of

    def forget(self, of: Place) -> None:
        self._objects.pop(of, None)
