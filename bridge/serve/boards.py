"""Boards: what must be shown is handed to their workers, what these answer and read comes back to the writer.

One worker thread for each board does one thing after another, so a slow board delays only itself. Workers touch neither the
ledger nor a clock: a job is done over there, and gives back what is to be done here with its result.

Nothing is kept that a restart needs: then everything is shown again.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bridge.config.receivers import Receiver
from bridge.core.line import Line
from bridge.core.showing.board import Standing
from bridge.core.showing.life import Life
from bridge.core.showing.orders import Fields, Story
from bridge.core.showing.picture import Shade, Target
from bridge.core.world.condition import Condition
from bridge.ledger.ledger import BoardRow, Commit, Edge, Ledger, LedgerError, LedgerGone
from bridge.serve.board_drill import BoardDrill, BoardWord
from bridge.serve.heard import Heard
from bridge.serve.one_board import OneBoard
from bridge.serve.telemetry import Metrics

WRITTEN_EVERY: Final = timedelta(seconds=5)
MOST_NAMED: Final = 3
NO_OBJECT: Final = "it has no object for drills; drill_service in its table names one, and no other is ever touched"

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
        self._wake = wake
        self._boards: list[OneBoard] = []
        self._heard = Heard(now)
        self._write_at = now
        self._written: dict[str, Standing] = {}
        self.trouble = ""
        """What else each board says of the bridge itself."""
        self.take_over(receivers, {name: one.make() for name, one in receivers.items() if one.board}, line, now)

    def take_over(self, receivers: Mapping[str, Receiver], made: Mapping[str, Any], line: Line, now: datetime) -> None:
        """The boards of a changed config; `made` are those of them that are new or changed, ready for use. These are shown
        everything, the others what they do not show yet. Raises LedgerError before anything is changed."""
        wanted = [name for name, one in receivers.items() if one.board]
        edges, conditions = (self._ledger.edges(), self._ledger.conditions()) if wanted else ([], [])
        before = {one.name: one for one in self._boards}
        self._boards = [
            OneBoard(name, made[name], self._wake, before.get(name)) if name in made else before[name] for name in wanted
        ]
        self._line = line
        for one in before.values():
            if one not in self._boards:
                one.leave()
            if one.name not in wanted:
                self._metrics.forget_receiver(one.name)
        self._written = {name: standing for name, standing in self._written.items() if name in wanted and name not in made}
        if self._boards:
            self._heard = Heard(now)
            self.hear(edges, now)
            self._learn([*line.correlator.gone(), *conditions], {}, now)

    def committed(self, commit: Commit, numbers: Mapping[str, int]) -> None:
        """What a commit changed, and the numbers of its incidents."""
        if self._boards and commit.conditions:
            self._learn(commit.conditions, numbers, commit.now)

    def hear(self, edges: Collection[Edge], now: datetime, gone: Collection[tuple[str, str]] = ()) -> None:
        """How it is with every relay; `gone` are those that are no longer enrolled."""
        for change in self._heard.learn(edges, now, gone):
            for one in self._boards:
                one.board.hear(*change, now)

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

    def drill(self, story: str, drill: str, told: Callable[[BoardWord], None]) -> set[str]:
        """Shows on each board that there was a drill, on an object that is for nothing else; `told` is called with what came of
        it. Gives the names of those that will answer later."""
        asked: set[str] = set()
        for one in self._boards:
            if one.drill_object is None:
                told(BoardWord(board=one.name, tried=False, good=True, why=NO_OBJECT))
            else:
                asked.add(one.name)
                one.show_drill(BoardDrill(one.name, one.drill_object, story, drill, told))
        return asked

    def lives(self, name: str) -> dict[Life, int]:
        """How many services of a board are how far."""
        return next(one.board.lives() for one in self._boards if one.name == name)

    def close(self, now: datetime) -> None:
        for one in self._boards:
            one.close()
        if self._boards:
            self._write_down(now)

    def _learn(self, conditions: Sequence[Condition], numbers: Mapping[str, int], now: datetime) -> None:
        wanted = {one.incident_key for one in conditions if one.incident_key is not None}
        known = {**self._numbers(wanted - numbers.keys()), **numbers}
        for condition in conditions:
            for one in self._boards:
                one.board.learn(condition, now, known.get(condition.incident_key or ""))

    def _numbers(self, keys: Collection[str]) -> dict[str, int]:
        try:
            return self._ledger.incident_ids(keys) if keys else {}
        except LedgerGone:
            raise
        except LedgerError:
            return {}  # a text without a number is better than none

    def _own_word(self, one: OneBoard) -> tuple[Shade, str]:
        missing = one.board.lives().get(Life.REFUSED, 0)
        wrong = [_cannot_be_shown(one.board.absent(), missing)] if missing else []
        wrong += [self.trouble] if self.trouble else []
        if wrong:
            return Shade.WARNING, f"WARNING - {'; '.join([str(self._heard), *wrong])}, see quorumbell status"
        return Shade.OK, f"OK - {self._heard}"

    def _story(self, one: OneBoard) -> Callable[[Target], Story]:
        """An incident is found by its subject: an absorbed one is then the one that tells its story now."""

        def story(target: Target) -> Story:
            scene = one.board.scene
            found = {}
            for place in scene.troubled(target):
                incident = self._line.correlator.holder(*place)
                if incident is not None:
                    found[incident.key] = incident
            return Story(tuple(scene.subjects(target)), tuple(found.values()), scene.planned(target))

        return story

    def _write_down(self, now: datetime) -> None:
        self._write_at = now + WRITTEN_EVERY
        for one in self._boards:
            self._metrics.set_board(one.name, one.board.lives())
        standings = {one.name: one.standing() for one in self._boards}
        rows = [
            BoardRow(receiver=name, at=now, standing=standing)
            for name, standing in standings.items()
            if self._written.get(name) != standing
        ]
        try:
            if rows:
                self._ledger.commit(Commit(now=now, boards=rows))
                self._written = standings
        except LedgerGone:
            raise
        except LedgerError as error:
            log.warning("how it is with the boards cannot be written down just now: %s", error)


def _cannot_be_shown(absent: Sequence[Target], refused: int) -> str:
    """Named, since somebody has to make them: `Resource: db on ha1, Fencing on n4 and 3 more cannot be shown here`."""
    named = [f"{target.service} on {target.host}" for target in sorted(absent)[:MOST_NAMED]]
    more = refused - len(named)
    if not named:
        return f"{refused} services cannot be shown here"
    return f"{', '.join(named)}{f' and {more} more' if more else ''} cannot be shown here"
