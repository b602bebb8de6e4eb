"""What is owed to bells is handed to their workers, and what these answer is written down."""

import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from bridge import control
from bridge.config import Receiver
from bridge.core.event import Severity, Subject, to_us
from bridge.core.incident import Incident, Kind, State
from bridge.core.notice import Delivered, Notice, Telling, Verdict
from bridge.core.verdict import next_attempt, settled
from bridge.deliver import Deliveries
from bridge.ledger.ledger import Ledger
from bridge.ledger.rows import VERDICTS
from bridge.telemetry import Metrics

LEASE: Final = timedelta(minutes=5)

log = logging.getLogger("quorumbell.bridge")


class Bells:
    """Claims, hands out, records. `wake` is called from the workers' threads when one has a verdict."""

    def __init__(
        self, receivers: Mapping[str, Receiver], ledger: Ledger, metrics: Metrics, now: datetime, wake: Callable[[], None]
    ) -> None:
        self._bells = {name: receiver for name, receiver in receivers.items() if not receiver.board}
        self._ledger = ledger
        self._metrics = metrics
        self._deliveries = Deliveries({name: receiver.make() for name, receiver in self._bells.items()}, wake)
        self._attempts: dict[str, dict[int, int]] = {}
        """Of each receiver, what it has in hand and how often that was tried."""
        self._tests: dict[int, _Test] = {}
        self.next_at: datetime | None = now
        """When something can next be handed out."""

    def owed(self, now: datetime) -> None:
        """There are new notices."""
        self.next_at = now

    def hand_out(self, now: datetime) -> None:
        if self.next_at is None or self.next_at > now:
            return
        for name in self._deliveries.free():
            claimed = self._ledger.claim(name, now, LEASE)
            self._attempts[name] = {notice.id: attempts + 1 for notice, attempts, _ in claimed}
            self._deliveries.hand_out(name, claimed)
        free = self._deliveries.free()
        self.next_at = self._ledger.next_due(now + timedelta(milliseconds=100), free) if free else None

    def hear(self, now: datetime) -> None:
        """Writes down the verdicts that came back."""
        for told in self._deliveries.verdicts():
            if told.notice_id in self._tests:
                self._answer_test(told.notice_id, told.verdict)
            elif told.notice_id > 0:  # a late word about a test was answered already
                self._record(told.notice_id, told.verdict, now)
            self.next_at = now

    def ring(self, names: tuple[str, ...], answer: control.Answer, now: datetime) -> None:
        """A test notice, past the ledger: the verdicts are the answer."""
        wanted = list(names) or sorted(self._bells)
        unknown = [name for name in wanted if name not in self._bells]
        if unknown or not wanted:
            answer(why=f"there is no bell {', '.join(unknown)}; known are {', '.join(sorted(self._bells)) or 'none'}")
            return
        verdicts: list[dict[str, str]] = []
        base = min(self._tests, default=0) - 1
        for place, name in enumerate(wanted):
            number = base - place
            self._tests[number] = _Test(name, answer, verdicts, len(wanted))
            notice = _test_notice(number, name, self._bells[name].language, now)
            self._deliveries.hand_out(name, [(notice, 0, {})])

    def close(self, now: datetime) -> None:
        for told in self._deliveries.close():
            self._record(told.notice_id, told.verdict, now)

    def _record(self, notice_id: int, verdict: Verdict, now: datetime) -> None:
        receiver, attempts = next(
            ((name, tried[notice_id]) for name, tried in self._attempts.items() if notice_id in tried), ("", 1)
        )
        final = settled(verdict, attempts)
        next_at = next_attempt(verdict, attempts, now, random.random())  # noqa: S311 - jitter is no secret
        self._ledger.record(notice_id, final, now, next_at)
        self._metrics.notices.labels(receiver, VERDICTS[type(final)]).inc()
        level = logging.INFO if isinstance(final, Delivered) else logging.WARNING
        log.log(level, "notice %d to %s, attempt %d: %s: %s", notice_id, receiver, attempts, VERDICTS[type(final)], final.why)

    def _answer_test(self, number: int, verdict: Verdict) -> None:
        test = self._tests.pop(number)
        test.verdicts.append({"receiver": test.receiver, "verdict": VERDICTS[type(verdict)], "why": verdict.why})
        if len(test.verdicts) == test.of:
            test.answer(verdicts=test.verdicts)


class _Test(NamedTuple):
    """A test notice under way; the last verdict answers for all."""

    receiver: str
    answer: control.Answer
    verdicts: list[dict[str, Any]]
    of: int


def _test_notice(number: int, receiver: str, language: str, now: datetime) -> Notice:
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
