"""How receivers are, as the running bridge shows it: in `status`, in `deliveries`, and to Prometheus."""

import json
import re
import time
import urllib.request

import pytest

from tests.serve.test_bridge import Bridge, stop_failed
from tests.servers.ports import free_port
from tests.waiting import eventually


class Measured(Bridge):
    """With metrics, and a second receiver behind whose port nobody listens until `answer()`."""

    def serve(self):
        if "metrics = " not in self.config.read_text():
            self.metrics, self.dead = free_port(), free_port()
            text = self.config.read_text().replace("[bridge]\n", f'[bridge]\nmetrics = "127.0.0.1:{self.metrics}"\n')
            mail = (
                f'kind = "mail"\nhost = "127.0.0.1"\nport = {self.dead}\nsecurity = "none"\nfrom = "q@e.org"\nto = ["b@e.org"]\n'
            )
            self.config.write_text(text + f"[receivers.dead]\n{mail}")
        return super().serve()

    def scrape(self):
        """name{labels} -> value, as Prometheus reads them."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}

    def eventually_scraped(self, name, condition):
        return eventually(lambda: name in (found := self.scrape()) and condition(found[name]) and found)


@pytest.fixture
def bridge(tmp_path):
    bridge = Measured(tmp_path)
    yield bridge
    bridge.stop()


def test_metrics_tell_of_reports_incidents_and_each_receiver(bridge):
    began = time.time()
    assert bridge.hook(**stop_failed(began)) == 0
    assert bridge.hook(kind="banana", node="n2") == 0
    found = bridge.eventually_scraped('quorumbell_receiver_failures{receiver="dead"}', lambda value: value >= 2)
    assert found['quorumbell_reports_total{source="pacemaker"}'] == 2
    assert found["quorumbell_reports_unreadable_total"] == 1
    assert found["quorumbell_commits_total"] >= 1
    assert found['quorumbell_incidents_open{kind="resource-blocked"}'] == 1
    assert found['quorumbell_incidents_open{kind="node-failure"}'] == 0
    assert found["quorumbell_edges"] == 1
    assert found["quorumbell_edges_silent"] == 0
    assert found["quorumbell_notices_pending"] == 1
    assert found["quorumbell_notices_given_up"] == 0
    assert 0 < found["quorumbell_queue_oldest_seconds"] < 60
    assert found['quorumbell_notices_total{receiver="oncall",verdict="delivered"}'] == 1
    assert found['quorumbell_notices_total{receiver="dead",verdict="try-later"}'] >= 2
    assert found['quorumbell_receiver_pending{receiver="dead"}'] == 1
    assert 0 < found['quorumbell_receiver_oldest_seconds{receiver="dead"}'] < 60
    assert found['quorumbell_receiver_last_success_timestamp_seconds{receiver="dead"}'] == 0
    assert found['quorumbell_receiver_last_failure_timestamp_seconds{receiver="dead"}'] >= began
    assert found['quorumbell_receiver_circuit_open{receiver="dead"}'] == 0
    assert found['quorumbell_receiver_failures{receiver="oncall"}'] == 0
    assert found['quorumbell_receiver_pending{receiver="oncall"}'] == 0
    assert found['quorumbell_receiver_last_success_timestamp_seconds{receiver="oncall"}'] >= began
    assert not [name for name in found if "n1" in name or "alpha" in name], "no host and no incident in a label"


def test_status_and_deliveries_show_who_is_not_reached_and_why(bridge):
    assert bridge.hook(**stop_failed(time.time())) == 0

    def failed():
        receivers = {one["name"]: one for one in json.loads(bridge.command("status", "--json"))["receivers"]}
        return receivers["dead"]["failures"] >= 2 and receivers

    receivers = eventually(failed)
    dead, oncall = receivers["dead"], receivers["oncall"]
    assert (dead["pending"], dead["last_success_at"], dead["held_back"]) == (1, None, 0)
    assert "refused" in dead["last_failure"]
    assert (oncall["pending"], oncall["failures"], oncall["circuit"]) == (0, 0, "closed")
    assert oncall["last_success_at"] > oncall["last_failure_at"] if oncall["last_failure_at"] else oncall["last_success_at"]
    text = bridge.command("status")
    assert re.search(r"^dead +FAILED \d+ times", text, re.MULTILINE)
    assert re.search(r"^oncall +good", text, re.MULTILINE)
    owed = json.loads(bridge.command("deliveries", "--receiver", "dead", "--json"))
    assert [(one["receiver"], one["incidents"]) for one in owed] == [("dead", [1])]
    bridge.process.kill()
    bridge.process.wait()
    offline = {one["name"]: one for one in json.loads(bridge.command("status", "--json"))["receivers"]}
    assert offline["dead"]["failures"] >= dead["failures"], "it is in the ledger"
    assert offline["dead"]["held_back"] is None
    bridge.process = bridge.serve()
