"""The ledger at the start: what is not there yet is waited for, what a person must correct ends the bridge at once."""

import logging
import select
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from bridge.config.config import Config
from bridge.core.line import Line
from bridge.core.world.event import from_ns
from bridge.intake.intake import Intake
from bridge.ledger.ledger import Ledger, LedgerAway, LedgerBusy
from bridge.serve.clock import TimeLine
from bridge.serve.recall import new_line, restore
from bridge.serve.systemd import Pulse
from bridge.serve.watch import Watch

TRY_EVERY: Final = 2.0
SLICE: Final = 0.5
"""An intake wants to be drained at least every second."""
SAY_EVERY: Final = 60.0
"""Seconds between two lines of the log about the same."""
CURES: Final = {
    "authentication failed": "correct ledger_password, or the user in ledger",
    "no password supplied": "give ledger_password",
    "no pg_hba.conf entry": "let this machine in, in pg_hba.conf of the server",
    "not permitted to log in": "give that user LOGIN, or name another one in ledger",
    "permission denied for database": "GRANT CONNECT to that user",
    "does not exist": "create it, or correct ledger",
}
"""What PostgreSQL says when it refuses for good. No code comes with it (libpq): said in another language, it is waited for."""
R = TypeVar("R")

log = logging.getLogger("quorumbell.bridge")


def cure_for(error: LedgerAway) -> str:
    """What a person must do before the bridge can start; empty when it only has to wait."""
    if isinstance(error, LedgerBusy):
        return "two bridges cannot write one ledger"
    if "FATAL" not in str(error):
        return ""
    return next((cure for words, cure in CURES.items() if words in str(error)), "")


def remember(
    config: Config, beat: Callable[[], None], waits: Callable[[float], bool]
) -> tuple[Ledger, TimeLine, datetime | None, Line]:
    """The ledger, the bridge's own time as it goes on from there, when that was, and what is read of it. Raises LedgerError."""
    ledger = Ledger.open(config.bridge.ledger_url, waits=waits)
    try:
        anchor = ledger.anchor()
        clock = TimeLine(anchor)
        now = clock()
        for remark in ledger.remarks:
            log.warning("ledger: %s", remark)
        if interrupted := ledger.release_leases(now):
            log.warning("%d notices were being told when the bridge died: they are told again", interrupted)
        line = new_line(config)
        restore(line, ledger, now, beat)
        line.correlator.gathers = True
    except BaseException:
        ledger.close()
        raise
    return ledger, clock, from_ns(anchor.line_ns) if anchor else None, line


class Waiting:
    """Meanwhile relays are answered, and hold; systemd hears that the bridge is up, and what it waits for."""

    def __init__(self, watch: Watch, pulse: Pulse, open_intakes: Callable[[], Sequence[Intake]]) -> None:
        self._watch = watch
        self._pulse = pulse
        self._open_intakes = open_intakes
        self._intakes: Sequence[Intake] = ()
        self._said_at = float("-inf")

    def until(self, opened: Callable[[], R]) -> R:
        """What `opened` gives, when it does. Raises what cannot be waited for."""
        try:
            while True:
                try:
                    return opened()
                except LedgerAway as error:
                    if cure := cure_for(error):
                        raise type(error)(f"{error}: {cure}") from error
                    self._wait(error)
        finally:
            for intake in self._intakes:
                intake.close()

    def hold(self) -> bool:
        """It is there, and keeps a statement waiting: it alone knows for how long."""
        self._begin()
        self._take_in(0)
        return True

    def _wait(self, error: LedgerAway) -> None:
        self._watch.storing.failed(error)
        self._begin()
        if time.monotonic() - self._said_at >= SAY_EVERY:
            self._said_at = time.monotonic()
            log.error("the ledger is not there, it is waited for; relays hold their reports: %s", error)
        until = time.monotonic() + TRY_EVERY
        while (left := until - time.monotonic()) > 0:
            self._pulse.beat()
            self._take_in(min(left, SLICE))

    def _begin(self) -> None:
        """Who asks is answered, relays are, and systemd does not wait."""
        self._watch.begin()
        if not self._intakes:
            self._intakes = self._open_intakes()
            self._pulse.ready()

    def _take_in(self, seconds: float) -> None:
        select.select([intake.fileno() for intake in self._intakes], [], [], seconds)
        for intake in self._intakes:
            intake.set_window(0)
            intake.drain()  # what is not acknowledged comes again
