"""Boards: what must be shown is handed to their workers, what these answer and read comes back to the writer.

One worker thread for each board does one thing after another, so a slow board delays only itself. Workers touch neither the
ledger nor a clock: a job is done over there, and gives back what is to be done here with its result.

Nothing is kept that a restart needs: then everything is shown again.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from bridge import __version__
from bridge.config.config import Receiver
from bridge.core.line import Line
from bridge.core.showing.board import Board, Standing
from bridge.core.showing.feedback import Feedback
from bridge.core.showing.life import Life
from bridge.core.showing.orders import Act, Fields, Order, Story
from bridge.core.showing.picture import Seen, Shade, Show, Target
from bridge.core.telling.notice import Delivered, GiveUp, TryLater, Verdict
from bridge.core.world.condition import Condition
from bridge.ledger.ledger import BoardRow, Commit, Edge, Ledger, LedgerAway
from bridge.receivers import BoardReceiver
from bridge.secret import redact
from bridge.serve.telemetry import Metrics

AT_ONCE: Final = 20
"""Requests handed to a worker in one go: enough not to wait for the writer between two, few enough to stay the newest."""
MOST_REMARKS: Final = 10
"""At once, into the log."""
WRITTEN_EVERY: Final = timedelta(seconds=5)
GRACE: Final = timedelta(minutes=1)
"""For relays to come back after a start of the bridge."""
Done = Callable[[datetime], None]
"""What is left to do in the writer's thread."""
Job = Callable[[], Done]
R = TypeVar("R")

log = logging.getLogger("quorumbell.bridge")


class Boards:
    """The writer's end of all boards. `wake` is called from their threads."""

    def __init__(
        self,
        receivers: Mapping[str, Receiver],
        ledger: Ledger,
        line: Line,
        metrics: Metrics,
        now: datetime,
        wake: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._line = line
        self._boards = [_One(name, one.make(), wake) for name, one in receivers.items() if one.board]
        self._edges: dict[tuple[str, str], bool] = {}
        self._started_at = now
        self._write_at = now
        self._written: dict[str, Standing] = {}
        if self._boards:
            self.hear(ledger.edges(), now)
            self._learn(ledger.conditions(), {}, now)

    def committed(self, commit: Commit, numbers: Mapping[str, int]) -> None:
        """What a commit changed, and the numbers of its incidents."""
        if self._boards and commit.conditions:
            self._learn(commit.conditions, numbers, commit.now)

    def hear(self, edges: Collection[Edge], now: datetime, gone: Collection[tuple[str, str]] = ()) -> None:
        """How it is with every relay. One that was known and is none of them any more does not speak either; one that is `gone`
        is no longer enrolled, and nobody expects it to."""
        for place in gone:
            self._hear(*place, now, now)
            self._edges.pop(place, None)
        for edge in edges:
            self._hear(edge.cluster, edge.node, (edge.last_heard_at or now) if edge.silent else None, now)
        if now - self._started_at > GRACE:
            for cluster, node in self._edges.keys() - {(edge.cluster, edge.node) for edge in edges}:
                self._hear(cluster, node, now, now)

    def turn(self, now: datetime) -> list[Fields]:
        """Everything once. Gives the reports that people's doings at the boards have become."""
        for one in self._boards:
            one.board.beat(*self._own_word(one), now)
            one.turn(now, self._story(one), self._line)
        if now >= self._write_at:
            self._write_down(now)
        return [fields for one in self._boards for fields in one.take_reports()]

    def next_at(self) -> datetime | None:
        """When there is something to do; a busy worker wakes us by itself."""
        return min((at for one in self._boards if (at := one.next_at()) is not None), default=None)

    def lives(self, name: str) -> dict[Life, int]:
        """How many services of a board are how far."""
        return next(one.board.lives() for one in self._boards if one.name == name)

    def close(self, now: datetime) -> None:
        for one in self._boards:
            one.close()
        if self._boards:
            self._write_down(now)

    def _hear(self, cluster: str, node: str, silent_since: datetime | None, now: datetime) -> None:
        silent = silent_since is not None
        if self._edges.get((cluster, node)) is not silent:
            self._edges[cluster, node] = silent
            for one in self._boards:
                one.board.hear(cluster, node, silent_since, now)

    def _learn(self, conditions: Sequence[Condition], numbers: Mapping[str, int], now: datetime) -> None:
        wanted = {one.incident_key for one in conditions if one.incident_key is not None}
        known = {**self._numbers(wanted - numbers.keys()), **numbers}
        for condition in conditions:
            for one in self._boards:
                one.board.learn(condition, now, known.get(condition.incident_key or ""))

    def _numbers(self, keys: Collection[str]) -> dict[str, int]:
        try:
            return self._ledger.incident_ids(keys) if keys else {}
        except LedgerAway:
            return {}  # a text without a number is better than none

    def _own_word(self, one: "_One") -> tuple[Shade, str]:
        silent = sum(self._edges.values())
        heard = f"Quorumbell {__version__}: {len(self._edges) - silent} of {len(self._edges)} relays heard"
        missing = one.board.lives().get(Life.REFUSED, 0)
        if missing:
            return Shade.WARNING, f"WARNING - {heard}; {missing} services cannot be shown here, see quorumbell status"
        return Shade.OK, f"OK - {heard}"

    def _story(self, one: "_One") -> Callable[[Target], Story]:
        """An incident is found by its subject: an absorbed one is then the one that tells its story now."""

        def story(target: Target) -> Story:
            scene = one.board.scene
            found = {}
            for place in scene.troubled(target):
                incident = self._line.correlator.holder(*place)
                if incident is not None:
                    found[incident.key] = incident
            return Story(tuple(scene.subjects(target)), tuple(found.values()))

        return story

    def _write_down(self, now: datetime) -> None:
        self._write_at = now + WRITTEN_EVERY
        for one in self._boards:
            self._metrics.set_board(one.name, one.board.lives())
        standings = {one.name: one.board.standing() for one in self._boards}
        rows = [
            BoardRow(receiver=name, at=now, standing=standing)
            for name, standing in standings.items()
            if self._written.get(name) != standing
        ]
        try:
            if rows:
                self._ledger.commit(Commit(now=now, boards=rows))
                self._written = standings
        except LedgerAway as error:
            log.warning("how it is with the boards cannot be written down just now: %s", error)


class _One:
    """One board with its worker."""

    def __init__(self, name: str, receiver: BoardReceiver, wake: Callable[[], None]) -> None:
        self.name = name
        self.board = Board(receiver.place, receiver.own, receiver.pace, name=name)
        self._receiver = receiver
        self._feedback = Feedback(name)
        self._wake = wake
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: SimpleQueue[Done] = SimpleQueue()
        self._busy = False
        self._orders: list[Order] = []
        self._seen: list[Seen] | None = None
        self._reports: list[Fields] = []
        self._shades: dict[Target, Shade] = {}
        self._thread = threading.Thread(target=self._work, name=f"board-{name}", daemon=True)
        self._thread.start()

    def turn(self, now: datetime, story: Callable[[Target], Story], line: Line) -> None:
        """Takes what has come back, and hands out what is next: reading, people's doings, showing."""
        self._take_back(now)
        if self._seen is not None:
            silences = line.router.silences(now)
            reports, orders = self._feedback.compare(self._seen, story, line.router.who_has, silences, now)
            self._reports += reports
            self._orders += orders
            self._seen = None
        self._log_remarks()
        if not self._busy:
            self._hand_out(now)

    def take_reports(self) -> list[Fields]:
        reports, self._reports = self._reports, []
        return reports

    def next_at(self) -> datetime | None:
        return None if self._busy else self.board.next_at()

    def close(self, within: float = 5.0) -> None:
        """What is under way may end; what it showed is shown again after the next start."""
        self._jobs.put(None)
        self._thread.join(within)

    # --- the writer's thread

    def _log_remarks(self) -> None:
        for remark in self.board.remarks[:MOST_REMARKS]:
            log.warning("board %s", remark)
        if len(self.board.remarks) > MOST_REMARKS:
            log.warning("board %s: and %d more; see quorumbell status", self.name, len(self.board.remarks) - MOST_REMARKS)
        self.board.remarks.clear()

    def _hand_out(self, now: datetime) -> None:
        hosts = self.board.look(now)
        if hosts is not None:
            self._give(lambda: self._look(hosts, now))
        elif self._orders:
            orders, self._orders = self._orders, []
            self._give(lambda: self._obey(orders))
        elif shows := self.board.next(now, AT_ONCE):
            self._give(lambda: self._show(shows))

    def _give(self, job: Job) -> None:
        self._busy = True
        self._jobs.put(job)

    def _take_back(self, now: datetime) -> None:
        while True:
            try:
                done = self._done.get_nowait()
            except Empty:
                return
            self._busy = False
            done(now)

    def _answered(self, shows: Sequence[Show], verdicts: Sequence[Verdict], now: datetime) -> None:
        for show, verdict in zip(shows, verdicts, strict=False):
            self.board.answered(show, verdict, now)
            if isinstance(verdict, Delivered) and self._shades.get(show.target) is not show.shade:
                self._shades[show.target] = show.shade
                self._feedback.shown(show.target)
        for show in shows[len(verdicts) :]:
            self.board.unsent(show)

    def _read(self, found: list[Seen] | TryLater | GiveUp, asked_at: datetime, now: datetime) -> None:
        self.board.seen(found, asked_at, now)
        if isinstance(found, list) and self._receiver.feedback:
            self._seen = [one for one in found if self.board.knows(one.target)]

    def _obeyed(self, orders: Sequence[Order], verdicts: Sequence[Verdict]) -> None:
        for order, verdict in zip(orders, verdicts, strict=True):
            remark = self._feedback.answered(order, verdict)
            if remark:
                log.warning("board %s", remark)
            else:
                log.info("board %s: %s %s: %s", self.name, order.act, order.target, verdict.why)

    # --- the worker's thread

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._done.put(job())
            self._wake()
        try:
            self._receiver.close()
        except Exception:
            log.exception("board %s did not close", self.name)

    def _show(self, shows: Sequence[Show]) -> Done:
        verdicts: list[Verdict] = []
        for show in shows:
            verdict = self._safely(partial(self._receiver.show, show))
            verdicts.append(verdict)
            if isinstance(verdict, TryLater):
                break
        return lambda now: self._answered(shows, verdicts, now)

    def _look(self, hosts: Sequence[str], asked_at: datetime) -> Done:
        found = self._safely(partial(self._receiver.look, hosts))
        return lambda now: self._read(found, asked_at, now)

    def _obey(self, orders: Sequence[Order]) -> Done:
        verdicts = [self._safely(partial(self._do, order)) for order in orders]
        return lambda _: self._obeyed(orders, verdicts)

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
        try:
            return call()
        except Exception as error:  # whatever a receiver does, the board must not stop
            log.exception("board %s: its receiver crashed", self.name)
            return TryLater(f"the receiver itself crashed ({redact(f'{type(error).__name__}: {error}')}); the log has the trace")
