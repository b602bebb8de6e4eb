"""How long the bridge has listened. A bridge that was stopped, suspended or held up heard nobody; that is nobody's silence."""

from __future__ import annotations

from typing import Final

LONGEST_PAUSE: Final = 2.0
"""Seconds between two looks at the port that still count; the loop looks twice a second."""


class Attention:
    def __init__(self, clock_ns: int) -> None:
        self.seconds = 0.0
        self._looked_ns = clock_ns

    def look(self, clock_ns: int) -> None:
        """The port is looked at, now."""
        self.seconds += min((clock_ns - self._looked_ns) / 1e9, LONGEST_PAUSE)
        self._looked_ns = clock_ns
