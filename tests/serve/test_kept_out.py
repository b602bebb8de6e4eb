"""A relay that sends too much: what an operator sees of it while it lasts, and that it is over."""

import json
import signal
import time
import urllib.request
from contextlib import closing
from types import SimpleNamespace

import pytest

from bridge.core.world.event import EPOCH
from bridge.intake.bounds import ALLOWANCES, Over
from bridge.intake.peers import PeerState
from bridge.ledger.ledger import Ledger
from bridge.serve.kept_out import KeptOut
from bridge.serve.telemetry import Metrics
from bridge.wire import codec
from bridge.wire.keys import enrol, make_node_keys
from tests.serve.test_bridge import Bridge, eventually
from tests.servers.ports import free_port
from tests.wire.stranger import Stranger

pytestmark = pytest.mark.whole

# `serve` with a short memory: nothing else of it can be waited for in a test.
SHORT = "from bridge.intake import conduct as c; c.FIRST_FOR = {first}; c.WATCHED_FOR = {watched}; from bridge.cli import main; main()"


class Loud(Bridge):
    """With a second node, whose key is used by somebody who does not behave."""

    def __init__(self, home, first=5.0, watched=7.0):
        self.short = SHORT.format(first=first, watched=watched)
        self.metrics = free_port()
        loud = make_node_keys(str(home / "n2"))
        self.held = {"key": loud.secret, "bridge_key": str(home / "keys/bridge.public")}
        enrol(str(home / "allowed.d"), loud.public, "alpha", "n2")
        super().__init__(home)

    def start(self, name, *arguments):
        if name != "bridge":
            return super().start(name, *arguments)
        metrics = f'[bridge]\nmetrics = "127.0.0.1:{self.metrics}"\n'
        self.config.write_text(self.config.read_text().replace(metrics, "[bridge]\n").replace("[bridge]\n", metrics))
        return super().start(name, "-c", self.short, *arguments[2:])

    def flood(self):
        one = Stranger(f"tcp://127.0.0.1:{self.port}", self.held, node="n2")
        try:
            assert isinstance(one.heard(), codec.Welcome)
            for _ in range(int(ALLOWANCES[Over.UNREADABLE].at_once) + 20):
                one.send(b"X1")
            assert one.hung_up_on() is not None
        finally:
            one.close()

    def status(self):
        return json.loads(self.command("status", "--json"))

    def relay_of_n2(self):
        with closing(Ledger.open(f"sqlite:///{self.home}/ledger.db", write=False)) as ledger:
            found = [one for one in ledger.conditions() if one.subject == "relay/n2"]
            return (str(found[0].severity), found[0].why) if found else None

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics") as page:
            return next((line for line in page.read().decode().splitlines() if line.startswith(name)), None)


@pytest.fixture
def make(tmp_path):
    made = []

    def make(**how):
        made.append(Loud(tmp_path, **how))
        return made[-1]

    yield make
    for bridge in made:
        bridge.stop()


def test_it_is_shown_told_counted_and_taken_back(make):
    bridge = make()
    bridge.flood()
    kept_out = f"kept out: {Over.UNREADABLE.value}"
    eventually(lambda: bridge.relay_of_n2() == ("warning", kept_out))
    (edge,) = eventually(lambda: [one for one in bridge.status()["edges"] if one["node"] == "n2" and one["kept_out"]])
    assert edge["kept_out"]["why"] == Over.UNREADABLE.value
    text = bridge.command("status")
    assert f"KEPT OUT    the relay of n2 in alpha: {Over.UNREADABLE.value}; " in text
    assert (
        bridge.metric("quorumbell_edge_offences_total") == f'quorumbell_edge_offences_total{{why="{Over.UNREADABLE.value}"}} 1.0'
    )
    assert bridge.metric("quorumbell_edges_kept_out ") == "quorumbell_edges_kept_out 1.0"
    assert bridge.metric("quorumbell_turned_away_total") is not None
    eventually(lambda: bridge.relay_of_n2() == ("ok", "it is let in again, and sends no more than it should"), 30)
    assert "KEPT OUT" not in bridge.command("status")
    assert bridge.status()["incidents"] == []
    assert bridge.mails == []
    assert (bridge.home / "bridge.log").read_text().count("is kept out for") == 1


def test_a_bridge_that_dies_meanwhile_takes_it_back_afterwards(make):
    bridge = make(first=600.0)
    bridge.flood()
    eventually(lambda: (bridge.relay_of_n2() or ("",))[0] == "warning")
    bridge.process.send_signal(signal.SIGKILL)
    bridge.process.wait(10)
    time.sleep(0.1)
    bridge.process = bridge.serve()
    eventually(lambda: bridge.relay_of_n2()[0] == "ok")


def test_a_bridge_that_comes_after_takes_it_back_whatever_else_is_shown_of_the_relay():
    relay = PeerState(cluster="ha1", node="n1")
    said = []
    writer = SimpleNamespace(relays=lambda: [relay], report=lambda _source, _cluster, words, _now: said.append(words))
    KeptOut(writer, [], Metrics(), {("ha1", "n1"): "runs version 0.0.1; kept out: too many messages"}).look(EPOCH)
    assert [(one["node"], one["edge"], one["over"]) for one in said] == [("n1", "kept-out", True)]
