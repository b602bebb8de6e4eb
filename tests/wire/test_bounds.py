"""A relay that sends more than any relay does: it is told, its connection ends, it is kept out for a while; nobody else notices."""

import os
import socket
import time

import pytest
import zmq

from bridge.intake import conduct
from bridge.intake.bounds import ALLOWANCES, MOST_CONNECTIONS, Allowance, Over, Purse
from bridge.intake.conduct import FIRST_FOR, LONGEST_FOR, WATCHED_FOR, Conduct
from bridge.intake.connections import Connections
from bridge.wire import codec
from bridge.wire.keys import Peer
from tests.wire.stranger import token

N1 = Peer("demo", "n1")
FEW = Allowance(0, 20)


def test_an_allowance_is_spent_and_comes_back():
    purse = Purse(Allowance(2, 10), 100.0)
    assert all(purse.spend(1, 100.0) for _ in range(10))
    assert not purse.spend(1, 100.0)
    assert purse.spend(2, 101.0)
    assert not purse.spend(1, 101.0)
    assert purse.spend(10, 1000.0), "as much as at the beginning"
    assert not purse.spend(1, 1000.0), "and no more"


def test_who_offends_is_kept_out_for_longer_each_time_and_forgiven_after_a_while():
    kept, now = Conduct(), 0.0
    for lasts in (60, 120, 240, 480, 960, 960):
        kept.keep_out(N1, Over.WORDS, now)
        assert kept.keeps_out(N1, now).lasts == lasts
        assert kept.offenders(now + lasts - 1) == [N1]
        assert kept.keeps_out(N1, now + lasts) is None
        assert kept.offence(N1, now + lasts + WATCHED_FOR - 1) is not None, "watched"
        assert kept.offence(N1, now + lasts + WATCHED_FOR) is None
        now += lasts + WATCHED_FOR
    kept.keep_out(N1, Over.WORDS, now + 2 * LONGEST_FOR)
    assert kept.keeps_out(N1, now + 2 * LONGEST_FOR).lasts == FIRST_FOR
    assert kept.counts == {Over.WORDS.value: 7}


def test_an_offence_is_counted_and_said_once(caplog):
    kept = Conduct({Over.WORDS: FEW})
    for _ in range(100):
        kept.spend(N1, Over.WORDS, 5.0)
    assert kept.counts == {Over.WORDS.value: 1}
    assert [record.message for record in caplog.records] == [
        "the relay of n1 in demo is kept out for 60 s: hellos and heartbeats without end"
    ]


def pings(one, _report):
    one.say(codec.Ping(token()))


def hellos(one, _report):
    one.say(one.hello)


def empty_batches(one, _report):
    one.bring()


def unreadable(one, _report):
    one.send(b"X1")


def refused(one, _report):
    one.bring((b"i" * 16, b"{}"))


def again(one, report):
    one.bring(report)


ATTACKS = [
    (pings, Over.WORDS),
    (hellos, Over.WORDS),
    (empty_batches, Over.BATCHES),
    (unreadable, Over.UNREADABLE),
    (refused, Over.REFUSED),
    (again, Over.AGAIN),
]


@pytest.mark.parametrize("attack, over", ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_too_much_is_too_much(make_bridge, make_report, strangers, wait, attack, over):
    bridge = make_bridge(allowances={**ALLOWANCES, over: FEW})
    other, one = strangers(bridge.endpoint, node="n2"), strangers(bridge.endpoint)
    made = make_report()
    for _ in range(30):
        attack(one, made)
    other.bring(mine := make_report())
    wait(lambda: bridge.has({mine[0]}), 2)
    assert codec.NotNow(f"{over.value}: this node is kept out for 60 s") in one.answers(1.5)
    assert one.hung_up_on() is not None
    states = {state.node: state for state in bridge.do(lambda intake: intake.peers())}
    assert states["n1"].kept_out == over.value
    assert 50e9 < states["n1"].kept_out_until_ns - time.time_ns() <= 60e9
    assert states["n2"].kept_out == ""
    assert bridge.do(lambda intake: intake.offences) == {over.value: 1}
    assert not any(isinstance(answer, codec.NotNow) for answer in other.answers())


def test_what_is_long_counts_for_more(make_bridge, strangers, wait):
    bridge = make_bridge()
    one = strangers(bridge.endpoint)
    for _ in range(5):
        one.send(*[b"E1"] * 4000)
    wait(lambda: bridge.do(lambda intake: intake.offences) == {Over.UNREADABLE.value: 1})


def test_who_is_sent_away_before_a_hello_and_comes_back_is_kept_out(make_bridge, keys, strangers, wait):
    held = keys.node("n1")
    bridge = make_bridge(keys, allowances={**ALLOWANCES, Over.UNGREETED: Allowance(0, 3)})
    for _ in range(4):
        one = strangers(bridge.endpoint, held, hello=False)
        one.bring()
        assert one.hung_up_on() is not None
    assert bridge.do(lambda intake: intake.offences) == {Over.UNGREETED.value: 1}
    assert strangers(bridge.endpoint, held).hung_up_on() == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 500)


def test_who_comes_back_under_the_same_route_is_heard_anew(make_bridge, strangers, wait):
    bridge = make_bridge()
    first = strangers(bridge.endpoint, hello=False, routing_id=b"mine")
    first.bring()
    assert first.hung_up_on() is not None

    def heard():
        one = strangers(bridge.endpoint, routing_id=b"mine")
        answer = one.heard(0.5)
        one.close()
        return isinstance(answer, codec.Welcome)

    wait(heard, 5)


def test_it_is_kept_out_and_let_in_again(make_bridge, make_report, strangers, wait, monkeypatch):
    monkeypatch.setattr(conduct, "FIRST_FOR", 1.5)
    bridge = make_bridge(allowances={**ALLOWANCES, Over.UNREADABLE: FEW})
    one = strangers(bridge.endpoint)
    for _ in range(30):
        unreadable(one, None)
    assert one.hung_up_on() is not None
    back = strangers(bridge.endpoint)
    assert back.heard() == codec.NotNow(f"{Over.UNREADABLE.value}: this node is kept out for 2 s")
    assert back.hung_up_on() is not None
    time.sleep(1.5)
    later = strangers(bridge.endpoint)
    assert isinstance(later.heard(), codec.Welcome)
    later.bring(made := make_report())
    wait(lambda: bridge.has({made[0]}))


def test_what_is_still_on_its_way_is_dropped_unread(make_bridge, strangers, wait, monkeypatch):
    bridge = make_bridge(allowances={**ALLOWANCES, Over.WORDS: FEW})
    decoded = []
    decode = codec.decode
    monkeypatch.setattr(codec, "decode", lambda frames: decoded.append(1) or decode(frames))
    one = strangers(bridge.endpoint)
    with bridge.busy:
        one.say(*[codec.Ping(b"t")] * 5000)
        time.sleep(0.3)
    wait(lambda: bridge.do(lambda intake: intake.offences))
    assert one.hung_up_on() is not None
    assert len(decoded) < 100


def test_all_connections_of_one_that_is_kept_out_end(make_bridge, strangers):
    bridge = make_bridge(allowances={**ALLOWANCES, Over.UNREADABLE: FEW})
    quiet, loud = strangers(bridge.endpoint), strangers(bridge.endpoint)
    assert isinstance(quiet.heard(), codec.Welcome)
    for _ in range(30):
        unreadable(loud, None)
    assert isinstance(quiet.heard(), codec.NotNow)
    assert quiet.hung_up_on() is not None


def test_one_relay_with_many_connections(make_bridge, strangers):
    bridge = make_bridge()
    many = [strangers(bridge.endpoint) for _ in range(MOST_CONNECTIONS)]
    assert all(isinstance(one.heard(), codec.Welcome) for one in many)
    last = strangers(bridge.endpoint)
    assert last.heard() == codec.NotNow(f"{Over.CONNECTIONS.value}: this node is kept out for 60 s")
    assert all(one.hung_up_on() is not None for one in [last, *many])


def test_many_connections_that_say_no_hello(make_bridge, keys, strangers, wait):
    held = keys.node("n1")
    bridge = make_bridge(keys)
    for _ in range(MOST_CONNECTIONS + 1):
        unreadable(strangers(bridge.endpoint, held, hello=False), None)
    wait(lambda: bridge.do(lambda intake: intake.offences) == {Over.CONNECTIONS.value: 1})


def test_connections_that_ended_do_not_count():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as line:
        line.settimeout(1)
        held = Connections()
        held.add(line.fileno(), 0.0)
        held.at(line.fileno(), 0.0).peer = N1
        assert held.of(N1) == 1
        held.at(line.fileno(), 0.0).end()
        assert held.of(N1) == 0, "it was ended, and libzmq has not said so yet"
        assert line.recv(1) == b""
        held.remove(line.fileno())
        assert len(held) == 0


def test_who_comes_back_before_its_end_was_heard_is_another_connection():
    """The kernel gives the next connection the descriptor of the last one, and libzmq's monitor is read by another thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one, two = (socket.create_connection(server.getsockname()) for _ in range(2))
        line, _ = server.accept()
        with one, two, line, server.accept()[0] as other:
            held = Connections()
            held.ports = frozenset([server.getsockname()[1]])
            fd = line.fileno()
            held.add(fd, 0.0)
            first = held.at(fd, 0.0)
            os.dup2(other.fileno(), fd)
            second = held.at(fd, 1.0)
            assert first is not second
            assert first.gone
            held.remove(fd)  # of the first, as is the order of the monitor
            held.add(fd, 1.0)
            assert held.all() == [second]
            second.end()
            assert two.recv(1) == b"", "and it can be ended"
            held.remove(fd)
            assert len(held) == 0


def test_new_connections_without_end_are_stopped_at_the_door(make_bridge, keys, strangers, wait):
    held, other = keys.node("n1"), keys.node("n2")
    bridge = make_bridge(keys, allowances={**ALLOWANCES, Over.HANDSHAKES: FEW})
    for _ in range(20):
        one = strangers(bridge.endpoint, held)
        assert isinstance(one.heard(), codec.Welcome)
        one.close()
    strangers(bridge.endpoint, held, hello=False)
    wait(lambda: bridge.do(lambda intake: intake.offences) == {Over.HANDSHAKES.value: 1})
    kept = strangers(bridge.endpoint, held)
    assert kept.hung_up_on() == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 500)
    before = time.time_ns()
    strangers(bridge.endpoint, held)
    wait(lambda: bridge.do(lambda intake: intake.peers())[0].last_heard_ns > before, 5, "who knocks is not silent")
    assert isinstance(strangers(bridge.endpoint, other).heard(), codec.Welcome)


def test_answers_that_nobody_reads(make_bridge, strangers, wait):
    bridge = make_bridge(allowances={**ALLOWANCES, Over.WORDS: Allowance(0, 10**9)})
    deaf = strangers(bridge.endpoint, rcvhwm=1, rcvbuf=4096)
    said = 0
    while not bridge.do(lambda intake: intake.offences):
        deaf.say(*[deaf.hello] * 1000)
        said += 1000
        assert said < 10**6
    assert bridge.do(lambda intake: intake.offences) == {Over.ANSWERS.value: 1}
    wait(lambda: bridge.do(lambda intake: intake.peers())[0].kept_out == Over.ANSWERS.value)
    deaf.answers()
    assert deaf.hung_up_on() is not None


def test_a_relay_with_a_full_spool_never_meets_a_bound(prepared, make_bridge, wait):
    bridge = make_bridge(
        allowances={over: Allowance(a_second / 10, at_once / 10) for over, (a_second, at_once) in ALLOWANCES.items()}
    )
    uids = prepared.put(1500)
    prepared.settings(bridge.endpoint).start()
    wait(lambda: bridge.has(uids) and prepared.empty(), 30)
    assert bridge.do(lambda intake: intake.offences) == {}


def test_a_relay_that_is_kept_out_says_so_and_comes_back(node, make_bridge, keys, strangers, wait, monkeypatch):
    monkeypatch.setattr(conduct, "FIRST_FOR", 4.0)
    held = keys.node("n1")
    bridge = make_bridge(keys, allowances={**ALLOWANCES, Over.UNREADABLE: FEW})
    node.settings(bridge.endpoint, **held).start()
    wait(lambda: "has welcomed us" in node.said())
    with_its_key = strangers(bridge.endpoint, held)
    for _ in range(30):
        unreadable(with_its_key, None)
    wait(lambda: Over.UNREADABLE.value in node.said())
    uids = node.put(3)
    wait(lambda: "keeps this node out for a while, since it sent too much" in node.said())
    wait(lambda: bridge.has(uids) and node.empty(), 20)
