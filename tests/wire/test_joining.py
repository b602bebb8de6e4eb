"""A node joins, and changes its key, with the commands that an administrator types; bridge, relay and hook are the real ones."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
import zmq

from bridge.node.commands.common import Unknown, ask
from bridge.wire import codec
from bridge.wire.invitation import from_line
from bridge.wire.keys import KeyPair, load_secret, make_bridge_keys
from tests.commanding import typed
from tests.servers.ports import free_port
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
HOOK = ROOT / "alert_scripts/quorumbell-alert"
pytestmark = [pytest.mark.timeout(120), pytest.mark.whole]


class Site:
    def __init__(self, home):
        self.home = home
        self.port = free_port()
        self.hook = shutil.copy(HOOK, home)  # Pacemaker's user may not be let into the checkout
        make_bridge_keys(str(home / "keys"))
        (home / "allowed").mkdir()
        self.config = home / "bridge.toml"
        self.config.write_text(
            f'[bridge]\nledger = "sqlite:///{home}/ledger.db"\nlisten = ["tcp://*:{self.port}"]\nkeys = "{home}/keys"\n'
            f'allowed = "{home}/allowed"\njoined = "{home}/joined"\ncontrol = "{home}/control.sock"\n'
        )
        self.processes = {}
        self.serve()

    def start(self, name, *words):
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen([sys.executable, "-m", *words], stdout=log, stderr=log, cwd=ROOT)

    def end(self, name):
        process = self.processes.pop(name, None)
        if process is not None:
            process.terminate()
            process.wait(20)

    def serve(self):
        self.start("bridge", "bridge", "serve", "-c", str(self.config))
        eventually((self.home / "control.sock").exists)

    def command(self, *words, check=True, path=""):
        if path:
            environ = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
            command = [sys.executable, "-m", "bridge", *words, "-c", str(self.config)]
            done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
        else:
            done = typed(*words, "-c", str(self.config))
        assert not check or done.returncode == 0, done.stderr
        return done

    def line(self, *words):
        address = ("--address", f"127.0.0.1:{self.port}")
        return self.command("join-token", "--cluster", "ha1", *address, *words).stdout.split()[-1]

    def node(self, name):
        return Node(self, name)

    def status(self):
        return json.loads(self.command("status", "--json").stdout)

    def known(self):
        return {edge["node"] for edge in self.status()["edges"]}

    def attributes(self):
        """How many of such reports are stored, by node."""
        with closing(sqlite3.connect(f"file:{self.home}/ledger.db?mode=ro", uri=True)) as read:
            return dict(read.execute("SELECT node, count(*) FROM report WHERE source = 'pacemaker' GROUP BY node"))

    def close(self):
        for name in list(self.processes):
            self.end(name)


class Node:
    """Its folders lie in a place of their own, so relay.conf is there before; a node in real life has none."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.base, self.keys, self.config = site.home / name, site.home / f"{name}.keys", site.home / f"{name}.conf"
        self.base.mkdir()
        keys = f"key = {self.keys}/node.secret\nbridge_key = {self.keys}/bridge.public\n"
        self.config.write_text(f"base = {self.base}\nnode = {name}\ncrm_mon = off\nbridge = tcp://127.0.0.1:{site.port}\n{keys}")

    def run(self, command, *words):
        places = ("--config", str(self.config), "--keys", str(self.keys), "--hook", str(self.site.hook))
        named = ("--node", self.name) if command == "join" else ()
        done = subprocess.run(
            [sys.executable, "-m", "bridge.node.cli", command, *words, *named, *places],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    def relay(self):
        """As the unit would: it waits until there are keys."""
        code = "import sys, time, pathlib, bridge.node.relay as r\nwhile not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.05)\nsys.exit(r.main([sys.argv[1]]))"
        with (self.site.home / f"{self.name}.log").open("ab") as log:
            words = [sys.executable, "-c", code, str(self.config), f"{self.keys}/bridge.public"]
            self.site.processes[self.name] = subprocess.Popen(words, stdout=log, stderr=log, cwd=ROOT)

    def event(self, number):
        """The hook's exit code."""
        words = {"kind": "attribute", "node": self.name, "attribute_name": "trial", "attribute_value": str(number)}
        environ = {"quorumbell_base": str(self.base), **{f"CRM_alert_{key}": value for key, value in words.items()}}
        return subprocess.run([HOOK], env=environ).returncode

    def pair(self):
        return load_secret(f"{self.keys}/node.secret")


@pytest.fixture
def home():
    """Where Pacemaker's user gets in, too: the hook runs as that user where there is one, and pytest's own folder is closed."""
    with tempfile.TemporaryDirectory(prefix="quorumbell-join-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def site(home):
    one = Site(home)
    yield one
    one.close()


def speaks(site, pair):
    """Whether the bridge lets this key in."""
    bridge_key = (site.home / "keys/bridge.public").read_text().split("= ")[1].strip().encode()
    try:
        return isinstance(ask(f"tcp://127.0.0.1:{site.port}", pair, bridge_key, codec.Join("")), codec.Joined)
    except Unknown:
        return False


def test_a_node_joins_and_its_trial_report_is_committed(site):
    node, line = site.node("n1"), site.line()
    node.relay()
    assert node.run("join", line) == 0, node.said
    assert "committed in the bridge's ledger" in node.said
    assert site.attributes() == {"n1": 1}
    assert site.status()["incidents"] == []
    eventually(lambda: site.known() == {"n1"})

    assert node.run("join", line) == 0, "what is there is shown, and left"
    assert node.said.count("kept ") == 3
    other = site.node("n2")
    assert other.run("join", line) == 1
    assert "has been used" in other.said
    site.end("bridge")
    site.serve()
    eventually(lambda: site.known() == {"n1"})


def test_whoever_holds_a_line_can_join_and_nothing_else(site):
    """Above all it cannot bring reports in anybody's name."""
    token = from_line(site.line())
    invitation = KeyPair(zmq.curve_public(token.secret.encode()), token.secret.encode())
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.curve_publickey, socket.curve_secretkey = invitation
        socket.curve_serverkey = token.bridge_key.encode()
        socket.connect(f"tcp://127.0.0.1:{site.port}")
        socket.send_multipart(codec.encode(codec.Hello("n1", "ha1")))
        assert socket.poll(5000)
        answer = codec.decode(socket.recv_multipart())
    assert isinstance(answer, codec.NotNow)
    assert site.known() == set()


def test_a_key_is_changed_while_reports_come(site):
    node = site.node("n1")
    node.relay()
    assert node.run("join", site.line()) == 0, node.said
    old = node.pair()
    calls = [node.event(number) for number in range(3)]
    assert node.run("rotate-key") == 0, node.said
    assert speaks(site, old), "this relay still speaks with it"
    calls += [node.event(number) for number in range(3, 6)]
    site.end("n1")
    calls.append(node.event(6))
    node.relay()
    eventually(lambda: not speaks(site, old))
    assert speaks(site, node.pair())
    calls.append(node.event(7))
    assert calls == [0] * 8
    eventually(lambda: site.attributes() == {"n1": 10}, what="eight, and two trials")


def test_a_change_of_keys_that_is_broken_off_can_be_run_again(site):
    node = site.node("n1")
    node.relay()
    assert node.run("join", site.line()) == 0, node.said
    before = node.pair()
    site.end("bridge")
    assert node.run("rotate-key") == 1
    assert f"tcp://127.0.0.1:{site.port}" in node.said
    assert node.pair() == before, "nothing was changed"
    site.serve()
    assert node.run("rotate-key") == 0, node.said
    assert node.pair() != before


def test_an_address_that_does_not_answer_is_named_with_all_others(site):
    node, line = site.node("n1"), site.line("--address", "127.0.0.1:1")
    site.end("bridge")
    assert node.run("join", line) == 1
    assert f"tcp://127.0.0.1:{site.port}: nothing answers" in node.said
    assert "tcp://127.0.0.1:1: nothing answers" in node.said
    site.serve()
    node.relay()
    assert node.run("join", line) == 0, "the same line, when that is mended"


def test_another_bridge_s_key_is_not_overwritten(site):
    node = site.node("n1")
    node.keys.mkdir()
    (node.keys / "bridge.public").write_text(f"public-key = {zmq.curve_keypair()[0].decode()}\n")
    assert node.run("join", site.line()) == 1
    assert "another bridge's key" in node.said


def test_all_join_from_one_place_by_ssh(site, home):
    """A pretended ssh runs the node's command here; the line never stands among the arguments of a process."""
    for name in ("n1", "n2"):
        site.node(name).relay()
    bin_ = home / "bin"
    bin_.mkdir()
    fake = bin_ / "ssh"
    fake.write_text(
        f"""#!/bin/sh
for word; do target=$host host=$word; done
echo "$@" >>{home}/asked
node=${{target#root@}}
[ "$node" != n3 ] || {{ echo "ssh: connect to host n3 port 22: No route to host"; exit 255; }}
cd {ROOT} && exec {sys.executable} -m bridge.node.cli join - --node "$node" --config {home}/$node.conf --keys {home}/$node.keys --hook {site.hook}
"""
    )
    fake.chmod(0o755)
    words = ("join", "--ssh", "n1", "n2", "n3", "--cluster", "ha1", "--address", f"127.0.0.1:{site.port}")
    done = site.command(*words, check=False, path=str(bin_))
    assert done.returncode == 1
    assert "did not join: n3" in done.stderr
    assert "n3: ssh: connect to host n3 port 22: No route to host" in done.stdout
    assert done.stdout.count("committed in the bridge's ledger") == 2
    assert "quorumbell1." not in (home / "asked").read_text()
    eventually(lambda: site.known() == {"n1", "n2"})
