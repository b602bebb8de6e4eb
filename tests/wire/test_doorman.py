"""The connections of a port: what libzmq would die of, what would fill the memory, who is gone without a word."""

import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from bridge.intake import doorman
from bridge.intake.bounds import MOST_BYTES, Over
from bridge.intake.conduct import Conduct
from bridge.intake.connections import OTHER, Connection
from bridge.intake.port import Port
from bridge.intake.zap import Refusals
from bridge.wire import codec
from bridge.wire.keys import AllowList
from tests.waiting import eventually

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
WORD = b"\x00\x01x"
PING = b"\x04\x07\x04PING\x00\x00"
HERE = Path(__file__).parent


def address(endpoint):
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, int(port)


@contextmanager
def by_hand(endpoint):
    """A DEALER that is none: no libzmq says so much, and leaves so rudely."""
    with socket.create_connection(address(endpoint), 5) as line:
        line.sendall(GREETING + bytes([4, len(READY)]) + READY)
        time.sleep(0.3)
        line.settimeout(1)
        yield line


def flood(endpoint, piece, size):
    """As many bytes as are taken, and a reset."""
    with by_hand(endpoint) as line:
        with suppress(OSError):
            line.sendall(piece * (size // len(piece)))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("piece", [WORD * 20 + PING, WORD * 20], ids=["with-its-heartbeats", "with-ours"])
def test_a_peer_that_floods_a_busy_bridge_and_hangs_up_does_not_end_it(piece):
    """libzmq 4.3.5 writes to the connection that is no more when its input was stopped at a high-water mark."""
    command = [sys.executable, str(HERE / "deaf_port.py")]
    env = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True) as bridge:
        flood(bridge.stdout.readline().strip(), piece, 3_000_000)
        time.sleep(1.5)
        said, _ = bridge.communicate("go on\n", 60)
    assert (bridge.returncode, said) == (0, "alive\n")


def test_bytes_on_the_wire_are_counted_exactly(keys, strangers):
    """A difference of one byte a frame would, in a long backlog, look like a flood."""
    held = keys.node("n1")
    for pair, allowed in ((keys.pair, AllowList(str(keys.allowed))), (None, None)):
        port = Port(["tcp://127.0.0.1:0"], pair, allowed, Conduct(), Refusals())
        one = strangers(port.endpoints[0], held if pair else None, hello=False)
        one.send(b"first")
        assert port.socket.poll(5000)
        (route, _) = port.receive()
        connection = port._connection(route)
        before = connection.look().received
        taken = connection.taken
        sizes = [0, 1, 100, 221, 222, 223, 255, 256, 300, 8191, 8192, 8193, 60_000]
        one.send(*[b"x" * size for size in sizes])
        for size in sizes:
            one.send(b"y" * size)
        for _ in range(1 + len(sizes)):
            assert port.socket.poll(5000)
            assert port.receive() is not None
        assert connection.taken - taken == connection.look().received - before
        port.close()


def test_what_waits_is_what_came_and_was_not_received():
    connection = Connection(-1, 0.0, announced=True)
    assert connection.waiting(received=500, dry=1) == 0, "nothing waited a moment ago, for anybody: that was the handshake"
    assert connection.waiting(received=900, dry=1) == 400
    connection.taken += 300
    assert connection.waiting(received=900, dry=1) == 100
    assert connection.waiting(received=1000, dry=2) == 0, "that was no message"
    assert connection.waiting(received=1000 + 2 * OTHER, dry=3) == OTHER, "but so much is"


def endless(line):
    """One message that does not end, until it is hung up on: a ROUTER shows nothing of it. The bytes that were taken."""
    piece = b"\x03" + struct.pack("!Q", 60_000) + bytes(60_000)
    for number in range(100 * MOST_BYTES // len(piece)):
        try:
            line.sendall(piece)
        except OSError:
            return number * len(piece)
        time.sleep(0.001)
    raise AssertionError("nobody minds")


def test_a_message_without_end_ends_the_connection(make_bridge, make_report, strangers, wait):
    bridge = make_bridge()
    other = strangers(bridge.endpoint, node="n2")
    with by_hand(bridge.endpoint) as one:
        hello = codec.encode(codec.Hello(node="n1", cluster="demo"))[1]
        one.sendall(b"\x01\x02H1\x02" + struct.pack("!Q", len(hello)) + hello)
        wait(lambda: "n1" in [state.node for state in bridge.do(lambda intake: intake.peers())])
        endless(one)
    wait(lambda: bridge.do(lambda intake: intake.offences) == {Over.BYTES.value: 1})
    other.bring(made := make_report())
    wait(lambda: bridge.has({made[0]}), 2)


def test_so_does_one_of_somebody_who_never_said_hello(make_bridge, wait):
    bridge = make_bridge()
    with by_hand(bridge.endpoint) as one:
        endless(one)
    wait(lambda: bridge.do(lambda intake: intake.refusals).get("more bytes on a connection than its window allows"))
    assert bridge.do(lambda intake: intake.offences) == {}, "nobody knows who that was"


def test_what_a_busy_bridge_does_not_take_ends_the_connection(make_bridge, make_report, strangers, wait):
    """And what a relay may send meanwhile does not: its window, and all of that again."""
    bridge = make_bridge()
    one, relay = strangers(bridge.endpoint), strangers(bridge.endpoint, node="n2")
    assert isinstance(one.heard(), codec.Welcome)
    assert isinstance(relay.heard(), codec.Welcome)
    with bridge.busy:
        for _ in range(3 * MOST_BYTES // codec.WINDOW_BYTES):
            bring(one, codec.WINDOW_BYTES, make_report)
        for _ in range(2):
            bring(relay, codec.WINDOW_BYTES, make_report)
        assert one.hung_up_on() is not None
        assert relay.hung_up_on(1) is None
    assert bridge.do(lambda intake: intake.offences) == {Over.BYTES.value: 1}


def bring(one, size, make_report):
    while size > 0:
        uid, body = make_report(**{f"pad{number}": "x" * 3000 for number in range(8)})
        one.bring((uid, body))
        size -= len(body)


def test_a_frozen_relay_is_dropped_and_welcomed_again(node, make_bridge, wait, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(doorman, "QUIET_FOR", 3.0)
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    first = node.put(1)
    wait(lambda: bridge.has(first))
    node.process.send_signal(signal.SIGSTOP)
    wait(lambda: "nothing came from n1 of demo" in caplog.text)
    second = node.put(1)
    node.process.send_signal(signal.SIGCONT)
    wait(lambda: bridge.has(second) and node.empty())


def test_an_idle_relay_is_not(node, make_bridge, wait, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(doorman, "QUIET_FOR", 3.0)
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    wait(lambda: "has welcomed us" in node.said())
    time.sleep(5)
    assert "nothing came" not in caplog.text


def test_a_connection_without_a_word_is_ended(make_bridge, keys, strangers, monkeypatch):
    monkeypatch.setattr(doorman, "FIRST_WORD_WITHIN", 0.5)
    held = keys.node("n1")
    bridge = make_bridge(keys)
    assert strangers(bridge.endpoint, held, hello=False, heartbeat_ivl=200).hung_up_on() is not None
    talker = strangers(bridge.endpoint, held)
    assert isinstance(talker.heard(), codec.Welcome)
    assert talker.hung_up_on(1) is None


def test_a_look_that_fails_is_told_and_is_not_the_last(make_bridge, keys, strangers, monkeypatch, caplog):
    """A monitor that nobody hears would stop libzmq's own thread, and with it all relays."""
    monkeypatch.setattr(doorman, "FIRST_WORD_WITHIN", 0.5)
    look, looks = Connection.look, []

    def stumble(connection):
        looks.append(1)
        return look(connection) if len(looks) > 1 else 1 / 0

    monkeypatch.setattr(Connection, "look", stumble)
    enrolled = keys.node("n1")
    bridge = make_bridge(keys)
    assert strangers(bridge.endpoint, enrolled, hello=False).hung_up_on() is not None
    eventually(lambda: [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError])


def test_a_crowd_of_strangers_leaves_room_for_relays(node, make_bridge, keys, monkeypatch, wait):
    monkeypatch.setattr(doorman, "MOST_STRANGERS", 20)
    held = keys.node("n1")
    bridge = make_bridge(keys)
    with ExitStack() as crowd:
        lines = [crowd.enter_context(socket.create_connection(address(bridge.endpoint), 5)) for _ in range(100)]
        node.settings(bridge.endpoint, **held).start()
        uids = node.put(3)
        wait(lambda: bridge.has(uids))
        wait(lambda: sum(left(line) for line in lines) <= 20, 3, "long before their handshakes are given up")
    assert bridge.do(lambda intake: intake.refusals).get("a connection too many, and without a word")


def left(line):
    """Whether it is still open: the bridge's greeting, and then nothing."""
    line.setblocking(False)
    try:
        while line.recv(1000):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
