"""How far a resync is: numbers are no news, but each tenth that is done is, and that they come and never fall.

`drbdsetup events2` of DRBD 9 prints out-of-sync again and again while a resync runs; 8.4 prints nothing between its beginning and
its end, and then nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from bridge.node.loops import Place

MOVING: Final = frozenset({"SyncSource", "SyncTarget"})
STALLED_AFTER: Final = 300.0
"""Seconds without a smaller number."""
STEP: Final = 10
"""Percent: a resync is told of nine times at the most between its beginning and its end,"""
STEP_AFTER: Final = 5.0
"""… and not before so many seconds: a short one only begins and ends."""
PAUSED: Final = frozenset({"PausedSyncS", "PausedSyncT"})


class _Run(NamedTuple):
    """The largest and the smallest number of KiB that differed, since when the smallest, and when a step was told."""

    most: int
    best: int
    since: float
    told_at: float


class Progress:
    """By object; `now` is in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._runs: dict[Place, _Run] = {}

    def said(self, place: Place, values: Mapping[str, str], known: Mapping[str, str], now: float) -> Mapping[str, str]:
        """`stalled:yes` or `stalled:no`, and `resynced:PERCENT`, as states of their own, where that is to be told. `known`: what
        was told last."""
        replication = values.get("replication", known.get("replication"))
        if replication not in MOVING:
            self._runs.pop(place, None)
            begins_anew = known.get("resynced", "0") != "0" and replication not in PAUSED
            return {**_unless_told(known), **({"resynced": "0"} if begins_anew else {})}
        number = values.get("out-of-sync", "")
        if not (number.isascii() and number.isdigit()):
            return {}
        left = int(number)
        run = self._runs.get(place) or _Run(left, left + 1, now, now)
        if left >= run.best:
            return {"stalled": "yes"} if now - run.since >= STALLED_AFTER else {}
        done = _done(run._replace(best=left), known) if now - run.told_at >= STEP_AFTER else 0
        self._runs[place] = _Run(run.most, left, now, now if done else run.told_at)
        return {**_unless_told(known), **({"resynced": str(done)} if done else {})}


def _done(run: _Run, known: Mapping[str, str]) -> int:
    """Percent, where it is another step. It never goes back: what was written meanwhile is copied, too."""
    done = 100 * (run.most - run.best) // run.most // STEP * STEP if run.most else 0
    return done if int(known.get("resynced", "0")) < done < 100 else 0


def _unless_told(known: Mapping[str, str]) -> Mapping[str, str]:
    return {"stalled": "no"} if known.get("stalled") == "yes" else {}
