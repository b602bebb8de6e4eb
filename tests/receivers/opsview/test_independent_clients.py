"""The test server, asked by clients that are not ours: otherwise it would be our belief against our belief."""

import json
import os
import subprocess

import pytest

from tests.servers.opsview import Opsview, Rules


def test_the_vendors_client_logs_in_configures_and_reloads(pyopsview):
    python, script = pyopsview
    with Opsview(Rules(reload_takes=0.2, error_detail=True)) as server:
        done = subprocess.run(
            [python, script, server.url], check=False, capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin:/bin"}
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told == {
            "version": "6.8.8",
            "user": "admin",
            "zone": "UTC",
            "created": "node1",
            "updated": "192.0.2.12",
            "many": 60,
            "listed": 61,
            "like": [f"extra0{n}" for n in range(10)],
            "found": ["node1"],
            "none": None,
            "pending": "pending",
            "reload": ["0", "uptodate"],
            "bad_group": "Opsview: \"No related object for hostgroup 'name=nowhere'\"",
            "bad_login": 'Opsview: "Invalid username/password"',
        }
        assert sorted(s for h, s in server.world.things if h == "node1" and s) == ["Cluster", "DRBD: r0", "DRBD: r1"]
        server.advance(900)
        assert server.state("node1", "Cluster") == "unknown"
        assert server.state("node1", "DRBD: r0") == "ok"


@pytest.fixture
def person(nagstamon, opsview, tmp_path):
    """A Nagstamon at the desk of somebody: `person("submit", ...)` does it and returns what it saw."""
    home = {**os.environ, "HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(
        [*nagstamon, opsview.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=home
    ) as program:

        def do(what, *arguments):
            program.stdin.write(json.dumps([what, arguments]) + "\n")
            program.stdin.flush()
            told = json.loads(program.stdout.readline())
            opsview.advance(1)
            return told

        yield do
        program.stdin.close()
        program.wait(10)


def test_nagstamon_submits_acknowledges_and_plans_downtimes(opsview, person):
    opsview.provide("node1", ["DRBD: r0", "DRBD: r1", "Cluster"])
    person("submit", "node1", "DRBD: r0", "critical", "CRITICAL - split brain|events=1")
    seen = person("status")["hosts"]["node1"]
    assert seen["DRBD: r0"] == {"status": "CRITICAL", "text": "CRITICAL - split brain", "acknowledged": False, "downtime": False}
    assert opsview.thing("node1", "DRBD: r0").perfdata == "events=1"
    assert opsview.state("node1", "DRBD: r1") == "ok"

    person("acknowledge", "node1", "DRBD: r0", "I am on it; <now>", True)
    person("downtime", "node1", "DRBD: r0", "disk swap")
    seen = person("status")["hosts"]["node1"]
    assert seen["DRBD: r0"] == {"status": "CRITICAL", "text": "CRITICAL - split brain", "acknowledged": True, "downtime": True}
    assert opsview.thing("node1", "DRBD: r0").ack.comment == "I am on it now"
    assert opsview.thing("node1", "DRBD: r0").ack.sticky
    assert opsview.thing("node1", "DRBD: r0").downtimes[0].comment == "Service 'node1::DRBD: r0': disk swap"

    person("recheck", "node1", "DRBD: r0")
    person("submit", "node1", "DRBD: r0", "ok", "OK")
    assert person("status")["hosts"].get("node1", {}) == {}
    assert opsview.thing("node1", "DRBD: r0").ack is None
    assert {a.status for a in opsview.asked} == {200}


def test_nagstamon_on_a_host(opsview, person):
    opsview.provide("node1", ["Cluster"])
    person("submit", "node1", "", "critical", "gone")
    assert opsview.state("node1") == "unreachable"
    person("acknowledge", "node1", "", "seen", False)
    person("downtime", "node1", "", "moving house")
    assert opsview.thing("node1").ack.author == "admin"
    assert opsview.world.in_downtime(opsview.thing("node1", "Cluster"), opsview.now) == 2


def test_nagstamon_sees_the_refusal_of_an_expired_token(opsview, person):
    opsview.provide("node1", ["Cluster"])
    person("status")
    opsview.expire_tokens()
    person("status")
    assert opsview.asked[-1].status == 401


def test_nagstamon_and_the_bridge_see_each_others_doings(opsview, person):
    """What ours sends is what another client sees, and the other way round: neither only fits our own reading of the manual."""
    from datetime import timedelta

    from bridge.core.showing.picture import Shade, Show, Target
    from bridge.core.telling.notice import Delivered
    from bridge.receivers.opsview.board import Opsview as Receiver
    from bridge.receivers.opsview.board import Settings
    from bridge.secret import Secret

    opsview.provide("node1", ["DRBD: r0", "Cluster"])
    opsview.add_user("bell", "op3rator")
    receiver = Receiver("noc", Settings(url=opsview.url, user="bell", password=Secret.literal("op3rator")))
    target = Target("node1", "DRBD: r0")
    assert isinstance(receiver.show(Show(target, Shade.CRITICAL, "CRITICAL - split", timedelta(0))), Delivered)
    opsview.advance(1)
    seen = person("status")["hosts"]["node1"]["DRBD: r0"]
    assert seen == {"status": "CRITICAL", "text": "CRITICAL - split", "acknowledged": False, "downtime": False}
    assert isinstance(receiver.acknowledge(target, "acknowledged by ann"), Delivered)
    opsview.advance(1)
    assert person("status")["hosts"]["node1"]["DRBD: r0"]["acknowledged"]
    assert isinstance(receiver.withdraw(target), Delivered)
    opsview.advance(1)
    person("acknowledge", "node1", "DRBD: r0", "I am on it", True)
    person("downtime", "node1", "DRBD: r0", "disk swap")
    found = next(one for one in receiver.look(["node1"]) if one.target == target)
    assert (found.mark.author, found.mark.comment, found.mark.ours) == ("admin", "I am on it", False)
    assert found.downtime.comment == "Service 'node1::DRBD: r0': disk swap"
    assert found.downtime.end is not None
    receiver.close()
