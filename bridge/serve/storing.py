"""Whether what is decided can be stored: the writer's thread says how it goes, other threads look.

Nothing in here waits for the ledger, or for the loop: whoever looks is answered while both are stuck.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from bridge.secret import redact

STUCK_AFTER: Final = 5.0
"""Seconds without a turn of the loop after which it is taken to be stuck: it turns twice a second, and writes every five."""
ASLEEP_AFTER: Final = 2.0
"""Seconds without a look after which it is the process, or its machine, that stood still: the watch looks five times a second."""
STUCK: Final = "it has not answered yet: a lock, a disk or a server keeps it waiting"


class Trouble(NamedTuple):
    """Nothing was stored since, and why."""

    since: datetime
    why: str


def wall_clock() -> datetime:
    """For people: the bridge's own time belongs to the loop, and begins with the ledger."""
    return datetime.now(UTC)


class Storing:
    """Fields are written by one thread, and whole: a plain attribute is enough."""

    def __init__(self, clock: Callable[[], datetime] = wall_clock) -> None:
        self._clock = clock
        self._turned = self._looked = self._woke = time.monotonic()
        self._failing: Trouble | None = None
        self.stored_at = 0.0
        """Of the clock that cannot be set."""

    def turned(self) -> None:
        """The loop goes round, whether or not it can store."""
        self._turned = time.monotonic()

    def stored(self) -> None:
        """Something was committed."""
        self._turned = self.stored_at = time.monotonic()
        self._failing = None

    def failed(self, error: Exception) -> bool:
        """Something could not be committed; whether that is news."""
        self._turned = time.monotonic()
        known = self._failing
        self._failing = Trouble(known.since if known else self._clock(), said(str(error)))
        return known is None

    def look(self) -> None:
        """The watch looks. While it could not, nor could the loop: that is not the ledger's fault."""
        now = time.monotonic()
        if now - self._looked > ASLEEP_AFTER:
            self._woke = now
        self._looked = now

    def busy(self) -> float:
        """Seconds since the loop last went round, or could again."""
        return time.monotonic() - max(self._turned, self._woke)

    def trouble(self) -> Trouble | None:
        """What is wrong now; None while what is decided can be stored."""
        failing, busy = self._failing, self.busy()
        if failing is None and busy > STUCK_AFTER:
            return Trouble(self._clock() - timedelta(seconds=busy), STUCK)
        return failing


def said(why: str) -> str:
    """The first line, without the ledger's address, which stands beside it."""
    first = next(iter(redact(why).strip().splitlines()), "").rstrip(" .?")
    address, colon, rest = first.partition(": ")
    return rest if colon and "://" in address else first
