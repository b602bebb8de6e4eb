"""A board's thread: asks the receiver one thing after another, and whatever that does, does not stop.

It touches neither the ledger nor a clock: each request carries what is to be done with its answer, back in the writer's thread.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from bridge.core.showing.orders import Act, Order
from bridge.core.showing.picture import Seen, Show, Target
from bridge.core.telling.notice import GiveUp, TryLater, Verdict
from bridge.receivers import BoardReceiver
from bridge.serve.safely import safely

Done = Callable[[datetime], None]
"""What is left to do in the writer's thread."""
Job = Callable[[], Done]
R = TypeVar("R")
LONGEST_PARTING: Final = 120.0
"""Seconds that one has to finish before another takes its place."""

log = logging.getLogger("quorumbell.bridge")


class BoardWorker:
    """`then` of each request is called by `take_back`, with the answer and the time. `wake` is called when there is one."""

    def __init__(self, name: str, receiver: BoardReceiver, wake: Callable[[], None], after: "BoardWorker | None" = None) -> None:
        """`after` is the one that it replaces, which may be in the middle of something older."""
        self.busy = False
        self._after = after
        self._name = name
        self._receiver = receiver
        self._wake = wake
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: SimpleQueue[Done] = SimpleQueue()
        self.thread = threading.Thread(target=self._work, name=f"board-{name}", daemon=True)
        self.thread.start()

    def show(self, shows: Sequence[Show], then: Callable[[Sequence[Verdict], datetime], None]) -> None:
        """Verdicts up to the first TryLater: what comes after it was not tried."""
        self._give(partial(self._show, shows), then)

    def look(self, hosts: Collection[str], then: Callable[[list[Seen] | TryLater | GiveUp, datetime], None]) -> None:
        self._give(partial(self._safely, partial(self._receiver.look, hosts)), then)

    def obey(self, orders: Sequence[Order], then: Callable[[Sequence[Verdict], datetime], None]) -> None:
        self._give(lambda: [self._safely(partial(self._do, order)) for order in orders], then)

    def provide(self, missing: Mapping[Target, bool], now: datetime, then: Callable[[Verdict, datetime], None]) -> None:
        self._give(partial(self._safely, partial(self._receiver.provide, missing, now)), then)

    def leave(self) -> None:
        """It finishes what is under way, and nobody waits for that."""
        self._jobs.put(None)

    def take_back(self, now: datetime) -> None:
        while True:
            try:
                done = self._done.get_nowait()
            except Empty:
                return
            self.busy = False
            done(now)

    def close(self, within: float = 5.0) -> None:
        """What is under way may end."""
        self.leave()
        self.thread.join(within)

    def _give(self, ask: Callable[[], R], then: Callable[[R, datetime], None]) -> None:
        def job() -> Done:
            return partial(then, ask())

        self.busy = True
        self._jobs.put(job)

    # --- the worker's thread

    def _work(self) -> None:
        if self._after is not None:
            self._after.thread.join(LONGEST_PARTING)
            self._after = None
        while (job := self._jobs.get()) is not None:
            self._done.put(job())
            self._wake()
        try:
            self._receiver.close()
        except Exception:
            log.exception("board %s did not close", self._name)

    def _show(self, shows: Sequence[Show]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for show in shows:
            verdict = self._safely(partial(self._receiver.show, show))
            verdicts.append(verdict)
            if isinstance(verdict, TryLater):
                break
        return verdicts

    def _do(self, order: Order) -> Verdict:
        match order.act:
            case Act.ACKNOWLEDGE:
                return self._receiver.acknowledge(order.target, order.text)
            case Act.WITHDRAW:
                return self._receiver.withdraw(order.target)
        if order.end is not None:
            return self._receiver.begin_downtime(order.target, order.end, order.text)
        return self._receiver.end_downtime(order.target, order.text)

    def _safely(self, call: Callable[[], R]) -> R | TryLater:
        return safely(call, "board %s: its receiver crashed", self._name)
