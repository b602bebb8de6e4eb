"""Where hooks knock: who may, what is answered, and what a crowd of strangers cannot do."""

import logging
import os
import socket
import stat
from types import SimpleNamespace

import pytest

from bridge.node import door as doors
from bridge.node.door import Door
from bridge.wire.body import Moment, make_body
from bridge.wire.key_value import Mistakes

NOW = Moment("b007", 5_000_000_000, 1_700_000_000_000_000_000)


@pytest.fixture
def door(node):
    door = Door(f"{node.base}/hook.sock")
    assert door.open() == []
    yield door
    door.close()


class Hook:
    """A socket with an address of its own, so that it can be answered."""

    def __init__(self, door, name):
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.line.bind(f"{door.path}.{name}")
        self.line.connect(door.path)

    def says(self, body):
        self.line.send(body)

    def heard(self):
        try:
            return self.line.recv(100)
        except BlockingIOError:
            return None


@pytest.fixture
def hook(door):
    made = []

    def hook(name="hook"):
        made.append(Hook(door, name))
        return made[-1]

    yield hook
    for one in made:
        one.line.close()


def test_only_its_owner_and_group_may_knock(door):
    assert stat.S_IMODE(os.stat(door.path).st_mode) == 0o660
    assert os.listdir(os.path.dirname(door.path)).count("hook.sock") == 1


def test_it_is_given_to_pacemakers_user_and_group(node, monkeypatch):
    given = []
    monkeypatch.setattr(
        doors.pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=90, pw_gid=91) if name == "hacluster" else None
    )
    monkeypatch.setattr(os, "chown", lambda path, *whom: given.append(whom))
    for own, expected in (0, (90, 91)), (1000, (-1, 91)):
        monkeypatch.setattr(os, "geteuid", lambda own=own: own)
        door = Door(f"{node.base}/of{own}.sock")
        assert door.open() == []
        door.close()
        assert given.pop() == expected


def test_a_door_that_is_shut_hears_nothing_and_says_so(node):
    door = Door(f"{node.base}/hook.sock")
    assert (door.fileno(), door.read()) == (-1, [])
    door.open()
    assert door.fileno() >= 0
    door.close()
    assert door.fileno() == -1
    assert not os.path.exists(door.path)


def test_a_door_that_stands_is_left_and_one_that_was_removed_is_made_again(door):
    before = os.stat(door.path).st_ino, door.fileno()
    assert door.open() == []
    assert (os.stat(door.path).st_ino, door.fileno()) == before
    os.unlink(door.path)
    assert door.open() == []
    assert stat.S_ISSOCK(os.stat(door.path).st_mode)


def test_what_somebody_else_put_in_its_place_is_not_removed_with_it(door):
    os.unlink(door.path)
    with open(door.path, "w", encoding="ascii"):
        pass
    door.close()
    assert os.path.exists(door.path)


def test_the_longest_path_that_a_socket_has_room_for():
    Door("/" + "x" * 98)
    with pytest.raises(Mistakes, match="too long for a socket"):
        Door("/" + "x" * 99)


def test_each_hook_is_answered_once_about_its_own_report(door, hook):
    first, second = hook("1"), hook("2")
    (a, one), (b, two) = (make_body("pacemaker", {}, NOW) for _ in range(2))
    first.says(one)
    second.says(two)
    assert door.read() == [(a, one), (b, two)]
    assert door.read() == []
    door.stored(a)
    door.stored(a)
    assert (first.heard(), first.heard(), second.heard()) == (b"A" + a, None, None)
    door.stored(bytes(16))
    door.stored(b)
    assert second.heard() == b"A" + b


def test_so_many_are_read_at_once_and_the_rest_after(door, hook):
    line = hook()
    for _ in range(3):
        line.says(make_body("pacemaker", {}, NOW)[1])
    assert (len(door.read(2)), len(door.read(2))) == (2, 1)


def test_whoever_waited_longest_is_forgotten_when_too_many_wait(door, hook, monkeypatch):
    monkeypatch.setattr(doors, "_MOST_WAITING", 2)
    line = hook()
    uids = []
    for _ in range(3):
        uid, body = make_body("pacemaker", {}, NOW)
        line.says(body)
        uids.append(uid)
    door.read()
    for uid in uids:
        door.stored(uid)
    assert [line.heard() for _ in range(3)] == [b"A" + uids[1], b"A" + uids[2], None]


def test_a_stranger_is_named_once_however_often_it_knocks(door, hook, caplog):
    line = hook()
    with caplog.at_level(logging.WARNING, "quorumbell.relay"):
        for _ in range(3):
            line.says(b"no report")
            assert door.read() == []
    assert [f"user {os.getuid()} sent no report" in one for one in caplog.messages] == [True]


def test_a_burst_of_hooks_finds_room(door):
    with open("/proc/sys/net/core/rmem_max", encoding="ascii") as most:
        room = min(1 << 20, int(most.read()))
    with socket.socket(fileno=os.dup(door.fileno())) as same:
        assert same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= room
