"""One board, the writer's side of it: what to read, to do and to show next, and what the answers mean."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from bridge.core.line import Line
from bridge.core.showing.board import Board, Standing
from bridge.core.showing.feedback import Feedback
from bridge.core.showing.orders import Fields, Order, Story
from bridge.core.showing.picture import Seen, Shade, Show, Target
from bridge.core.showing.providing import Providing
from bridge.core.telling.notice import Delivered, GiveUp, TryLater, Verdict
from bridge.receivers import BoardReceiver
from bridge.serve.board_drill import BoardDrill
from bridge.serve.board_worker import BoardWorker

AT_ONCE: Final = 20
"""Requests handed to a worker in one go: enough not to wait for the writer between two, few enough to stay the newest."""
MOST_REMARKS: Final = 10
"""At once, into the log."""

log = logging.getLogger("quorumbell.bridge")


class OneBoard:
    def __init__(self, name: str, receiver: BoardReceiver, wake: Callable[[], None], after: "OneBoard | None" = None) -> None:
        """`after` is the one in whose place it comes: nothing is shown before that one has left."""
        self.name = name
        self.board = Board(receiver.place, receiver.own, receiver.pace, name=name)
        self._wants_feedback = receiver.feedback
        self._feedback = Feedback(name)
        self._provides = receiver.provides
        self._providing = Providing()
        self.worker: BoardWorker = BoardWorker(name, receiver, wake, None if after is None else after.worker)
        self._orders: list[Order] = []
        self._seen: list[Seen] | None = None
        self._reports: list[Fields] = []
        self._shades: dict[Target, Shade] = {}
        self.drill_object: Target | None = getattr(receiver, "drill", None)
        """Shows the results of drills, and nothing else; None where there is none."""
        self._drills: list[BoardDrill] = []

    @property
    def busy(self) -> bool:
        return self.worker.busy

    def turn(self, now: datetime, story: Callable[[Target], Story], line: Line) -> None:
        """Takes what has come back, and hands out what is next: reading, people's doings, showing."""
        self.worker.take_back(now)
        if self._seen is not None:
            silences = line.router.silences(now)
            reports, orders = self._feedback.compare(self._seen, story, line.router.who_has, silences, now)
            self._reports += reports
            self._orders += orders
            self._seen = None
        self._log_remarks()
        if not self.busy:
            self._hand_out(now)

    def show_drill(self, drill: BoardDrill) -> None:
        self._drills.append(drill)

    def take_reports(self) -> list[Fields]:
        reports, self._reports = self._reports, []
        return reports

    def standing(self) -> Standing:
        return self.board.standing(self._providing.word)

    def next_at(self) -> datetime | None:
        return None if self.busy else self.board.next_at()

    def leave(self) -> None:
        self.worker.leave()

    def close(self) -> None:
        """What is under way may end; what it showed is shown again after the next start."""
        self.worker.close()

    def _log_remarks(self) -> None:
        for remark in self.board.remarks[:MOST_REMARKS]:
            log.warning("board %s", remark)
        if len(self.board.remarks) > MOST_REMARKS:
            log.warning("board %s: and %d more; see quorumbell status", self.name, len(self.board.remarks) - MOST_REMARKS)
        self.board.remarks.clear()

    def _hand_out(self, now: datetime) -> None:
        self._drills = [one for one in self._drills if not one.over]
        if self._drills and self._drills[0].is_due(now):  # the next would overwrite what this one wants to read back
            self._drills[0].go_on(self.worker)
            return
        hosts = self.board.look(now)
        if hosts is not None:
            self.worker.look(hosts, partial(self._read, now))
        elif self._orders:
            orders, self._orders = self._orders, []
            self.worker.obey(orders, partial(self._obeyed, orders))
        elif shows := self.board.next(now, AT_ONCE):
            self.worker.show(shows, partial(self._answered, shows))
        elif self._provides and self._providing.is_due(absent := self.board.absent(), now):
            missing = {target: self.board.scene.stands_for_a_machine(target) for target in absent}
            self.worker.provide(missing, now, self._provided)

    def _answered(self, shows: Sequence[Show], verdicts: Sequence[Verdict], now: datetime) -> None:
        for show, verdict in zip(shows, verdicts, strict=False):
            self.board.answered(show, verdict, now)
            if isinstance(verdict, Delivered) and self._shades.get(show.target) is not show.shade:
                self._shades[show.target] = show.shade
                self._feedback.shown(show.target)
        for show in shows[len(verdicts) :]:
            self.board.unsent(show)

    def _read(self, asked_at: datetime, found: list[Seen] | TryLater | GiveUp, now: datetime) -> None:
        self.board.seen(found, asked_at, now)
        if isinstance(found, list) and self._wants_feedback:
            self._seen = [one for one in found if self.board.knows(one.target)]

    def _provided(self, verdict: Verdict, now: datetime) -> None:
        if verdict.why != self._providing.word:
            log.info("board %s: %s", self.name, verdict.why)
        self._providing.answered(verdict, now)

    def _obeyed(self, orders: Sequence[Order], verdicts: Sequence[Verdict], _now: datetime) -> None:
        for order, verdict in zip(orders, verdicts, strict=True):
            remark = self._feedback.answered(order, verdict)
            if remark:
                log.warning("board %s", remark)
            else:
                log.info("board %s: %s %s: %s", self.name, order.act, order.target, verdict.why)
