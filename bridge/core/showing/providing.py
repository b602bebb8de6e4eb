"""When a board that can make objects is asked to make those it lacks, and what it said of it last."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from bridge.core.showing.picture import Target
from bridge.core.telling.notice import Delivered, TryLater, Verdict

GATHER: Final = timedelta(minutes=1)
"""A new cluster is many new objects within seconds: they are made together."""
AGAIN: Final = timedelta(minutes=5)
WAITS_FOR_PEOPLE: Final = timedelta(minutes=15)


class Providing:
    def __init__(self) -> None:
        self.word = ""
        """What the board said; "" when it lacks nothing."""
        self._known: frozenset[Target] = frozenset()
        self._at: datetime | None = None

    def is_due(self, absent: Collection[Target], now: datetime) -> bool:
        """Whether the board is asked now. What is new is not kept waiting by what was refused."""
        if not absent:
            self.word, self._known, self._at = "", frozenset(), None
            return False
        new = not self._known.issuperset(absent)
        self._known = frozenset(absent)
        if self._at is None or new:
            self._at = min(self._at or now + GATHER, now + GATHER)
        return now >= self._at

    def answered(self, verdict: Verdict, now: datetime) -> None:
        self.word = verdict.why
        match verdict:
            case Delivered():  # what was made is found when the board is read again
                self._at = now + GATHER
            case TryLater():
                self._at = now + (verdict.after or AGAIN)
            case _:
                self._at = now + WAITS_FOR_PEOPLE
