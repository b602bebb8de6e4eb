"""The database goes away under the running bridge, and comes back: a real PostgreSQL, stopped and started."""

import signal
import threading
import time

import pytest

from tests.serve.test_bridge import Bridge, stop_failed
from tests.servers.postgres import Postgres
from tests.waiting import eventually

pytestmark = pytest.mark.whole

LOOK = 6
"""Seconds within which the bridge writes down by itself how its relays are."""


class OnPostgres(Bridge):
    def __init__(self, home, postgres):
        self.postgres = postgres
        self.url = postgres.database()
        self.may_answer = threading.Event()
        self.may_answer.set()
        super().__init__(home)
        self.sink.deliver = self.take
        eventually(lambda: "listening on" in self.log())  # until then the bridge starts, and ends when there is no ledger

    def take(self, mail):
        self.mails.append(mail)
        assert self.may_answer.wait(60)

    def serve(self):
        text = self.config.read_text()
        self.config.write_text(text.replace(f"sqlite:///{self.home}/ledger.db", self.url))
        return super().serve()

    def log(self):
        return (self.home / "bridge.log").read_text()

    def is_up(self):
        return self.process.poll() is None


@pytest.fixture
def bridge(tmp_path):
    postgres = Postgres()
    bridge = OnPostgres(tmp_path, postgres)
    yield bridge
    bridge.may_answer.set()
    bridge.stop()
    postgres.close()


def test_the_bridge_holds_and_goes_on(bridge):
    bridge.postgres.stop()
    eventually(lambda: "relays hold" in bridge.log())  # it found out without a report: nothing but its own words
    assert bridge.hook(**stop_failed(time.time())) == 0
    time.sleep(LOOK)
    assert bridge.is_up(), bridge.log()
    assert bridge.mails == []
    bridge.postgres.start()
    eventually(lambda: bridge.mails)
    time.sleep(2)
    assert len(bridge.mails) == 1


def test_a_verdict_that_comes_meanwhile_is_kept_and_nothing_is_told_twice(bridge):
    bridge.may_answer.clear()
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: bridge.mails)
    bridge.postgres.stop()
    bridge.may_answer.set()
    time.sleep(LOOK)
    assert bridge.is_up(), bridge.log()
    bridge.postgres.start()
    eventually(lambda: "attempt 1: delivered" in bridge.log())
    assert len(bridge.mails) == 1


def test_it_can_be_stopped_meanwhile_and_loses_nothing(bridge):
    bridge.postgres.stop()
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: "relays hold" in bridge.log())
    bridge.process.send_signal(signal.SIGTERM)
    assert bridge.process.wait(15) == 0, bridge.log()
    bridge.postgres.start()
    bridge.process = bridge.serve()
    eventually(lambda: bridge.mails)
