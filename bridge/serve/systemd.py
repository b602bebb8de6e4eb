"""What systemd is told: that the process is ready, what it does, and that it lives. (sd_notify(3))"""

import os
import socket
import time
from collections.abc import Callable
from typing import Final

import structlog

START_STEP: Final = 60.0
"""Seconds that one step of the start may take."""


def sd_notify(*words: str) -> bool:
    """READY=1, STATUS=…, WATCHDOG=1, STOPPING=1, EXTEND_TIMEOUT_USEC=…; False when nobody asked to be told. (sd_notify(3))"""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return False
    address = "\0" + place[1:] if place[0] == "@" else place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.sendto("\n".join(words).encode(), address)
        except OSError as error:
            structlog.get_logger(__name__).warning("systemd does not listen", place=place, why=str(error))
            return False
    return True


def watchdog_seconds() -> float | None:
    """What systemd allows between two WATCHDOG=1, if it watches this process. (sd_watchdog_enabled(3))"""
    allowed, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not allowed.isdigit() or (process and process != str(os.getpid())):
        return None
    return int(allowed) / 1_000_000


class Pulse:
    """Tells systemd that there is progress: while starting, so that it waits, and then, so that it does not restart us.

    Whatever may take long calls `beat` at each step of its own; what is stuck calls nothing, and that is the point. `also` is
    called at each beat.
    """

    def __init__(self, also: Callable[[], None] = lambda: None) -> None:
        self._also = also
        self._word = f"EXTEND_TIMEOUT_USEC={int(START_STEP * 1_000_000)}"
        self._every = START_STEP / 4
        self._at = 0.0
        self._is_ready = False

    def beat(self) -> None:
        self._also()
        self.lives()

    def lives(self) -> None:
        """It is not the process that is stuck."""
        now = time.monotonic()
        if now >= self._at:
            self._at = now + self._every
            sd_notify(self._word)

    def ready(self) -> None:
        """The start is over, or it only waits for the ledger; from now on it is the watchdog that waits for beats."""
        if self._is_ready:
            return
        self._is_ready = True
        sd_notify("READY=1")
        allowed = watchdog_seconds()
        self._word, self._every, self._at = "WATCHDOG=1", allowed / 4 if allowed else float("inf"), 0.0
