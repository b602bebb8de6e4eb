"""Who joins with a line, and when a key is changed: once, in time, under one name, and never without a key that counts."""

import os

import pytest
import zmq

from bridge.intake.enrolment import Enrolment
from bridge.wire import codec
from bridge.wire.invitation import Token, from_line, to_line
from bridge.wire.key_value import Mistakes
from bridge.wire.keys import AllowList, Peer, enrol, make_node_keys

HOUR = 3600
N1 = Peer("ha1", "n1")


def key():
    return zmq.curve_keypair()[0].decode()


class Door:
    """The bridge's half, with a clock by hand."""

    def __init__(self, home):
        self.home, self.now = home, 1_800_000_000
        (home / "allowed").mkdir(exist_ok=True)
        self.restart()

    def restart(self):
        self.allowed = AllowList(str(self.home / "allowed"), str(self.home / "joined"))
        self.enrolment = Enrolment(self.allowed, lambda: self.now * 1_000_000_000)

    def invite(self, node="", *, again=False):
        return zmq.curve_public(self.enrolment.invite("ha1", node, HOUR, again=again).secret).decode()

    def join(self, shown, public="", node=""):
        return self.enrolment.join(shown, codec.Join(public, node))

    def enrolled_in(self, folder):
        """n1's key, which joined with a line or was enrolled by hand."""
        if folder == "joined":
            self.join(self.invite(), key(), "n1")
        else:
            enrol(str(self.home / "allowed"), make_node_keys(str(self.home / "made")).public, "ha1", "n1")
            self.allowed.refresh()
        (known,) = self.keys_of()
        return known

    def keys_of(self, peer=N1):
        return {one for one, whose in self.allowed.peers.items() if whose == peer}


@pytest.fixture
def door(tmp_path):
    return Door(tmp_path)


def test_an_invitation_lets_one_key_in_once(door):
    invitation, mine, other = door.invite(), key(), key()
    assert door.enrolment.is_invited(invitation)
    assert door.join(invitation, mine, "n1") == codec.Joined("ha1", "n1")
    assert door.keys_of() == {mine}
    assert not door.enrolment.is_invited(invitation)
    assert "has been used" in door.join(invitation, other, "n2").reason
    assert door.join(mine) == codec.Joined("ha1", "n1"), "who runs it again learns that it is in"
    door.restart()
    assert (door.keys_of(), door.enrolment.is_invited(invitation)) == ({mine}, False)


def test_it_outlives_a_restart_and_runs_out(door):
    first, second = door.invite(), door.invite()
    door.restart()
    assert door.join(first, key(), "n1") == codec.Joined("ha1", "n1")
    door.now += HOUR + 1
    assert "run out" in door.join(second, key(), "n2").reason
    door.enrolment.keep_house()
    assert not door.enrolment.is_invited(second)
    assert not list((door.home / "joined").glob("*.invited"))


def test_of_a_fixed_name_the_node_s_own_word_does_not_count(door):
    assert door.join(door.invite("n1"), key(), "n9") == codec.Joined("ha1", "n1")


@pytest.mark.parametrize("folder", ["joined", "allowed"])
def test_a_name_that_has_another_key_is_not_taken_by_a_plain_line(door, folder):
    """Nor is the key of another node. With `again` the other key goes, wherever it is enrolled."""
    old, fresh = door.enrolled_in(folder), key()
    with pytest.raises(Mistakes, match="enrolled already"):
        door.invite("n1")
    assert "--again" in door.join(door.invite(), fresh, "n1").reason
    assert "another node's" in door.join(door.invite(), old, "n2").reason
    assert door.keys_of() == {old}
    assert door.join(door.invite(again=True), fresh, "n1") == codec.Joined("ha1", "n1")
    assert door.keys_of() == {fresh}
    door.restart()
    assert door.keys_of() == {fresh}


@pytest.mark.parametrize("folder", ["joined", "allowed"])
def test_a_key_is_changed_and_the_old_one_goes_when_the_new_one_is_heard(door, folder):
    old, fresh = door.enrolled_in(folder), key()
    assert door.join(old, fresh) == codec.Joined("ha1", "n1")
    assert door.keys_of() == {old, fresh}
    door.enrolment.heard(old, N1)
    assert door.keys_of() == {old, fresh}, "whoever breaks it off here can go on with the old one"
    assert door.join(old, fresh) == codec.Joined("ha1", "n1"), "and run it again"
    door.restart()
    door.enrolment.heard(fresh, N1)
    assert door.keys_of() == {fresh}
    door.restart()
    assert door.keys_of() == {fresh}


def test_a_node_changes_nobody_else_s_key(door):
    mine, theirs = key(), key()
    door.join(door.invite(), mine, "n1")
    door.join(door.invite(), theirs, "n2")
    assert "another node's" in door.join(mine, theirs).reason
    assert (door.keys_of(), door.keys_of(Peer("ha1", "n2"))) == ({mine}, {theirs})


def test_what_is_no_key_and_no_name_is_refused_and_the_line_is_still_good(door):
    invitation = door.invite()
    for public, node in (("short", "n1"), (key(), "../n1"), (key(), "")):
        assert "no key, or a name" in door.join(invitation, public, node).reason
    assert door.join(invitation, key(), "n1") == codec.Joined("ha1", "n1")


def test_a_folder_that_cannot_be_written_is_told_with_its_cure(door):
    invitation = door.invite()
    (door.home / "joined").rename(door.home / "elsewhere")
    (door.home / "joined").touch()
    said = door.join(invitation, key(), "n1")
    assert f"{door.home}/joined" in said.reason
    assert "[bridge] joined" in said.reason


def test_a_line_comes_back_as_it_was_and_is_refused_when_it_is_not_whole():
    public, secret = (one.decode() for one in zmq.curve_keypair())
    token = Token(("tcp://10.0.0.1:7710", "tcp://[fd00::1]:7710"), public, secret, "ha1")
    line = to_line(token)
    assert from_line(line) == token
    assert from_line(f"{line[:50]}\n  {line[50:]}\n") == token, "as a terminal folds it"
    assert secret not in repr(token)
    for broken in (line[:-1], line[:-9], line.replace("A", "B", 1), f"{line}x", line[len("quorumbell1.") :], ""):
        with pytest.raises(ValueError, match=r"whole|no line of"):
            from_line(broken)


def test_a_node_whose_name_has_a_dot_takes_no_other_cluster_s_place(door):
    """`b.c` of `a` and `c` of `a.b`: a node says its own name."""
    other = zmq.curve_public(door.enrolment.invite("ha1.x", "c", HOUR, again=False).secret).decode()
    mine, theirs = key(), key()
    assert door.join(other, theirs) == codec.Joined("ha1.x", "c")
    assert door.join(door.invite(), mine, "x.c") == codec.Joined("ha1", "x.c")
    door.restart()
    assert door.allowed.peers == {theirs: Peer("ha1.x", "c"), mine: Peer("ha1", "x.c")}


def test_a_disk_that_takes_nothing_stops_nobody_who_speaks(door):
    """The old key counts on, and the next word tries again."""
    old, fresh = key(), key()
    door.join(door.invite(), old, "n1")
    door.join(old, fresh)
    joined = door.home / "joined"
    (joined / f"n1@ha1.public.{os.getpid()}.new").mkdir()
    door.enrolment.heard(fresh, N1)
    assert door.keys_of() == {old, fresh}
    (joined / f"n1@ha1.public.{os.getpid()}.new").rmdir()
    door.enrolment.heard(fresh, N1)
    assert door.keys_of() == {fresh}
