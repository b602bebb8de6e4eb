"""Texts that could not be made: the plain words went out instead, and whoever runs us may count it as a fault of ours."""

import logging
from collections import deque
from typing import Final

from bridge.core.world.fault import Fault, fault

MOST_KEPT: Final = 100

log = logging.getLogger("bridge.texts")
_found: deque[Fault] = deque(maxlen=MOST_KEPT)
"""From any thread; of a storm the last ones."""


def broken(about: str, error: Exception) -> None:
    found = fault("put into words", error, about=about)
    log.error("no text for %s, its template is broken: %s", about, found.what)
    _found.append(found)


def take_broken() -> list[Fault]:
    """Those since the last call."""
    taken = []
    while True:
        try:
            taken.append(_found.popleft())
        except IndexError:
            return taken
