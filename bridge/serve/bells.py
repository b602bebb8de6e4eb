"""What is owed to bells is handed to their workers, and what these answer is written down."""

import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from bridge.config.receivers import Receiver
from bridge.core.telling.backlog import catch_up
from bridge.core.telling.circuit import OPENS_AFTER, Health, after
from bridge.core.telling.notice import Delivered, Notice, Telling, Verdict
from bridge.core.telling.retry import next_attempt, settled
from bridge.core.world.event import Severity, Subject, to_us
from bridge.core.world.incident import Incident, Kind, State
from bridge.ledger.ledger import Commit, Ledger, LedgerAway, Standing
from bridge.ledger.rows import VERDICTS
from bridge.serve import control
from bridge.serve.telemetry import Metrics
from bridge.serve.workers import Deliveries, Told

LEASE: Final = timedelta(minutes=5)

log = logging.getLogger("quorumbell.bridge")


class Bells:
    """Claims, hands out, records. `wake` is called from the workers' threads when one has a verdict.

    When the ledger is away, `hand_out` and `hear` raise LedgerAway and may be called again: nothing is lost, nothing told twice.
    """

    def __init__(
        self, receivers: Mapping[str, Receiver], ledger: Ledger, metrics: Metrics, now: datetime, wake: Callable[[], None]
    ) -> None:
        self._bells = {name: receiver for name, receiver in receivers.items() if not receiver.board}
        self._ledger = ledger
        self._metrics = metrics
        self._deliveries = Deliveries({name: receiver.make() for name, receiver in self._bells.items()}, wake)
        known = ledger.healths()
        self.health = {name: known.get(name, Health()) for name in self._bells}
        self._back: set[str] = set()
        """Receivers that have just answered again, and for which much may wait that is no longer so."""
        self._attempts: dict[str, dict[int, int]] = {}
        """Of each receiver, what it has in hand and how often that was tried."""
        self._tests: dict[int, _Test] = {}
        self._unrecorded: deque[Told] = deque()
        """Verdicts that the ledger does not have yet."""
        self.next_at: datetime | None = now
        """When something can next be handed out."""

    def owed(self, now: datetime) -> None:
        """There are new notices."""
        self.next_at = now

    def hand_out(self, now: datetime) -> None:
        if self.next_at is None or self.next_at > now:
            return
        for name in self._deliveries.free():
            only_urgent = not self.health[name].is_open_to_all(now)
            if (self.health[name].failures or name in self._back) and self._is_due(name, now, only_urgent=only_urgent):
                self._catch_up(name, now)
                self._back.discard(name)
            claimed = self._ledger.claim(name, now, LEASE, only_urgent=only_urgent)
            self._attempts[name] = {notice.id: attempts + 1 for notice, attempts, _ in claimed}
            self._deliveries.hand_out(name, claimed)
        due = [at for name in self._deliveries.free() if (at := self._next_of(name, now)) is not None]
        self.next_at = min(due, default=None)

    def _is_due(self, name: str, now: datetime, *, only_urgent: bool) -> bool:
        due = self._ledger.next_due(now, [name], only_urgent=only_urgent)
        return due is not None and due <= now

    def _next_of(self, name: str, now: datetime) -> datetime | None:
        """When something can next be claimed for it; while its circuit is open, only what is urgent."""
        health, soon = self.health[name], now + timedelta(milliseconds=100)
        if health.is_open_to_all(now) or health.paused_until is None:
            return self._ledger.next_due(soon, [name])
        urgent = self._ledger.next_due(soon, [name], only_urgent=True)
        rest = self._ledger.next_due(health.paused_until, [name])
        return min((at for at in (urgent, rest) if at is not None), default=None)

    def _catch_up(self, name: str, now: datetime) -> None:
        """Before the next try: what waits for a receiver in trouble is shortened to what is true now."""
        owed = [row.notice for row in reversed(self._ledger.notices(state=Standing.PENDING, receiver=name))]
        if len(owed) < 2:
            return
        mentioned = self._ledger.mentioned([notice.id for notice in owed if notice.kind.bundles])
        numbers = {number for some in mentioned.values() for number in some} | {one.incident_id for one in owed} - {0}
        current = dict(self._ledger.incidents(ids=numbers))
        heard = self._ledger.heard(name, numbers, delivered=True)
        made = catch_up(owed, mentioned, current, heard, now)
        if made.withdrawn or made.notices:
            self._ledger.commit(Commit(now=now, withdrawn=made.withdrawn, notices=made.notices))
            log.info("%d notices that waited for %s are told as %d", len(made.withdrawn), name, len(made.notices))

    def hear(self, now: datetime) -> None:
        """Writes down the verdicts that came back."""
        self._unrecorded += self._deliveries.verdicts()
        while self._unrecorded:
            told = self._unrecorded[0]
            if told.notice_id in self._tests:
                self._answer_test(told.notice_id, told.verdict, now)
            elif told.notice_id > 0:  # a late word about a test was answered already
                self._record(told.notice_id, told.verdict, now)
            self._unrecorded.popleft()
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
        """The last verdicts; those that the ledger does not take are found out by telling once more after the start."""
        self._unrecorded += self._deliveries.close()
        try:
            self.hear(now)
        except LedgerAway as error:
            log.warning("%d verdicts are not written down, their notices are told again: %s", len(self._unrecorded), error)

    def _record(self, notice_id: int, verdict: Verdict, now: datetime) -> None:
        receiver, attempts = next(
            ((name, tried[notice_id]) for name, tried in self._attempts.items() if notice_id in tried), ("", 1)
        )
        final = settled(verdict, attempts)
        next_at = next_attempt(verdict, attempts, now, random.random())  # noqa: S311 - jitter is no secret
        health = self._examine(receiver, verdict, now)
        self._ledger.record(notice_id, final, now, next_at, None if health is None else (receiver, health))
        self._accept(receiver, health)
        self._metrics.notices.labels(receiver, VERDICTS[type(final)]).inc()
        level = logging.INFO if isinstance(final, Delivered) else logging.WARNING
        log.log(level, "notice %d to %s, attempt %d: %s: %s", notice_id, receiver, attempts, VERDICTS[type(final)], final.why)

    def _examine(self, receiver: str, verdict: Verdict, now: datetime) -> Health | None:
        """The receiver's health with this verdict; when it answers again, what waits for a next try is due now."""
        old = self.health.get(receiver)
        if old is None:
            return None
        new = after(old, verdict, now, random.random())  # noqa: S311 - jitter is no secret
        if old.failures and not new.failures:
            self._back.add(receiver)
            self._ledger.hurry(receiver, now)
        return new

    def _accept(self, receiver: str, new: Health | None) -> None:
        """The ledger has it: only then it counts, so that a verdict that has to be written down twice counts once."""
        if new is None:
            return
        old, self.health[receiver] = self.health[receiver], new
        if old.failures < OPENS_AFTER <= new.failures:
            log.warning("receiver %s failed %d times in a row: only what is urgent is tried at once", receiver, new.failures)
        elif new.failures < OPENS_AFTER <= old.failures:
            log.warning("receiver %s answers again", receiver)

    def _answer_test(self, number: int, verdict: Verdict, now: datetime) -> None:
        test = self._tests[number]
        health = self._examine(test.receiver, verdict, now)
        if health is not None:
            self._ledger.keep_health(test.receiver, health)
            self._accept(test.receiver, health)
        del self._tests[number]
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
