"""How a receiver is: a circuit that opens after failures in a row, so that nobody hammers at a door behind which nobody is.

    closed     everything is tried when it is due
    open       only what is urgent is tried, when its own retry plan says so; the rest waits for `paused_until`
    half-open  `paused_until` has passed: the next notice is the probe; its verdict closes the circuit, or opens it again

Kept in the ledger, so that a restart neither forgets a wish for rest nor starts all attempts anew.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from bridge.core.telling.notice import Delivered, TryLater, Verdict
from bridge.core.telling.retry import LONGEST, LONGEST_WISH, STEPS

OPENS_AFTER: Final = 5
"""Failures in a row. Until then each notice follows its own retry plan."""


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that gives up is about one notice: it proves that the receiver answers, and closes the circuit."""

    failures: int = 0
    failing_since: datetime | None = None
    paused_until: datetime | None = None
    success_at: datetime | None = None
    failure_at: datetime | None = None
    failure: str = ""

    def circuit(self, now: datetime) -> Circuit:
        if not self.is_open_to_all(now):
            return Circuit.OPEN
        return Circuit.CLOSED if self.failures < OPENS_AFTER else Circuit.HALF_OPEN

    def is_open_to_all(self, now: datetime) -> bool:
        """Whether more than the urgent may be tried. A pause longer than any wish comes from a clock that was set back."""
        return self.paused_until is None or not now < self.paused_until <= now + LONGEST_WISH * 2


def after(health: Health, verdict: Verdict, now: datetime, jitter: float) -> Health:
    """The health after a verdict; `jitter` lies in [0, 1) and only lengthens, by a quarter at most."""
    if isinstance(verdict, Delivered):
        return Health(success_at=now, failure_at=health.failure_at, failure=health.failure)
    if not isinstance(verdict, TryLater):
        return Health(success_at=health.success_at, failure_at=now, failure=verdict.why)
    failures = health.failures + 1
    pause = timedelta(0)
    if failures >= OPENS_AFTER:
        pause = STEPS[failures - 1] if failures <= len(STEPS) else LONGEST
    pause = max(pause, min(verdict.after or timedelta(0), LONGEST_WISH)) * (1 + jitter / 4)
    return Health(
        failures=failures,
        failing_since=health.failing_since or now,
        paused_until=now + pause if pause else None,
        success_at=health.success_at,
        failure_at=now,
        failure=verdict.why,
    )
