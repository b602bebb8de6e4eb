"""Whatever ends the bridge, or stops it, costs seconds and no report; what only waits is left alone."""

import signal
import socket
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace

import psycopg
import pytest

from bridge.serve import systemd
from bridge.serve.recall import restore
from bridge.serve.systemd import Pulse
from tests.serve.supervisor import Supervisor
from tests.serve.test_bridge import ROOT, Bridge, eventually
from tests.serve.test_ledger_away import OnPostgres
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.whole

WATCHDOG = 2.0


class Watched:
    """A bridge that is started again, and killed when it does not say that it lives."""

    def start(self, name, *arguments):
        if name != "bridge":
            return super().start(name, *arguments)
        made = Supervisor([sys.executable, *arguments], self.home / "bridge.log", watchdog=WATCHDOG, cwd=ROOT)
        eventually(made.ready)
        return made

    def log(self):
        return (self.home / "bridge.log").read_text()

    def call(self, number):
        assert self.hook(kind="node", node=f"n{number}", desc="member") == 0


class WatchedBridge(Watched, Bridge):
    pass


class WatchedOnPostgres(Watched, OnPostgres):
    def rows(self):
        with psycopg.connect(self.url) as connection:
            return connection.execute("SELECT uid FROM report WHERE source = 'pacemaker'").fetchall()


@pytest.fixture
def bridge(tmp_path):
    bridge = WatchedBridge(tmp_path)
    yield bridge
    bridge.stop()


@pytest.fixture
def on_postgres(tmp_path):
    postgres = Postgres()
    bridge = WatchedOnPostgres(tmp_path, postgres)
    yield bridge
    bridge.stop()
    postgres.close()


# `serve` that is quick to ask for time, and slow to read.
SLOW = """
import time
from bridge.serve import systemd, waiting
systemd.START_STEP, restore = 0.2, waiting.restore
def slow(line, ledger, now, beat):
    for _ in range(10):
        time.sleep(0.1)
        beat()
    restore(line, ledger, now, beat)
waiting.restore = slow
from bridge.cli import main
main()
"""


class SlowBridge(WatchedBridge):
    def start(self, name, *arguments):
        return super().start(name, *(("-c", SLOW, *arguments[2:]) if name == "bridge" else arguments))


def test_a_start_that_gets_on_asks_for_time_until_it_is_ready(tmp_path):
    bridge = SlowBridge(tmp_path)
    words = [words for _, _, words in bridge.process.said]
    assert words.index(["READY=1"]) == words.count(["EXTEND_TIMEOUT_USEC=200000"]) >= 10
    bridge.stop()


def told(bridge):
    """The reports of hooks in the ledger; each once, or this is longer than what was called."""
    return len([report for report in bridge.stored() if report.source == "pacemaker"])


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSTOP], ids=["aborted", "stopped"])
def test_an_end_costs_seconds_and_no_report(bridge, number):
    bridge.call(1)
    eventually(lambda: told(bridge) == 1)
    relay = bridge.relay.pid
    began = time.monotonic()
    bridge.process.send_signal(number)
    bridge.call(2)
    eventually(lambda: bridge.process.ready(2))
    eventually(lambda: told(bridge) == 2)
    assert time.monotonic() - began < 15
    (fate,) = bridge.process.fates
    assert fate in {-signal.SIGABRT, -signal.SIGSEGV}, "Python 3.13 may fall over its own frames while it says where it was"
    assert "Fatal Python error: Aborted" in bridge.log(), "where it was stands in the log"
    assert bridge.relay.poll() is None
    assert bridge.relay.pid == relay
    bridge.call(3)
    eventually(lambda: told(bridge) == 3)


def test_an_idle_bridge_says_in_time_that_it_lives(bridge):
    time.sleep(3 * WATCHDOG)
    assert bridge.process.fates == []
    beats = [at for at, _, words in bridge.process.said if words == ["WATCHDOG=1"]]
    assert len(beats) >= 6
    assert max(later - sooner for sooner, later in pairwise(beats)) < WATCHDOG


def test_a_bridge_that_waits_for_its_ledger_is_not_stuck(on_postgres):
    on_postgres.postgres.stop()
    on_postgres.call(1)
    time.sleep(3 * WATCHDOG)
    assert on_postgres.process.fates == [], on_postgres.log()
    on_postgres.postgres.start()
    eventually(lambda: len(on_postgres.rows()) == 1)


def test_nor_is_one_that_a_frozen_server_keeps_waiting(on_postgres):
    """Inside of one statement, for longer than the watchdog waits; and then it goes on in that statement."""
    on_postgres.call(1)
    eventually(lambda: len(on_postgres.rows()) == 1)
    with on_postgres.postgres.frozen():
        on_postgres.call(2)
        time.sleep(3 * WATCHDOG)
        assert on_postgres.process.fates == [], on_postgres.log()
        assert len(list(on_postgres.home.glob("base/spool/*/new/*"))) == 1, "the relay keeps what was not acknowledged"
    eventually(lambda: len(on_postgres.rows()) == 2)
    assert on_postgres.process.fates == []


def test_a_frozen_server_does_not_keep_it_from_being_stopped(on_postgres):
    with on_postgres.postgres.frozen():
        on_postgres.call(1)
        time.sleep(1)
        on_postgres.process.send_signal(signal.SIGTERM)
        assert on_postgres.process.wait(10) == 0, on_postgres.log()


# `serve` whose loop goes round no more, once there is this file.
STUCK = """
import os, sys, time
from bridge.serve.app import Bridge
look = Bridge._look
def stuck(self, now):
    while os.path.exists(sys.argv[-1] + ".stuck"):
        time.sleep(0.1)
    look(self, now)
Bridge._look = stuck
from bridge.cli import main
main()
"""


class StuckBridge(WatchedBridge):
    def start(self, name, *arguments):
        return super().start(name, *(("-c", STUCK, *arguments[2:]) if name == "bridge" else arguments))


def test_a_loop_that_is_stuck_is(tmp_path):
    bridge = StuckBridge(tmp_path)
    stuck = bridge.config.with_name(f"{bridge.config.name}.stuck")
    try:
        stuck.touch()
        bridge.call(1)
        eventually(lambda: bridge.process.fates)
        stuck.unlink()
        eventually(lambda: told(bridge) == 1)
        assert "in stuck" in bridge.log(), "where it was"
    finally:
        stuck.unlink(missing_ok=True)
        bridge.stop()


@pytest.fixture
def words(monkeypatch):
    """What systemd hears."""
    with ExitStack() as stack:
        line = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        line.bind("")
        line.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + line.getsockname()[1:].decode())
        monkeypatch.setenv("WATCHDOG_USEC", "4000000")

        def heard():
            found = []
            try:
                while True:
                    found.append(line.recv(4096).decode())
            except BlockingIOError:
                return found

        yield heard


def test_a_pulse_asks_for_time_and_then_says_that_it_lives(words, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=100.0)
    monkeypatch.setattr(systemd, "time", clock)
    pulse = Pulse()
    for clock.now in range(100, 131):
        pulse.beat()
    assert words() == ["EXTEND_TIMEOUT_USEC=60000000"] * 3
    pulse.ready()
    for step in range(40):
        clock.now = 200 + step / 10
        pulse.beat()
    assert words() == ["READY=1", *["WATCHDOG=1"] * 4]


def test_reading_the_ledger_asks_for_time_at_each_step():
    beats = []
    now = datetime(2026, 11, 24, 3, tzinfo=UTC)
    row = SimpleNamespace(cluster="alpha", at=now, received_at=now, decision="")
    row.uid, row.node, row.source, row.offset, row.body = b"", "n1", "edge", None, b"{}"
    row.report = lambda: row
    ledger = SimpleNamespace(
        latest_checkpoint=lambda: None,
        clusters=lambda: ["alpha"],
        understood=lambda cluster, since=None: list(range(10)),
        reports_of=lambda numbers: [row for _ in numbers],
        notices=lambda **_: [],
        notices_about=lambda ids: [],
        told=list,
    )
    line = SimpleNamespace(
        take=lambda batch, at: None,
        tick=lambda at: None,
        router=SimpleNamespace(forget_told=lambda: None),
        correlator=SimpleNamespace(incidents=dict),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.serve.recall.BATCH", 1)
        restore(line, ledger, None, lambda: beats.append(1))
    assert len(beats) >= 20, "of the cluster's reports, and of people's words"
