"""What somebody arranged is shown, and rings nobody; and it does not hide what fails meanwhile."""

import pytest

from tests.cluster.pacemaker import prefers, until

pytestmark = pytest.mark.cluster


def standby(site, value, lifetime):
    words = ["--update", value] if value else ["--delete"]
    site.cluster.crm("crm_attribute", "--node", "n3", "--name", "standby", "--lifetime", lifetime, *words)
    site.cluster.settle()


def meta(site, resource, name, value=None):
    words = ["--set-parameter", name, "--parameter-value", value] if value else ["--delete-parameter", name]
    site.cluster.crm("crm_resource", "--resource", resource, "--meta", *words)


def kill_web(site):
    """The service dies on its own, and nobody stopped it."""
    site.n2.run("rm", "/run/told/web.runs")


def break_web(site):
    """It runs nowhere: it dies, and no node can start it."""
    for machine in site.machines.values():
        site.cluster.fail(machine, "web", "start", 1, "out of memory")
    kill_web(site)
    until(lambda: not site.cluster.where("web") and site.rings(), 60, "it is down, and somebody is rung")
    site.cluster.settle()
    site.agree()


@pytest.mark.everywhere
@pytest.mark.parametrize("lifetime", ["reboot", "forever"])
def test_standby(furnished, lifetime):
    standby(furnished, "on", lifetime)
    assert "n3" not in furnished.cluster.where("vm-a")
    furnished.agree()
    standby(furnished, None, lifetime)
    furnished.agree()
    assert furnished.rings() == []
    assert furnished.open() == []


@pytest.mark.everywhere
def test_maintenance_with_a_failure_inside(furnished):
    furnished.cluster.option("maintenance-mode", "true")
    furnished.cluster.settle()
    furnished.agree()
    assert furnished.rings() == []
    kill_web(furnished)
    furnished.cluster.crm("crm_resource", "--refresh", "--resource", "web")
    furnished.cluster.settle()
    furnished.agree()
    furnished.cluster.option("maintenance-mode")
    until(lambda: furnished.cluster.where("web"), 40, "the cluster starts it again")
    furnished.cluster.settle()
    furnished.agree()
    assert [ring for ring in furnished.rings() if ring.severity == "critical"] == []
    assert len(furnished.rings()) <= 1, "told as such, once, gently"


def test_a_node_in_maintenance(furnished):
    furnished.cluster.crm("crm_attribute", "--node", "n3", "--name", "maintenance", "--update", "true")
    furnished.cluster.settle()
    furnished.agree()
    furnished.cluster.crm("crm_attribute", "--node", "n3", "--name", "maintenance", "--delete")
    furnished.cluster.settle()
    furnished.agree()
    assert furnished.rings() == []


def test_unmanaged_and_dead(furnished):
    meta(furnished, "web", "is-managed", "false")
    furnished.cluster.settle()
    furnished.agree()
    assert furnished.rings() == []
    kill_web(furnished)
    until(lambda: not furnished.cluster.where("web"), 30, "the monitor sees it")
    furnished.cluster.settle()
    furnished.agree()
    assert [ring for ring in furnished.rings() if ring.severity == "critical"] == []
    meta(furnished, "web", "is-managed")
    until(lambda: furnished.cluster.where("web"), 40, "the cluster starts it again")
    furnished.cluster.settle()
    furnished.agree()
    assert len(furnished.rings()) <= 1


def test_disabled(furnished):
    meta(furnished, "web", "target-role", "Stopped")
    furnished.cluster.settle()
    assert furnished.cluster.where("web") == []
    furnished.agree()
    meta(furnished, "web", "target-role")
    furnished.cluster.settle()
    furnished.agree()
    assert furnished.rings() == []


def test_disabled_while_down(furnished):
    break_web(furnished)
    rung = len(furnished.rings())
    meta(furnished, "web", "target-role", "Stopped")
    furnished.cluster.settle()
    furnished.agree()
    assert len(furnished.rings()) == rung
    until(lambda: not furnished.open(), 40, "its incident ends")


def test_deleted_while_down(furnished):
    break_web(furnished)
    rung = len(furnished.rings())
    furnished.cluster.crm("cibadmin", "--delete", "--scope", "constraints", "--xml-text", prefers("web", "n2"))
    furnished.cluster.crm("cibadmin", "--delete", "--scope", "resources", "--xml-text", '<primitive id="web"/>')
    furnished.cluster.settle()
    furnished.agree()
    assert len(furnished.rings()) == rung
    until(lambda: not furnished.open(), 40, "its incident ends")


def test_live_migration(furnished):
    furnished.cluster.crm("crm_resource", "--resource", "vm-a", "--move", "--node", "n1")
    until(lambda: furnished.cluster.where("vm-a") == ["n1"], 40, "it moves")
    furnished.cluster.settle()
    furnished.agree()
    furnished.cluster.crm("crm_resource", "--resource", "vm-a", "--clear")
    until(lambda: furnished.cluster.where("vm-a") == ["n3"], 40, "it moves back")
    furnished.cluster.settle()
    furnished.agree()
    assert furnished.rings() == []
    assert furnished.ask("incidents") == [], "moving alive is no outage"
