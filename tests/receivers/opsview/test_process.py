"""The whole bridge as a process, with a real hook and relay, before an Opsview server with rules; and its death."""

import json
import time

import pytest

from tests.serve.test_bridge import Bridge, stop_failed
from tests.servers.opsview import OPERATOR, Opsview
from tests.waiting import eventually

pytestmark = pytest.mark.whole


@pytest.fixture
def opsview():
    with Opsview() as server:
        server.add_user("bell", "op3n sesame", rights=OPERATOR)
        server.provide("alpha", ["Cluster", "Resource: db"], freshness=1800)
        server.provide("n1", ["Cluster Node", "Quorumbell Relay"], freshness=1800)
        server.provide("bellhost", ["Quorumbell"], freshness=180)
        yield server


@pytest.fixture
def bridge(tmp_path, opsview):
    one = Bridge(tmp_path)
    one.process.terminate()
    one.process.wait(20)
    one.config.write_text(one.config.read_text().replace("[correlation]\n", '[correlation]\nedge_silent_after = "10s"\n'))
    with one.config.open("a") as config:
        config.write(
            f'[receivers.noc]\nkind = "opsview"\nurl = "{opsview.url}"\nuser = "bell"\npassword = "op3n sesame"\n'
            'own_host = "bellhost"\nlook_every = "5s"\n'
        )
    one.process = one.serve()
    yield one
    one.stop()


def test_from_the_hook_to_the_board_and_back(opsview, bridge):
    began = opsview.now
    eventually(lambda: opsview.thing("bellhost", "Quorumbell").output.startswith("OK - Quorumbell"))
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: opsview.state("alpha", "Resource: db") == "critical")
    assert "incident 1" in opsview.thing("alpha", "Resource: db").output
    eventually(
        lambda: opsview.state("n1", "Quorumbell Relay") == "ok" and opsview.thing("n1", "Quorumbell Relay").updated_at > began
    )
    bridge.command("ack", "1", "-m", "on my way")
    eventually(lambda: opsview.thing("alpha", "Resource: db").ack is not None)
    assert opsview.thing("alpha", "Resource: db").ack.author == "bell"
    bridge.relay.kill()
    bridge.relay.wait()
    eventually(lambda: opsview.state("alpha", "Resource: db") == "unknown", 40)
    assert "no relay of alpha is heard; the last word was CRITICAL" in opsview.thing("alpha", "Resource: db").output
    bridge.relay = bridge.start("relay", "-m", "bridge.node.relay", str(bridge.home / "relay.conf"))
    eventually(lambda: opsview.state("alpha", "Resource: db") == "critical", 40)
    (board,) = eventually(lambda: json.loads(bridge.command("status", "--json"))["boards"])
    assert board["untrue"] == []

    bridge.process.kill()
    bridge.process.wait()
    opsview.advance(200)
    assert opsview.state("bellhost", "Quorumbell") == "unknown", "when the bridge is dead, Opsview says so"
    opsview.advance(1800)
    assert opsview.state("alpha", "Resource: db") == "unknown"
    bridge.process = bridge.serve()
    eventually(lambda: opsview.state("bellhost", "Quorumbell") == "ok")
    eventually(lambda: opsview.state("alpha", "Resource: db") == "critical")
    log = (bridge.home / "bridge.log").read_text()
    assert "op3n" not in log
    assert not any(token in log for token in opsview.sessions.open)


def standby(value, at):
    said = {
        "kind": "attribute",
        "node": "n1",
        "attribute_name": "standby",
        "attribute_value": value,
        "node_sequence": str(int(at)),
    }
    return {**said, "timestamp_epoch": str(int(at)), "timestamp_usec": "000000"}


def test_planned_work_is_a_downtime_as_long_as_it_lasts(opsview, bridge):
    def downtimes():
        return [one.comment for one in opsview.thing("n1", "Cluster Node").downtimes]

    assert bridge.hook(**standby("on", time.time())) == 0
    eventually(lambda: opsview.thing("n1", "Cluster Node").output.startswith("OK - in standby"))
    eventually(downtimes, 30)
    assert downtimes() == ["Service 'n1::Cluster Node': Quorumbell: planned work: in standby, until its next start"]
    assert opsview.thing("n1", "Quorumbell Relay").downtimes == []
    assert bridge.hook(**standby("off", time.time())) == 0
    eventually(lambda: not downtimes(), 30)
