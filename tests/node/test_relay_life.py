"""A whole relay: what it says of itself, how it starts, what wakes it, and how it ends."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from bridge import __version__
from bridge.node.process import StopSignal
from bridge.node.relay import Relay, main
from bridge.wire.body import boot_id, make_body, moment
from bridge.wire.codec import Batch, Bye, Hello, Ping
from bridge.wire.key_value import Mistakes


@pytest.fixture
def stop():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop = StopSignal()
    yield stop
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
    stop._ours.close()
    stop._theirs.close()


def test_it_says_who_it_is_and_what_waits(ours):
    old = moment(boot_id())
    _, body, _ = ours.put(now=old)
    ours.put("pcmk")
    ours.start()
    ours.until(lambda: ours.relay._incoming.walk.size)
    hello = ours.bridge.hears(Hello)
    here = moment(boot_id())
    assert (hello.node, hello.cluster, hello.boot, hello.version) == ("n1", "demo", boot_id(), __version__)
    assert (hello.backlog, len(hello.instance)) == (2, 16)
    assert 0 <= here.wall_ns - hello.wall_ns < 10**10
    assert 0 <= here.boot_ns - hello.boot_ns < 10**10
    hello = ours.bridge.hears(Hello)
    assert hello.backlog_bytes >= 2 * len(body)
    assert abs(hello.oldest_ns - old.wall_ns) < 10**9


def test_a_ping_says_what_waits_and_how_late_it_is(ours):
    ours.start().greet()
    uid, *_ = ours.put()
    ours.hears(uid)
    before, here = ours.bridge.hears(Ping), moment(boot_id())
    while not before.backlog:
        before, here = ours.bridge.hears(Ping), moment(boot_id())
    assert before.backlog == 1
    assert before.oldest_ns > 0
    assert 0 <= here.wall_ns - before.wall_ns < 10**10
    assert 0 <= here.boot_ns - before.boot_ns < 10**10
    assert before.looked_ms == 0


def test_what_is_wrong_at_the_start_is_told_at_once(ours):
    os.rmdir(f"{ours.box('pcmk')}/new")
    open(f"{ours.box('pcmk')}/new", "w", encoding="ascii").close()
    ours.start().greet()
    told = ours.tells("place")
    assert (told["place"], told["over"]) == (ours.conf.spool, False)
    assert "is no folder" in told["why"]


def test_an_orderly_stop_lets_what_was_reported_last_leave_and_says_goodbye(ours, monkeypatch):
    monkeypatch.setattr("bridge.node.relay.LAST_WORDS", 1.0)
    ours.start().greet()
    ours.bridge.hears(Ping)
    uid, body = make_body("pacemaker", {}, moment(boot_id()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hook:
        hook.sendto(body, ours.conf.door)
    began = time.monotonic()
    ours.stop()
    assert 0.9 < time.monotonic() - began < 8, "it waits for the answer, and not for ever"
    ours.bridge.hears(Bye)
    assert uid in {uid for one in ours.bridge.said if isinstance(one, Batch) for uid, _ in one.pairs}
    assert not os.path.exists(ours.conf.door)
    assert not any("inotify" in os.readlink(handle) for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink())
    ours.start()


def test_a_second_relay_of_the_same_spool_is_refused(ours):
    ours.start()
    with pytest.raises(Mistakes, match="another relay serves this spool already"):
        Relay(ours.conf)


def test_it_ends_on_a_signal_however_long_it_would_have_waited(ours, monkeypatch, stop):
    monkeypatch.setattr("bridge.node.relay.IDLE_TICK_MS", 20_000)
    monkeypatch.setattr("bridge.node.relay.BUSY_TICK_MS", 20_000)
    ours.start().greet()
    ours.bridge.hears(Ping)
    began = time.monotonic()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    ours.relay.run(stop)
    ours.relay = None
    assert time.monotonic() - began < 10


def test_what_a_feed_reads_from_wakes_the_relay(ours):
    class Feed:
        def __init__(self):
            self.ours, self.theirs = socket.socketpair()
            self.ours.setblocking(False)
            self.heard = []

        def fileno(self):
            return self.ours.fileno()

        def on_tick(self, _now, _moment):
            return []

        def on_readable(self, _now, here):
            self.heard.append(self.ours.recv(100))
            return [make_body("edge", {"edge": "heard"}, here)]

    quiet, loud = Feed(), Feed()
    ours.start(quiet, loud).greet()
    ours.bridge.hears(Ping)
    loud.theirs.send(b"x")
    ours.until(lambda: loud.heard)
    assert (quiet.heard, loud.heard) == ([], [b"x"])
    ours.tells("heard")
    ours.stop()
    for feed in (quiet, loud):
        feed.ours.close()
        feed.theirs.close()


@pytest.mark.parametrize("drbd, feeds", [("auto", 1), ("off", 0)])
def test_the_program_follows_what_its_settings_name(ours, stop, monkeypatch, drbd, feeds):
    path = ours.base / "relay.conf"
    text = path.read_text().replace("drbd = off", f"drbd = {drbd}").replace("crm_mon = off", "crm_mon = /a\ncibadmin = /b")
    path.write_text(text)
    made, asked = [], []

    class Nothing:
        def __init__(self, _conf, feeds, _onlooker):
            made.extend(feeds)

        def take_over(self, _conf):
            raise AssertionError

        tell = take_over

        def run(self, _stop, _read_again):
            pass

        def close(self):
            pass

    class Looks:
        def __init__(self, *programs):
            asked.extend(programs)

        def close(self):
            pass

    monkeypatch.setattr("bridge.node.relay.StopSignal", lambda: stop)
    monkeypatch.setattr("bridge.node.relay.Relay", Nothing)
    monkeypatch.setattr("bridge.node.relay.Onlooker", Looks)
    assert main([str(path)]) == 0
    assert (len(made), asked) == (feeds, ["/a", "/b"])


def test_the_program_tells_what_is_wrong_with_its_settings_or_call(ours, capsys):
    assert main([]) == main(["--help"]) == 64
    assert main(["/none"]) == 78
    assert "/none" in capsys.readouterr().err
