"""A node and a bridge as processes, with everybody who can be told: a mailbox, a chat, an Opsview."""

import subprocess
import sys

from examples.mail_sink import MailSink
from tests.crash.site import ROOT, Site
from tests.servers.mattermost import Mattermost
from tests.servers.opsview import OPERATOR, Opsview

HOST = "bellhost"


class Everybody:
    def __init__(self, stack):
        self.mails = []
        self.sink = stack.enter_context(MailSink(self.mails.append))
        self.chat = stack.enter_context(Mattermost())
        token = self.chat.add_bot()
        channel = self.chat.add_channel("alarms", token)
        self.board = stack.enter_context(Opsview())
        self.board.add_user("bell", "open sesame", rights=OPERATOR)
        self.board.provide(HOST, ["Quorumbell", "Quorumbell drill"], freshness=180)
        self.config = f"""
[receivers.ops]
kind = "mail"
host = "127.0.0.1"
port = {self.sink.port}
security = "none"
from = "q@e.org"
to = ["a@e.org"]

[receivers.team]
kind = "mattermost"
url = "{self.chat.url}"
token = "{token}"
channel = "{channel}"
language = "de"

[receivers.noc]
kind = "opsview"
url = "{self.board.url}"
user = "bell"
password = "open sesame"
own_host = "{HOST}"
drill_service = "Quorumbell drill"
"""


class DrillSite(Site):
    def __init__(self, home, more, ledger=""):
        super().__init__(home, ledger, more)
        hooks = home / "hooks"
        hooks.mkdir()
        (hooks / "quorumbell-alert").symlink_to(ROOT / "alert_scripts/quorumbell-alert")
        (hooks / "quorumbell-drbd").symlink_to(ROOT / "handlers/quorumbell-drbd")
        with (home / "relay.conf").open("a") as conf:
            conf.write(f"hooks = {hooks}\n")

    def command(self, *words):
        made = [sys.executable, "-m", "bridge", *words, "-c", str(self.home / "quorumbell.toml")]
        return subprocess.run(made, capture_output=True, text=True, cwd=ROOT, timeout=120)
