"""The whole bridge with a chat of every kind: the config is checked, the test bell rings, an incident runs its course."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from bridge.config.config import parse_config
from bridge.config.findings import ConfigError
from bridge.wire import codec
from bridge.wire.body import boot_id, make_body, moment
from tests.receivers.test_apprise import Place as Anything
from tests.servers.mattermost import Mattermost
from tests.servers.ports import free_port
from tests.servers.slack import Slack
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[bridge]
ledger = "sqlite:///{home}/ledger.db"
listen = []
listen_plain = ["tcp://127.0.0.1:{port}"]
control = "{home}/control.sock"

[page]
address = "https://bell.example.org/"

[correlation]
clear_after = "1s"

[receivers.mattermost]
kind = "mattermost"
url = "{mattermost.url}"
token = "{mattermost_token}"
channel = "cluster/alarms"

[receivers.slack]
kind = "slack"
language = "de"
url = "{slack.url}/api"
token = "{slack_token}"
channel = "{slack_channel}"

[receivers.anything]
kind = "apprise"
url = "json://127.0.0.1:{anything.port}/key-of-ours"

[[routes]]
receivers = ["mattermost", "slack", "anything"]
hold = "0s"
"""


class House:
    def __init__(self, home: Path, mattermost: Mattermost, slack: Slack, anything: Anything) -> None:
        self.home, self.mattermost, self.slack, self.anything = home, mattermost, slack, anything
        mattermost_token, slack_token = mattermost.add_bot(), slack.add_bot()
        mattermost.add_channel("alarms", mattermost_token)
        self.port = free_port()
        self.config = home / "q.toml"
        text = CONFIG.format(
            home=home,
            port=self.port,
            mattermost=mattermost,
            slack=slack,
            anything=anything,
            mattermost_token=mattermost_token,
            slack_token=slack_token,
            slack_channel=slack.add_channel("alarms", slack_token),
        )
        self.config.write_text(text)
        self.config.chmod(0o600)
        self.sent = 0

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "bridge", *words, "-c", str(self.config)]
        return subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, timeout=60)

    def report(self, **fields: str) -> None:
        """As a relay would send it, past keys."""
        peer = zmq.Context.instance().socket(zmq.DEALER)
        peer.linger = 0
        peer.connect(f"tcp://127.0.0.1:{self.port}")
        self.sent += 1
        at = time.time()
        told = {
            "CRM_alert_kind": "resource",
            "CRM_alert_version": "2.1.5",
            "CRM_alert_node": "n1",
            "CRM_alert_rsc": "web",
            "CRM_alert_task": "monitor",
            "CRM_alert_interval": "10000",
            "CRM_alert_target_rc": "0",
            "CRM_alert_status": "0",
            "CRM_alert_node_sequence": str(self.sent),
            "CRM_alert_timestamp_epoch": str(int(at)),
            "CRM_alert_timestamp_usec": f"{int(at % 1 * 1e6):06d}",
        } | fields
        try:
            peer.send_multipart(codec.encode(codec.Hello(node="n1", cluster="mill")))
            while not isinstance(codec.decode(peer.recv_multipart()), codec.Welcome):
                pass
            peer.send_multipart(codec.encode(codec.Batch(0, (make_body("pacemaker", told, moment(boot_id())),))))
            while not isinstance(codec.decode(peer.recv_multipart()), codec.Taken):
                pass
        finally:
            peer.close(0)


@pytest.fixture
def house(tmp_path) -> Iterator[House]:
    with Mattermost() as mattermost, Slack() as slack, Anything() as anything:
        made = House(tmp_path, mattermost, slack, anything)
        assert (checked := made.command("check")).returncode == 0, checked.stderr
        with (tmp_path / "log").open("wb") as log:
            arguments = [sys.executable, "-m", "bridge", "serve", "-c", str(made.config)]
            process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=ROOT, env={**os.environ})
        try:
            eventually((tmp_path / "control.sock").exists)
            yield made
        finally:
            process.terminate()
            process.wait(20)


def test_the_test_bell_rings_everywhere(house):
    done = house.command("ring")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("delivered") == 3
    (mattermost,), (slack,) = house.mattermost.contents()["alarms"], house.slack.contents()["alarms"]
    assert mattermost["text"].startswith("🔔 Test · TEST: This is a test of Quorumbell; nothing is wrong.")
    assert slack["text"].startswith("🔔 Probe · TEST")
    assert "This is a test" in house.anything.said()[0]
    assert "bell.example.org" not in house.anything.said()[0], "it is about no incident"
    assert house.command("ring", "slack").returncode == 0
    assert len(house.slack.contents()["alarms"]) == 2
    house.slack.members.clear()
    done = house.command("ring", "slack")
    assert done.returncode == 1
    assert "invite the app there: /invite" in done.stdout


def test_an_incident_from_its_beginning_to_its_end(house):
    house.report(CRM_alert_rc="7", CRM_alert_desc="not running")
    eventually(lambda: len(house.mattermost.contents()["alarms"]) == 2 and len(house.slack.contents()["alarms"]) == 2)
    house.report(CRM_alert_task="start", CRM_alert_interval="0", CRM_alert_rc="0", CRM_alert_desc="ok")
    house.report(CRM_alert_rc="0", CRM_alert_desc="ok")
    over = {house.mattermost: "🟢 Over after", house.slack: "🟢 Vorbei nach"}
    for server, words in over.items():
        eventually(lambda: server.contents()["alarms"][-1]["text"].startswith(words))  # noqa: B023 - is used at once
        root, *thread = server.contents()["alarms"]
        assert root["text"].startswith(words), "what the first notice asked to remember came back with the last"
        assert {one["thread"] for one in thread} == {root["id"]}
        assert ("Vorfall 1 auf der Seite" if server is house.slack else "Incident 1 on the page") in root["text"]
    eventually(lambda: len(house.anything.taken) == 2)
    assert all("https://bell.example.org/incidents/1\n" in one["message"] for one in house.anything.taken)
    log = (house.home / "log").read_text()
    assert all(token not in log for token in (*house.mattermost.bots, *house.slack.bots, "key-of-ours"))


WRONG = """\
[receivers.a]
kind = "matrix"
url = "http://matrix.example.com"
token = "long-enough"
room = "#ops:example.com"

[receivers.b]
kind = "mattermost"
url = "https://mattermost.example.com"
token = "long-enough"
chanel = "a/b"

[receivers.c]
kind = "slack"
token = 5
channel = "#alarms"

[receivers.d]
kind = "apprise"
url = "nonsense://my-secret-key"

[receivers.e]
kind = "slak"
"""


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_check_tells_all_that_is_wrong_with_line_key_and_cure(tmp_path):
    with pytest.raises(ConfigError) as raised:
        parse_config(WRONG, tmp_path / "q.toml")
    told = [str(problem).removeprefix(f"{tmp_path}/q.toml:") for problem in raised.value.problems]
    assert told == [
        "1: receivers.a: url would send the token in plain text; write https://",
        '7: receivers.b.channel: is missing; add channel = "text"',
        "11: receivers.b.chanel: unknown key; did you mean channel?",
        '15: receivers.c.token: must be text, {env = "NAME"}, {file = "/path"} or {credential = "name"}; write one of the four',
        '18: receivers.d: url is no address that Apprise understands; write it like "ntfy://topic" (its manual lists all services)',
        "23: receivers.e.kind: there is no kind 'slak'; did you mean slack?",
    ]
