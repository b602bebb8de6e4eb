"""The main job on one machine: a recorded power cut, through real hooks, relays and the bridge, to mailbox, board, chat and page.

Runs as any user, on loopback, in a folder of its own that is removed afterwards. `--keep` stays up until interrupted.
"""

import argparse
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from email.message import EmailMessage
from pathlib import Path

from bridge.wire.keys import enrol, make_bridge_keys, make_node_keys
from examples.mail_sink import MailSink
from tests.servers.mattermost import Mattermost
from tests.servers.opsview import OPERATOR, Opsview

HERE = Path(__file__).resolve().parent
HOOK = HERE.parent / "alert_scripts" / "quorumbell-alert"
RECORDING = HERE / "node-power-cut.json"
LONGEST = 55.0
CLUSTER = "demo"
GREEN = ("ok", "up")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--keep", action="store_true", help="stay up afterwards, until Ctrl-C")
    keep = options.parse_args().keep
    home = Path(tempfile.mkdtemp(prefix="quorumbell-demo-"))
    demo = Demo(home)
    try:
        demo.start()
        demo.play()
        good = demo.wait_for_the_end()
        demo.show()
        if keep:
            demo.stay()
        return 0 if good else 1
    finally:
        demo.stop()
        shutil.rmtree(home, ignore_errors=True)


class Demo:
    """A bridge, a relay for each recorded node, a mailbox, stand-ins for Opsview and Mattermost; and the recording."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.config = home / "quorumbell.toml"
        self.records = json.loads(RECORDING.read_bytes())
        self.nodes = sorted({record["host"] for record in self.records})
        self.mails: list[EmailMessage] = []
        self.came = threading.Event()
        self.sink = MailSink(self._on_mail)
        self.opsview = self._board()
        self.chat = Mattermost()
        self.bot = self.chat.add_bot()
        self.chat.add_channel("alarms", self.bot)
        self.page_port = free_port()
        self.password = secrets.token_hex(6)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.exits: list[int] = []

    def _board(self) -> Opsview:
        """What `quorumbell setup opsview` makes in a real one."""
        server = Opsview()
        server.add_user("quorumbell", "a demo's password", rights=OPERATOR)
        for node in self.nodes:
            server.provide(node, ["Cluster Node", "Fencing", "Quorumbell Relay"], freshness=1800)
        server.provide(CLUSTER, ["Cluster", "Resource: web"], freshness=1800)
        server.provide("bridge", ["Quorumbell"], freshness=180)
        return server.start()

    def start(self) -> None:
        self.chat.start()
        port = free_port()
        keys = make_bridge_keys(str(self.home / "keys"))
        (self.home / "allowed.d").mkdir(mode=0o755)
        for node in self.nodes:
            self._prepare(node, port, keys.public)
        self.config.write_text(self._toml(port), encoding="utf-8")
        say(f"starting the bridge and the relays of {', '.join(self.nodes)} in {self.home}")
        self._run("bridge", "-m", "bridge", "serve", "-c", str(self.config))
        for node in self.nodes:
            self._run(node, "-m", "bridge.node.relay", str(self.home / node / "relay.conf"))
        wait_for(lambda: all((self.home / node / "run/hook.sock").exists() for node in self.nodes), "the relays")
        wait_for((self.home / "control.sock").exists, "the bridge")
        self._open_page()

    def _open_page(self) -> None:
        """For whoever wants to see it: one user, made up for this demo."""
        words = [sys.executable, "-m", "bridge", "user", "add", "demo", "--role", "operator", "--password-stdin"]
        command = [*words, "-c", str(self.config)]
        subprocess.run(command, input=f"{self.password}\n", text=True, check=True, cwd=HERE.parent, stdout=subprocess.DEVNULL)
        self._run("page", "-m", "bridge", "page", "-c", str(self.config))
        wait_for(lambda: answers(self.page_port), "the page")
        say(f"the page is at http://127.0.0.1:{self.page_port}/ for the user demo with the password {self.password}")

    def _prepare(self, node: str, port: int, bridge_key: str) -> None:
        """A base folder, a key, its enrolment and the relay's settings: what `setup keys` and an editor do on a real node."""
        base = self.home / node
        base.mkdir()
        own = make_node_keys(str(base / "keys"))
        enrol(str(self.home / "allowed.d"), own.public, CLUSTER, node)
        settings = f"base = {base}\nbridge = tcp://127.0.0.1:{port}\nkey = {own.secret}\nbridge_key = {bridge_key}\n"
        settings += f"node = {node}\nballast_mib = 0\ndrbd = off\ncrm_mon = off\n"
        (base / "relay.conf").write_text(settings, encoding="utf-8")

    def _toml(self, port: int) -> str:
        return f"""\
[bridge]
ledger = "sqlite:///{self.home}/ledger.db"
listen = ["tcp://127.0.0.1:{port}"]
keys = "{self.home}/keys"
allowed = "{self.home}/allowed.d"
control = "{self.home}/control.sock"

[page]
listen = "127.0.0.1:{self.page_port}"
address = "http://127.0.0.1:{self.page_port}"

[correlation]
clear_after = "8s"

[receivers.oncall]
kind = "mail"
host = "127.0.0.1"
port = {self.sink.port}
security = "none"
from = "quorumbell@example.com"
to = ["oncall@example.com"]

[receivers.board]
kind = "opsview"
url = "{self.opsview.url}"
user = "quorumbell"
password = "a demo's password"
own_host = "bridge"
look_every = "5s"

[receivers.room]
kind = "mattermost"
url = "{self.chat.url}"
token = "{self.bot}"
channel = "{self.chat.team}/alarms"
"""

    def _run(self, name: str, *arguments: str) -> None:
        with (self.home / f"{name}.log").open("wb") as log:
            self.processes.append(subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, cwd=HERE.parent))

    def play(self) -> None:
        """Each recorded call of Pacemaker is made again, on its node, at its time, by the real hook."""
        first = self.records[0]["received"]
        shift = time.time() + 0.5 - first
        say(f"playing {len(self.records)} calls of {RECORDING.name}: node n3 loses power, is fenced, and comes back")
        running: list[subprocess.Popen[bytes]] = []
        for record in self.records:
            time.sleep(max(0.0, record["received"] + shift - time.time()))
            environment = moved(record["env"], shift) | {"quorumbell_base": str(self.home / record["host"])}
            running.append(subprocess.Popen(hook_command(), env=environment))
        self.exits = [process.wait() for process in running]
        say(f"{self.exits.count(0)} of {len(self.exits)} hooks say that their event is safe")

    def wait_for_the_end(self) -> bool:
        until = time.monotonic() + LONGEST
        while not self._all_told() and time.monotonic() < until:
            self.came.wait(0.2)
            self.came.clear()
        while self._red() and time.monotonic() < until:
            time.sleep(0.2)
        return self._all_told() and not any(self.exits) and not self._red()

    def _all_told(self) -> bool:
        """A mail for the beginning and one for the end; and the room's one message says that it is over, as does its thread."""
        shown = self.chat.contents()["alarms"]
        over = len(shown) > 2 and all("Over after" in shown[place]["text"] for place in (0, -1))
        return len(self.mails) == 2 and over

    def _red(self) -> list[str]:
        """What the board does not show as well."""
        with self.opsview.lock:
            self.opsview.settle()
            return [f"{thing.service} on {thing.host}" for thing in self.opsview.world.things.values() if thing.word not in GREEN]

    def show(self) -> None:
        for words in (["status"], ["incidents"], ["explain", "1"]):
            say(f"quorumbell {' '.join(words)}")
            subprocess.run([sys.executable, "-m", "bridge", *words, "-c", str(self.config)], check=True, cwd=HERE.parent)
        say("what Opsview has shown")
        for event in self.opsview.world.events:
            at = time.strftime("%H:%M:%S", time.localtime(int(event["time"])))
            print(f"    {at}  {event['hostname']:<7} {event.get('servicename', ''):<17} {event.get('output', '')}")
        say("what the room shows now: one message, edited as things went on, with its thread")
        print("\n".join(f"    {line}" for line in self.chat.as_text().splitlines()))
        count = len(self.mails)
        print(
            f"\nShown: {len(self.exits)} calls of Pacemaker's alert hook from {len(self.nodes)} nodes became one incident."
            f"\nShown: it rang once, when the node was fenced, and the end says how long it lasted: {count} mails, one thread."
            "\nShown: the board turned red and green again; it is refreshed, read back, and turns UNKNOWN when nobody speaks."
            "\nShown: in the chat it is one message, which was kept true, with what to do below it."
            "\nShown: every report is in the ledger, with what was made of it, and who was told."
        )

    def stay(self) -> None:
        say(f"the page is at http://127.0.0.1:{self.page_port}/ for the user demo with the password {self.password}")
        say(f"staying up: try `{sys.executable} -m bridge status -c {self.config}`; Ctrl-C ends it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(15)
        self.sink.shutdown()
        self.opsview.stop()
        self.chat.stop()

    def _on_mail(self, mail: EmailMessage) -> None:
        self.mails.append(mail)
        text = mail.get_body(("plain",))
        body = str(text.get_content()) if text is not None else ""
        say(f"a mail has come, in the thread of {mail.get('References') or mail['Message-ID']}")
        print("\n".join(f"    {line}" for line in [f"Subject: {mail['Subject']}", "", *body.rstrip().splitlines()]), flush=True)
        self.came.set()


def moved(env: dict[str, str], shift: float) -> dict[str, str]:
    """The recorded variables, their time moved to now."""
    at = int(env["CRM_alert_timestamp_epoch"]) + int(env["CRM_alert_timestamp_usec"]) / 1e6 + shift
    stamp = {"CRM_alert_timestamp_epoch": str(int(at)), "CRM_alert_timestamp_usec": f"{int(at % 1 * 1e6):06d}"}
    return {**env, **stamp}


def hook_command() -> list[str]:
    """As Pacemaker starts it; where there is no system Python, with ours."""
    return [str(HOOK)] if os.access("/usr/bin/python3", os.X_OK) else [sys.executable, "-IS", str(HOOK)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition, what: str, seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            sys.exit(f"{what} did not start within {seconds:g} s")
        time.sleep(0.05)


def say(text: str) -> None:
    print(f"\n--- {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
