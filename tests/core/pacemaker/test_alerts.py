"""Alerts and ClusterMon's calls: the same words under other names, but ClusterMon tells neither time, interval nor version."""

from datetime import UTC, datetime

import msgspec
import pytest

from bridge.core.normalise import normalise
from bridge.core.world.event import Action, Fencing, Outcome, Report, Unreadable

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BOTH = {"rsc": "web:0", "task": "monitor", "rc": "7", "target_rc": "0", "status": "0", "node": "n2", "desc": "not running"}
ALERT_ONLY = {"kind": "resource", "interval": "10000", "exec_time": "12", "version": "2.1.5"}
SHOT = "Operation reboot of n3 by n1 for stonith_admin.4711@n2: OK (ref=4b1d)"
RAN = Action(
    uid=b"1",
    witness="n1",
    at=NOW,
    resource="web",
    instance="web:0",
    node="n2",
    task="monitor",
    interval_ms=10000,
    rc=7,
    target_rc=0,
    status=0,
    outcome=Outcome.FAILED,
    words="not running",
    exec_ms=12,
    version="2.1.5",
)


def alert(**changes):
    return read("pacemaker", "CRM_alert", BOTH | ALERT_ONLY | changes)


def clustermon(**changes):
    return read("clustermon", "CRM_notify", BOTH | changes)


def read(source, call, said):
    body = {f"{call}_{name}": value for name, value in said.items()}
    return normalise(Report(uid=b"1", cluster="mill", node="n1", source=source, received_at=NOW, body=body))


def test_an_action():
    assert alert() == RAN
    assert clustermon() == msgspec.structs.replace(RAN, interval_ms=0, exec_ms=None, version="", timed=False)


@pytest.mark.parametrize(
    "event,outcome,probe",
    [
        (alert(interval="0", rc="0", target_rc="7"), Outcome.FOUND, True),
        (alert(interval="10000", rc="0", target_rc="7"), Outcome.FAILED, False),
        (clustermon(rc="0", target_rc="7"), Outcome.FOUND, False),
        (clustermon(rc="7", target_rc="0"), Outcome.FAILED, False),
        (clustermon(task="start", rc="0", target_rc="7"), Outcome.FAILED, False),
    ],
)
def test_what_is_a_probe(event, outcome, probe):
    """ClusterMon's are known only by what they expect, and are not told from a monitor afterwards."""
    assert (event.outcome, event.probe) == (outcome, probe)


@pytest.mark.parametrize(
    "event", [alert(kind="fencing", desc=SHOT, rc="0"), clustermon(task="st_notify_fence", desc=SHOT, rc="0")]
)
def test_a_fencing(event):
    assert isinstance(event, Fencing)
    assert (event.witness, event.target, event.action, event.rc, event.executioner) == ("n1", "n3", "reboot", 0, "n1")
    assert (event.client, event.origin, event.result, event.ref) == ("stonith_admin.4711", "n2", "OK", "4b1d")


@pytest.mark.parametrize(
    "words,target,action,executioner,client,origin,result,ref",
    [
        ("Operation st_notify_fence requested by n1 for peer n3: OK (ref=77a0)", "n3", "", "", "", "n1", "OK", "77a0"),
        ("Operation off requested by (null) for peer n3: No such device (ref=7)", "n3", "off", "", "", "", "No such device", "7"),
        ("Operation off of n3 by the cluster for a client@a node: OK (ref=(none))", "n3", "off", "", "", "", "OK", ""),
        ("Operation on of n3 by <no-one> for my own tool.77@n2: OK (ref=1)", "n3", "on", "", "my own tool.77", "n2", "OK", "1"),
        ("Operation (unknown) of no node by n1 for a client@n2: Error (ref=1)", "n2", "", "n1", "", "n2", "Error", "1"),
    ],
)
def test_the_fencing_texts_of_all_versions(words, target, action, executioner, client, origin, result, ref):
    event = clustermon(task="st_notify_fence", desc=words, rc="0")
    assert (event.target, event.action, event.executioner, event.client) == (target, action, executioner, client)
    assert (event.origin, event.result, event.ref) == (origin, result, ref)


@pytest.mark.parametrize("call,name", [(alert, "CRM_alert"), (clustermon, "CRM_notify")])
@pytest.mark.parametrize("key", ["rsc", "rc", "target_rc", "status", "node"])
def test_what_is_missing_is_named_as_it_came(call, name, key):
    event = call(**{key: ""})
    assert isinstance(event, Unreadable)
    assert event.why.startswith(f"{name}_{key} ")


@pytest.mark.parametrize("number, remote, node_id", [("0", True, ""), ("2", False, "2")])
def test_a_node_without_a_number_of_its_own_is_a_remote_one(number, remote, node_id):
    event = alert(kind="node", node="n3", nodeid=number, desc="lost")
    assert (event.node, event.member, event.remote, event.node_id) == ("n3", False, remote, node_id)
