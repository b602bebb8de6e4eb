"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(condition: Callable[[], Found], seconds: float = 20.0, what: str = "", *, every: float = 0.02) -> Found:
    """The first answer of the condition that counts as true. `every` is how often it is asked, in seconds; one that takes long
    is asked less often, since what it waits for needs the processor."""
    until = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if found := condition():
            return found
        now = time.monotonic()
        assert now < until, f"did not happen within {seconds:g} s: {what or condition}"
        time.sleep(max(every, min(3 * (now - asked), 1.0)))
