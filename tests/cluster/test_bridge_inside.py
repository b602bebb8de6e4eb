"""The bridge as a resource of the cluster that it watches: its ledger and its address move along (docs/bridge-in-a-cluster.md).

A folder that all machines see stands in for the DRBD volume. What is written there outlives a power cut, as a volume's files do.
"""

import json
import shutil
import sqlite3
import sys
import sysconfig
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster.machines import ROOT
from tests.cluster.pacemaker import prefers, primitive, until
from tests.cluster.site import Site
from tests.cluster.test_losing import give_back, lose, run_elsewhere

pytestmark = pytest.mark.cluster

STAMP = ("timestamp_epoch", "timestamp_usec", "node_sequence", "kind", "rsc", "task")
FLOATS = 90
"""On the management network: the bridge, wherever it runs."""
BASE = Path(sys.executable).resolve()
PARTS = ("bridge", "migrations", "alert_scripts", "handlers")
COMMAND = f'#!/bin/sh\nPYTHONPATH=/run/outside/project:/run/outside/packages exec {BASE} -m bridge "$@"\n'
"""A machine sees neither /tmp nor /run of this one, and the project may lie there."""


class Within(Site):
    def __init__(self, home, number, release):
        super().__init__(home, number, release)
        self.address = self.networks.address("management", FLOATS)
        self.folder = home / "outside/bridge"
        self.folder.mkdir()
        self.config = self.folder / "seen-from-outside.toml"
        for part in PARTS:
            shutil.copytree(ROOT / part, home / "outside/project" / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(sysconfig.get_path("purelib"), home / "outside/packages", ignore=shutil.ignore_patterns("__pycache__"))

    def _prepare_bridge(self):
        super()._prepare_bridge()
        (self.folder / "quorumbell.toml").write_text(self._configured("/run/outside/bridge"))

    def _prepare_node(self, machine):
        super()._prepare_node(machine)
        machine.install("usr/lib/ocf/resource.d/quorumbell/bridge", ROOT / "packaging/ocf/bridge")
        machine.write("usr/bin/quorumbell", COMMAND, mode=0o755)

    def serve(self):
        """Not before there is a cluster that does it."""

    def _power_on(self):
        super()._power_on()
        self.shows("Resource: address", "Resource: bridge")
        address = {"ip": self.address, "cidr_netmask": "24", "nic": "management"}
        own = {"config": "/run/outside/bridge/quorumbell.toml", "user": "root"}
        bridge = primitive("bridge", "ocf:quorumbell:bridge", parameters=own)
        bridge = bridge.replace('timeout="30s"', 'timeout="90s"')
        group = f'<group id="emergency">{primitive("address", "ocf:heartbeat:IPaddr2", parameters=address)}{bridge}</group>'
        self.cluster.add(group, constraints=prefers("emergency", "n3"))
        self.cluster.settle()
        until(lambda: self.cluster.where("bridge") == ["n3"], 60, "the bridge runs")


@pytest.fixture
def kind_of_site():
    return Within


def waiting(machine):
    """Reports in its spools that the bridge has not acknowledged."""
    found = machine.run("find", "/var/spool/quorumbell", "/run/quorumbell/spool2", "-path", "*/new/*", "-type", "f")
    return found.split()


def twice(site):
    """What Pacemaker told once, and was stored more than once."""
    with closing(sqlite3.connect(f"file:{site.folder}/ledger.db?mode=ro", uri=True)) as read:
        rows = read.execute("SELECT node, body FROM report WHERE source = 'pacemaker'").fetchall()
    told = Counter((node, *(json.loads(body).get(f"CRM_alert_{name}") for name in STAMP)) for node, body in rows)
    return [one for one, times in told.items() if times > 1]


def test_its_node_is_power_cut_with_guests_on_it(furnished):
    assert furnished.cluster.where("bridge") == furnished.cluster.where("vm-a") == ["n3"]
    cut = time.monotonic()
    lose(furnished, furnished.n3)
    until(lambda: run_elsewhere(furnished, "n3"), 60, "the guests start elsewhere")
    away = time.monotonic() - cut
    until(lambda: furnished.cluster.where("bridge") in (["n1"], ["n2"]), 90, "the bridge, too")
    furnished.cluster.settle()
    until(furnished.rings, 30, "somebody is rung")
    furnished.agree()
    (ring,) = furnished.rings()
    assert (ring.kind, ring.severity) == ("node-failure", "critical")
    give_back(furnished, furnished.n3)
    furnished.agree()
    until(lambda: not furnished.open(), 60, "its incident ends")
    assert len(furnished.rings()) == 1
    (story,) = [one for one in furnished.ask("incidents") if one["kind"] == ring.kind]
    outages = {name: story["outages"].get(name, 0) for name in ("guest/vm-a", "guest/vm-b", "resource/bridge")}
    assert all(0 < outages[f"guest/{name}"] < away for name in ("vm-a", "vm-b")), f"{outages} of {away:.1f} s"
    assert outages["resource/bridge"] > 0
    until(lambda: not any(waiting(machine) for machine in furnished.machines.values()), 60, "nothing waits any more")
    assert not twice(furnished)
