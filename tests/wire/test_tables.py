"""The parts without a socket: frames, the window, the link's life, who may say what, a clock's offset."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.clocks import Lead
from bridge.node.door import may_say
from bridge.node.life import LIFE, State, Step
from bridge.node.pending import MAX_HELD, Pending
from bridge.wire import codec
from bridge.wire.codec import (
    Batch,
    Bye,
    Hello,
    Join,
    Joined,
    Malformed,
    NotNow,
    Ping,
    Pong,
    Refused,
    Taken,
    Welcome,
    decode,
    encode,
)

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))

MESSAGES = [
    Hello(node="n1", cluster="demo", boot="b", instance="i", version="0.1", backlog=3, backlog_bytes=900, oldest_ns=5, wall_ns=7),
    Welcome(bridge="desk", window=17, window_bytes=5, max_event=9),
    NotNow("draining", ("tcp://other:1",)),
    Batch(2**64 - 1, ((A, b"{}\n"), (B, b"[]\n"))),
    Taken((A, B), 0),
    Taken((), 65535),
    Refused(A, 3, "version 9 — too new"),
    Ping(b"12345678", wall_ns=1, boot_ns=2, round_trip_ns=3, backlog=4, backlog_bytes=5, oldest_ns=6),
    Pong(b"12345678", 256),
    Bye(),
    Join("a" * 40, "n1"),
    Joined("ha1", "n1"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_frames_say_what_was_said(message):
    assert decode(encode(message)) == message


def test_frames_are_those_of_the_protocol():
    assert encode(Batch(1, ((A, b"x"),))) == [b"E1", bytes(7) + b"\1", A, b"x"]
    assert encode(Taken((A, B), 258)) == [b"A1", A + B, b"\1\2"]
    assert encode(Refused(A, 4, "no")) == [b"N1", A, b"\4", b"no"]
    assert encode(Pong(b"t", 1)) == [b"Q1", b"t", b"\0\1"]
    assert encode(Bye()) == [b"B1"]
    assert encode(Hello(node="n"))[0] == b"H1"


BROKEN = [
    [],
    [b""],
    [b"Z1"],
    [b"E2", bytes(8)],
    [b"J1"],
    [b"J1", b'{"public": 1}'],
    [b"K1", b"[]"],
    [b"E1"],
    [b"E1", bytes(7)],
    [b"E1", bytes(8), A],
    [b"E1", bytes(8), *[A, b""] * 65],
    [b"A1", b"odd", b"\0\0"],
    [b"A1", A],
    [b"A1", A, b"\0"],
    [b"N1", A],
    [b"N1", A, b"", b""],
    [b"Q1", b"x"],
    [b"P1", bytes(9), b"{}"],
    [b"P1", b"t", b'{"wall_ns":-1}'],
    [b"P1", b"t", b'{"wall_ns":true}'],
    [b"P1", b"t", b'{"wall_ns":1e999}'],
    [b"H1"],
    [b"H1", b"{}"],
    [b"H1", b"[]"],
    [b"H1", b"[" * 10_000],
    [b"H1", b"[" * 100_000],
    [b"H1", b'{"node":5}'],
    [b"H1", b'{"node":"n\\n1"}'],
    [b"H1", b'{"node":"n","backlog":%s}' % (b"9" * 5000)],
    [b"H1", b'{"node":"\xff"}'],
    [b"R1", b'{"endpoints":7}'],
]


@pytest.mark.parametrize("frames", BROKEN, ids=lambda frames: repr(frames)[:40])
def test_broken_frames_are_malformed_and_nothing_else(frames):
    with pytest.raises(Malformed):
        decode(frames)


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([b"H1", b"E1", b"A1", b"N1", b"P1", b"Q1", b"W1", b"R1"])), max_size=5
    )
)
def test_decoding_raises_nothing_but_malformed(frames):
    try:
        message = decode(frames)
    except Malformed:
        return
    assert decode(encode(message)) == message


def test_a_newer_peer_may_say_more():
    assert decode([b"H1", json.dumps({"node": "n1", "colour": "red"}).encode()]) == Hello(node="n1")


def body(size: int = 10):
    return lambda _uid, _entry: b"x" * size


def taken(pending: Pending, now: float = 0.0, window: int = 256, window_bytes: int = 1 << 20, load=None) -> list[bytes]:
    return [uid for uid, _ in pending.take(window, window_bytes, now, load or body())]


def test_the_window_holds_back_and_the_oldest_goes_first(chance):
    pending = Pending(chance)
    for uid in (C, A, B):
        pending.offer_file(uid, "path")
    assert taken(pending, window=2) == [A, B]
    assert taken(pending, window=2) == []
    pending.settle(A, stored=True)
    assert taken(pending, window=2) == [C]
    assert (len(pending), pending.in_flight) == (2, 2)


def test_bytes_in_flight_are_bounded_and_one_always_goes(chance):
    pending = Pending(chance)
    for uid in (A, B, C):
        pending.offer_file(uid, "path")
    assert taken(pending, window_bytes=100, load=body(60)) == [A]
    assert taken(pending, window_bytes=100, load=body(60)) == []
    pending.settle(A, stored=True)
    assert taken(pending, window_bytes=100, load=body(600)) == [B], "larger than the window: alone"


def test_a_batch_has_64_pairs_and_256_kib_at_most(chance):
    pending = Pending(chance)
    for number in range(200):
        pending.offer_file(number.to_bytes(16, "big"), "path")
    assert len(taken(pending)) == 64
    assert len(taken(pending, load=body(60_000))) == 4


def test_what_is_not_acknowledged_goes_again_later_and_later(chance):
    pending = Pending(chance)
    pending.offer_file(A, "path")
    now, gaps = 0.0, []
    for _ in range(7):
        assert taken(pending, now) == [A]
        sent = now
        while not taken_again(pending, now):
            now += 0.1
        gaps.append(now - sent)
    for gap, wanted in zip(gaps, (2, 4, 8, 16, 30, 30, 30), strict=True):
        assert wanted * 0.79 < gap < wanted * 1.21 + 0.2


def taken_again(pending: Pending, now: float) -> bool:
    pending.expire(now)
    return pending.in_flight == 0


def test_a_fresh_socket_sends_all_again_from_the_oldest(chance):
    pending = Pending(chance)
    for uid in (B, A):
        pending.offer_file(uid, "path")
    taken(pending)
    pending.offer_file(C, "path")
    pending.reset()
    assert taken(pending) == [A, B, C]
    assert taken(pending) == []


def test_settled_is_remembered_and_unknown_ids_are_harmless(chance):
    pending = Pending(chance)
    assert pending.settle(A, stored=True) is None
    assert pending.settled(A) is True
    assert not pending.offer_body(A, b"late datagram")
    pending.settle(B, stored=False)
    assert pending.settled(B) is False
    assert pending.settled(C) is None
    assert len(pending) == 0


def test_what_was_settled_is_remembered_for_a_while_only(chance, monkeypatch):
    monkeypatch.setattr("bridge.node.pending.RECENT", 2)
    pending = Pending(chance)
    for uid in (A, B, A, C):
        pending.settle(uid, stored=True)
    assert [pending.settled(uid) for uid in (A, B, C)] == [True, None, True], "the last two"


def test_bodies_without_a_file_are_bounded(chance):
    pending = Pending(chance)
    big = b"x" * (MAX_HELD // 2)
    assert [pending.offer_body(uid, big) for uid in (A, B, C)] == [True, True, False]
    pending.offer_file(C, "path")
    assert taken(pending, window_bytes=1 << 30) == [A]
    pending.settle(A, stored=True)
    assert pending.offer_body(b"4" * 16, big), "its room is free again"


def test_a_report_made_while_loading_is_not_lost(chance):
    """A torn file makes a report of its own, in the middle of taking; its id is smaller than the torn one's."""
    pending = Pending(chance)
    pending.offer_file(B, "torn")

    def load(uid, _entry):
        if uid == B:
            pending.offer_body(A, b"it was torn")
            return None
        return b"x"

    assert taken(pending, load=load) == [A]
    assert len(pending) == 1


def test_each_state_of_the_link_has_a_way_out_and_down_is_reached():
    for state in State:
        assert any(before is state for before, _ in LIFE)
    assert set(LIFE.values()) == set(State)
    reachable = {State.DOWN}
    for _ in State:
        reachable |= {after for (before, _step), after in LIFE.items() if before in reachable}
    assert reachable == set(State)
    for state, step in itertools.product(State, Step):
        if state in {State.GREETING, State.ACTIVE} and step in {Step.LOST, Step.TURNED_AWAY}:
            assert LIFE[state, step] is State.DOWN
    assert [pair for pair, after in LIFE.items() if after is State.ACTIVE] == [
        (State.GREETING, Step.WELCOME),
        (State.ACTIVE, Step.WELCOME),
    ]


@pytest.mark.parametrize(
    "src, uid, allowed",
    [
        ("drbd", 0, True),
        ("edge", 990, True),
        ("pacemaker", 189, True),
        ("clustermon", 189, True),
        ("drbd", 189, False),
        ("edge", 189, False),
        ("pacemaker", 1000, False),
        ("pacemaker", -1, False),
    ],
)
def test_who_may_say_what(src, uid, allowed):
    assert may_say(src, uid, own=990, pacemaker=189) == allowed


def test_without_pacemakers_user_nobody_is_it():
    assert not may_say("pacemaker", -1, own=990, pacemaker=None)


def test_offset_is_that_of_the_least_delayed():
    lead = Lead()
    assert lead.nanoseconds == 0
    ms = 1_000_000
    for delay in (900 * ms, 100 * ms, 5000 * ms):  # the node's clock is ten seconds behind; a ping takes 100 ms at best
        lead.learn(10_000 * ms + delay)
        lead.prove(10_000 * ms + delay - 2 * delay)
    assert lead.nanoseconds == 10_000 * ms


def test_offset_forgets():
    lead = Lead()
    lead.learn(-(10**9))
    for _ in range(64):
        lead.learn(10)
    assert lead.nanoseconds == 10


def test_limits_fit_each_other():
    assert codec.MAX_EVENT <= codec.MAX_BATCH <= codec.WINDOW_BYTES
