"""When a notice is tried again: a pure decision, kept as `next_at` in the ledger, so that it survives a restart."""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.telling.notice import GiveUp, TryLater, Verdict

STEPS: Final = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 10, 20, 30, 60, 120, 300, 600))
"""The wait after the first, second, … failed attempt; afterwards always LONGEST."""
LONGEST: Final = timedelta(minutes=15)
LONGEST_WISH: Final = timedelta(hours=1)
"""A receiver may ask for more time (Retry-After), but not for so much that nobody hears of an open incident."""
KEPT_TRYING_FOR: Final = timedelta(hours=24)
"""Whoever is still not reached after a day is told by the incident's younger reminders, which wait behind this notice until it
is given up. Counted in attempts, not in hours: what waited while the bridge itself was down is not old."""
MOST_ATTEMPTS: Final = len(STEPS) + -(-(KEPT_TRYING_FOR - sum(STEPS, timedelta(0))) // LONGEST)


def settled(verdict: Verdict, attempts: int) -> Verdict:
    """The verdict that counts after this many attempts: trying ends after about a day, and then says so."""
    if isinstance(verdict, TryLater) and attempts >= MOST_ATTEMPTS:
        return GiveUp(f"given up after {attempts} attempts in about a day; the last one: {verdict.why}")
    return verdict


def next_attempt(verdict: Verdict, attempts: int, now: datetime, jitter: float) -> datetime | None:
    """When next, or None if nothing more is to be done. `attempts` counts the one just made; `jitter` lies in [0, 1).

    Jitter only lengthens, by a quarter at most: a wish of the receiver is a lower bound.
    """
    if not isinstance(settled(verdict, attempts), TryLater) or not isinstance(verdict, TryLater):
        return None
    planned = STEPS[attempts - 1] if 0 < attempts <= len(STEPS) else LONGEST
    wished = min(verdict.after or timedelta(0), LONGEST_WISH)
    return now + max(planned, wished) * (1 + jitter / 4)
