"""From packages to a green drill with what docs/install.md says and nothing else; then a real fault, a reload, an upgrade, the end."""

import json
import time

import pytest

from tests.cluster.installed import Installed, documented
from tests.cluster.pacemaker import primitive, until
from tests.cluster.test_losing import lose

pytestmark = pytest.mark.installed


@pytest.fixture
def kind_of_site():
    return Installed


def install(site):
    """Everything that a person types."""
    bridge = site.centre
    mail = f"mail.example.com:{site.mail.port}"
    bridge.types(documented("apt install ./quorumbell_"))
    bridge.types(documented("quorumbell init").replace("mail.example.com", mail, 1))
    for node in site.machines.values():
        node.types(documented("apt install ./quorumbell-node_"))
    bridge.types(documented("quorumbell join --ssh"))
    site.n1.types(documented("quorumbell-node setup --apply"))
    return bridge.types(documented("quorumbell drill"))


def subjects(site):
    return [str(mail.message["Subject"]) for mail in list(site.rules.mails)]


def test_from_packages_to_a_green_drill_and_to_the_end(site):
    said = install(site)
    assert "GREEN" in said
    assert [one for one in subjects(site) if "DRILL" in one]
    typed = {machine.name: machine.typed for machine in (site.centre, *site.machines.values())}
    print("\n".join(f"{name:6} {seconds:6.1f} s  {what}" for name, each in typed.items() for seconds, what in each))
    print(f"{sum(seconds for each in typed.values() for seconds, _ in each):.0f} s in all")
    assert len(site.centre.typed) <= 4
    assert all(len(machine.typed) <= 3 for machine in site.machines.values())
    assert site.status()["incidents"] == []

    for machine in site.machines.values():
        assert machine.run("systemd-analyze", "verify", "quorumbell-relay.service") == ""
        look = machine.run("quorumbell-node", "doctor", check=False)
        assert look.returncode < 2, look.stdout + look.stderr
    until(lambda: site.centre.run("quorumbell", "doctor", check=False).returncode < 2, 90, "all relays have seen the alert")

    a_real_fault_is_told(site)
    a_reload_under_the_service_manager(site)
    an_upgrade_keeps_everything(site)
    removed_and_purged(site)


def a_real_fault_is_told(site):
    site.cluster.add(primitive("web"))
    site.cluster.settle()
    before = len(subjects(site))
    lose(site, site.n3)
    until(lambda: [one for one in subjects(site)[before:] if "n3" in one and "DRILL" not in one], 60, "somebody is woken")
    site.n3.dead = False
    site.n3.on()
    site.cluster.wait_online()
    until(lambda: not [one for one in site.status()["incidents"] if one["state"] == "open"], 90, "it is over")


def a_reload_under_the_service_manager(site):
    bridge, config = site.centre, "/etc/quorumbell/quorumbell.toml"
    bridge.types(f"cp {config} good && echo nonsense >>{config}")
    assert bridge.types("systemctl reload quorumbell-bridge", check=False).returncode != 0
    said = bridge.types("systemctl status --full quorumbell-bridge", check=False).stdout
    assert "is no key = value pair" in said or "the changed config is refused" in said, said
    assert site.status()["bridge"]["config"]["mistakes"]
    bridge.types(f"cp good {config} && systemctl reload quorumbell-bridge")
    for node in site.machines.values():
        node.types("systemctl reload quorumbell-relay")
    assert site.status()["bridge"]["running"]


def told(site):
    """What the ledger holds of what has happened."""
    return [
        (one["id"], one["kind"], one["root"], one["peak"])
        for one in json.loads(site.centre.run("quorumbell", "incidents", "--json"))
    ]


def an_upgrade_keeps_everything(site):
    """The same files as a later version: what runs is started again by the package, and nothing that is kept is touched."""
    before = told(site)
    for machine, package in (
        (site.centre, "quorumbell_*.deb"),
        *((one, "quorumbell-node_*.deb") for one in site.machines.values()),
    ):
        since = machine.run("systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", _unit(site, machine))
        machine.types(
            f"dpkg-deb -R {package} newer && sed -i 's/^Version: .*/Version: 99.0/' newer/DEBIAN/control "
            "&& dpkg-deb -b --root-owner-group -Znone newer newer.deb >/dev/null && apt-get install -y ./newer.deb"
        )
        assert machine.run("systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", _unit(site, machine)) != since
        assert machine.run("systemctl", "is-active", _unit(site, machine)).strip() == "active"
    until(lambda: not [edge for edge in site.status()["edges"] if edge["silent"]], 60, "all are heard again")
    assert told(site) == before
    site.n2.run("/usr/sbin/crm_resource", "--resource", "web", "--restart", seconds=60)
    time.sleep(1)
    assert site.centre.types(documented("quorumbell drill")), "it still goes all the way"


def removed_and_purged(site):
    site.n1.types(documented("quorumbell-node setup --remove"))
    assert "quorumbell" not in site.n1.run("cibadmin", "--query", "--scope", "alerts", check=False).stdout
    for node in site.machines.values():
        node.types("apt-get remove -y quorumbell-node")
        node.run("test", "-e", "/etc/quorumbell/relay.conf")
        node.types("apt-get purge -y quorumbell-node")
        node.run("sh", "-c", "! test -e /etc/quorumbell && ! test -e /var/spool/quorumbell")
    site.centre.types("apt-get remove -y quorumbell")
    site.centre.run("test", "-e", "/var/lib/quorumbell/ledger.db")
    site.centre.types("apt-get purge -y quorumbell")
    site.centre.run("sh", "-c", "! test -e /var/lib/quorumbell && ! test -e /opt/quorumbell")


def _unit(site, machine):
    return "quorumbell-bridge" if machine is site.centre else "quorumbell-relay"
