"""quorumbell-node setup, with the real cibadmin on a file: what it writes, keeps and takes out."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOK = str(ROOT / "alert_scripts/quorumbell-alert")
PING = (
    '<clone id="c"><primitive id="gw" class="ocf" provider="pacemaker" type="ping"><instance_attributes id="i">'
    '<nvpair id="i1" name="name" value="gateway"/><nvpair id="i2" name="host_list" value="192.0.2.1"/></instance_attributes></primitive></clone>'
)


class Cluster:
    def __init__(self, path):
        self.path = path

    def begins(self, alerts="", resources=""):
        inside = f"<crm_config/><nodes/><resources>{resources}</resources><constraints/>{alerts}"
        self.path.write_text(
            f'<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.7"><configuration>{inside}</configuration><status/></cib>'
        )

    def setup(self, *words):
        """The exit code; `said` is what was printed."""
        environ = {**os.environ, "CIB_file": str(self.path)}
        command = [sys.executable, "-m", "bridge.node.cli", "setup", *words]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
        self.said = done.stdout + done.stderr
        return done.returncode

    @property
    def alerts(self):
        return ET.parse(self.path).findall(".//alert")


@pytest.fixture
def cluster(tmp_path):
    if shutil.which("cibadmin") is None:
        assert not os.environ.get("CI"), "cibadmin is missing: apt-get install pacemaker-cli-utils"
        pytest.skip("needs cibadmin: apt-get install pacemaker-cli-utils")
    return Cluster(tmp_path / "cib.xml")


def selected(alert):
    return {one.tag for one in alert.findall("select/*")}, {one.get("name") for one in alert.iter("attribute")}


KINDS = {"select_nodes", "select_fencing", "select_resources", "select_attributes"}


@pytest.mark.parametrize("alerts", ["", "<alerts/>", '<alerts><alert id="other" path="/usr/local/bin/mail.sh"/></alerts>'])
def test_it_is_shown_and_written_with_apply_and_taken_out_again(cluster, alerts):
    cluster.begins(alerts, PING)
    before = cluster.path.read_text()
    assert cluster.setup("--hook", HOOK) == 0
    assert "run it again with --apply" in cluster.said
    assert cluster.path.read_text() == before
    assert cluster.setup("--hook", HOOK, "--apply") == 0, cluster.said
    ours = cluster.alerts[-1]
    assert (ours.get("path"), selected(ours)) == (HOOK, (KINDS, {"shutdown", "terminate", "gateway"}))
    assert [pair.get("value") for pair in ours.iter("nvpair")] == ["10s"]
    assert cluster.setup("--hook", HOOK, "--apply") == 0
    assert "kept " in cluster.said
    assert cluster.setup("--remove") == 0
    assert [one.get("id") for one in cluster.alerts] == ["other"] * ("other" in alerts)
    assert cluster.setup("--remove") == 0


def test_one_that_an_administrator_has_made_is_completed_and_keeps_what_was_added(cluster):
    cluster.begins(
        '<alerts><alert id="mine" path="/opt/old/quorumbell-alert" description="ours">'
        '<select><select_nodes/><select_attributes><attribute id="a" name="load"/></select_attributes></select>'
        '<meta_attributes id="m"><nvpair id="m1" name="timeout" value="2min"/></meta_attributes>'
        '<instance_attributes id="i"><nvpair id="i1" name="quorumbell_base" value="/srv/q"/></instance_attributes>'
        '<recipient id="r" value="noc"/></alert></alerts>'
    )
    assert cluster.setup("--hook", HOOK, "--apply") == 0, cluster.said
    (alert,) = cluster.alerts
    assert (alert.get("id"), alert.get("path"), alert.get("description")) == ("mine", HOOK, "ours")
    assert selected(alert) == (KINDS, {"shutdown", "terminate", "load"})
    assert {pair.get("value") for pair in alert.iter("nvpair")} == {"2min", "/srv/q"}
    assert [one.get("value") for one in alert.iter("recipient")] == ["noc"]
    assert "-   <select>" not in cluster.said, "only what changes is marked"


def test_all_attributes_stay_all(cluster):
    cluster.begins(f'<alerts><alert id="q" path="{HOOK}"><select><select_attributes/></select></alert></alerts>')
    assert cluster.setup("--hook", HOOK, "--apply") == 0, cluster.said
    assert selected(cluster.alerts[0]) == (KINDS, set())


def test_without_a_cluster_it_says_so(cluster):
    cluster.path.write_text("no cib")
    assert cluster.setup("--hook", HOOK) == 1
    assert "does the cluster run here" in cluster.said


def test_a_hook_that_is_missing_here_is_told_before_anything_is_written(cluster):
    cluster.begins()
    assert cluster.setup("--hook", "/nowhere/quorumbell-alert") == 0
    assert "WRONG    /nowhere/quorumbell-alert is missing on this node" in cluster.said
