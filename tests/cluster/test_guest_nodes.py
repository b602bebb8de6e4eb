"""A guest that is a node itself: the cluster runs services inside of it, and nobody fences it but by its host."""

import pytest

from tests.cluster.furniture import define
from tests.cluster.pacemaker import guest, prefers, primitive, until

pytestmark = pytest.mark.cluster


def runs_inside(site):
    return site.cluster.where("app") == ["g1"]


def test_a_guest_node_dies_and_is_started_again(furnished):
    define(furnished, "vm-g")
    furnished.shows("Guest: vm-g", "Resource: g1", "Resource: app")
    furnished.opsview.provide("g1", ["Cluster Node", "Fencing"], freshness=1800)
    inside = furnished.add_guest_node("g1")
    meta = {"remote-node": "g1", "remote-addr": furnished.networks.address("ring", inside.number)}
    furnished.cluster.add(guest("vm-g", **meta), constraints=prefers("vm-g", "n1"))
    furnished.cluster.settle()
    furnished.cluster.add(primitive("app"), constraints=prefers("app", "g1", "INFINITY"))
    until(lambda: runs_inside(furnished), 60, "a service runs inside of the guest")
    furnished.cluster.settle()
    furnished.agree()
    (host,) = furnished.cluster.where("vm-g")
    domain = furnished.home / "outside/guests" / host / "vm-g"
    inside.off()
    domain.unlink()
    until(lambda: list(domain.parent.parent.glob("*/vm-g")), 90, "the cluster starts the guest again")
    inside.on()
    until(lambda: runs_inside(furnished), 90, "the service is back")
    furnished.cluster.settle()
    furnished.agree()
    assert {one["root"] for one in furnished.ask("incidents")} <= {"guest/vm-g"}, "one story, about the guest"
    assert len(furnished.rings()) <= 1
