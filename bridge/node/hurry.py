"""When to look next: at a beat, and soon after something happened. What happens without end does not hurry us without end."""

from __future__ import annotations

from typing import Final

SETTLES_AFTER: Final = 2.0
"""Seconds after the first word of a burst; what comes later than the look asks for another."""
AT_ONCE: Final = 20.0
REFILLED_IN: Final = 15.0
"""So many hurried looks in a row, and one more after so many seconds."""


class Hurry:
    """`now` is in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._beat_at = 0.0
        self._early_at: float | None = None
        self._left = AT_ONCE
        self._counted_at = 0.0

    def stir(self, now: float) -> None:
        if self._early_at is not None:
            return
        self._left = min(AT_ONCE, self._left + (now - self._counted_at) / REFILLED_IN)
        self._counted_at = now
        if self._left >= 1:
            self._left -= 1
            self._early_at = now + SETTLES_AFTER

    def is_due(self, now: float) -> bool:
        return now >= self._beat_at or (self._early_at is not None and now >= self._early_at)

    def begun(self) -> None:
        """What happens from now on is news to this look, or not: it asks for another."""
        self._early_at = None

    def next_at(self, at: float) -> None:
        self._beat_at = at
