"""One drill that runs: which of its reports have come, whom it tells, what they answered; and what is to be said of it all."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from typing import Any, Final

import msgspec

from bridge.core.drill import Owed, Stage
from bridge.core.telling.notice import Delivered, Notice, Telling, Verdict
from bridge.core.world.event import Report, Severity, from_ns
from bridge.core.world.incident import State
from bridge.serve.board_drill import BoardWord
from bridge.serve.control import Answer
from bridge.serve.drill_record import Record, Step, Word, Wrong, not_taken
from bridge.serve.trials import Trials
from bridge.wire.codec import Drill as Asked
from bridge.wire.drill import mark_of

BEGINS_WITHIN: Final = timedelta(seconds=10)
COMES_WITHIN: Final = timedelta(seconds=10)
"""Between two of its reports; they are made a third of a second apart."""
ANSWERED_WITHIN: Final = timedelta(seconds=30)
"""From the moment in which the last was decided on."""
MOST_DUES: Final = 1000
OURS: Final = "this is a mistake of Quorumbell's own: please report it"

log = logging.getLogger("quorumbell.bridge")


class Phase(Enum):
    PLAYING = auto()  # its reports come
    TELLING = auto()  # all of it is decided on; who is told has not answered yet
    OVER = auto()


class Drill:
    """`turn` is called several times a second until it is over."""

    def __init__(
        self,
        asked: Asked,
        cluster: str,
        author: str,
        stage: Stage,
        trials: Trials,
        clock: Callable[[], datetime],
        answer: Answer,
        *,
        dry: bool,
    ) -> None:
        self.asked = asked
        self.cluster = cluster
        self.phase = Phase.PLAYING
        self.waits_for: set[str] = set()
        """Boards that have not answered yet."""
        self._author = author
        self._stage = stage
        self._trials = trials
        self._clock = clock
        self._answer = answer
        self._dry = dry
        self._record = Record(clock, stage.said)
        self._heard_at = self._told_at = self._record.began_at
        self._memories: dict[str, Mapping[str, str]] = {}

    @property
    def over(self) -> bool:
        return self.phase is Phase.OVER

    def hear(self, report: Report) -> None:
        """One of its reports is committed."""
        mark = mark_of(report.body)
        if mark is None or self.phase is not Phase.PLAYING:
            return
        now = self._heard_at = self._clock()
        if not mark.step:
            self._hear_relay(report)
            return
        self._record.of = mark.of
        owed = self._stage.play(report, now)
        wall_ns = report.body.get("wall_ns")
        called_at = from_ns(wall_ns) + report.offset if isinstance(wall_ns, int) else report.received_at
        self._record.steps[mark.step] = Step(
            uid=report.uid,
            called_at=min(called_at, report.received_at),  # how far two clocks are apart is known to some milliseconds only
            came_at=report.received_at,
            committed_at=now,
            decided_at=self._clock(),
        )
        self._owe(owed)

    def board_answered(self, word: BoardWord) -> None:
        self.waits_for.discard(word.board)
        self._record.board_answered(word)

    def turn(self) -> None:
        """What is due."""
        now = self._clock()
        if self.phase is Phase.PLAYING:
            self._look(now)
        self._send(now)
        if self.phase is Phase.TELLING and (self._all_answered() or now - self._told_at > ANSWERED_WITHIN):
            self._end()

    def break_off(self, what: str, cure: str) -> None:
        """The story ends here; who was told of its beginning is told that."""
        self._record.wrong.append(Wrong(what, cure))
        now = self._clock()
        last = {(word.notice.receiver, word.notice.thread): word for word in self._record.words}
        for word in last.values():
            if word.notice.kind is not Telling.CLOSED and not word.notice.kind.bundles:
                self._record.words.append(Word(notice=_broken_off(word.notice, now), after=word.after, decided_at=now))
        self._tell(now)

    def _hear_relay(self, report: Report) -> None:
        took = report.body.get("took_ms")
        self._record.took_ms = msgspec.json.decode(took, type=list[int]) if isinstance(took, str) else []
        if why := report.body.get("why"):
            self.break_off(f"{self.asked.here}: {why}", f"then quorumbell-node doctor on {self.asked.here}")

    def _look(self, now: datetime) -> None:
        here, of, came = self.asked.here, self._record.of, len(self._record.steps)
        if of and came >= of:
            if self._record.took_ms is not None or now - self._heard_at > COMES_WITHIN:
                self._wind_on(now)
        elif not of and now - self._record.began_at > BEGINS_WITHIN:
            cure = f"journalctl -u quorumbell-relay and quorumbell-node doctor on {here} say why"
            self.break_off(f"{here} was asked, and its relay has sent nothing for {BEGINS_WITHIN.seconds} s", cure)
        elif of and now - self._heard_at > COMES_WITHIN:
            cure = f"journalctl -u quorumbell-relay on {here}; what comes later is kept, and told to nobody"
            self.break_off(f"of {of} reports {came} came, then none for {COMES_WITHIN.seconds} s", cure)

    def _wind_on(self, now: datetime) -> None:
        """The story is told: time goes on to its end at once."""
        for _ in range(MOST_DUES):
            if self._stage.over or (owed := self._stage.wind_on(now)) is None:
                break
            self._owe(owed)
        whys = [*([] if self._stage.over else ["the story does not come to its end"]), *self._stage.wrong]
        self._record.wrong += [Wrong(why, OURS) for why in whys]
        self._tell(now)

    def _tell(self, now: datetime) -> None:
        self.phase, self._told_at = Phase.TELLING, now

    def _owe(self, owed: Sequence[Owed]) -> None:
        now = self._clock()
        self._record.words += [Word(notice=one.notice, after=one.after, decided_at=now) for one in owed]

    # --- telling

    def _send(self, now: datetime) -> None:
        """To each receiver one after the other, as what it remembers of one is needed for the next."""
        if self._dry:
            return
        busy = {word.notice.receiver for word in self._record.words if word.number and word.verdict is None}
        for word in self._record.words:
            name = word.notice.receiver
            if word.number or name in busy or name not in self._trials.bells:
                continue
            busy.add(name)
            word.handed_at = now
            word.number = self._trials.send(name, word.notice, self._memories.get(name, {}), partial(self._answered, word))

    def _answered(self, word: Word, verdict: Verdict) -> None:
        word.verdict, word.answered_at = verdict, self._clock()
        if isinstance(verdict, Delivered):
            name = word.notice.receiver
            self._memories[name] = {**self._memories.get(name, {}), **verdict.remember}

    def _all_answered(self) -> bool:
        pending = [word for word in self._record.words if word.verdict is None and word.notice.receiver in self._trials.bells]
        return not self.waits_for and (self._dry or not pending)

    # --- the end

    def _end(self) -> None:
        self.phase = Phase.OVER
        for word in self._record.words:
            if word.number and word.verdict is None:
                self._trials.forget(word.number)
        record = self._record
        record.wrong += [Wrong(f"{name}: no answer", "quorumbell status says how it is") for name in sorted(self.waits_for)]
        record.wrong += [] if self._dry else not_taken(record.words)
        if not record.woken() and not record.wrong:
            record.wrong.append(self._nobody())
        log.info("drill %s of %s in %s: %s", self.asked.drill, self.asked.story, self.cluster, "red" if record.wrong else "green")
        for wrong in record.wrong:
            log.warning("drill %s: %s", self.asked.drill, wrong.what)
        self._answer(**self.result())

    def result(self) -> dict[str, Any]:
        return {
            "drill": self.asked.drill,
            "story": self.asked.story,
            "cluster": self.cluster,
            "played_by": self.asked.here,
            "author": self._author,
            **self._record.as_json(dry=self._dry),
        }

    def _nobody(self) -> Wrong:
        kinds = ", ".join(sorted({f"{one.kind} ({one.peak})" for one in self._stage.incidents.values()}))
        if silences := self._stage.silenced_by(self._clock()):
            what = f"nobody would have been woken by {kinds}: {', '.join(silences)}"
            return Wrong(what, "quorumbell silence end, if it is not wanted")
        cure = "the routes name nobody for it, or not at this hour: look at [[routes]] in the config"
        return Wrong(f"nobody would have been woken by {kinds}", cure)


def _broken_off(notice: Notice, now: datetime) -> Notice:
    incident = msgspec.structs.replace(
        notice.incident,
        state=State.CLOSED,
        severity=Severity.OK,
        closed_at=now,
        changed_at=now,
        reason="the drill was broken off",
    )
    return msgspec.structs.replace(notice, kind=Telling.CLOSED, incident=incident, at=now, reason=incident.reason)
