"""When it is told that nothing can be stored, and that it is over: each receiver once, however often the bridge is restarted."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from bridge.config.receivers import Receiver
from bridge.serve.outage import Note, Outage
from bridge.serve.past_the_ledger import PastTheLedger
from bridge.serve.storing import STUCK, Storing, Trouble
from bridge.serve.systemd import sd_notify

TELL_AFTER: Final = 60.0
"""Seconds: a database that is restarted is no news."""
OVER_AFTER: Final = 10.0
"""Seconds without trouble, with something stored, until it is said to be over: one that comes and goes is one outage."""

log = logging.getLogger("quorumbell.bridge")


class Alarm:
    """`turn` belongs to the watch's thread; `note` is what the next process must know."""

    def __init__(
        self,
        receivers: Mapping[str, Receiver],
        storing: Storing,
        note: Note,
        bridge: str,
        ledger: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.receivers = receivers
        """Whoever is told from now on; another thread may put others in their place."""
        self._storing = storing
        self._note = note
        self._bridge = bridge
        self._ledger = ledger
        self._clock = clock
        self._stopped = threading.Event()
        self._began = self._bad_at = time.monotonic()
        self._telling: set[str] = set()
        self.outage = note.read(ledger)
        """The one that lasts; until something is stored also one that an earlier process left."""
        self.lost_at = self.outage.since if self.outage is not None and self.outage.lost else None
        """When the ledger that was there before this process was deleted or replaced."""
        if self.outage is not None:
            self._begin(self.outage)

    def turn(self) -> None:
        trouble = self._storing.trouble()
        if trouble is not None:
            self._go_on(trouble)
        elif self.outage is not None and self._is_over():
            self._end(self.outage)

    def seconds(self) -> float:
        """For how long nothing could be stored."""
        return 0.0 if self.outage is None else time.monotonic() - self._began

    def lose(self, why: str) -> None:
        """The ledger is another from now on: the next process, which opens that one, tells it."""
        outage = self.outage or Outage(self._clock(), why, self._ledger)
        outage.why, outage.lost = why, True
        self._note.write(outage)

    def close(self) -> None:
        """Whoever was told stands in the note: the next process tells them the end."""
        self._stopped.set()

    def _go_on(self, trouble: Trouble) -> None:
        self._bad_at = time.monotonic()
        outage = self.outage
        if outage is None:
            outage = self.outage = Outage(trouble.since, "", self._ledger)
            self._begin(outage)
        if outage.why != trouble.why:
            outage.why = trouble.why
            self._changed(outage)
            if trouble.why == STUCK:  # all else is logged by the loop, which cannot now
                log.error("nothing can be stored: %s", trouble.why)
            sd_notify(f"STATUS=nothing can be stored, relays hold their reports: {trouble.why}")
        if self.seconds() >= TELL_AFTER:
            for name in self.receivers.keys() - self._telling:
                self._tell(name, outage)

    def _begin(self, outage: Outage) -> None:
        """The wall clock only says how old it is: from here on the clock counts that cannot be set."""
        self._began = time.monotonic() - max(0.0, (self._clock() - outage.since).total_seconds())
        self._telling = set()
        for name in self.receivers.keys() if outage.lost else outage.told.keys() & self.receivers.keys():
            self._tell(name, outage)

    def _is_over(self) -> bool:
        return self._storing.stored_at > self._bad_at and time.monotonic() - self._bad_at > OVER_AFTER

    def _end(self, outage: Outage) -> None:
        now = time.monotonic()
        outage.end(self._clock() - timedelta(seconds=now - self._bad_at))
        self.outage = None
        sd_notify("STATUS=reports are stored")
        log.warning("reports are stored again; for %.0f s they were not", self._bad_at - self._began)
        self._changed(outage)

    def _tell(self, name: str, outage: Outage) -> None:
        self._telling.add(name)
        PastTheLedger(self.receivers[name], outage, self._bridge, self._changed, self._stopped, self._clock).start()

    def _changed(self, outage: Outage) -> None:
        """Also called from the receivers' threads. An outage that began after this one has the note for itself."""
        if self.outage not in {None, outage}:
            return
        if self.outage is None and not outage.told:
            self._note.remove()
        else:
            self._note.write(outage)
