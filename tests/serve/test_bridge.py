"""The whole bridge as a process: poison beside good reports, a restart in the middle, people's words, a replay."""

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from bridge.ledger.ledger import Ledger
from bridge.wire.keys import enrol, make_bridge_keys, make_node_keys
from examples.mail_sink import MailSink
from tests.commanding import typed
from tests.servers.ports import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parents[2]
HOOK = ROOT / "alert_scripts" / "quorumbell-alert"


class Bridge:
    def __init__(self, home, crm_mon="off"):
        self.home = home
        self.mails = []
        self.sink = MailSink(self.mails.append)
        self.port = free_port()
        keys, node = make_bridge_keys(str(home / "keys")), make_node_keys(str(home / "n1"))
        enrol(str(home / "allowed.d"), node.public, "alpha", "n1")
        (home / "relay.conf").write_text(
            f"base = {home}/base\nbridge = tcp://127.0.0.1:{self.port}\nkey = {node.secret}\nbridge_key = {keys.public}\nnode = n1\nballast_mib = 0\ndrbd = off\ncrm_mon = {crm_mon}\ncibadmin = off\n"
        )
        self.config = home / "q.toml"
        self.config.write_text(
            f'[bridge]\nledger = "sqlite:///{home}/ledger.db"\nlisten = ["tcp://127.0.0.1:{self.port}"]\nkeys = "{home}/keys"\n'
            f'allowed = "{home}/allowed.d"\ncontrol = "{home}/control.sock"\n[correlation]\nclear_after = "1s"\n'
            f'[receivers.oncall]\nkind = "mail"\nhost = "127.0.0.1"\nport = {self.sink.port}\nsecurity = "none"\nfrom = "q@e.org"\nto = ["a@e.org"]\n'
        )
        self.relay = self.start("relay", "-m", "bridge.node.relay", str(home / "relay.conf"))
        self.process = self.serve()
        eventually(lambda: (home / "base/run/hook.sock").exists() and (home / "control.sock").exists())

    def serve(self):
        return self.start("bridge", "-m", "bridge", "serve", "-c", str(self.config))

    def start(self, name, *arguments):
        with (self.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, cwd=ROOT)

    def hook(self, **variables):
        env = {"PATH": "/usr/bin:/bin", "quorumbell_base": str(self.home / "base")}
        return subprocess.run([str(HOOK)], env=env | {f"CRM_alert_{key}": value for key, value in variables.items()}).returncode

    def command(self, *words):
        run = typed(*words, "-c", str(self.config))
        assert run.returncode == 0, run.stderr
        return run.stdout

    def refused(self, *words):
        run = subprocess.run(
            [sys.executable, "-m", "bridge", *words, "-c", str(self.config)], capture_output=True, text=True, cwd=ROOT
        )
        assert run.returncode != 0, run.stdout
        return run.stderr

    def stored(self):
        with closing(Ledger.open(f"sqlite:///{self.home}/ledger.db", write=False)) as ledger:
            return [report for _, report in ledger.reports()]

    def end(self, *processes):
        """Each in order, and one after the other."""
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    def miss_relays_after(self, length):
        """The same bridge, started again: so long a silence is told."""
        self.end(self.process)
        config = self.config.read_text()
        self.config.write_text(config.replace("[correlation]\n", f'[correlation]\nedge_silent_after = "{length}"\n'))
        self.process = self.serve()

    def stop(self):
        self.end(self.relay, self.process)
        self.sink.shutdown()
        self.sink.server_close()


@pytest.fixture
def bridge(tmp_path):
    bridge = Bridge(tmp_path)
    yield bridge
    bridge.stop()


def stop_failed(at):
    return {
        "kind": "resource",
        "node": "n1",
        "rsc": "db",
        "task": "stop",
        "interval": "0",
        "rc": "1",
        "target_rc": "0",
        "status": "0",
        "desc": "error",
        "node_sequence": "7",
        "timestamp_epoch": str(int(at)),
        "timestamp_usec": "000000",
    }


def test_poison_is_kept_and_shown_and_its_neighbours_pass(bridge):
    assert bridge.hook(kind="node", node="n2", desc="member") == 0
    assert bridge.hook(kind="banana", node="n2") == 0
    assert bridge.hook(kind="node", node=os.fsdecode(b"n\xff2"), desc="lost") == 0
    assert bridge.hook(kind="resource", rsc="web", node="n1", rc="9" * 400) == 0
    assert bridge.hook(kind="node", node="n2", desc="member", **{f"pad{i}": "x" * 100_000 for i in range(10)}) == 0
    assert bridge.hook(kind="node", node="n3", desc="member") == 0
    reports = eventually(lambda: len(found := bridge.stored()) == 6 and found)
    assert sorted(report.unreadable is None for report in reports) == [False, False, True, True, True, True]
    whys = [report.unreadable for report in reports if report.unreadable]
    assert any("banana" in why for why in whys)
    assert any("CRM_alert_" in why for why in whys)
    assert "2 unreadable" in bridge.command("status")


def test_a_restart_in_the_middle_of_a_story_tells_it_once(bridge):
    now = time.time()
    assert bridge.hook(**stop_failed(now)) == 0
    eventually(lambda: len(bridge.mails) == 1)
    bridge.process.kill()
    bridge.process.wait()
    bridge.process = bridge.serve()
    start = {**stop_failed(now + 1), "task": "start", "rc": "0", "desc": "ok", "node_sequence": "9"}
    assert bridge.hook(**start) == 0
    # The first mail may come a second time, as the same one: the bridge died before it knew that it was accepted.
    eventually(lambda: len({mail["Message-ID"] for mail in bridge.mails}) == 2)
    time.sleep(1)
    assert len({mail["Message-ID"] for mail in bridge.mails}) == 2
    assert bridge.mails[0]["Message-ID"] in bridge.mails[-1]["References"]
    (incident,) = json.loads(bridge.command("incidents", "--json"))
    assert (incident["kind"], incident["state"]) == ("resource-blocked", "closed")
    story = bridge.command("explain", str(incident["id"]))
    assert "db cannot be stopped on n1" in story
    assert "delivered" in story
    recovered = incident["facts"]["recovered_at"]
    assert recovered < incident["closed_at"]
    assert f"over since {recovered[:19].replace('T', ' ')}" in story, "as the mail says: the quiet time does not count"


def test_people_acknowledge_silence_and_ring(bridge):
    bridge.command("silence", "add", 'resource="db"', "--for", "1h", "-m", "new disk")
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: json.loads(bridge.command("incidents", "--json")))
    assert "new disk" in bridge.command("silence", "list")
    bridge.command("ack", "1", "-m", "on my way")
    assert "on my way" in bridge.command("explain", "1")
    (shown,) = json.loads(bridge.command("status", "--json"))["incidents"]
    assert shown["acknowledged_by"] == pwd.getpwuid(os.getuid()).pw_name, "everybody sees who is on it"
    assert bridge.mails == []
    bridge.command("ring")
    eventually(lambda: len(bridge.mails) == 1)


def test_planned_work_begins_and_ends_and_stands_in_the_ledger(bridge):
    unknown = bridge.refused("planned", "begin", "beta", "node=n1", "--for", "1h")
    assert "there is no cluster 'beta'; known are " in unknown
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: json.loads(bridge.command("incidents", "--json")))
    assert "write node=NAME" in bridge.refused("planned", "begin", "alpha", "n1", "--for", "1h")
    begun = bridge.command("planned", "begin", "alpha", "resource=db", "--for", "1h", "-m", "new disk")
    assert begun.startswith("planned work ")
    (work,) = json.loads(bridge.command("planned", "list", "--json"))
    assert (work["planned"], work["comment"], work["author"]) == ("resource=db", "new disk", pwd.getpwuid(os.getuid()).pw_name)
    assert work["matchers"] == ['cluster="alpha"', 'root=~"(resource|guest)/db"']
    plain = bridge.command("silence", "add", "node=n1", "--for", "1h").split()[1]
    assert "there is no planned work" in bridge.refused("planned", "end", plain), "a silence is ended as such"
    bridge.command("planned", "end", work["id"])
    assert json.loads(bridge.command("planned", "list", "--json")) == []
    assert [one.decision.split(", silence")[0] for one in bridge.stored() if "new disk" in one.decision] == [
        "planned work on resource=db"
    ]


def test_the_number_that_a_notice_printed_is_understood_when_a_late_report_made_it_part_of_another(bridge):
    now = time.time()
    assert bridge.hook(**stop_failed(now)) == 0
    eventually(lambda: bridge.mails)
    assert "quorumbell ack 1" in bridge.mails[0].get_body(("plain",)).get_content()
    assert bridge.hook(**{**stop_failed(now - 1), "node_sequence": "1"}) == 0
    (shown,) = eventually(lambda: [one for one in json.loads(bridge.command("incidents", "--json")) if one["id"] != 1])
    assert "part of incident 2" in bridge.command("ack", "1", "-m", "on my way")
    (open_now,) = json.loads(bridge.command("status", "--json"))["incidents"]
    assert (open_now["id"], open_now["acknowledged_by"]) == (shown["id"], pwd.getpwuid(os.getuid()).pw_name)
    story = bridge.command("explain", "1")
    assert story.startswith("incident 1 is part of incident 2 now")
    assert "on my way" in story
    assert "not over" in story
    assert len(bridge.mails) == 1
    assert bridge.hook(**{**stop_failed(now + 1), "task": "start", "rc": "0", "desc": "ok", "node_sequence": "9"}) == 0
    eventually(lambda: len(bridge.mails) == 2)
    assert bridge.mails[0]["Message-ID"] in bridge.mails[1]["References"], "one thread, whatever its number"
    subjects = [mail["Subject"] for mail in bridge.mails]
    assert subjects[1] == f"Re: {subjects[0]}"


def test_replay_arrives_at_the_same_incidents(bridge):
    assert bridge.hook(**stop_failed(time.time())) == 0
    before = eventually(lambda: json.loads(bridge.command("incidents", "--json")))
    eventually(lambda: bridge.mails)
    bridge.end(bridge.process)
    bridge.command("replay")
    after = json.loads(bridge.command("incidents", "--json"))
    assert after == before
    bridge.process = bridge.serve()
