"""Telling: one worker thread per receiver, so that a slow mail server never delays the others.

Workers touch neither ledger nor clock. The writer claims what is due, hands it out, and collects verdicts:

    for name in deliveries.free():
        deliveries.hand_out(name, ledger.claim(name, now, lease))
    ...
    for notice_id, verdict, took in deliveries.verdicts():
        ledger.record(notice_id, settled(verdict, attempts), now, next_attempt(...))
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from bridge.core.telling.notice import Delivered, Notice, TryLater, Verdict
from bridge.receivers import TRIED, Receiver
from bridge.serve.safely import safely

log = logging.getLogger(__name__)

Claimed = tuple[Notice, int, Mapping[str, str]]
"""A notice, how often it was tried before, and what earlier notices of its incident asked to remember."""

DEADLINE: Final = 120.0
"""Seconds after which a delivery without an answer is called a failed one. Shorter than any lease."""


class Told(NamedTuple):
    notice_id: int
    verdict: Verdict
    took: float


class _Worker:
    """Owns one receiver. `busy_since` is written by the worker and read by the writer: a plain attribute is enough."""

    def __init__(self, name: str, receiver: Receiver, finished: Callable[[Told], None]) -> None:
        self.name = name
        self.work: SimpleQueue[Notice | None] = SimpleQueue()
        self.memories: dict[int, Mapping[str, str]] = {}
        self.handed_out = 0
        self.current: tuple[int, float] | None = None
        self.overdue: set[int] = set()
        self._receiver = receiver
        self._finished = finished
        self.thread = threading.Thread(target=self._run, name=f"deliver-{name}", daemon=True)

    def _run(self) -> None:
        while (notice := self.work.get()) is not None:
            began = time.monotonic()
            self.current = (notice.id, began)
            verdict = self._deliver(notice, self.memories.pop(notice.id, {}))
            self.current = None
            self._finished(Told(notice.id, verdict, time.monotonic() - began))
        self._close()

    def _deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict:
        deliver = partial(self._receiver.deliver, notice, memory)
        return safely(deliver, "receiver %s crashed at notice %s", self.name, notice.id)

    def _close(self) -> None:
        try:
            self._receiver.close()
        except Exception:
            log.exception("receiver %s did not close", self.name)


class Deliveries:
    """The writer's end. All methods belong to the writer's thread; `wake` is called by workers when there is a verdict."""

    def __init__(self, receivers: Mapping[str, Receiver], wake: Callable[[], None], *, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._wake = wake
        self._told: SimpleQueue[tuple[_Worker, Told]] = SimpleQueue()
        self._workers: dict[str, _Worker] = {}
        self._leaving: list[_Worker] = []
        """What they have begun, they finish; they get no more."""
        self.replace(receivers, ())

    def replace(self, receivers: Mapping[str, Receiver], removed: Collection[str]) -> list[int]:
        """New receivers, and others in the place of those of the same name. Gives what the old ones had not begun to tell."""
        unbegun: list[int] = []
        for name in (receivers.keys() | set(removed)) & self._workers.keys():
            worker = self._workers.pop(name)
            waiting = _drop_waiting(worker)
            worker.handed_out -= len(waiting)
            worker.work.put(None)
            self._leaving.append(worker)
            unbegun += waiting
        for name, receiver in receivers.items():
            self._workers[name] = self._start(name, receiver)
        return unbegun

    def _start(self, name: str, receiver: Receiver) -> _Worker:
        def finished(told: Told) -> None:
            self._told.put((worker, told))
            self._wake()

        worker = _Worker(name, receiver, finished)
        worker.thread.start()
        return worker

    def free(self) -> list[str]:
        """Receivers with nothing in hand: those to claim for. One in another's place waits for what that one has in hand."""
        held = {worker.name for worker in self._leaving if worker.handed_out and not worker.overdue}
        return [name for name, worker in self._workers.items() if not worker.handed_out and name not in held]

    def hand_out(self, receiver: str, claimed: Sequence[Claimed]) -> None:
        worker = self._workers[receiver]
        for notice, attempts, memory in claimed:
            worker.memories[notice.id] = {**memory, TRIED: str(attempts)} if attempts else memory
            worker.handed_out += 1
            worker.work.put(notice)

    def verdicts(self) -> list[Told]:
        """What came back since the last call, and a TryLater, once, for what has not come back in time.

        A receiver that hangs gets no further work until it answers. Its late answer is passed on as well: it is the truth.
        """
        found = []
        while True:
            try:
                worker, told = self._told.get_nowait()
            except Empty:
                break
            worker.handed_out -= 1
            is_late = told.notice_id in worker.overdue
            worker.overdue.discard(told.notice_id)
            if is_late and worker in self._leaving and not isinstance(told.verdict, Delivered):
                continue  # it was called a failed one, and is the new receiver's by now
            found.append(told)
        self._leaving = [worker for worker in self._leaving if worker.handed_out]
        return found + [told for worker in self._all() for told in self._overdue(worker)]

    def _all(self) -> list[_Worker]:
        return [*self._workers.values(), *self._leaving]

    def _overdue(self, worker: _Worker) -> list[Told]:
        current = worker.current
        if current is None or current[0] in worker.overdue:
            return []
        notice_id, took = current[0], time.monotonic() - current[1]
        if took < self._deadline:
            return []
        worker.overdue.add(notice_id)
        log.error("receiver %s has not answered for %.0f s; it gets no further notices until it does", worker.name, took)
        return [Told(notice_id, TryLater(f"no answer from the receiver within {self._deadline:.0f} s"), took)]

    def close(self, within: float = 10.0) -> list[Told]:
        """Let every worker finish what it has begun, and return the last verdicts; what was not begun stays leased."""
        for worker in self._all():
            _drop_waiting(worker)
            worker.work.put(None)
        until = time.monotonic() + within
        for worker in self._all():
            worker.thread.join(max(0.0, until - time.monotonic()))
            if worker.thread.is_alive():
                log.warning("receiver %s is still busy; its notice is told again after the restart", worker.name)
        return self.verdicts()


def _drop_waiting(worker: _Worker) -> list[int]:
    """Gives the notices that it had not begun to tell."""
    dropped: list[int] = []
    while True:
        try:
            notice = worker.work.get_nowait()
        except Empty:
            return dropped
        dropped += [] if notice is None else [notice.id]
