"""A node and a bridge as processes, with everybody who can be told: a mailbox, a chat, a board."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import closing

from bridge.ledger.ledger import Ledger
from examples.mail_sink import MailSink
from tests.commanding import typed
from tests.crash.site import HOOK, ROOT, Site
from tests.missing import missing
from tests.servers.mattermost import Mattermost
from tests.servers.opsview import OPERATOR, Opsview
from tests.waiting import eventually

HOST, BOARD = "bellhost", "Quorumbell drill"


class Everybody:
    """`stack` closes what is opened here."""

    def __init__(self, stack):
        self.mails = []
        self.sink = stack.enter_context(MailSink(self.mails.append))
        self.chat = stack.enter_context(Mattermost())
        self.token = self.chat.add_bot()
        self.channel = self.chat.add_channel("alarms", self.token)
        self.board = stack.enter_context(Opsview())
        self.board.add_user("bell", "open sesame", rights=OPERATOR)
        self.board.provide(HOST, ["Quorumbell", BOARD], freshness=180)
        self.board.provide("alpha", ["Cluster"], freshness=1800)
        self.board.provide("drill-node", ["Cluster Node"], freshness=1800)

    def config(self, drill_service=f'drill_service = "{BOARD}"\n'):
        return (
            f'[correlation]\nclear_after = "5s"\n'
            f'[receivers.ops]\nkind = "mail"\nhost = "127.0.0.1"\nport = {self.sink.port}\nsecurity = "none"\n'
            'from = "q@e.org"\nto = ["a@e.org"]\n'
            f'[receivers.team]\nkind = "mattermost"\nurl = "{self.chat.url}"\ntoken = "{self.token}"\n'
            f'channel = "{self.channel}"\nlanguage = "de"\n'
            f'[receivers.noc]\nkind = "opsview"\nurl = "{self.board.url}"\nuser = "bell"\npassword = "open sesame"\n'
            f'own_host = "{HOST}"\nlook_every = "5s"\n{drill_service}'
        )

    def subjects(self):
        return [str(mail["Subject"]) for mail in self.mails]

    def posts(self):
        """As they stand in the room now."""
        return [one["message"] for one in self.chat.posts.values()]


class DrillSite(Site):
    """Its hooks lie in a folder of its own, which Pacemaker's user may read."""

    def __init__(self, home, more, ledger=""):
        super().__init__(home, ledger, more)
        self.before, self.code = {}, ROOT
        hooks = home / "hooks"
        hooks.mkdir()
        for hook in ("alert_scripts/quorumbell-alert", "handlers/quorumbell-drbd"):
            shutil.copy(ROOT / hook, hooks)
        with (home / "relay.conf").open("a") as conf:
            conf.write(f"hooks = {hooks}\n")

    def confine(self):
        """The relay is nobody, as its unit confines it; by the system's Python, which everybody may run."""
        if os.geteuid() != 0 or subprocess.run(["/usr/bin/python3", "-c", "import zmq"], capture_output=True).returncode:
            missing("needs root, and python3-zmq of the distribution")
        base = self.home / "base"
        base.mkdir()
        for one in (base, self.home / "n1", *(self.home / "n1").iterdir(), self.home / "relay.conf"):
            shutil.chown(one, "nobody")
        self.code = self.home / "code"  # nobody may not be let into the checkout
        unit, script = "packaging/quorumbell-relay.service", "tests/serve/confined.py"
        for one in ("bridge/__init__.py", "bridge/node", "bridge/wire", unit, script):
            place = self.code / one
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / one).is_dir() else shutil.copy
            copy(ROOT / one, place)
        confined = [str(self.code / script), str(self.code / unit), "/usr/bin/python3"]
        self.before["relay"] = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/bin/python3", *confined]

    def slow(self):
        """Each hook takes a second longer, so that there is a middle."""
        for hook in list((self.home / "hooks").iterdir()):
            real = hook.rename(hook.with_suffix(".real"))
            hook.write_text(f'#!/bin/sh\nsleep 1\nexec {real} "$@"\n')
            hook.chmod(0o755)

    def begin(self):
        super().begin()
        self.hears()
        return self

    def hears(self):
        """Waits until the relay has said hello to the bridge."""
        eventually(lambda: "n1: speaks" in self.drill("--from", "nobody")[1], 40)

    def command(self, *words):
        return typed(*words, "-c", str(self.home / "quorumbell.toml"))

    def drill(self, *words):
        """The exit code, and all of it as JSON."""
        done = self.command("drill", "--json", *words)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def drill_meanwhile(self, *words):
        asked = [sys.executable, "-m", "bridge", "drill", "--json", *words, "-c", str(self.home / "quorumbell.toml")]
        return subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)

    def call(self, **variables):
        """The real hook, unmarked."""
        at = time.time_ns() // 1000
        words = {"timestamp_epoch": str(at // 10**6), "timestamp_usec": str(at % 10**6), **variables}
        environ = {"PATH": "/usr/bin:/bin", "quorumbell_base": str(self.home / "base")}
        environ |= {f"CRM_alert_{name}": value for name, value in words.items()}
        assert subprocess.run([str(HOOK)], env=environ).returncode == 0

    def start(self, name):
        with (self.home / f"{name}.log").open("ab") as log:
            words = [*self.before.get(name, [sys.executable]), *self.commands[name]]
            self.running[name] = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.code if name in self.before else ROOT)

    def restart(self, name):
        self.kill(name)
        self.start(name)
        if name == "bridge":
            eventually((self.home / "control.sock").exists)
            self.hears()

    def log(self, name):
        return (self.home / f"{name}.log").read_text()

    def sources(self):
        with closing(Ledger.open(self.ledger, write=False)) as ledger:
            return [report.source for _, report in ledger.reports()]

    def known(self):
        """All that is open, was open, is shown, or is owed, in the ledger."""
        with closing(Ledger.open(self.ledger, write=False)) as ledger:
            return [
                *ledger.incidents(),
                *(one for one in ledger.conditions() if not one.subject.startswith("relay/")),
                *ledger.notices(),
            ]
