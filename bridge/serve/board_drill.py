"""A drill on a board: a result for an object that is there for nothing else, read back until it is shown. No other is touched."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.showing.picture import Seen, Shade, Show, Target
from bridge.core.telling.notice import Delivered, GiveUp, TryLater, Verdict
from bridge.core.world.event import EPOCH
from bridge.serve.board_worker import BoardWorker

LOOK_EVERY: Final = timedelta(seconds=1)
MOST_LOOKS: Final = 15
"""Opsview's own daemons pass a result on to what can be read."""


class BoardWord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. `tried` is false where nothing was sent."""

    board: str
    tried: bool
    good: bool
    why: str


class BoardDrill:
    """The result is good news, so that it never wakes anybody and need not be taken back. `drill` is its name, by which it is
    known again; `told` is called once, in the writer's thread."""

    def __init__(self, board: str, target: Target, story: str, drill: str, told: Callable[[BoardWord], None]) -> None:
        self.over = False
        self._board = board
        self._target = target
        self._drill = drill
        self._text = f"OK - DRILL {drill}: {story} was played, nothing of it has happened"
        self._told = told
        self._sent = False
        self._looks = 0
        self._due_at = EPOCH

    def is_due(self, now: datetime) -> bool:
        return not self.over and now >= self._due_at

    def go_on(self, worker: BoardWorker) -> None:
        """Only while it is not busy."""
        if self._looks == 1 and not self._sent:
            worker.show([Show(self._target, Shade.OK, self._text, None)], self._shown)
        else:
            worker.look([self._target.host], self._found)

    def _found(self, found: list[Seen] | TryLater | GiveUp, now: datetime) -> None:
        self._looks += 1
        if isinstance(found, TryLater):
            self._tell(good=False, why=f"it cannot be read: {found.why}")
            return
        seen = [] if isinstance(found, GiveUp) else [one for one in found if one.target == self._target]
        if not self._sent:
            if not seen and not isinstance(found, GiveUp):
                self._tell(good=False, why=f"there is no {self._target}: quorumbell setup opsview makes it")
        elif isinstance(found, GiveUp):
            self._tell(good=True, why=f"taken; it may not be read back: {found.why}")
        elif any(self._drill in one.text for one in seen):
            self._tell(good=True, why=f"shown as {self._target}")
        elif self._looks > MOST_LOOKS:
            self._tell(good=False, why=f"taken, but not shown as {self._target} within {MOST_LOOKS} s")
        self._due_at = now + LOOK_EVERY if self._sent else EPOCH

    def _shown(self, verdicts: Sequence[Verdict], _now: datetime) -> None:
        self._sent = True
        if not isinstance(verdicts[0], Delivered):
            self._tell(good=False, why=verdicts[0].why)

    def _tell(self, *, good: bool, why: str) -> None:
        self.over = True
        self._told(BoardWord(board=self._board, tried=self._sent, good=good, why=why))
