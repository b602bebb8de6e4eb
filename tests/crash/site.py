"""A node with a relay, and a bridge: processes that are killed and started again, under real hooks."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import psycopg

from bridge.wire.keys import enrol, make_bridge_keys, make_node_keys
from tests.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
HOOK = ROOT / "alert_scripts" / "quorumbell-alert"


class Site:
    """A node with a relay, and a bridge: processes that are killed and started again."""

    def __init__(self, home: Path, ledger: str = "", more: str = "", serve: tuple[str, ...] = ("-m", "bridge")) -> None:
        self.home = home
        self.ledger = ledger or f"sqlite:///{home}/ledger.db"
        port = free_port()
        bridge, node = make_bridge_keys(str(home / "keys")), make_node_keys(str(home / "n1"))
        enrol(str(home / "allowed.d"), node.public, "alpha", "n1")
        (home / "relay.conf").write_text(
            f"base = {home}/base\nbridge = tcp://127.0.0.1:{port}\nkey = {node.secret}\nbridge_key = {bridge.public}\nnode = n1\nballast_mib = 0\ndrbd = off\ncrm_mon = off\n"
        )
        (home / "quorumbell.toml").write_text(
            f'[bridge]\nledger = "{self.ledger}"\nlisten = ["tcp://127.0.0.1:{port}"]\nkeys = "{home}/keys"\n'
            f'allowed = "{home}/allowed.d"\ncontrol = "{home}/control.sock"\n{more}'
        )
        self.commands = {
            "bridge": [*serve, "serve", "-c", str(home / "quorumbell.toml")],
            "relay": ["-m", "bridge.node.relay", str(home / "relay.conf")],
        }
        self.running = {}

    def start(self, name: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen([sys.executable, *self.commands[name]], stdout=log, stderr=log, cwd=ROOT)

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()

    def hook(self, number: int) -> int:
        env = {
            "PATH": "/usr/bin:/bin",
            "quorumbell_base": str(self.home / "base"),
            "CRM_alert_kind": "resource",
            "CRM_alert_node": "n1",
            "CRM_alert_rsc": f"r{number % 7}",
            "CRM_alert_task": "monitor",
            "CRM_alert_interval": "1000",
            "CRM_alert_rc": "0",
            "CRM_alert_target_rc": "0",
            "CRM_alert_status": "0",
            "CRM_alert_desc": "ok",
            "CRM_alert_node_sequence": str(number),
        }
        return os.posix_spawn(str(HOOK), [str(HOOK)], env)

    def stored(self) -> Counter:
        asked = "select body from report where source = 'pacemaker'"
        on_file = self.ledger.startswith("sqlite")
        with closing(sqlite3.connect(self.home / "ledger.db", timeout=30) if on_file else psycopg.connect(self.ledger)) as ledger:
            rows = ledger.execute(asked).fetchall()
        return Counter(int(json.loads(body)["CRM_alert_node_sequence"]) for (body,) in rows)

    def begin(self) -> None:
        for name in self.commands:
            self.start(name)
        until = time.monotonic() + 40
        while not ((self.home / "base/run/hook.sock").exists() and (self.home / "control.sock").exists()):
            assert time.monotonic() < until, (self.home / "relay.log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
            process.wait(20)
