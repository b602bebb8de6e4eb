"""What is known of a drill that runs: its hops, its messages, what is wrong; and all of it for who asked."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from bridge.core.telling.notice import Delivered, Notice, Verdict
from bridge.ledger.rows import VERDICTS
from bridge.serve.board_drill import BoardWord

NOT_SENT: Final = "not sent"
NO_ANSWER: Final = "no answer"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A report of the story: when its hook was called, when it came, was committed, and was understood and decided on."""

    uid: bytes
    called_at: datetime
    came_at: datetime
    committed_at: datetime
    decided_at: datetime


class Word(msgspec.Struct, kw_only=True):
    """A notice on its way to one receiver. `after`: how long after the first report it would be sent in earnest."""

    notice: Notice
    after: timedelta
    decided_at: datetime
    number: int = 0
    handed_at: datetime | None = None
    answered_at: datetime | None = None
    verdict: Verdict | None = None


class Wrong(msgspec.Struct, frozen=True):
    what: str
    cure: str


class Record:
    """Filled while the drill runs. `said` is what each report was understood as."""

    def __init__(self, clock: Callable[[], datetime], said: dict[bytes, str]) -> None:
        self.began_at = clock()
        self.of = 0
        """How many reports the story has; 0 as long as none has come."""
        self.steps: dict[int, Step] = {}
        self.took_ms: list[int] | None = None
        """The relay's word: how long each call took until its report was durable."""
        self.words: list[Word] = []
        self.wrong: list[Wrong] = []
        self._boards: list[tuple[BoardWord, datetime]] = []
        self._clock = clock
        self._said = said

    def woken(self) -> list[str]:
        return sorted({word.notice.receiver for word in self.words if word.notice.kind.rings})

    def board_answered(self, word: BoardWord) -> None:
        self._boards.append((word, self._clock()))
        if not word.good:
            self.wrong.append(Wrong(f"{word.board}: {word.why}", "then play it once more"))

    def as_json(self, *, dry: bool) -> dict[str, Any]:
        """With times in milliseconds from when it was asked for."""
        return {
            "began_at": self.began_at.isoformat(),
            "dry": dry,
            "of": self.of,
            "steps": [self._step(number, step) for number, step in sorted(self.steps.items())],
            "woken": self.woken(),
            "told": [self._word(word, dry=dry) for word in self.words],
            "boards": [
                {"board": one.board, "tried": one.tried, "good": one.good, "why": one.why, "at_ms": self._ms(at)}
                for one, at in self._boards
            ],
            "wrong": [{"what": one.what, "cure": one.cure} for one in self.wrong],
            "verdict": "red" if self.wrong else "green",
            "took_ms": self._ms(self._clock()),
        }

    def _step(self, number: int, step: Step) -> dict[str, Any]:
        """`spooled_ms` by the node's own clock; None where the relay did not tell."""
        took = self.took_ms or []
        spooled = timedelta(milliseconds=took[number - 1]) if number <= len(took) else None
        return {
            "step": number,
            "said": self._said.get(step.uid, ""),
            "called_ms": self._ms(step.called_at),
            "spooled_ms": None if spooled is None else self._ms(step.called_at + spooled),
            "came_ms": self._ms(step.came_at),
            "committed_ms": self._ms(step.committed_at),
            "decided_ms": self._ms(step.decided_at),
        }

    def _word(self, word: Word, *, dry: bool) -> dict[str, Any]:
        verdict = word.verdict
        return {
            "receiver": word.notice.receiver,
            "kind": str(word.notice.kind),
            "rings": word.notice.kind.rings,
            "reason": word.notice.reason,
            "after_ms": word.after // timedelta(milliseconds=1),
            "decided_ms": self._ms(word.decided_at),
            "handed_ms": self._ms(word.handed_at),
            "answered_ms": self._ms(word.answered_at),
            "verdict": VERDICTS[type(verdict)] if verdict is not None else NOT_SENT if dry else NO_ANSWER,
            "why": verdict.why if verdict is not None else "",
        }

    def _ms(self, at: datetime | None) -> int | None:
        return None if at is None else (at - self.began_at) // timedelta(milliseconds=1)


def not_taken(words: Sequence[Word]) -> list[Wrong]:
    """Once for each receiver and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for word in words:
        if not isinstance(word.verdict, Delivered):
            why = "no answer in time" if word.verdict is None else f"not taken: {word.verdict.why}"
            found.setdefault((word.notice.receiver, why), []).append(word.notice.kind)
    return [
        Wrong(f"{name}: {', '.join(dict.fromkeys(kinds))}: {why}", f"mend that, then quorumbell ring {name}")
        for (name, why), kinds in found.items()
    ]
