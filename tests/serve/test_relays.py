"""A node that is taken off the allow-list is not missed any more."""

import json
import signal

import pytest

from tests.serve.test_bridge import Bridge
from tests.waiting import eventually


@pytest.fixture
def bridge(tmp_path):
    bridge = Bridge(tmp_path)
    bridge.miss_relays_after("5s")
    yield bridge
    bridge.stop()


def test_a_node_that_is_no_longer_enrolled_is_not_silent_for_ever(bridge):
    def status():
        return json.loads(bridge.command("status", "--json"))

    eventually(lambda: (bridge.home / "control.sock").exists() and status()["edges"])
    bridge.relay.send_signal(signal.SIGTERM)
    eventually(lambda: [one["kind"] for one in status()["incidents"]] == ["edge-silent"], 40)
    (enrolled,) = (bridge.home / "allowed.d").iterdir()
    enrolled.unlink()
    eventually(lambda: status()["edges"] == [], 40)
    eventually(lambda: status()["incidents"] == [])
    assert "n1 is no longer enrolled" in bridge.command("explain", "1")
