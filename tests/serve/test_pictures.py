"""The cluster's own word through relay and bridge: in the ledger when it changed, and a plain word in `status` when it fails."""

import json
from pathlib import Path

import pytest

from bridge.core.cluster import Cluster
from bridge.core.normalise import normalise
from bridge.core.world.picture import PICTURE
from bridge.core.world.settings import Settings
from tests.node.programs import Programs
from tests.serve.test_bridge import Bridge
from tests.waiting import eventually

SHOWN = Path(__file__).parents[1] / "node/crm_mon/2.1.5"


@pytest.fixture
def site(tmp_path):
    made = []

    def make(script):
        made.append(Bridge(tmp_path, crm_mon=Programs(tmp_path)(script)))
        return made[0]

    yield make
    for bridge in made:
        bridge.stop()


def test_it_is_kept_in_the_ledger_and_understood_again_from_there(site):
    bridge = site(f"exec cat {SHOWN}/06-unmanaged-disabled.xml")
    (report,) = eventually(bridge.stored)
    assert (report.source, report.node, report.unreadable) == ("crm_mon", "n1", None)
    cluster = Cluster("alpha", Settings())
    cluster.feed([normalise(report.report())])
    assert [row.id for row in cluster.world.get(PICTURE, "n1").resources if row.disabled] == ["web-fs", "web-srv"]
    (edge,) = eventually(lambda: [one for one in json.loads(bridge.command("status", "--json"))["edges"] if one["looked_at"]])
    assert edge["trouble"] is None


def test_a_crm_mon_that_says_nonsense_is_a_plain_word_in_status(site):
    bridge = site("echo '<!DOCTYPE x><crm_mon/>'")
    eventually(lambda: "RELAY       n1 in alpha: the cluster is not looked at: exit code 0: " in bridge.command("status"))
    (edge,) = json.loads(bridge.command("status", "--json"))["edges"]
    assert (edge["looked_at"], "a document type or an entity" in edge["trouble"]) == (None, True)
