"""Both families of addresses, at both ends."""

import contextlib
import signal
import socket

import pytest

from bridge.wire.endpoint import families


def port_of(bridge):
    return bridge.endpoint.rpartition(":")[2]


def names_of(address, family):
    """What this machine calls it."""
    for name in ("localhost", "ip6-localhost", "ip6-loopback"):
        with contextlib.suppress(socket.gaierror):
            if address in {found[4][0] for found in socket.getaddrinfo(name, 1, family)}:
                yield name


@pytest.mark.parametrize("address,family", [("::1", socket.AF_INET6), ("127.0.0.1", socket.AF_INET)])
def test_an_address_of_either_family_and_its_names(node, make_bridge, wait, address, family):
    literal = f"[{address}]" if family is socket.AF_INET6 else address
    bridge = make_bridge(bind=f"tcp://{literal}:0")
    for host in (literal, *names_of(address, family)):
        node.settings(f"tcp://{host}:{port_of(bridge)}").start()
        uids = node.put(3)
        wait(lambda uids=uids: bridge.has(uids) and node.empty(), 20)
        assert node.kill(signal.SIGTERM) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_star_hears_both(node, make_bridge, keys, wait, host):
    bridge = make_bridge(keys, bind="tcp://*:0")
    node.settings(f"tcp://{host}:{port_of(bridge)}", **keys.node("n1")).start()
    uids = node.put(3)
    wait(lambda: bridge.has(uids) and node.empty())


@pytest.mark.parametrize(
    "endpoint,ways",
    [("tcp://10.0.0.1:7710", (False,)), ("tcp://[fd00::1]:7710", (True,)), ("tcp://bell.example.org:7710", (True, False))],
)
def test_the_order_in_which_they_are_tried(endpoint, ways):
    assert families(endpoint) == ways
