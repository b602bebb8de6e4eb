"""One receiver is told, past the ledger, that nothing can be stored, and that it is over; a board shows it meanwhile.

It has a thread and an instance of the receiver for itself: what keeps the ledger, the loop or another receiver waiting does not
keep this one.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

from bridge.config.receivers import Receiver
from bridge.core.showing.picture import Shade, Show, words
from bridge.core.telling.notice import Delivered, TryLater, Verdict
from bridge.core.telling.retry import next_attempt, settled
from bridge.receivers import TRIED
from bridge.serve.outage import Outage
from bridge.serve.safely import safely

SHOWN_EVERY: Final = 60.0
SHOWN_AGAIN_AFTER: Final = 10.0
"""Seconds until a board that did not take it is asked again."""
V = TypeVar("V")

log = logging.getLogger("quorumbell.bridge")


class PastTheLedger:
    """`changed` is called when somebody more, or less, is to be told the end. `stopped` ends it; the next process goes on."""

    def __init__(
        self,
        receiver: Receiver,
        outage: Outage,
        bridge: str,
        changed: Callable[[Outage], None],
        stopped: threading.Event,
        clock: Callable[[], datetime],
    ) -> None:
        self._receiver = receiver
        self._name = receiver.name
        self._outage = outage
        self._bridge = bridge
        self._changed = changed
        self._stopped = stopped
        self._clock = clock

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"past-{self._name}", daemon=True).start()

    def _run(self) -> None:
        try:
            door = self._receiver.make()
            (self._show if self._receiver.board else self._ring)(door)
            door.close()
        except Exception:  # the others are told all the same
            log.exception("receiver %s cannot be told that nothing can be stored", self._name)

    # --- a bell

    def _ring(self, bell: Any) -> None:
        if self._name not in self._outage.told:
            verdict = self._deliver(bell, {})
            if isinstance(verdict, Delivered):
                self._know(verdict.remember)
            elif not self._outage.lost:
                return
        self._wait(float("inf"), over=False)
        if self._deliver(bell, self._outage.told.get(self._name, {})) is not None:
            self._forget()

    def _deliver(self, bell: Any, memory: Mapping[str, str]) -> Verdict | None:
        """The last verdict; None when it is over and nobody had heard of it, or when the bridge is stopped."""
        outage, over, attempts = self._outage, self._outage.over.is_set(), 0
        notice = outage.notice(self._name, self._receiver.language, self._bridge, self._clock())
        while not self._stopped.is_set() and outage.over.is_set() is over:
            tried = {**memory, TRIED: str(attempts)} if attempts else memory
            verdict = settled(self._safely(partial(bell.deliver, notice, tried)), attempts + 1)
            attempts += 1
            level = logging.INFO if isinstance(verdict, Delivered) else logging.WARNING
            log.log(level, "past the ledger, to %s, attempt %d: %s: %s", self._name, attempts, notice.reason, verdict.why)
            now = self._clock()
            at = next_attempt(verdict, attempts, now, 0.0)
            if at is None:
                return verdict
            self._wait((at - now).total_seconds(), over=over)
        return None

    # --- a board

    def _show(self, board: Any) -> None:
        self._know({})
        since = f"{self._outage.since:%Y-%m-%d %H:%M:%S} UTC"
        while not self._outage.over.is_set() and not self._stopped.is_set():
            text = f"CRITICAL - Quorumbell can store nothing since {since}, relays hold their reports: {self._outage.why}"
            taken = self._take(board, Shade.CRITICAL, text)
            self._wait(SHOWN_EVERY if taken else SHOWN_AGAIN_AFTER, over=False)
        while not self._stopped.is_set():
            if self._take(board, Shade.OK, "OK - Quorumbell stores reports again"):
                self._forget()
                return
            self._wait(SHOWN_AGAIN_AFTER, over=True)

    def _take(self, board: Any, shade: Shade, text: str) -> bool:
        """Whether it need not be tried again."""
        verdict = self._safely(partial(board.show, Show(board.own, shade, words(text), None)))
        if not isinstance(verdict, Delivered):
            log.warning("past the ledger, to the board %s: %s", self._name, verdict.why)
        return not isinstance(verdict, TryLater)

    # --- both

    def _safely(self, call: Callable[[], V]) -> V | TryLater:
        return safely(call, "receiver %s crashed while it was told that nothing can be stored", self._name)

    def _wait(self, seconds: float, *, over: bool) -> None:
        """Until it is time, or there is something else to tell."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopped.is_set() and self._outage.over.is_set() is over:
            self._stopped.wait(0.2)

    def _know(self, memory: Mapping[str, str]) -> None:
        self._outage.know(self._name, memory)
        self._changed(self._outage)

    def _forget(self) -> None:
        self._outage.forget(self._name)
        self._changed(self._outage)
