"""A cluster of three with hooks and relays, the bridge outside of it, and who hears of it: a mailbox and a board."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bridge.wire.keys import enrol, make_bridge_keys, make_node_keys
from tests.cluster.checker import Shown, contradictions
from tests.cluster.machines import ROOT, Machine, Networks
from tests.cluster.pacemaker import STARTUP_FENCING, Cluster, cib, corosync_conf, until
from tests.cluster.switch import Switch
from tests.servers.opsview import OPERATOR, Opsview
from tests.servers.ports import free_port
from tests.servers.smtp import Rules, Server
from tests.waiting import eventually

NAME = "ha1"
PASSWORD = "a cluster's password"
RELEASES = {"mixed": ("bullseye", "host", "trixie")}
OUTSIDE = 100
"""On the management network: this process, its mailbox, board and bridge."""
LOOK_TAKES = 1.0
"""Seconds, at most, for crm_mon on three machines and the bridge's status, on a machine that is not busy."""
RINGS = {"opened", "escalated", "reminder"}
FOLDERS = re.compile(r"```sh\n(install -d -m 0751.*?)```", re.DOTALL)
ALERT = re.compile(r"```xml\n(<alert .*?</alert>)", re.DOTALL)
SELECT = (
    "<select><select_nodes/><select_fencing/><select_resources/><select_attributes>"
    '<attribute id="quorumbell-shutdown" name="shutdown"/><attribute id="quorumbell-terminate" name="terminate"/>'
    "</select_attributes></select>"
)
"""docs/operate.md, "A node": shutdowns are announced by this attribute."""


class Ring(NamedTuple):
    subject: str
    kind: str
    severity: str
    notice: str
    """opened, escalated or reminder."""

    @classmethod
    def of(cls, mail):
        kind, severity = str(mail["X-Quorumbell-Kind"]), str(mail["X-Quorumbell-Severity"])
        return cls(str(mail["Subject"]), kind, severity, str(mail["X-Quorumbell-Notice"]).split()[0])


class Site:
    def __init__(self, home, number, release):
        self.home = home
        (home / "outside").mkdir(parents=True)
        self.networks = Networks(number)
        releases = RELEASES.get(release, (release,) * 3)
        made = [Machine(home, self.networks, number, each) for number, each in enumerate(releases, 1)]
        self.machines = {machine.name: machine for machine in made}
        self.n1, self.n2, self.n3 = made
        self.switch = Switch(home / "outside/power", self.machines)
        self.cluster = Cluster(self.machines)
        self.rules = Rules()
        outside = self.networks.address("management", OUTSIDE)
        self.mail = Server(self.rules, host=outside)
        self.opsview = Opsview(host=outside)
        self.bridge = self.inside = None
        self.address = outside
        """Of the bridge."""
        self.folder = home
        """Of its files."""
        self.config = home / "quorumbell.toml"
        self._port = free_port()

    # --- setting up, as README.md and docs/operate.md say

    def start(self):
        self.mail.__enter__()
        self._prepare_board()
        self._prepare_bridge()
        for machine in self.machines.values():
            self._prepare_node(machine)
        self.serve()
        self._power_on()
        until(lambda: not self.silent(), 60, "all relays are heard")
        assert not self.rings(), f"nothing has happened yet: {self.rings()}"

    def _power_on(self):
        for machine in self.machines.values():
            machine.on()
        self.cluster.wait_online()
        self.cluster.option(STARTUP_FENCING)
        self.cluster.settle()

    def _prepare_board(self):
        self.opsview.add_user("quorumbell", PASSWORD, rights=OPERATOR)
        for name in self.machines:
            self.opsview.provide(name, ["Cluster Node", "Fencing", "Quorumbell Relay"], freshness=1800)
        self.opsview.provide(NAME, ["Cluster", "Resource: fencing"], freshness=1800)
        self.opsview.provide("bridge", ["Quorumbell"], freshness=180)
        self.opsview.start()

    def shows(self, *services):
        """The board gets places for these, as by `quorumbell setup opsview`."""
        self.opsview.provide(NAME, services, freshness=1800)

    def _prepare_bridge(self):
        make_bridge_keys(str(self.folder / "keys"))
        (self.folder / "allowed.d").mkdir()
        self.config.write_text(self._configured(self.folder))

    def _configured(self, folder):
        return f"""\
[bridge]
ledger = "sqlite:///{folder}/ledger.db"
listen = ["tcp://{self.address}:{self._port}"]
keys = "{folder}/keys"
allowed = "{folder}/allowed.d"
control = "{folder}/control.sock"

[receivers.oncall]
kind = "mail"
host = "{self.networks.address("management", OUTSIDE)}"
port = {self.mail.port}
security = "none"
from = "quorumbell@example.com"
to = ["oncall@example.com"]
digest = false

[receivers.noc]
kind = "opsview"
url = "{self.opsview.url}"
insecure = true
user = "quorumbell"
password = "{PASSWORD}"
own_host = "bridge"
look_every = "5s"
"""

    def _prepare_node(self, machine):
        folder = machine.upper / "etc/quorumbell"
        own = make_node_keys(str(self.folder / "keys" / machine.name))
        enrol(str(self.folder / "allowed.d"), own.public, NAME, machine.name)
        self._add_user(machine)
        endpoint = f"tcp://{self.address}:{self._port}"
        keys = "key = /etc/quorumbell/keys/node.secret\nbridge_key = /etc/quorumbell/keys/bridge.public\n"
        machine.write("etc/quorumbell/relay.conf", f"bridge = {endpoint}\n{keys}")
        machine.write("etc/quorumbell/keys/node.secret", Path(own.secret).read_text(), owner="quorumbell", mode=0o600)
        machine.write("etc/quorumbell/keys/bridge.public", (self.folder / "keys/bridge.public").read_text())
        machine.write("etc/quorumbell/folders", _documented(FOLDERS))
        for place in ("bridge/__init__.py", "bridge/node", "bridge/wire"):
            _copy(ROOT / place, machine.upper / "usr/lib/quorumbell" / place)
        _copy(ROOT / "alert_scripts", machine.upper / "usr/share/quorumbell/alert_scripts")
        folder.chmod(0o755)
        self._prepare_cluster(machine)

    def _add_user(self, machine):
        """As packaging/quorumbell.sysusers does."""
        machine.write("etc/passwd", machine.lines("etc/passwd") + "quorumbell:x:871:871::/nonexistent:/usr/sbin/nologin\n")
        machine.write("etc/group", machine.lines("etc/group") + "quorumbell:x:871:\n")

    def _prepare_cluster(self, machine):
        nodes = {one.name: self.networks.address("ring", one.number) for one in self.machines.values()}
        machine.write("etc/corosync/corosync.conf", corosync_conf(NAME, nodes))
        hosts = "".join(f"{address} {name}\n" for name, address in nodes.items())
        machine.write("etc/hosts", f"127.0.0.1 localhost\n{hosts}")
        machine.write("etc/hostname", f"{machine.name}\n")
        machine.folder_of("root", "root", "var/lib/corosync", 0o755)
        machine.folder_of("root", "root", "var/log/corosync", 0o755)
        machine.folder_of("hacluster", "haclient", "var/log/pacemaker", 0o770)
        machine.write("etc/pacemaker/authkey", "a cluster's own key" * 16, group="haclient", mode=0o640)
        for name in ("cib", "pengine", "blackbox", "cores"):
            machine.folder_of("hacluster", "haclient", f"var/lib/pacemaker/{name}")
        alert = _documented(ALERT).replace("<meta_attributes", f"{SELECT}<meta_attributes", 1)
        text = cib(f"pacemaker-{self._schema()}", alert)
        machine.write("var/lib/pacemaker/cib/cib.xml", text, owner="hacluster", group="haclient", mode=0o600)

    def _schema(self):
        """The newest that every node's release knows."""
        return min(max(_versions(one.lower / "usr/share/pacemaker"), key=_numbers) for one in self.machines.values())

    def add_guest_node(self, name):
        """A machine beside the others that plays the inside of a guest. It is a node, and runs nothing of ours."""
        machine = Machine(self.home, self.networks, 50, "host", name)
        machine.install("usr/sbin/pacemaker-remoted", ROOT / ".debian/cluster-remote/usr/sbin/pacemaker-remoted")
        machine.write("etc/pacemaker/authkey", "a cluster's own key" * 16, group="haclient", mode=0o640)
        machine.folder_of("hacluster", "haclient", "var/log/pacemaker", 0o770)
        machine.boots = ["remote"]
        self.inside = machine
        machine.on()
        return machine

    # --- the bridge, and what it tells

    def serve(self):
        with (self.home / "bridge.log").open("ab") as log:
            command = [sys.executable, "-m", "bridge", "serve", "-c", str(self.config)]
            self.bridge = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        eventually((self.folder / "control.sock").exists, 30, "the bridge serves")

    def kill_bridge(self):
        self.bridge.kill()
        self.bridge.wait(20)
        (self.folder / "control.sock").unlink(missing_ok=True)

    def ask(self, *words):
        command = [sys.executable, "-m", "bridge", *words, "--json", "-c", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def status(self):
        return self.ask("status")

    def missed(self):
        """Relays that were heard, and have kept silent for so long that they are called silent."""
        return {edge["node"] for edge in self.status()["edges"] if edge["silent"]}

    def silent(self):
        """Relays that are not heard."""
        heard = {edge["node"] for edge in self.status()["edges"] if edge["last_heard_at"] and not edge["silent"]}
        return set(self.machines) - heard

    def board(self):
        """What Opsview shows: (state, text, whether in downtime) by (host, service)."""
        with self.opsview.lock:
            self.opsview.settle()
            now, world = self.opsview.now, self.opsview.world
            return {
                thing.key: (thing.word, thing.output, world.in_downtime(thing, now) == 2)
                for thing in world.things.values()
                if thing.service and thing.updated_at
            }

    def rings(self):
        """What woke somebody, in its order: not what goes on, or ends, in the thread of something that rang."""
        mails = [mail.message for mail in list(self.rules.mails)]
        return [Ring.of(mail) for mail in mails if str(mail["X-Quorumbell-Notice"]).split()[0] in RINGS]

    def open(self):
        return [one for one in self.status()["incidents"] if one["state"] != "clearing" and not one["planned"]]

    # --- whether it is true

    def contradictions(self):
        relays = {name for name, machine in self.machines.items() if machine.runs("bridge.node.relay")}
        pictures = self.cluster.pictures()
        board = {place: Shown(*shown) for place, shown in self.board().items()}
        return contradictions(pictures, self.status(), board, NAME, relays)

    def agree(self, seconds=20):
        """What crm_mon says and what is shown and told are the same within 20 seconds of rest; one moment of agreement is chance.
        A look that takes longer than it should is this machine's slowness, and does not count."""
        deadline, calm = time.monotonic() + seconds, 0
        while calm < 2:
            began = time.monotonic()
            found = self.contradictions()
            calm = 0 if found else calm + 1
            assert not found or began < deadline, "\n".join(["crm_mon contradicts what is shown and told:", *found])
            deadline += max(0.0, time.monotonic() - began - LOOK_TAKES)
            time.sleep(1)

    # --- the end

    def stop(self):
        self.switch.close()
        for machine in [*self.machines.values(), *([self.inside] if self.inside else [])]:
            machine.off()
        if self.bridge is not None and self.bridge.poll() is None:
            self.bridge.send_signal(signal.SIGTERM)
            self.bridge.wait(30)
        self.opsview.stop()
        self.mail.__exit__()
        self.networks.close()


def _documented(what):
    found = what.search((ROOT / "docs/hook.md").read_text())
    assert found, f"docs/hook.md does not hold {what.pattern}"
    return found[1]


def _copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _versions(folder):
    return [found[1] for path in folder.iterdir() if (found := re.fullmatch(r"pacemaker-(\d+\.\d+)\.rng", path.name))]


def _numbers(version):
    return tuple(map(int, version.split(".")))
