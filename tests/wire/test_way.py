"""A report's way from the spool or a datagram to the intake, with everybody well."""

import signal
import sys
import time

import pytest

from bridge.wire.keys import enrol, make_node_keys


def test_what_waits_in_the_spool_arrives_and_leaves_it(node, make_bridge, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    uids = node.put(300)
    wait(lambda: bridge.has(uids) and node.empty())
    assert sorted(bridge.uids()) == sorted(uids), "nothing is sent twice while all is well"
    arrival = bridge.arrivals[0]
    assert (arrival.cluster, arrival.node, arrival.fields["src"]) == ("demo", "n1", "pacemaker")
    assert "PLAIN TEXT" in node.said()


def test_the_oldest_goes_first(prepared, make_bridge, wait):
    uids = prepared.put(200)
    bridge = make_bridge()
    prepared.settings(bridge.endpoint).start()
    wait(lambda: bridge.has(uids))
    assert bridge.uids() == sorted(uids)


def test_a_hook_that_waits_hears_that_its_report_is_stored(node, make_bridge, make_report, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    wait(lambda: bridge.do(lambda intake: intake.peers()))
    made = make_report()
    assert node.knock(made, wait=3.0) == b"A" + made[0]
    assert bridge.uids() == [made[0]]
    assert node.knock(made, wait=3.0) == b"A" + made[0], "asked again, it is told again"
    node.spool(*made)
    wait(node.empty)
    time.sleep(0.2)
    assert bridge.uids() == [made[0]], "a file that comes after the acknowledgement is not sent again"


def test_nothing_is_acknowledged_that_the_bridge_does_not_acknowledge(node, make_bridge, make_report, wait):
    bridge = make_bridge()
    bridge.acking = False
    node.settings(bridge.endpoint).start()
    uids = node.put(3)
    wait(lambda: bridge.has(uids))
    assert node.knock(make_report(), wait=0.5) == b""
    assert {path.name for path in node.new.iterdir()} == {uid.hex() for uid in uids}


def test_keys_say_who_it_is_whatever_the_hello_says(node, make_bridge, keys, wait):
    bridge = make_bridge(keys)
    node.settings(bridge.endpoint, cluster="liar", node="other", **keys.node("n7", cluster="prod")).start()
    uids = node.put(5)
    wait(lambda: bridge.has(uids) and node.empty())
    assert {(one.cluster, one.node) for one in bridge.arrivals} == {("prod", "n7")}
    (state,) = bridge.do(lambda intake: intake.peers())
    assert (state.cluster, state.node, state.host, state.insecure) == ("prod", "n7", "other", False)
    assert "PLAIN TEXT" not in node.said()


def test_a_relay_that_stops_says_so_and_sends_what_it_has(node, make_bridge, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    wait(lambda: bridge.do(lambda intake: intake.peers()))
    uids = node.put(40)
    assert node.kill(signal.SIGTERM) == 0
    wait(lambda: bridge.do(lambda intake: intake.peers())[0].stopped)
    assert bridge.has(uids)
    assert node.empty()
    assert not (node.base / "run/hook.sock").exists()


def test_heartbeats_tell_backlog_and_clock(node, make_bridge, wait):
    bridge = make_bridge()
    bridge.acking = False
    node.settings(bridge.endpoint).start()
    uids = node.put(7)
    wait(lambda: bridge.has(uids))
    state = wait(
        lambda: next((one for one in bridge.do(lambda intake: intake.peers()) if one.backlog == 7 and one.round_trip_ns), None)
    )
    assert abs(state.offset_ns) < 50_000_000, "one machine, one clock"
    assert state.version
    assert state.boot


def test_enrolled_nodes_that_never_spoke_are_known(make_bridge, keys):
    keys.node("n1")
    keys.node("n2")
    states = make_bridge(keys).do(lambda intake: intake.peers())
    assert [(one.node, one.last_heard) for one in states] == [("n1", None), ("n2", None)]


def test_a_new_key_beside_the_old_one(node, make_bridge, keys, tmp_path, wait):
    old = keys.node("n1")
    fresh = make_node_keys(str(tmp_path / "fresh"))
    enrol(str(keys.allowed), fresh.public, "demo", "n1")
    bridge = make_bridge(keys)
    for key in (old["key"], fresh.secret):
        node.settings(bridge.endpoint, key=key, bridge_key=old["bridge_key"]).start()
        uids = node.put(2)
        wait(lambda expected=uids: bridge.has(expected))
        node.kill(signal.SIGTERM)
    assert {one.node for one in bridge.arrivals} == {"n1"}


LEAN = """
import sys
from importlib.machinery import PathFinder

class Refuse:
    # All but the standard library, pyzmq, bridge.node and bridge.wire.
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        if top == "bridge":
            allowed = name == "bridge" or name.startswith(("bridge.node", "bridge.wire"))
        else:
            found = PathFinder.find_spec(name, path)
            places = [found.origin or "", *(found.submodule_search_locations or ())] if found else []
            allowed = top in {"zmq", "pyzmq"} or not any("-packages" in place for place in places)
        if not allowed:
            raise ImportError(f"REFUSED {name}")

sys.meta_path.insert(0, Refuse)
try:
    import msgspec
except ImportError:
    print("the door is shut", flush=True)
from bridge.node.relay import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(params=["this Python", "the oldest Python of nodes"])
def node_python(request):
    return sys.executable if request.param == "this Python" else request.getfixturevalue("python39")


def test_the_relay_needs_the_standard_library_and_pyzmq_alone(make_node, make_bridge, keys, node_python, wait):
    bridge = make_bridge(keys)
    node = make_node("lean", python=node_python).settings(bridge.endpoint, drbd="auto", crm_mon="auto", **keys.node("n1"))
    node.command = lambda: [node_python, "-c", LEAN, str(node.file)]
    node.start()
    uids = node.put(100)
    wait(lambda: bridge.has(uids) and node.empty())
    assert node.kill(signal.SIGTERM) == 0
    assert "the door is shut" in node.said()
    assert "REFUSED" not in node.said()
