"""Test notices, and those of drills: past the ledger, with the verdicts as the answer to who asked."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

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
        self._last = 0

    def meant(self, names: tuple[str, ...], answer: control.Answer) -> tuple[str, ...]:
        """No name means all; none, and a no is answered, when one of them is no bell."""
        wanted = names or tuple(sorted(self.bells))
        unknown = [name for name in wanted if name not in self.bells]
        if unknown or not wanted:
            answer(why=f"there is no bell {', '.join(unknown)}; known are {', '.join(sorted(self.bells)) or 'none'}")
            return ()
        return wanted

    def ring(self, wanted: tuple[str, ...], answer: control.Answer, now: datetime) -> None:
        verdicts: list[dict[str, Any]] = []

        def answered(name: str, verdict: Verdict) -> None:
            verdicts.append({"receiver": name, "verdict": VERDICTS[type(verdict)], "why": verdict.why})
            if len(verdicts) == len(wanted):
                answer(verdicts=verdicts)

        for name in wanted:
            self.send(name, _notice(name, self.bells[name].language, now), {}, partial(answered, name))

    def send(self, receiver: str, notice: Notice, memory: Mapping[str, str], answered: Callable[[Verdict], None]) -> int:
        """Past the ledger; `answered` is called once, with the verdict. Gives its number."""
        number = self._last = self._last - 1
        self._trials[number] = _Trial(receiver, answered)
        self._deliveries.hand_out(receiver, [(replace(notice, id=number), 0, memory)])
        return number

    def forget(self, number: int) -> None:
        """Nobody waits for its verdict any more."""
        self._trials.pop(number, None)

    def receiver(self, number: int) -> str | None:
        """Which receiver a test notice is under way to; None for the number of any other, also of a test that was answered."""
        trial = self._trials.get(number)
        return None if trial is None else trial.receiver

    def answered(self, number: int, verdict: Verdict) -> None:
        self._trials.pop(number).answered(verdict)


class _Trial(NamedTuple):
    """A test notice under way."""

    receiver: str
    answered: Callable[[Verdict], None]


def _notice(receiver: str, language: str, now: datetime) -> Notice:
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
        thread=f"test-{to_us(now)}-{receiver}",
    )
