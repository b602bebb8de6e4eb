"""The relay notices that Pacemaker does not call our hook, or calls one that this node does not have; each told once, and its end."""

import json

from bridge.node.called import Called
from bridge.node.configuration import Configured
from bridge.wire.body import boot_id, moment

HERE = moment(boot_id())


def look(called, *alerts, agents=()):
    says = {"alerts": [{"id": str(number), "path": str(path)} for number, path in enumerate(alerts)]}
    known = Configured({**says, "primitives": [{"id": agent, "agent": agent} for agent in agents]}, {})
    return [(one["edge"], one.get("over", False)) for _, text in called.look(known, HERE) for one in [json.loads(text)]]


def test_an_alert_that_is_gone_and_a_hook_that_is_missing(tmp_path):
    hook, called = tmp_path / "quorumbell-alert", Called()
    assert called.look(None, HERE) == [], "the configuration was not read yet"
    assert look(called, "/usr/bin/mail.sh") == [("alert", False)]
    assert look(called) == [], "told once"
    assert look(called, hook) == [("alert", True), ("hook", False)]
    hook.touch()
    assert look(called, hook) == [], "it may not be executed"
    hook.chmod(0o755)
    assert look(called, "/usr/bin/mail.sh", hook) == [("hook", True)]
    assert look(called, hook) == []


def test_clustermon_calls_it_where_there_are_no_alerts():
    assert look(Called(), agents=["ocf:pacemaker:ClusterMon"]) == []
