"""Who asks is answered once: by the loop, or from memory when the loop does not come."""

import threading
import time
from datetime import UTC, datetime

import pytest

from bridge.serve import control, storing
from bridge.serve.desk import PATIENCE, STANDS_STILL, Desk
from bridge.serve.storing import STUCK, Storing, said
from tests.waiting import eventually

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


class House:
    def __init__(self, path):
        self.path, self.wakes, self.answers = path, 0, []
        self.storing = Storing(lambda: NOW)
        self.desk = Desk(control.Control(path), self.storing, lambda: {"from": "memory"})
        self.desk.wake = self.wake
        self.running = True
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def wake(self):
        self.wakes += 1

    def watch(self):
        while self.running:
            self.desk.turn()
            time.sleep(0.01)

    def ask(self, request):
        def asking():
            try:
                self.answers.append(control.ask(self.path, request, timeout=5))
            except control.ControlError as error:
                self.answers.append(str(error))

        threading.Thread(target=asking, daemon=True).start()

    def close(self):
        self.running = False
        self.thread.join()
        self.desk.close()


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "control.sock")
    yield made
    made.close()


def test_the_loop_is_woken_and_answers(house):
    house.ask(control.Hello())
    eventually(lambda: house.wakes)
    ((request, answer),) = house.desk.handle()
    assert isinstance(request, control.Hello)
    answer(by="loop")
    eventually(lambda: house.answers)
    assert house.answers == [{"ok": True, "by": "loop"}]
    time.sleep(1)
    assert list(house.desk.handle()) == []


def test_a_loop_that_is_busy_is_not_waited_for(house):
    began = time.monotonic()
    house.ask(control.Hello())
    eventually(lambda: house.answers)
    assert time.monotonic() - began < 2
    assert house.answers == [{"ok": True, "from": "memory"}]
    assert list(house.desk.handle()) == [], "it is answered once"


def test_a_loop_that_stands_still_is_not_waited_for_at_all(house):
    time.sleep(STANDS_STILL + 0.1)
    began = time.monotonic()
    house.ask(control.Hello())
    eventually(lambda: house.answers)
    assert time.monotonic() - began < PATIENCE
    house.storing.turned()
    house.ask(control.Hello())
    time.sleep(PATIENCE / 2)
    assert len(list(house.desk.handle())) == 1, "and then it is again"


def test_what_is_to_be_done_waits_for_the_loop(house):
    house.ask(control.Ack(incident=7))
    time.sleep(1)
    assert house.answers == []
    ((request, answer),) = house.desk.handle()
    answer(incident=request.incident)
    eventually(lambda: house.answers == [{"ok": True, "incident": 7}])


def test_when_nothing_can_be_stored_nothing_is_done_later_by_surprise(house):
    house.storing.failed(OSError("sqlite:////l.db: database or disk is full"))
    house.ask(control.Ack(incident=7))
    eventually(lambda: house.answers)
    assert "nothing was done (database or disk is full)" in house.answers[0]
    assert list(house.desk.handle()) == []
    house.ask(control.Hello())
    eventually(lambda: len(house.answers) == 2)
    assert house.answers[1]["from"] == "memory"


def test_trouble_lasts_until_something_is_stored(monkeypatch):
    monkeypatch.setattr(storing, "STUCK_AFTER", 0.2)
    one = Storing(lambda: NOW)
    assert one.trouble() is None
    assert one.failed(OSError("full"))
    assert not one.failed(OSError("still full")), "that is no news"
    one.turned()
    assert one.trouble().why == "still full"
    one.stored()
    assert one.trouble() is None
    time.sleep(0.3)
    assert one.trouble().why == STUCK
    one.turned()
    assert one.trouble() is None


@pytest.mark.parametrize(
    "why, words",
    [
        ("sqlite:////var/lib/l.db: database or disk is full", "database or disk is full"),
        ("postgresql+psycopg://q@db/q: connection failed: no: never\n\tIs it running?", "connection failed: no: never"),
        ("/var/lib/l.db.lock: Input/output error", "/var/lib/l.db.lock: Input/output error"),
        ("no more", "no more"),
        ("", ""),
    ],
)
def test_why_is_said_in_one_line_without_the_address(why, words):
    assert said(why) == words
