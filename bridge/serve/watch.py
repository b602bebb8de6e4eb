"""The watch: a thread that neither the ledger nor the loop can stop. It answers who asks, and tells that nothing is stored."""

import logging
import select
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bridge.config.config import Config
from bridge.config.receivers import Receiver
from bridge.serve.alarm import Alarm
from bridge.serve.control import Control
from bridge.serve.desk import Desk
from bridge.serve.memory import Memory
from bridge.serve.outage import Note
from bridge.serve.storing import Storing, wall_clock
from bridge.serve.telemetry import Metrics

LOOKS_EVERY: Final = 0.2

log = logging.getLogger("quorumbell.bridge")


class Watch:
    """`storing` is there from the first; `desk` and `memory` once it has begun, which may be before the ledger is there."""

    desk: Desk
    memory: Memory

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self.storing = Storing()
        self._config = config
        self._metrics = metrics
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Once. Raises ControlError: another bridge answers at the same place."""
        if self._thread is not None:
            return
        bridge = self._config.bridge
        asked = Control(bridge.control)
        note = Note(bridge.control.with_name(f"{bridge.control.name}.outage"))
        self._alarm = Alarm(self._config.receivers, self.storing, note, bridge.name, bridge.ledger, wall_clock)
        self.memory = Memory(bridge.name, self.storing, self._alarm, wall_clock)
        self.desk = Desk(asked, self.storing, self.memory)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    @property
    def lost_at(self) -> datetime | None:
        return self._alarm.lost_at

    def take_over(self, receivers: Mapping[str, Receiver]) -> None:
        """Whom to tell from now on that nothing can be stored; who was told already hears the end as before."""
        self._alarm.receivers = receivers

    def lose(self, why: str) -> None:
        """Before the end: the ledger was deleted or replaced."""
        self._rest()
        self._alarm.lose(why)

    def close(self) -> None:
        if self._thread is None:
            return
        self._rest()
        self._alarm.close()
        self.desk.close()

    def _rest(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(2)

    def _run(self) -> None:
        while not self._stopped.is_set():
            select.select([self.desk.fileno()], [], [], LOOKS_EVERY)
            self.storing.look()
            for part in (self.desk.turn, self._alarm.turn):
                try:
                    part()
                except Exception:  # nobody else would say that nothing can be stored
                    log.exception("the watch itself raised")
                    self._stopped.wait(1)
            self._metrics.ledger_away.set(self._alarm.seconds())
