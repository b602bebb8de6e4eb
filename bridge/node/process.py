"""What a long-running program of a node needs from its system: an orderly end, a log, a word to the service manager."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from typing import Final


class StopSignal:
    """SIGTERM and SIGINT as something that a poller can wait for; and SIGHUP, which ends nothing."""

    def __init__(self) -> None:
        self.heard = False
        self._hung_up = False
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)
        signal.signal(signal.SIGHUP, self._hang_up)

    def hung_up(self) -> bool:
        """Whether SIGHUP came since this was asked last."""
        came, self._hung_up = self._hung_up, False
        if came:
            with contextlib.suppress(BlockingIOError):
                self._ours.recv(4096)
        return came

    def _hang_up(self, _number: int, _frame: object) -> None:
        self._hung_up = True

    def _hear(self, _number: int, _frame: object) -> None:
        self.heard = True

    def fileno(self) -> int:
        return self._ours.fileno()


class Prefixed(logging.Formatter):
    """The journal reads the severity from a prefix (sd-daemon(3)); a terminal shows it as a word."""

    _PRIORITY: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if "JOURNAL_STREAM" in os.environ:
            return f"<{self._PRIORITY.get(record.levelno, 6)}>{text}"
        return f"{record.levelname.lower()}: {text}"


def tell_systemd(words: bytes) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(words, "\0" + address[1:] if address.startswith("@") else address)
