"""A whole relay in the test's own process, turn by turn: from a hook's file or datagram to the bridge and back."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge import __version__
from bridge.node import folders, settings
from bridge.node.crm_mon import OFF, Onlooker
from bridge.node.process import StopSignal
from bridge.node.relay import Relay, main
from bridge.node.spool import write_file
from bridge.wire.body import boot_id, make_body, moment
from bridge.wire.codec import Batch, Bye, Hello, Ping, Refused, Taken, Welcome
from bridge.wire.key_value import Mistakes
from tests.node.bridge_double import Bridge


class Ours:
    """A relay and its bridge; `more` are feeds."""

    def __init__(self, node):
        self.base, self.relay = node.base, None
        self.bridge = Bridge(lambda: self.relay.turn(5) if self.relay else time.sleep(0.005))
        self.conf = settings.load(self._file())
        folders.prepare(self.conf)
        self.seen = {}

    def _file(self):
        path = self.base / "relay.conf"
        lines = f"base = {self.base}", f"bridge = {self.bridge.endpoint}", "node = n1", "cluster = demo", "ballast_mib = 1"
        path.write_text("\n".join([*lines, "drbd = off", "crm_mon = off", ""]))
        return str(path)

    def start(self, *feeds):
        self.relay = Relay(self.conf, feeds, Onlooker(OFF))
        return self

    def greet(self):
        hello = self.bridge.hears(Hello)
        self.bridge.says(Welcome("desk"))
        return hello

    def hears(self, *uids):
        """The bodies of these reports, once all of them have come."""
        while not all(uid in self.seen for uid in uids):
            self.seen.update(self.bridge.hears(Batch).pairs)
        return [self.seen[uid] for uid in uids]

    def tells(self, edge):
        """What it said itself."""
        for _ in range(20):
            for body in self.seen.values():
                if (fields := json.loads(body)).get("edge") == edge:
                    return fields
            self.seen.update(self.bridge.hears(Batch).pairs)
        raise AssertionError(self.seen)

    def until(self, true):
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end
            self.relay.turn(5)

    def box(self, name="root"):
        return f"{self.base}/spool/{name}"

    def put(self, box="root", src="pacemaker", now=None):
        uid, body = make_body(src, {}, now or moment(boot_id()))
        return uid, body, write_file(self.box(box), uid, body)

    def stop(self):
        """As SIGTERM does, and what is said then."""
        relay, self.relay = self.relay, None
        never, _ = pipe = os.pipe()
        relay.run(SimpleNamespace(heard=True, fileno=lambda: never))
        for handle in pipe:
            os.close(handle)


@pytest.fixture
def ours(node, monkeypatch):
    monkeypatch.setattr("bridge.node.relay.LAST_WORDS", 0.0)
    ours = Ours(node)
    yield ours
    if ours.relay:
        ours.stop()
    ours.bridge.close()


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


@pytest.mark.parametrize("when", ["before it starts", "while it runs"])
def test_a_file_leaves_when_the_bridge_has_it_and_not_before(ours, when):
    made = [ours.put()] if when.startswith("before") else []
    ours.start().greet()
    uid, body, path = made[0] if made else ours.put()
    assert ours.hears(uid) == [body]
    assert os.path.exists(path)
    ours.bridge.says(Taken((uid,), 256))
    ours.until(lambda: not os.path.exists(path))


def test_a_hook_at_the_door_is_answered_when_the_bridge_has_its_report(ours):
    ours.start().greet()
    uid, body = make_body("pacemaker", {}, moment(boot_id()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as hook:
        hook.bind(f"{ours.base}/hook")
        hook.sendto(body, ours.conf.door)
        assert ours.hears(uid) == [body]
        with pytest.raises(BlockingIOError):
            hook.recv(100)
        ours.bridge.says(Taken((uid,), 256))
        ours.until(lambda: not ours.relay._pending)
        assert hook.recv(100) == b"A" + uid
        hook.sendto(body, ours.conf.door)
        ours.relay.turn(50)
        assert hook.recv(100) == b"A" + uid, "it is known, and answered at once"
    late = write_file(ours.box(), uid, body)
    ours.until(lambda: not os.path.exists(late))
    assert [uid for uid, _ in ours.relay._pending.take(9, 1 << 20, 0.0, lambda *_: None)] == []


def test_the_cluster_is_looked_at_soon_when_a_hook_knocked_or_wrote(ours, monkeypatch):
    stirred = []
    monkeypatch.setattr(Onlooker, "hurry", lambda _self, now: stirred.append(now))
    ours.start().greet()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hook:
        hook.sendto(make_body("pacemaker", {}, moment(boot_id()))[1], ours.conf.door)
    ours.until(lambda: len(stirred) == 1)
    ours.put()
    ours.until(lambda: len(stirred) == 2)


@pytest.mark.parametrize("when", ["before it starts", "while it runs"])
def test_what_is_no_report_goes_to_bad_and_is_told(ours, when):
    def strange():
        with open(f"{ours.box()}/tmp/README", "wb") as file:
            file.write(b"hello")
        os.rename(f"{ours.box()}/tmp/README", f"{ours.box()}/new/README")

    if when.startswith("before"):
        strange()
    ours.start().greet()
    if when.startswith("while"):
        ours.until(lambda: not ours.relay._incoming.walk.under_way)
        strange()
    told = ours.tells("torn")
    assert (told["of"], told["head"]) == ("README", "hello")
    assert os.listdir(f"{ours.base}/spool/bad") == ["README"]


def test_a_file_that_is_another_than_its_name_says_is_not_sent(ours):
    uid, _, path = ours.put()
    other = path.replace(uid.hex(), "01" * 16)
    os.rename(path, other)
    ours.start().greet()
    told = ours.tells("torn")
    assert (told["of"], told["why"]) == ("01" * 16, f"its name says {'01' * 16}, its text {uid.hex()}")
    assert os.listdir(f"{ours.base}/spool/bad") == ["01" * 16]


def test_what_is_refused_for_ever_is_kept_and_told_with_its_first_bytes(ours):
    ours.start().greet()
    uid, body, path = ours.put(src="drbd")
    ours.hears(uid)
    ours.bridge.says(Refused(uid, 3, "too new"))
    told = ours.tells("refused")
    assert (told["of"], told["code"], told["why"]) == (uid.hex(), 3, "too new")
    assert told["head"] == body.decode()[:512]
    assert not os.path.exists(path)
    assert os.listdir(f"{ours.base}/spool/bad") == [uid.hex()]
    again = write_file(ours.box(), uid, body)
    ours.until(lambda: not os.path.exists(again))
    assert os.listdir(f"{ours.base}/spool/bad") == [uid.hex()]


def test_a_refused_report_whose_file_is_gone_is_still_told(ours):
    ours.start().greet()
    uid, _, path = ours.put(src="drbd")
    ours.hears(uid)
    os.unlink(path)
    ours.bridge.says(Refused(uid, 3, "too new"))
    told = ours.tells("refused")
    assert (told["of"], told["head"]) == (uid.hex(), "")


def test_a_window_holds_what_may_be_under_way(ours):
    for _ in range(5):
        ours.put()
    ours.start()
    ours.bridge.hears(Hello)
    ours.bridge.says(Welcome("desk", window=2))
    assert len(ours.bridge.hears(Batch).pairs) == 2
    assert ours.bridge.hears_nothing(Batch, 0.3)


def test_whole_reports_that_killed_hooks_left_are_kept_and_told(ours):
    uid, body = make_body("pacemaker", {}, moment(boot_id()))
    left = f"{ours.box()}/tmp/{uid.hex()}"
    with open(left, "wb") as file:
        file.write(body)
    os.utime(left, (1, 1))
    ours.start().greet()
    told = ours.tells("stale")
    assert told["count"] == 1
    assert "their hooks were killed" in told["why"]
    assert os.listdir(f"{ours.base}/spool/bad") == [uid.hex()]


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

        def run(self, _stop):
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
