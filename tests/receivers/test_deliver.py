"""One worker per receiver: the slow does not delay the quick, a crash loses nothing, verdicts come back through the writer."""

import logging
import threading
import time

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.receivers import TRIED
from bridge.secret import Secret
from bridge.serve.workers import Deliveries
from tests.waiting import eventually


class Bell:
    """Answers with what it is given: a verdict, an exception to raise, or an event to wait for."""

    def __init__(self, answer=None) -> None:
        self.answer = answer or Delivered()
        self.heard = []
        self.threads = set()
        self.closed = threading.Event()

    def deliver(self, notice, memory):
        self.threads.add(threading.current_thread().name)
        self.heard.append((notice.id, dict(memory)))
        if isinstance(self.answer, threading.Event):
            assert self.answer.wait(20)
            return Delivered("after all")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self):
        self.closed.set()


@pytest.fixture
def start():
    running = []

    def begin(deadline: float = 30, **bells) -> tuple[Deliveries, threading.Semaphore]:
        woken = threading.Semaphore(0)
        made = Deliveries(bells, woken.release, deadline=deadline)
        running.append(made)
        return made, woken

    yield begin
    for made in running:
        made.close(within=5)


def collect(deliveries: Deliveries, woken: threading.Semaphore, count: int):
    told = []
    while len(told) < count:
        assert woken.acquire(timeout=10)
        told += deliveries.verdicts()
    return told


def test_verdicts_come_back_with_their_notice_and_memory_is_handed_over(start, told):
    bell = Bell(Delivered("it is there", {"message": "7"}))
    deliveries, woken = start(night=bell)
    deliveries.hand_out("night", [(told(id=41), 0, {"thread": "6"}), (told(id=42), 3, {})])
    first, second = collect(deliveries, woken, 2)
    assert [first.notice_id, second.notice_id] == [41, 42]
    assert first.verdict == Delivered("it is there", {"message": "7"})
    assert 0 <= first.took < 10
    assert bell.heard == [(41, {"thread": "6"}), (42, {TRIED: "3"})]


def test_a_slow_receiver_delays_nobody_and_gets_no_more_work(start, told):
    stuck = threading.Event()
    deliveries, woken = start(slow=Bell(stuck), quick=Bell())
    assert sorted(deliveries.free()) == ["quick", "slow"]
    deliveries.hand_out("slow", [(told(id=1), 0, {})])
    deliveries.hand_out("quick", [(told(id=2), 0, {})])
    (quick,) = collect(deliveries, woken, 1)
    assert quick.notice_id == 2
    assert deliveries.free() == ["quick"]
    stuck.set()
    (slow,) = collect(deliveries, woken, 1)
    assert slow.verdict == Delivered("after all")
    assert sorted(deliveries.free()) == ["quick", "slow"]


def test_each_receiver_has_one_thread_of_its_own(start, told):
    one, other = Bell(), Bell()
    deliveries, woken = start(one=one, other=other)
    for number in range(6):
        deliveries.hand_out(("one", "other")[number % 2], [(told(id=number), 0, {})])
    collect(deliveries, woken, 6)
    assert (one.threads, other.threads) == ({"deliver-one"}, {"deliver-other"})


def test_a_crash_is_tried_later_and_loud_and_tells_no_secret(start, told, caplog):
    secret = Secret.literal("hush-hush-token")
    bell = Bell(RuntimeError(f"bad answer to {secret.reveal()}"))
    deliveries, woken = start(night=bell)
    deliveries.hand_out("night", [(told(id=1), 0, {})])
    (crashed,) = collect(deliveries, woken, 1)
    assert isinstance(crashed.verdict, TryLater)
    assert "RuntimeError: bad answer to ***" in crashed.verdict.why
    assert [(record.levelno, "night crashed at notice 1" in record.message) for record in caplog.records] == [
        (logging.ERROR, True)
    ]
    bell.answer = Delivered()
    deliveries.hand_out("night", [(told(id=1), 1, {})])
    assert collect(deliveries, woken, 1)[0].verdict == Delivered()


def test_a_receiver_that_hangs_is_told_once_and_believed_when_it_answers(start, told, caplog):
    stuck = threading.Event()
    deliveries, woken = start(deadline=0.2, night=Bell(stuck))
    deliveries.hand_out("night", [(told(id=1), 0, {})])
    assert deliveries.verdicts() == []
    time.sleep(0.3)
    (overdue,) = deliveries.verdicts()
    assert isinstance(overdue.verdict, TryLater)
    assert "no answer" in overdue.verdict.why
    assert "night has not answered" in caplog.text
    assert deliveries.verdicts() == []
    assert deliveries.free() == []
    stuck.set()
    (late,) = collect(deliveries, woken, 1)
    assert late.verdict == Delivered("after all")
    assert deliveries.free() == ["night"]


def test_giving_up_is_passed_on(start, told):
    deliveries, woken = start(night=Bell(GiveUp("550 never")))
    deliveries.hand_out("night", [(told(id=1), 0, {})])
    assert collect(deliveries, woken, 1)[0].verdict == GiveUp("550 never")


def test_the_end_finishes_what_was_begun_and_leaves_the_rest(start, told):
    stuck = threading.Event()
    bell = Bell(stuck)
    deliveries, _ = start(night=bell)
    deliveries.hand_out("night", [(told(id=1), 0, {}), (told(id=2), 0, {})])
    while not bell.heard:
        time.sleep(0.01)
    threading.Timer(0.2, stuck.set).start()
    last = deliveries.close(within=10)
    assert [one.notice_id for one in last] == [1]
    assert bell.closed.is_set()
    assert [number for number, _ in bell.heard] == [1]


def test_the_end_does_not_wait_for_who_hangs(start, told, caplog):
    stuck = threading.Event()
    bell = Bell(stuck)
    deliveries, _ = start(night=bell)
    deliveries.hand_out("night", [(told(id=1), 0, {})])
    while not bell.heard:
        time.sleep(0.01)
    began = time.monotonic()
    assert deliveries.close(within=0.2) == []
    assert time.monotonic() - began < 3
    assert "still busy" in caplog.text
    stuck.set()


def test_a_new_receiver_waits_for_what_the_old_one_has_in_hand_and_not_for_what_it_had_not_begun(start, told):
    stuck = threading.Event()
    old, new = Bell(stuck), Bell()
    deliveries, woken = start(night=old)
    deliveries.hand_out("night", [(told(id=41), 0, {}), (told(id=42), 0, {})])
    eventually(lambda: old.heard)

    assert deliveries.replace({"night": new}, ()) == [42]
    assert deliveries.free() == [], "nobody reads that it is over before that it broke"
    stuck.set()
    (first,) = collect(deliveries, woken, 1)
    assert (first.notice_id, first.verdict) == (41, Delivered("after all"))
    assert deliveries.free() == ["night"]
    deliveries.hand_out("night", [(told(id=42), 0, {})])
    collect(deliveries, woken, 1)
    assert (new.heard, old.closed.wait(5)) == ([(42, {})], True)


def test_one_that_hangs_is_not_waited_for_longer_than_any_other(start, told):
    stuck = threading.Event()
    old = Bell(stuck)
    deliveries, _ = start(deadline=0.2, night=old)
    deliveries.hand_out("night", [(told(id=41), 0, {})])
    eventually(lambda: old.heard)
    deliveries.replace({"night": Bell()}, ())
    (given_up,) = eventually(deliveries.verdicts)
    assert isinstance(given_up.verdict, TryLater)
    assert deliveries.free() == ["night"]


def test_a_late_failure_of_one_that_left_is_not_passed_on(start, told):
    stuck = threading.Event()

    class Failing(Bell):
        def deliver(self, notice, memory):
            self.heard.append(notice.id)
            assert stuck.wait(20)
            return TryLater("the server hung up")

    old = Failing()
    deliveries, woken = start(deadline=0.2, night=old)
    deliveries.hand_out("night", [(told(id=41), 0, {})])
    eventually(lambda: old.heard)
    deliveries.replace({}, ["night"])
    eventually(deliveries.verdicts)
    while woken.acquire(blocking=False):
        pass
    stuck.set()
    assert woken.acquire(timeout=10)
    assert deliveries.verdicts() == []
