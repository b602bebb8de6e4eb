"""Clocks that are set, and a bridge that is stopped, with the whole bridge as a process. The clocks are libfaketime's."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from glob import glob

import pytest

from bridge.ledger.ledger import Ledger
from tests.serve.test_bridge import HOOK, ROOT, Bridge, eventually, stop_failed

pytestmark = pytest.mark.whole

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


class Site(Bridge):
    """`whose` wall clock can be set: the bridge's, or the node's ("relay")."""

    def __init__(self, home, whose=None):
        self.whose = whose
        self.knob = home / "clock"
        self.set_by = 0.0
        self.set(0)
        super().__init__(home)

    def set(self, seconds):
        self.set_by += seconds
        self.knob.write_text(f"{self.set_by:+.0f}s")

    def environment(self, name):
        if name != self.whose:
            return {}
        library = next(iter(glob(LIBRARY)), None)
        if library is None:
            assert not os.environ.get("CI"), "faketime is missing: apt-get install faketime"
            pytest.skip("needs a clock that can be set: apt-get install faketime")
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self.knob),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def start(self, name, *arguments):
        environ = {**os.environ, **self.environment(name)}
        with (self.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, cwd=ROOT, env=environ)

    def tell(self, **variables):
        """What Pacemaker on n1 stamps and hands over now."""
        at = time.time() + (self.set_by if self.whose == "relay" else 0)
        environ = {"PATH": "/usr/bin:/bin", "quorumbell_base": str(self.home / "base"), **self.environment("relay")}
        stamped = {**variables, "timestamp_epoch": str(int(at)), "timestamp_usec": f"{int(at % 1 * 1e6):06d}"}
        environ |= {f"CRM_alert_{key}": value for key, value in stamped.items()}
        assert subprocess.run([str(HOOK)], env=environ).returncode == 0

    def action(self, number, task, rc="0"):
        words = {"kind": "resource", "node": "n1", "rsc": "web", "task": task, "interval": "10000" if task == "monitor" else "0"}
        codes = {"rc": rc, "target_rc": "0", "status": "0", "desc": "ok" if rc == "0" else "not running"}
        self.tell(**words, **codes, node_sequence=str(number))

    def conditions(self):
        with closing(Ledger.open(f"sqlite:///{self.home}/ledger.db", write=False)) as ledger:
            return ledger.conditions()

    def status(self):
        return json.loads(self.command("status", "--json"))


@pytest.fixture
def make_site(tmp_path):
    made = []

    def make(whose=None):
        made.append(Site(tmp_path, whose))
        return made[-1]

    yield make
    for site in made:
        site.stop()


def test_a_nodes_clock_is_set_while_a_service_is_restarted(make_site):
    site = make_site("relay")
    site.action(1, "start")
    site.action(2, "monitor")
    eventually(lambda: site.status()["counts"]["reports"] == 2)
    site.action(3, "monitor", rc="7")
    site.action(4, "stop")
    site.set(-10)
    time.sleep(1)
    site.action(5, "start")
    (incident,) = eventually(lambda: [one for one in json.loads(site.command("incidents", "--json")) if one["state"] == "closed"])
    assert incident["kind"] == "resource-failure"
    assert 1 <= incident["outages"]["resource/web"] < 5
    assert "the clock of n1 of alpha was set back by 10.0 s" in eventually(
        lambda: "clocks" in (shown := site.command("status")) and shown
    )
    (condition,) = [one for one in site.conditions() if one.subject == "relay/n1"]
    assert (condition.severity, condition.why) == ("ok", "its reports come in; the clock of n1 was set back by 10.0 s")
    assert site.mails == [], "shown, not rung"


@pytest.mark.parametrize("by", [3600, -7200])
def test_the_bridges_own_clock_is_set(make_site, by):
    """Nobody is silent, no silence ends, what is due is due, and what is told is told at once; also after a restart."""
    site = make_site("bridge")
    site.command("silence", "add", 'resource="other"', "--for", "30m")
    eventually(lambda: site.status()["edges"])
    assert site.hook(**stop_failed(time.time())) == 0
    eventually(lambda: len(site.mails) == 1)
    site.set(by)
    time.sleep(6)
    status = site.status()
    assert [edge["silent"] for edge in status["edges"]] == [False]
    eventually(lambda: abs(site.status()["edges"][0]["clock_offset_seconds"] - by) < 5, what="for people: to its machine's clock")
    assert abs(status["bridge"]["clock_set"]["by_us"] / 1e6 - by) < 1
    shown = site.command("status")
    assert f"the clock of this machine was set {'on' if by > 0 else 'back'} by {abs(by)}.0 s" in shown
    assert "which follows slowly" in shown
    site.process.kill()
    site.process.wait()
    site.process = site.serve()
    eventually(lambda: (site.home / "bridge.log").read_text().count("listening on") == 2)
    start = {**stop_failed(time.time()), "task": "start", "rc": "0", "desc": "ok", "node_sequence": "9"}
    assert site.hook(**start) == 0
    eventually(lambda: len({mail["Message-ID"] for mail in site.mails}) == 2, 10)
    (incident,) = json.loads(site.command("incidents", "--json"))
    assert (incident["kind"], incident["state"]) == ("resource-blocked", "closed")
    (silence,) = json.loads(site.command("silence", "list", "--json"))
    assert 0 < silence["until_us"] / 1e6 - (time.time() + by) < 1800, "named by the machine's clock, and not over before its time"


def test_a_silence_lasts_as_long_as_was_asked_also_by_a_clock_that_was_just_set(make_site):
    site = make_site("bridge")
    site.set(7200)
    eventually(lambda: site.status()["bridge"].get("clock_set"))
    environ = {**os.environ, **site.environment("bridge")}
    words = ["silence", "add", 'resource="web"', "--for", "1h", "-c", str(site.config)]
    subprocess.run([sys.executable, "-m", "bridge", *words], env=environ, cwd=ROOT, check=True, capture_output=True)
    (report,) = [one for one in site.stored() if one.source == "operator"]
    assert abs(json.loads(report.body)["until_us"] / 1e6 - report.received_at.timestamp() - 3600) < 60


def test_a_bridge_that_was_stopped_calls_nobody_silent(make_site):
    site = make_site()
    site.miss_relays_after("5s")
    eventually(lambda: (site.home / "control.sock").exists() and site.status()["edges"])
    eventually(lambda: not site.status()["edges"][0]["silent"])
    site.process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    assert site.hook(**stop_failed(time.time())) == 0
    time.sleep(14)
    site.process.send_signal(signal.SIGCONT)
    until = time.monotonic() + 8
    while time.monotonic() < until:
        assert not any(edge["silent"] for edge in site.status()["edges"])
        time.sleep(0.5)
    eventually(lambda: len(site.mails) == 1, 15)
    assert [one["kind"] for one in site.status()["incidents"]] == ["resource-blocked"]
    site.relay.send_signal(signal.SIGSTOP)
    eventually(lambda: site.status()["edges"][0]["silent"], 25)
    site.relay.send_signal(signal.SIGCONT)


def test_whoever_was_silent_when_the_bridge_was_stopped_is_silent_until_it_speaks(make_site):
    site = make_site()
    site.miss_relays_after("3s")
    eventually(lambda: (site.home / "control.sock").exists() and site.status()["edges"])
    site.relay.send_signal(signal.SIGSTOP)
    eventually(lambda: [one["state"] for one in json.loads(site.command("incidents", "--json"))] == ["open"], 25)
    site.end(site.process)
    site.process = site.serve()
    eventually(lambda: (site.home / "control.sock").exists() and site.status()["bridge"]["running"])
    time.sleep(7)
    (incident,) = json.loads(site.command("incidents", "--json"))
    assert (incident["kind"], incident["state"]) == ("edge-silent", "open"), "one silence, one incident"
    site.relay.send_signal(signal.SIGCONT)
    eventually(lambda: [one["state"] for one in json.loads(site.command("incidents", "--json"))] == ["closed"], 25)
