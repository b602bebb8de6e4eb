"""Everything dies, freezes or is refused, and still: what was promised is stored exactly once, and the log says why it waits."""

import signal
import socket
import time

import pytest
import zmq

from bridge.node import dealer
from bridge.node.link import MOST_IN_FLIGHT

pytestmark = pytest.mark.whole

STORMS = 8


def storm(node, bridge, chance, wait):
    """Reports all the while; relay and bridge are killed in turn. The reports that were promised."""
    promised: set[bytes] = set()
    for turn in range(STORMS):
        for _ in range(5):
            promised |= node.put(8)
            time.sleep(chance.uniform(0.0, 0.03))
        if turn % 2:
            node.kill()
            node.start()
        else:
            bridge.kill()
            bridge.start()
    return promised


def test_kill_9_of_relay_and_bridge_loses_nothing(node, make_bridge_process, chance, wait):
    bridge = make_bridge_process().start()
    node.settings(bridge.endpoint).start()
    promised = storm(node, bridge, chance, wait)
    wait(node.empty, 40, "the spool is empty")
    assert bridge.stored() == promised


def test_the_fault_run_sees_an_acknowledgement_before_the_commit(node, make_bridge_process, chance, wait):
    """The rule broken on purpose: if this found nothing missing, the test above would prove nothing."""
    bridge = make_bridge_process("--acknowledge-first").start()
    node.settings(bridge.endpoint).start()
    promised = storm(node, bridge, chance, wait)
    wait(node.empty, 40, "the spool is empty")
    assert bridge.stored() < promised


def test_a_frozen_bridge_is_left_and_found_again(node, make_bridge_process, wait):
    bridge = make_bridge_process().start()
    node.settings(bridge.endpoint).start()
    first = node.put(5)
    wait(lambda: bridge.stored() == first)
    bridge.process.send_signal(signal.SIGSTOP)
    second = node.put(5)
    wait(lambda: "acknowledged nothing" in node.said() or "silent" in node.said(), 10)
    bridge.process.send_signal(signal.SIGCONT)
    wait(lambda: bridge.stored() == first | second and node.empty(), 15)


def test_a_frozen_bridge_is_no_hindrance_when_there_is_another(node, make_bridge, make_bridge_process, wait):
    frozen = make_bridge_process().start()
    other = make_bridge()
    node.settings(frozen.endpoint, other.endpoint).start()
    wait(lambda: "has welcomed us" in node.said())
    frozen.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    uids = node.put(5)
    wait(lambda: other.has(uids), 10)
    assert time.monotonic() - began < 6
    wait(node.empty)


def test_a_dead_bridge_is_left_at_once(node, make_bridge, make_bridge_process, wait):
    dying = make_bridge_process().start()
    other = make_bridge()
    node.settings(dying.endpoint, other.endpoint).start()
    wait(lambda: "has welcomed us" in node.said())
    dying.kill()
    began = time.monotonic()
    uids = node.put(5)
    wait(lambda: other.has(uids), 10)
    assert time.monotonic() - began < 2


def test_a_standby_sends_relays_on(node, make_bridge, wait):
    standby, active = make_bridge(), make_bridge()
    standby.do(lambda intake: intake.standby("the other one is active", [active.endpoint]))
    node.settings(standby.endpoint, active.endpoint).start()
    uids = node.put(5)
    wait(lambda: active.has(uids))
    assert "the other one is active" in node.said()
    active.do(lambda intake: intake.standby("draining"))
    standby.do(lambda intake: intake.standby(None))
    more = node.put(5)
    wait(lambda: standby.has(more), 15)


def test_window_nothing_is_an_answer_and_not_a_stall(node, make_bridge, wait):
    bridge = make_bridge()
    bridge.do(lambda intake: intake.set_window(0))
    node.settings(bridge.endpoint).start()
    uids = node.put(5)
    time.sleep(4)
    assert not bridge.arrivals
    assert "silent" not in node.said()
    assert "acknowledged nothing" not in node.said()
    bridge.do(lambda intake: intake.set_window(256))
    wait(lambda: bridge.has(uids) and node.empty(), 3)


def test_in_flight_never_exceeds_the_window(prepared, make_bridge, wait):
    bridge = make_bridge()
    bridge.acking = False
    bridge.do(lambda intake: intake.set_window(10))
    uids = prepared.put(50)
    prepared.settings(bridge.endpoint).start()
    wait(lambda: len(bridge.uids()) == 10)
    time.sleep(0.5)
    assert len(bridge.uids()) == 10
    bridge.acking = True
    bridge.do(lambda intake: intake.acknowledge(list(bridge.arrivals)))
    wait(lambda: bridge.has(uids) and prepared.empty())


def test_nor_what_the_relays_own_socket_has_room_for(prepared, make_bridge, wait):
    """Answers to more than that could stop its input, and a bridge that then hangs up would end the relay."""
    bridge = make_bridge()
    bridge.acking = False
    bridge.do(lambda intake: intake.set_window(60_000))
    prepared.put(MOST_IN_FLIGHT + 200)
    prepared.settings(bridge.endpoint).start()
    wait(lambda: len(bridge.uids()) >= MOST_IN_FLIGHT)
    time.sleep(0.5)
    assert len(bridge.uids()) == MOST_IN_FLIGHT < dealer._OPTIONS[zmq.RCVHWM] / 2


def test_two_relays_cannot_serve_one_spool(node, make_node, make_bridge, make_report, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    with pytest.raises(AssertionError, match=rf"another relay serves this spool already \(process {node.process.pid}\)"):
        make_node(node.base.name).start()
    wait(lambda: bridge.do(lambda intake: intake.peers()))
    made = make_report()
    assert node.knock(made, wait=3.0) == b"A" + made[0], "the first one's socket was not touched"


def test_a_key_that_is_not_enrolled_and_then_is(node, make_bridge, keys, wait):
    bridge = make_bridge(keys)
    held = keys.node("n1", enrolled=False)
    node.settings(bridge.endpoint, **held).start()
    uids = node.put(3)
    wait(lambda: "does not know this node's key" in node.said())
    assert "enrol it there" in node.said()
    wait(lambda: bridge.do(lambda intake: intake.refusals).get("a key that is not in the allow-list"))
    assert not bridge.arrivals
    from bridge.wire.keys import enrol

    enrol(str(keys.allowed), held["key"].replace("secret", "public"), "demo", "n1")
    wait(lambda: bridge.has(uids), 15, "a fresh socket tries the enrolled key")


def test_a_key_taken_off_the_list_ends_the_service(node, make_bridge, keys, wait):
    bridge = make_bridge(keys)
    node.settings(bridge.endpoint, **keys.node("n1")).start()
    uids = node.put(1)
    wait(lambda: bridge.has(uids))
    (keys.allowed / "demo.n1.public").unlink()
    time.sleep(1.5)
    more = node.put(1)
    wait(lambda: "does not know this node's key" in node.said(), 15)
    assert not bridge.has(more)


def test_a_relay_without_a_key_is_refused(node, make_bridge, keys, wait):
    bridge = make_bridge(keys)
    node.settings(bridge.endpoint).start()
    node.put(1)
    wait(lambda: "one side with keys, one without?" in node.said(), 10)
    wait(lambda: bridge.do(lambda intake: intake.refusals).get("no key at all"))
    assert not bridge.arrivals


def test_a_relay_with_another_bridges_key_is_refused(node, make_bridge, keys, tmp_path, wait):
    from bridge.wire.keys import make_bridge_keys

    bridge = make_bridge(keys)
    held = keys.node("n1") | {"bridge_key": make_bridge_keys(str(tmp_path / "stranger")).public}
    node.settings(bridge.endpoint, **held).start()
    node.put(1)
    wait(lambda: "bridge_key is not its key" in node.said(), 10)
    wait(lambda: bridge.do(lambda intake: intake.refusals).get("a relay that expects another bridge key"))
    assert not bridge.arrivals


GREETING = b"\xff" + bytes(8) + b"\x7f\x03"


@pytest.mark.parametrize(
    "junk, counted",
    [
        (b"GET / HTTP/1.1\r\n\r\n", False),  # libzmq resets these two and tells nobody
        (bytes(4096), False),
        (GREETING + b"\0NULL" + bytes(200), True),
        (GREETING + b"\0CURVE" + bytes(15) + b"\0" + bytes(31) + b"\x04\xff" + b"\xff" * 255, True),
    ],
    ids=["http", "zeros", "no-curve", "broken-curve"],
)
def test_garbage_on_the_port_harms_nobody(node, make_bridge, keys, *, junk, counted, wait):
    bridge = make_bridge(keys)
    host, _, number = bridge.endpoint.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(number)), 5) as line:
        line.sendall(junk)
        node.settings(bridge.endpoint, **keys.node("n1")).start()
        uids = node.put(3)
        wait(lambda: bridge.has(uids))
    if counted:
        wait(lambda: bridge.do(lambda intake: intake.refusals), 5, "it is counted")


def test_a_bridge_that_comes_back_is_found_within_a_second_or_two(node, make_bridge_process, wait):
    bridge = make_bridge_process()
    node.settings(bridge.endpoint).start()
    uids = node.put(3)
    wait(lambda: "no bridge answers" in node.said())
    bridge.start()
    wait(lambda: bridge.stored() == uids, 4)
