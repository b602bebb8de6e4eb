"""Reports through a whole relay: from a hook's file or datagram to the bridge and back."""

import os
import socket

import pytest

from bridge.node.crm_mon import Onlooker
from bridge.node.spool import write_file
from bridge.wire.body import boot_id, make_body, moment
from bridge.wire.codec import Batch, Hello, Refused, Taken, Welcome


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
