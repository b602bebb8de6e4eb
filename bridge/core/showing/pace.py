"""How often and how patiently a board is told, and when it must rest."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.telling.notice import TryLater


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often, how patiently."""

    refresh: timedelta = timedelta(minutes=10)
    beat: timedelta = timedelta(minutes=1)
    """The bridge's own object is repeated so often."""
    look_every: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(seconds=20)
    """What was taken may be shown so much later: results are queued (opsview-rest.md 2.7)."""
    retry_refused: timedelta = timedelta(minutes=15)
    retry_absent: timedelta = timedelta(hours=1)
    """What reading back did not find; it is sent as soon as it is found."""


FAILED_STEPS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 20, 30, 60))
"""The wait after the first, second, … failure in a row; a minute at most, so that a board that comes back is soon true."""
LONGEST_WISH: Final = timedelta(minutes=5)


def wait_after(failures: int) -> timedelta:
    """The wait after so many failures in a row, one at least."""
    return FAILED_STEPS[min(failures, len(FAILED_STEPS)) - 1]


class Rest:
    """A failure is taken as the board's own: it rests, then one request tries whether it is back."""

    def __init__(self) -> None:
        self.failures = 0
        self.until: datetime | None = None
        self.last_word = ""

    def rests(self, now: datetime) -> bool:
        return self.until is not None and now < self.until

    def failed(self, verdict: TryLater, now: datetime) -> bool:
        """Gives whether this is the first failure in a row."""
        self.failures += 1
        self.last_word = verdict.why
        wait = wait_after(self.failures)
        self.until = now + max(wait, min(verdict.after or wait, LONGEST_WISH))
        return self.failures == 1

    def answers(self) -> int:
        """It is there. Gives how often it had failed."""
        failures, self.failures = self.failures, 0
        self.until = None
        self.last_word = ""
        return failures
