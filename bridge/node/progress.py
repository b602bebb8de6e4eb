"""Whether a resync gets on: numbers are no news, but that they come and never fall is.

`drbdsetup events2` of DRBD 9 prints out-of-sync again and again while a resync runs; 8.4 prints nothing between its beginning and
its end, and then nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.node.loops import Place

MOVING: Final = frozenset({"SyncSource", "SyncTarget"})
STALLED_AFTER: Final = 300.0
"""Seconds without a smaller number."""


class Progress:
    """By object; `now` is in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._best: dict[Place, tuple[int, float]] = {}
        """The smallest number of KiB that differ, and since when."""

    def said(self, place: Place, values: Mapping[str, str], known: Mapping[str, str], now: float) -> Mapping[str, str]:
        """`stalled:yes` or `stalled:no` as a state of its own, where that is to be told. `known`: what was told last."""
        if values.get("replication", known.get("replication")) not in MOVING:
            self._best.pop(place, None)
            return self._unless_told(known)
        number = values.get("out-of-sync", "")
        if not (number.isascii() and number.isdigit()):
            return {}
        best, since = self._best.get(place, (int(number) + 1, now))
        if int(number) < best:
            self._best[place] = (int(number), now)
            return self._unless_told(known)
        return {"stalled": "yes"} if now - since >= STALLED_AFTER else {}

    def _unless_told(self, known: Mapping[str, str]) -> Mapping[str, str]:
        return {"stalled": "no"} if known.get("stalled") == "yes" else {}
