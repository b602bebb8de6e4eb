"""The relay reads relay.conf again while it runs, before a real bridge."""

import json
import signal
import threading
import time
from collections import Counter

import pytest

from bridge.wire.keys import enrol, make_node_keys
from tests.conftest import times
from tests.node.programs import Programs
from tests.serve.test_bridge import stop_failed
from tests.serve.test_reload import Reloading
from tests.servers.ports import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.whole


class Node(Reloading):
    @property
    def conf(self):
        return self.home / "relay.conf"

    def hang_up(self, text):
        """The file as it is now, read again; gives what the log has of it."""
        self.conf.write_text(text)
        before = len(self.relay_log())
        self.relay.send_signal(signal.SIGHUP)
        return eventually(lambda: any(word in (said := self.relay_log()[before:]) for word in ("taken over", "refused")) and said)

    def relay_log(self):
        return (self.home / "relay.log").read_text()

    def trouble(self):
        return [line for line in self.command("status").splitlines() if line.startswith("RELAY  ")]


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    eventually(lambda: "welcomed us" in node.relay_log())
    yield node
    node.stop()


def test_a_broken_file_is_refused_and_told_with_its_cure_until_it_is_mended(node):
    good = node.conf.read_text()
    said = node.hang_up(good.replace("crm_mon", "crm_mno") + "log = loud\n")
    assert "'crm_mno' is not known here: did you mean 'crm_mon'?" in said
    assert "log = loud: not a level" in said
    (line,) = eventually(node.trouble)
    assert "did you mean 'crm_mon'?" in line
    assert "not a level: use one of" in line
    assert "refused" in line
    assert node.hook(kind="node", node="n2", desc="member") == 0
    eventually(lambda: len(node.stored()) == 2)

    assert "nothing has changed" in node.hang_up(good)
    eventually(lambda: node.trouble() == [])


def test_a_start_with_a_good_file_ends_what_was_refused_before_it(node):
    good = node.conf.read_text()
    node.hang_up(good + "log = loud\n")
    eventually(node.trouble)
    node.end(node.relay)
    node.conf.write_text(good)
    node.relay = node.start("relay", "-m", "bridge.node.relay", str(node.conf))
    eventually(lambda: node.trouble() == [])
    assert len([report for report in node.stored() if b'"over":true' in report.body]) == 1
    node.end(node.relay)
    node.relay = node.start("relay", "-m", "bridge.node.relay", str(node.conf))
    assert node.hook(kind="node", node="n2", desc="member") == 0
    eventually(lambda: any(b'"n2"' in report.body for report in node.stored()))
    assert len([report for report in node.stored() if b'"over":true' in report.body]) == 1, "once"


def test_what_needs_a_restart_is_named_and_the_rest_is_taken_over(node):
    good = node.conf.read_text()
    said = node.hang_up(good.replace(f"base = {node.home}/base", f"base = {node.home}/elsewhere") + "log = debug\n")
    assert "taken over: log" in said
    (line,) = eventually(node.trouble)
    assert "only a restart takes over spool, run" in line
    assert node.hook(kind="node", node="n2", desc="member") == 0
    eventually(lambda: len(node.stored()) == 2)
    assert "only a restart" not in node.hang_up(good)
    eventually(lambda: node.trouble() == [])


def test_another_bridge_is_tried_at_once_and_one_that_stays_is_not_left(node):
    good = node.conf.read_text()
    place = f"bridge = tcp://127.0.0.1:{node.port}\n"
    assert "taken over: bridges" in node.hang_up(good.replace(place, place + "bridge = tcp://127.0.0.1:1\n"))
    assert node.hook(kind="node", node="n2", desc="member") == 0
    eventually(lambda: len(node.stored()) == 1)
    assert node.relay_log().count("welcomed us") == 1
    node.hang_up(good.replace(place, f"bridge = tcp://127.0.0.1:{free_port()}\n"))
    assert node.hook(kind="node", node="n3", desc="member") == 0
    time.sleep(1)
    assert len(node.stored()) == 1
    node.hang_up(good)
    eventually(lambda: len(node.stored()) == 2, 3)
    assert node.relay_log().count("welcomed us") == 2


def test_other_keys_are_taken_over(node):
    good = node.conf.read_text()
    secret = next(line for line in good.splitlines() if line.startswith("key = ")).split(" = ")[1]
    other = make_node_keys(str(node.home / "again"))
    enrol(str(node.home / "allowed.d"), other.public, "beta", "n1")
    node.hang_up(good.replace(secret, str(other.secret)))
    assert node.hook(kind="node", node="n2", desc="member") == 0
    eventually(lambda: [report.cluster for report in node.stored()] == ["beta"])


def test_the_looking_at_the_cluster_begins_and_ends(node, tmp_path):
    good = node.conf.read_text()
    programs = tmp_path / "programs"
    programs.mkdir()
    looks = programs / "looks"
    crm_mon = Programs(programs)(f"date >> {looks}; exit 102")
    assert "taken over: crm_mon" in node.hang_up(good.replace("crm_mon = off", f"crm_mon = {crm_mon}"))
    eventually(looks.exists)
    node.hang_up(good)
    size = looks.stat().st_size
    assert node.hook(kind="node", node="n2", desc="member") == 0
    time.sleep(3)
    assert looks.stat().st_size == size


def test_no_report_is_lost_and_none_comes_twice_under_a_stream(node):
    good = node.conf.read_text()
    place = f"bridge = tcp://127.0.0.1:{node.port}\n"
    variants = [
        good.replace(place, f"bridge = tcp://127.0.0.1:{free_port()}\n"),
        good.replace("node = n1", "node = n1\nlog = debug"),
        good + "log = loud\n",
        good.replace(place, f"bridge = tcp://127.0.0.1:1\n{place}"),
        good.replace("crm_mon = off", "crm_mon = /bin/false"),
        good,
    ]
    reports, done = max(times(200), 50), threading.Event()

    def stream():
        for number in range(reports):
            words = {"rsc": f"db{number}", "node_sequence": str(number + 10)}
            assert node.hook(**{**stop_failed(time.time()), **words}) == 0
        done.set()

    threading.Thread(target=stream, daemon=True).start()
    turns = 0
    while not done.is_set() or turns < 2 * len(variants):
        node.hang_up(variants[turns % len(variants)])
        turns += 1
        time.sleep(0.1)
    node.hang_up(good)
    told = eventually(
        lambda: (found := [one for one in node.stored() if b"CRM_alert_rsc" in one.body]) and len(found) >= reports and found, 60
    )
    assert set(Counter(json.loads(one.body)["CRM_alert_rsc"] for one in told).values()) == {1}
    assert len(told) == reports
    assert node.relay.poll() is None
