"""What one relay may cause, and what is too much. Pure: time is an argument.

The bounds lie far above what a relay does with 200,000 reports waiting, at full speed, and above what it repeats when the
bridge was stuck for a minute. Who passes one is broken or hostile.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Over(StrEnum):
    """What was too much, in words for a person; also the label of its counter."""

    WORDS = "hellos and heartbeats without end"
    BATCHES = "more messages than any spool sends"
    UNREADABLE = "messages that cannot be read"
    UNGREETED = "reports before a hello"
    REFUSED = "reports that cannot be taken"
    AGAIN = "reports that were acknowledged, again and again"
    HANDSHAKES = "new connections without end"
    CONNECTIONS = "too many connections at once"
    ANSWERS = "answers are not read"
    BYTES = "more bytes than its window allows"


class Allowance(NamedTuple):
    """So many a second for ever, and so many at once."""

    a_second: float
    at_once: float


ALLOWANCES: Final = {
    Over.WORDS: Allowance(20, 600),  # a relay: five hellos a connection, one ping a second
    Over.BATCHES: Allowance(5_000, 20_000),  # a relay: as many as there are commits, and 60 with a batch in each
    Over.UNREADABLE: Allowance(1, 100),  # a relay: none; a newer one perhaps a word a second that is not known here
    Over.UNGREETED: Allowance(0.1, 10),  # a relay: one perhaps, when the bridge was started anew under it
    Over.REFUSED: Allowance(50, 20_000),  # hooks that are newer than the bridge: a spool of them
    Over.AGAIN: Allowance(200, 250_000),  # a spool that came back with its machine: all of it, once
    Over.HANDSHAKES: Allowance(2, 200),  # a relay: at most two a second, soon one in five
}
MOST_CONNECTIONS: Final = 16
"""A relay has one; those that it gave up are noticed within seconds."""
MOST_BYTES: Final = 4 << 20
"""Bytes of one connection that came and were not taken yet. A relay's window is 1 MiB, and it may resend that once."""


class Purse:
    """What is left of an allowance."""

    def __init__(self, allowance: Allowance, now: float) -> None:
        self._allowance = allowance
        self._left = allowance.at_once
        self._at = now

    def spend(self, amount: float, now: float) -> bool:
        """False when it is more than what is left; then nothing is left."""
        a_second, at_once = self._allowance
        left = min(at_once, self._left + (now - self._at) * a_second) - amount
        self._at = now
        self._left = max(0.0, left)
        return left >= 0
