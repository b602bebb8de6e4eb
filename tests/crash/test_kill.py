"""Relay and bridge are killed with -9 at random moments, under two thousand real hooks. What a hook was promised is stored once."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from bridge.wire.keys import enrol, make_bridge_keys, make_node_keys
from tests.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
HOOK = ROOT / "alert_scripts" / "quorumbell-alert"
HOOKS = 2000
AT_ONCE = 6

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]


class Site:
    """A node with a relay, and a bridge: processes that are killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        port = free_port()
        bridge, node = make_bridge_keys(str(home / "keys")), make_node_keys(str(home / "n1"))
        enrol(str(home / "allowed.d"), node.public, "alpha", "n1")
        (home / "relay.conf").write_text(
            f"base = {home}/base\nbridge = tcp://127.0.0.1:{port}\nkey = {node.secret}\nbridge_key = {bridge.public}\nnode = n1\nballast_mib = 0\ndrbd = off\n"
        )
        (home / "quorumbell.toml").write_text(
            f'[bridge]\nledger = "sqlite:///{home}/ledger.db"\nlisten = ["tcp://127.0.0.1:{port}"]\nkeys = "{home}/keys"\n'
            f'allowed = "{home}/allowed.d"\ncontrol = "{home}/control.sock"\n'
        )
        self.commands = {
            "bridge": ["-m", "bridge", "serve", "-c", str(home / "quorumbell.toml")],
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
        with closing(sqlite3.connect(self.home / "ledger.db", timeout=30)) as ledger:
            rows = ledger.execute("select body from report where source = 'pacemaker'").fetchall()
        return Counter(int(json.loads(body)["CRM_alert_node_sequence"]) for (body,) in rows)


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    for name in site.commands:
        site.start(name)
    until = time.monotonic() + 20
    while not ((tmp_path / "base/run/hook.sock").exists() and (tmp_path / "control.sock").exists()):
        assert time.monotonic() < until, (tmp_path / "relay.log").read_text()
        time.sleep(0.05)
    yield site
    for process in site.running.values():
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_what_a_hook_was_promised_is_stored_exactly_once(site):
    chance = random.Random(int(os.environ.get("QUORUMBELL_SEED", "7")))
    promised, running = set(), {}
    started, kills, kill_at = 0, Counter(), 100
    while started < HOOKS or running:
        while len(running) < AT_ONCE and started < HOOKS:
            started += 1
            running[site.hook(started)] = started
        pid, status = os.waitpid(-1, os.WNOHANG) if running else (0, 0)
        if pid in running:
            number = running.pop(pid)
            if status == 0:
                promised.add(number)
        elif not pid:
            time.sleep(0.001)
        if started > kill_at:  # by hooks, not by seconds: as often on a fast machine as on a slow one
            name = chance.choice(["relay", "bridge"])
            site.kill(name)
            site.start(name)
            kills[name] += 1
            kill_at = started + chance.randint(50, 250)
    until = time.monotonic() + 60
    while promised - set(site.stored()) and time.monotonic() < until:
        time.sleep(0.5)
    stored = site.stored()
    print(f"{started} hooks, {len(promised)} exited 0, killed {dict(kills)}, stored {sum(stored.values())}")
    assert len(promised) > HOOKS * 0.9
    assert kills["relay"] > 1
    assert kills["bridge"] > 1
    assert promised - set(stored) == set(), "promised, and not stored"
    assert [number for number, times in stored.items() if times > 1] == [], "stored twice"
