"""A database that keeps a statement waiting, for as long as it likes: nothing else stands still for it, and nothing is ended."""

import time
from collections.abc import Callable
from typing import Final

from bridge.serve.systemd import Pulse

HOLDS_AFTER: Final = 1.0
HOLDS_EVERY: Final = 0.5
"""Seconds. An intake wants to be drained at least every second."""


class Patience:
    """Asked by the ledger while it has no answer, with the seconds so far. It is the database that is stuck, and the watch's
    thread says so: to start the bridge anew would change nothing, so the watchdog is content.

    `hold` is what is done meanwhile; it says whether to go on waiting.
    """

    hold: Callable[[], bool]

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._at = 0.0

    def __call__(self, seconds: float) -> bool:
        self._pulse.lives()
        now = time.monotonic()
        if seconds < HOLDS_AFTER or now < self._at:
            return True
        self._at = now + HOLDS_EVERY
        return self.hold()
