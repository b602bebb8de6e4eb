"""Quorumbell's own parts die in the middle of a story."""

import time

import pytest

from tests.cluster.pacemaker import until
from tests.cluster.test_losing import give_back, lose, run_elsewhere

pytestmark = pytest.mark.cluster


def test_a_relay_is_dead_for_two_minutes(furnished):
    """What happens on its node meanwhile is told by others, or comes late; it is not called dead with its relay."""
    furnished.n2.kill("bridge.node.relay")
    died = time.monotonic()
    furnished.agree()
    furnished.cluster.crm("crm_resource", "--resource", "vm-a", "--move", "--node", "n2")
    until(lambda: furnished.cluster.where("vm-a") == ["n2"], 40, "a guest moves to its node")
    furnished.cluster.settle()
    furnished.agree()
    time.sleep(max(0.0, died + 120 - time.monotonic()))
    furnished.agree()
    assert [one["root"] for one in furnished.open()] == ["relay/n2"]
    furnished.n2.services("start", "relay")
    until(lambda: not furnished.silent(), 30, "it is heard again")
    furnished.agree()
    assert {ring.kind for ring in furnished.rings()} <= {"edge-silent"}
    assert len(furnished.rings()) <= 1


def test_the_bridge_is_killed_in_the_middle(furnished):
    lose(furnished, furnished.n3)
    time.sleep(4)
    furnished.kill_bridge()
    until(lambda: run_elsewhere(furnished, "n3"), 60, "the guests start elsewhere")
    furnished.serve()
    furnished.cluster.settle()
    furnished.agree()
    until(furnished.rings, 30, "somebody is rung")
    give_back(furnished, furnished.n3)
    furnished.agree()
    assert [ring.kind for ring in furnished.rings()] == ["node-failure"]
