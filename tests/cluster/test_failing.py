"""A service fails in ways that no cluster can mend, and some that no alert tells."""

import pytest

from tests.cluster.pacemaker import primitive, until

pytestmark = pytest.mark.cluster
NEVER = "-INFINITY"


def test_it_fails_once_and_is_restarted(furnished):
    furnished.n2.run("rm", "/run/told/web.runs")
    until(lambda: furnished.n2.run("ls", "/run/told").split() == ["web.runs"], 40, "it is started again")
    furnished.cluster.settle()
    furnished.agree()
    assert furnished.rings() == []
    until(lambda: all(one["state"] == "closed" for one in furnished.ask("incidents")), 60, "it is over")
    (story,) = furnished.ask("incidents")
    assert (story["kind"], story["root"], story["state"]) == ("resource-failure", "resource/web", "closed")
    assert 0 < story["outages"]["resource/web"] < 20


def test_blocked(furnished):
    furnished.shows("Resource: db")
    stuck = primitive("db", "ocf:trial:Told").replace('name="stop"', 'name="stop" on-fail="block"')
    furnished.cluster.add(stuck, constraints='<rsc_location id="db-n1" rsc="db" node="n1" score="50"/>')
    furnished.cluster.settle()
    assert furnished.cluster.where("db") == ["n1"]
    furnished.cluster.fail(furnished.n1, "db", "stop", 1, "process 4711 does not die")
    furnished.cluster.crm("crm_resource", "--resource", "db", "--ban", "--node", "n1")
    until(furnished.rings, 60, "it is blocked, and rings")
    furnished.cluster.settle()
    furnished.agree()
    (ring,) = furnished.rings()
    assert (ring.kind, ring.severity) == ("resource-blocked", "critical")
    furnished.cluster.mend(furnished.n1, "db", "stop")
    furnished.cluster.crm("crm_resource", "--resource", "db", "--cleanup")
    until(lambda: furnished.cluster.where("db") not in ([], ["n1"]), 40, "it moves")
    furnished.cluster.settle()
    furnished.agree()
    furnished.cluster.crm("crm_resource", "--resource", "db", "--clear")
    furnished.cluster.settle()
    furnished.agree()
    assert len(furnished.rings()) == 1


def test_it_fails_on_every_node_and_is_cleaned_up(furnished):
    for machine in furnished.machines.values():
        furnished.cluster.fail(machine, "web", "start", 1, "config file /etc/web.conf: syntax error at line 3")
    furnished.n2.run("rm", "/run/told/web.runs")
    until(furnished.rings, 90, "somebody is rung")
    furnished.cluster.settle()
    furnished.agree()
    for machine in furnished.machines.values():
        furnished.cluster.mend(machine, "web", "start")
    furnished.cluster.crm("crm_resource", "--resource", "web", "--cleanup")
    until(lambda: furnished.cluster.where("web"), 40, "it starts")
    furnished.cluster.settle()
    furnished.agree()
    assert len(furnished.rings()) == 1
    until(lambda: not furnished.open(), 40, "its incident ends")


@pytest.mark.everywhere
def test_forbidden_everywhere(furnished):
    bans = [f'<rsc_location id="web-never-{node}" rsc="web" node="{node}" score="{NEVER}"/>' for node in furnished.machines]
    furnished.cluster.add(constraints="".join(bans))
    until(lambda: not furnished.cluster.where("web"), 40, "it stops")
    furnished.cluster.settle()
    furnished.agree()
    until(furnished.rings, 60, "somebody is rung")
    (ring,) = furnished.rings()
    assert "web" in ring.subject
    for ban in bans:
        furnished.cluster.crm("cibadmin", "--delete", "--scope", "constraints", "--xml-text", ban)
    until(lambda: furnished.cluster.where("web") == ["n2"], 40, "it starts")
    furnished.cluster.settle()
    furnished.agree()
    assert len(furnished.rings()) == 1
