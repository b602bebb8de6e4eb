"""Test notices: past the ledger, with the verdicts as the answer to who asked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from bridge.config.receivers import Receiver
from bridge.core.telling.notice import Notice, Telling, Verdict
from bridge.core.world.event import Severity, Subject, to_us
from bridge.core.world.incident import Incident, Kind, State
from bridge.ledger.rows import VERDICTS
from bridge.serve import control
from bridge.serve.workers import Deliveries


class Trials:
    """Their notices have numbers below zero, which no notice of the ledger has."""

    def __init__(self, bells: Mapping[str, Receiver], deliveries: Deliveries) -> None:
        self.bells = bells
        self._deliveries = deliveries
        self._trials: dict[int, _Trial] = {}

    def ring(self, names: tuple[str, ...], answer: control.Answer, now: datetime) -> None:
        wanted = list(names) or sorted(self.bells)
        unknown = [name for name in wanted if name not in self.bells]
        if unknown or not wanted:
            answer(why=f"there is no bell {', '.join(unknown)}; known are {', '.join(sorted(self.bells)) or 'none'}")
            return
        verdicts: list[dict[str, str]] = []
        base = min(self._trials, default=0) - 1
        for place, name in enumerate(wanted):
            number = base - place
            self._trials[number] = _Trial(name, answer, verdicts, len(wanted))
            notice = _notice(number, name, self.bells[name].language, now)
            self._deliveries.hand_out(name, [(notice, 0, {})])

    def receiver(self, number: int) -> str | None:
        """Which receiver a test notice is under way to; None for the number of any other, also of a test that was answered."""
        trial = self._trials.get(number)
        return None if trial is None else trial.receiver

    def answered(self, number: int, verdict: Verdict) -> None:
        trial = self._trials.pop(number)
        trial.verdicts.append({"receiver": trial.receiver, "verdict": VERDICTS[type(verdict)], "why": verdict.why})
        if len(trial.verdicts) == trial.of:
            trial.answer(verdicts=trial.verdicts)


class _Trial(NamedTuple):
    """A test notice under way; the last verdict answers for all."""

    receiver: str
    answer: control.Answer
    verdicts: list[dict[str, Any]]
    of: int


def _notice(number: int, receiver: str, language: str, now: datetime) -> Notice:
    incident = Incident(
        key=f"test@{now.isoformat()}",
        cluster="TEST",
        kind=Kind.RESOURCE_FAILURE,
        root=Subject("resource/test-of-the-bell"),
        state=State.OPEN,
        severity=Severity.WARNING,
        peak=Severity.WARNING,
        opened_at=now,
        changed_at=now,
        reason="a test, asked for by `quorumbell ring`: nothing is wrong",
    )
    return Notice(
        incident_id=0,
        receiver=receiver,
        kind=Telling.OPENED,
        reason=incident.reason,
        at=now,
        incident=incident,
        language=language,
        thread=f"test-{to_us(now)}-{-number}",
        id=number,
    )
