"""What is handed to a bell's worker, and until when nobody else may try it."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from bridge.core.telling.notice import Delivered, Notice, Telling
from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident, Kind, State
from bridge.ledger.ledger import Commit, Ledger
from bridge.serve.bells import Bells
from bridge.serve.telemetry import Metrics
from bridge.serve.workers import DEADLINE

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


class Slow:
    """A receiver that answers when it may."""

    def __init__(self):
        self.may_answer = threading.Event()

    def deliver(self, notice, memory):
        assert self.may_answer.wait(20)
        return Delivered("at last")

    def close(self):
        pass


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    incident = Incident(
        key="web@1", cluster="alpha", kind=Kind.RESOURCE_DOWN, root="resource/web", state=State.OPEN,
        severity=Severity.CRITICAL, peak=Severity.CRITICAL, opened_at=NOW, changed_at=NOW,
    )  # fmt: skip
    notice = Notice(incident_id=0, receiver="mail", kind=Telling.OPENED, reason="down", at=NOW, incident=incident)
    opened.commit(Commit(now=NOW, incidents=[incident], notices=[notice]))
    yield opened
    opened.close()


def test_what_a_worker_may_still_be_telling_is_owed_to_nobody_else(ledger):
    """A worker has DEADLINE seconds for each notice: before that has passed, a second try would tell it twice."""
    slow, woken = Slow(), threading.Semaphore(0)
    receiver = SimpleNamespace(board=False, make=lambda: slow)
    bells = Bells({"mail": receiver}, ledger, Metrics(), NOW, woken.release)
    try:
        bells.hand_out(NOW)
        almost = NOW + timedelta(seconds=DEADLINE)
        assert ledger.claim("mail", almost, timedelta(seconds=1)) == []
        slow.may_answer.set()
        assert woken.acquire(timeout=10)
        bells.hear(almost)
        assert [row.state for row in ledger.notices()] == ["delivered"]
    finally:
        slow.may_answer.set()
        bells.close(NOW)


def test_what_an_old_receiver_had_not_begun_is_due_at_once_and_was_never_tried(ledger):
    slow, woken = Slow(), threading.Semaphore(0)
    receiver = SimpleNamespace(board=False, language="en", make=lambda: slow)
    bells = Bells({"mail": receiver}, ledger, Metrics(), NOW, woken.release)
    answers = []
    try:
        bells.trials.ring(("mail",), lambda **said: answers.append(said), NOW)
        claimed = ledger.claim("mail", NOW, timedelta(minutes=5))
        bells._deliveries.hand_out("mail", claimed)
        other = Slow()
        other.may_answer.set()
        bells.take_over({"mail": receiver}, {"mail": other}, (), NOW)
        slow.may_answer.set()
        assert woken.acquire(timeout=10)
        bells.hear(NOW)
        assert answers, "what it had begun counts"
        bells.hand_out(NOW)
        assert woken.acquire(timeout=10)
        bells.hear(NOW)
        (row,) = ledger.notices()
        assert (row.state, row.attempts) == ("delivered", 1)
    finally:
        bells.close(NOW)
