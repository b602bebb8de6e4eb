"""Where people ask: questions are taken here, handed to the loop, and answered without it when it cannot come.

A question is answered once: by the loop; or by the watch's thread, from memory, when nothing can be stored or the loop is busy.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from bridge.serve.control import Answer, Asked, Control, Hello
from bridge.serve.storing import Storing, Trouble

PATIENCE: Final = 0.5
"""Seconds that the loop has for a question that memory can answer as well."""
STANDS_STILL: Final = 1.0
"""Seconds without a turn after which it is not even given those: it turns twice a second."""


class _Waiting(NamedTuple):
    request: Asked
    answer: Answer
    at: float


class Desk:
    """`turn` belongs to the watch's thread, `handle` to the loop's. `wake` ends the loop's sleep; `memory` gives what is known
    without the ledger, and must bear being asked while the loop works."""

    def __init__(self, asked: Control, storing: Storing, memory: Callable[[], dict[str, Any]]) -> None:
        self._asked = asked
        self._storing = storing
        self._memory = memory
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self.wake: Callable[[], None] = lambda: None

    def fileno(self) -> int:
        return self._asked.fileno()

    def turn(self) -> None:
        """Takes what is asked; answers what the loop has not taken in time."""
        asked = [_Waiting(request, answer, time.monotonic()) for request, answer in self._asked.handle()]
        with self._lock:
            self._waiting += asked
        if asked:
            self.wake()
        trouble = self._storing.trouble()
        patience = PATIENCE if self._storing.busy() < STANDS_STILL else 0.0
        for one in self._take(lambda one: trouble is not None or _is_late(one, patience)):
            self._answer(one, trouble)

    def handle(self) -> Iterator[tuple[Asked, Answer]]:
        """What was asked and not answered yet."""
        for one in self._take(lambda _: True):
            yield one.request, one.answer

    def known(self) -> dict[str, Any]:
        """What is known without the ledger."""
        return self._memory()

    def close(self) -> None:
        for one in self._take(lambda _: True):
            one.answer(why="the bridge is being stopped")
        self._asked.close()

    def _take(self, wanted: Callable[[_Waiting], bool]) -> list[_Waiting]:
        taken: list[_Waiting] = []
        left: list[_Waiting] = []
        with self._lock:
            for one in self._waiting:
                (taken if wanted(one) else left).append(one)
            self._waiting = left
        return taken

    def _answer(self, one: _Waiting, trouble: Trouble | None) -> None:
        if isinstance(one.request, Hello):
            one.answer(**self._memory())
        elif trouble is not None:
            one.answer(why=f"nothing can be stored just now, so nothing was done ({trouble.why}); see quorumbell status")


def _is_late(one: _Waiting, patience: float) -> bool:
    return isinstance(one.request, Hello) and time.monotonic() - one.at >= patience
