"""A node, the fencing or the quorum is lost, and comes back or not."""

import time

import pytest

from tests.cluster.furniture import GUESTS
from tests.cluster.pacemaker import until

pytestmark = pytest.mark.cluster


def run_elsewhere(site, node):
    """All guests run, and none of them there."""
    return all((where := site.cluster.where(name)) and node not in where for name in GUESTS)


def lose(site, *machines):
    """Their power is cut, and nobody can switch them on."""
    for machine in machines:
        machine.dead = True
        machine.off()


def give_back(site, *machines):
    for machine in machines:
        machine.dead = False
        machine.on()
    site.cluster.wait_online()
    site.cluster.settle()


@pytest.mark.everywhere
def test_power_cut_and_return(furnished):
    cut = time.monotonic()
    lose(furnished, furnished.n3)
    until(lambda: run_elsewhere(furnished, "n3"), 60, "the guests start elsewhere")
    away = time.monotonic() - cut
    furnished.cluster.settle()
    furnished.agree()
    (ring,) = furnished.rings()
    assert (ring.kind, ring.severity) == ("node-failure", "critical")
    assert "n3" in ring.subject
    give_back(furnished, furnished.n3)
    furnished.agree()
    assert len(furnished.rings()) == 1
    until(lambda: not furnished.open(), 40, "its incident ends")
    (story,) = [one for one in furnished.ask("incidents") if one["kind"] == ring.kind]
    outages = [story["outages"].get(f"guest/{name}", 0) for name in GUESTS]
    assert all(0 < seconds < away for seconds in outages), f"{outages} of {away:.1f} s: what only alerts tell"


def test_power_cut_and_no_return(furnished):
    lose(furnished, furnished.n3)
    until(lambda: run_elsewhere(furnished, "n3"), 60, "the guests start elsewhere")
    until(lambda: furnished.missed() == {"n3"}, 120, "its relay is missed")
    furnished.agree()
    (ring,) = furnished.rings()
    assert (ring.kind, ring.severity) == ("node-failure", "critical")
    assert [one["root"] for one in furnished.open()] == ["node/n3"], "its relay's silence is a consequence"


@pytest.mark.everywhere
def test_orderly_away(furnished):
    furnished.n3.services("stop", "cluster", "relay")
    furnished.n3.off()
    furnished.cluster.settle()
    furnished.agree()
    until(lambda: furnished.missed() == {"n3"}, 120, "its relay is missed")
    furnished.agree()
    give_back(furnished, furnished.n3)
    furnished.agree()
    assert furnished.rings() == []


@pytest.mark.everywhere
def test_failed_fencing(furnished):
    furnished.switch.refuses = True
    lose(furnished, furnished.n3)
    until(lambda: any(ring.kind == "fencing-failure" for ring in furnished.rings()), 60, "the failed fencing rings")
    furnished.agree()
    assert not any(run for name in GUESTS if (run := set(furnished.cluster.where(name)) - {"n3"}))
    rung = len(furnished.rings())
    furnished.switch.refuses = False
    until(lambda: run_elsewhere(furnished, "n3"), 90, "it is fenced after all")
    furnished.cluster.settle()
    furnished.agree()
    give_back(furnished, furnished.n3)
    furnished.agree()
    assert len(furnished.rings()) == rung, "what gets better rings nobody"
    assert {ring.subject for ring in furnished.rings() if "n3" not in ring.subject} == set(), "one story, about n3"


def test_a_node_comes_back_by_itself_after_its_fencing_failed(furnished):
    furnished.switch.refuses = True
    furnished.n3.off()
    until(lambda: any(ring.kind == "fencing-failure" for ring in furnished.rings()), 60, "the failed fencing rings")
    furnished.n3.on()
    furnished.switch.refuses = False
    furnished.cluster.wait_online()
    furnished.cluster.settle()
    furnished.agree()
    until(lambda: not furnished.open(), 40, "its incident ends")


def test_quorum_lost_and_return(furnished):
    lose(furnished, furnished.n2, furnished.n3)
    until(lambda: any(ring.kind == "quorum-lost" for ring in furnished.rings()), 60, "the lost quorum rings")
    furnished.agree()
    rung = len(furnished.rings())
    give_back(furnished, furnished.n2, furnished.n3)
    furnished.agree()
    assert rung == 1, "one story"
    assert len(furnished.rings()) == 1


def test_partition(furnished):
    furnished.networks.join(furnished.n3, "ring", apart=True)
    until(lambda: ("reboot", "n3") in furnished.switch.done, 60, "the majority fences it")
    furnished.cluster.wait_online()
    furnished.cluster.settle()
    furnished.agree()
    (ring,) = furnished.rings()
    assert ring.severity == "critical"
    assert ring.kind in {"node-failure", "cluster-partition"}, "one story, about the node or about the cluster"


def test_frozen_node(furnished):
    furnished.n3.freeze()
    until(lambda: ("reboot", "n3") in furnished.switch.done, 60, "it is fenced")
    furnished.cluster.wait_online()
    furnished.cluster.settle()
    furnished.agree()
    (ring,) = furnished.rings()
    assert (ring.kind, ring.severity) == ("node-failure", "critical")
