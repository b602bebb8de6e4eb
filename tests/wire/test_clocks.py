"""How the clocks of a node stand to the bridge's, case by case. (Over all recordings: tests/properties/test_clocks.py)"""

import pytest

from bridge.intake.attention import Attention
from bridge.intake.clocks import Clocks, Lead
from bridge.intake.peers import HELLO, Peers
from bridge.wire.codec import Hello, Ping
from bridge.wire.keys import Peer

S = 10**9
MS = 10**6
NODE = Peer("alpha", "n1")


def line(ns):
    return ns + 1_000_000 * S


class Talk:
    """A node that booted when the bridge's boot clock showed `booted`; its wall clock shows the bridge's time, and `wrong` more."""

    def __init__(self, booted=0, wrong=0, boot="b1"):
        self.clocks = Clocks(line)
        self.booted, self.wrong, self.boot = booted, wrong, boot
        self._token = ""

    def wall(self, at):
        return line(at) + self.wrong

    def hello(self, at, late=0, token=HELLO):
        self.clocks.hear(self.boot, at - self.booted, self.wall(at), at + late, token)
        self._token = token

    def ping(self, at, late=0, took=MS):
        """`took`: how long the answer to the message before was under way; 0 when there was none."""
        self.clocks.prove(self._token, took)
        self.hello(at, late, f"ping at {at}")

    def dated(self, at, stamp=None, came=None, boot=None):
        """When the bridge thinks that a report written at `at` (with such a stamp) happened, by its own boot clock."""
        node_wall = self.wall(at)
        offset = self.clocks.correction(self.boot if boot is None else boot, at - self.booted, node_wall, stamp, came or at + MS)
        return (node_wall if stamp is None else stamp) + offset - line(0)

    def settled(self, at):
        for second in range(5):
            self.ping(at + second * S) if second else self.hello(at)
        return at + 5 * S


def test_by_the_boot_clock_and_not_by_the_wall_clock():
    talk = Talk(booted=300 * S, wrong=7200 * S)
    now = talk.settled(1000 * S)
    assert talk.dated(now) == pytest.approx(now, abs=MS)
    talk.wrong = -10 * S
    assert talk.dated(now + S) == pytest.approx(now + S, abs=MS), "nobody has said yet that it was set"
    stamp = talk.wall(now + S) - 20 * MS
    assert talk.dated(now + S, stamp) == pytest.approx(now + S - 20 * MS, abs=MS)


def test_a_stamp_counts_by_the_clock_that_was_in_force():
    talk = Talk()
    now = talk.settled(1000 * S)
    before = talk.wall(now + 10 * MS)
    talk.wrong = 10 * S
    assert talk.dated(now + 30 * MS, before) == pytest.approx(now + 10 * MS, abs=MS)
    talk.ping(now + S)
    assert talk.dated(now + 30 * MS, before) == pytest.approx(now + 10 * MS, abs=MS), "also when the relay was faster"


@pytest.mark.parametrize("stamp", [0, 3_600 * S, -5 * S], ids=["1970", "an hour before the report", "after the report"])
def test_a_stamp_that_no_clock_explains_gives_way_to_the_report_itself(stamp):
    talk = Talk()
    now = talk.settled(5000 * S)
    given = 0 if stamp == 0 else talk.wall(now) - stamp
    assert talk.dated(now, given) == pytest.approx(now, abs=MS)


def test_copies_of_one_event_are_dated_alike():
    """Each hook reads the clocks a little differently."""
    talk = Talk()
    now = talk.settled(1000 * S)
    stamp = talk.wall(now)
    found = set()
    for jitter in range(5):
        talk.wrong = jitter * MS
        found.add(talk.dated(now + jitter * 10 * MS, stamp))
    assert len(found) == 1


def test_nothing_happens_after_it_was_heard():
    talk = Talk()
    talk.hello(1000 * S, late=3 * S)
    assert talk.dated(1001 * S, came=1001 * S + MS) == 1001 * S + MS


def test_a_slow_network_is_no_jump():
    talk = Talk()
    now = talk.settled(1000 * S)
    talk.ping(now, late=4 * S)
    talk.ping(now + S, late=3 * S, took=0)
    talk.ping(now + 2 * S, late=2 * S, took=0)
    talk.ping(now + 3 * S, took=2 * S)
    assert talk.dated(now + 3 * S) == pytest.approx(now + 3 * S, abs=MS)


def test_a_stopped_virtual_machine_is_known_by_the_first_answer():
    talk = Talk()
    now = talk.settled(1000 * S)
    old = talk.dated(now)
    talk.booted += 100 * S  # its boot clock has stood still
    talk.hello(now + 101 * S)
    talk.ping(now + 101 * S + 5 * MS)
    after = now + 101 * S + 10 * MS
    assert talk.dated(after) == pytest.approx(after, abs=5 * MS)
    talk.booted -= 100 * S
    assert talk.dated(now - S, came=after) == pytest.approx(old - S, abs=MS), "what it wrote down before that"


def test_order_is_kept_when_the_bridge_itself_was_stopped():
    """Its own clock stood still: what a node did meanwhile is not put before what is known from before."""
    talk = Talk()
    now = talk.settled(1000 * S)
    before = talk.dated(now - 500 * MS)
    talk.booted -= 100 * S
    talk.hello(now)
    talk.ping(now + 5 * MS)
    asleep = [talk.dated(now - back * S, came=now + 10 * MS) for back in (90, 50, 10)]
    assert [before, *asleep, now + 10 * MS] == sorted([before, *asleep, now + 10 * MS])


def test_what_is_left_of_an_earlier_boot_is_dated_by_that():
    talk = Talk(booted=0, boot="b1")
    now = talk.settled(1000 * S)
    old = talk.dated(now)
    talk.booted, talk.boot, talk.wrong = now + 10 * S, "b2", -7200 * S
    talk.settled(now + 30 * S)
    first = Talk(booted=0, boot="b1")
    first.clocks = talk.clocks
    assert first.dated(now, came=now + 40 * S) == old


@pytest.mark.parametrize("wrong", [7200 * S, -7200 * S])
def test_of_a_boot_that_nobody_heard_the_wall_clock_is_believed_but_it_was_before_this_one(wrong):
    right, always = Talk(boot="b0"), Talk(boot="b0", wrong=wrong)
    talk = Talk(booted=900 * S, boot="b1", wrong=wrong)
    talk.settled(1000 * S)
    right.clocks = always.clocks = talk.clocks
    assert always.dated(800 * S, came=1010 * S) == pytest.approx(800 * S, abs=MS), "a clock that is always wrong"
    if wrong < 0:
        assert right.dated(800 * S, came=1010 * S) == pytest.approx(800 * S, abs=MS), "one that lost two hours in the power cut"
    assert right.dated(800 * S, came=1010 * S) <= 900 * S + MS


def test_without_a_boot_clock_the_wall_clock_stands_for_it():
    """Relays of version 0.2 and before send none with their hello."""
    clocks = Clocks(line)
    clocks.hear("b1", 0, line(50 * S) - 7200 * S, 50 * S + MS, HELLO)
    assert clocks.offset_ns == pytest.approx(7200 * S, abs=2 * MS)
    assert clocks.correction("b1", 40 * S, line(40 * S) - 7200 * S, None, 51 * S) == pytest.approx(7200 * S, abs=2 * MS)
    assert clocks.correction("", 0, line(40 * S) - 7200 * S, None, 51 * S) == pytest.approx(7200 * S, abs=2 * MS)


def test_a_clock_that_was_set_is_told_once():
    talk = Talk()
    now = talk.settled(1000 * S)
    assert talk.clocks.take_step() == 0
    talk.wrong = -10 * S
    talk.ping(now)
    assert talk.clocks.take_step() == -10 * S
    talk.ping(now + S)
    assert talk.clocks.take_step() == 0
    assert talk.clocks.offset_ns == pytest.approx(10 * S, abs=MS)


def test_what_is_remembered_of_a_node_does_not_grow():
    clocks = Clocks(line)
    for boot in range(20):
        for second in range(1, 200):
            wall = line(second * S) + (second % 7) * S
            clocks.hear(f"b{boot}", second * S + (second % 3) * S, wall, (1000 * boot + second) * S, f"{second}")
    (one, *_rest) = clocks._boots.values()
    assert len(clocks._boots) == 4
    assert len(one._settings) <= 32
    assert len(one._pieces) <= 32


def test_a_hello_that_is_repeated_is_proved_by_its_first():
    """The first was answered after a millisecond; the third came late, and nothing says how late."""
    peers = Peers(line)
    for at, late in ((1000 * S, 0), (1000 * S + 200 * MS, 0), (1000 * S + 600 * MS, 5 * S)):
        hello = Hello(node="n1", boot="b1", boot_ns=at, wall_ns=line(at))
        peers.greet(b"route", NODE, hello, insecure=False, now=1.0, came_ns=at + late)
    at = 1000 * S + 700 * MS
    peers.ping(NODE, Ping(b"12345678", line(at), at, MS, answered=HELLO), came_ns=at + 5 * S)
    (state,) = peers.states(None)
    assert abs(state.offset_ns) < 2 * MS


def test_a_lead_that_is_contradicted_is_forgotten():
    lead = Lead()
    lead.learn(1000 * S)
    assert not lead.prove(1000 * S - MS)
    assert lead.prove(1100 * S), "a jump on"
    lead.learn(1100 * S + MS)
    assert lead.nanoseconds == pytest.approx(1100 * S, abs=MS)
    assert lead.learn(900 * S), "a jump back"
    assert lead.nanoseconds == 900 * S


def test_only_listening_counts():
    """Stopped for a hundred seconds, the bridge has listened for two of them at the most."""
    attention = Attention(0)
    for second in range(1, 11):
        attention.look(second * S)
    assert attention.seconds == 10
    attention.look(110 * S)
    assert attention.seconds == 12
