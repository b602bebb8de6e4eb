"""What is owed to bells is handed to their workers, and what these answer is written down."""

import logging
import random
from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from bridge.config.receivers import Receiver
from bridge.core.telling.backlog import catch_up
from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Delivered, TryLater, Verdict
from bridge.core.telling.retry import next_attempt, settled
from bridge.ledger.ledger import Commit, Ledger, LedgerError, Standing
from bridge.ledger.rows import VERDICTS
from bridge.serve.healths import Healths
from bridge.serve.telemetry import Metrics
from bridge.serve.trials import Trials
from bridge.serve.workers import Deliveries, Told

LEASE: Final = timedelta(minutes=5)

log = logging.getLogger("quorumbell.bridge")


class Bells:
    """Claims, hands out, records. `wake` is called from the workers' threads when one has a verdict.

    When the ledger is away, `hand_out` and `hear` raise LedgerError and may be called again: nothing is lost, nothing told twice.
    """

    def __init__(
        self,
        receivers: Mapping[str, Receiver],
        ledger: Ledger,
        metrics: Metrics,
        now: datetime,
        wake: Callable[[], None],
        page: str = "",
    ) -> None:
        bells = _bells(receivers)
        self._ledger = ledger
        self._metrics = metrics
        self._page = page
        """Where the page is, for the links of notices."""
        self._deliveries = Deliveries({name: receiver.make() for name, receiver in bells.items()}, wake)
        self._healths = Healths(bells, ledger)
        self.trials = Trials(bells, self._deliveries)
        """Notices past the ledger."""
        self._unbegun: list[int] = []
        """Notices of receivers that are no more, which these had not begun to tell: the ledger still has them as claimed."""
        self._attempts: dict[str, dict[int, int]] = {}
        """Of each receiver, what it has in hand and how often that was tried."""
        self._unrecorded: deque[Told] = deque()
        """Verdicts that the ledger does not have yet."""
        self.next_at: datetime | None = now
        """When something can next be handed out."""

    @property
    def health(self) -> Mapping[str, Health]:
        return self._healths.of

    def take_over(
        self, receivers: Mapping[str, Receiver], made: Mapping[str, Any], removed: Collection[str], now: datetime, page: str = ""
    ) -> None:
        """The receivers of a changed config; `made` are those of them that are new or changed, ready for use.

        What an old one has begun it finishes, and that counts; all else is its successor's, or waits, as after a restart. Raises
        LedgerError before anything is changed."""
        bells = _bells(receivers)
        self._healths.take_over(bells)
        self.trials.bells = bells
        self._page = page
        new = {name: one for name, one in made.items() if name in bells}
        unbegun = self._deliveries.replace(new, {*removed, *(made.keys() - new.keys())})
        for number in unbegun:
            if self.trials.receiver(number) is not None:
                self.trials.answered(number, TryLater("the config was changed before it was sent: ring once more"))
        self._unbegun += [number for number in unbegun if number > 0]
        for name in removed:
            self._metrics.forget_receiver(name)
        self.owed(now)

    def owed(self, now: datetime) -> None:
        """There are new notices."""
        self.next_at = now

    def hand_out(self, now: datetime) -> None:
        if self.next_at is None or self.next_at > now:
            return
        if self._unbegun:
            self._ledger.give_back(self._unbegun, now)
            self._unbegun = []
        for name in self._deliveries.free():
            only_urgent = not self.health[name].is_open_to_all(now)
            if self._healths.has_missed(name) and self._is_due(name, now, only_urgent=only_urgent):
                self._catch_up(name, now)
                self._healths.caught_up(name)
            claimed = self._ledger.claim(name, now, LEASE, only_urgent=only_urgent)
            self._attempts[name] = {notice.id: attempts + 1 for notice, attempts, _ in claimed}
            linked = [(replace(notice, page=self._page), attempts, memory) for notice, attempts, memory in claimed]
            self._deliveries.hand_out(name, linked)
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
            if (receiver := self.trials.receiver(told.notice_id)) is not None:
                self._answer_trial(told.notice_id, receiver, told.verdict, now)
            elif told.notice_id > 0:  # a late word about a test was answered already
                self._record(told.notice_id, told.verdict, now)
            self._unrecorded.popleft()
            self.next_at = now

    def close(self, now: datetime) -> None:
        """The last verdicts; those that the ledger does not take are found out by telling once more after the start."""
        self._unrecorded += self._deliveries.close()
        try:
            self.hear(now)
        except LedgerError as error:
            log.warning("%d verdicts are not written down, their notices are told again: %s", len(self._unrecorded), error)

    def _record(self, notice_id: int, verdict: Verdict, now: datetime) -> None:
        receiver, attempts = next(
            ((name, tried[notice_id]) for name, tried in self._attempts.items() if notice_id in tried), ("", 1)
        )
        final = settled(verdict, attempts)
        next_at = next_attempt(verdict, attempts, now, random.random())  # noqa: S311 - jitter is no secret
        health = self._healths.examine(receiver, verdict, now)
        self._ledger.record(notice_id, final, now, next_at, None if health is None else (receiver, health))
        self._healths.accept(receiver, health)
        self._metrics.notices.labels(receiver, VERDICTS[type(final)]).inc()
        level = logging.INFO if isinstance(final, Delivered) else logging.WARNING
        log.log(level, "notice %d to %s, attempt %d: %s: %s", notice_id, receiver, attempts, VERDICTS[type(final)], final.why)

    def _answer_trial(self, number: int, receiver: str, verdict: Verdict, now: datetime) -> None:
        health = self._healths.examine(receiver, verdict, now)
        if health is not None:
            self._ledger.keep_health(receiver, health)
            self._healths.accept(receiver, health)
        self.trials.answered(number, verdict)


def _bells(receivers: Mapping[str, Receiver]) -> dict[str, Receiver]:
    return {name: receiver for name, receiver in receivers.items() if not receiver.board}
