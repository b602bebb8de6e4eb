"""A bridge and a relay as processes, with keys: what the measurements talk to."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import zmq

from bridge.wire.body import boot_id, make_body, moment
from bridge.wire.keys import enrol, load_public, load_secret, make_bridge_keys, make_node_keys

ROOT = Path(__file__).resolve().parent.parent


class Site:
    def __init__(self, home: Path, more: str = "") -> None:
        """`more` goes into the bridge's config."""
        home.mkdir()
        self._more = more
        self.home, self.base = home, home / "base"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.endpoint = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        self.bridge_keys = make_bridge_keys(str(home / "keys"))
        self.node_keys = {name: make_node_keys(str(home / name)) for name in ("n1", "n2")}
        for name, keys in self.node_keys.items():
            enrol(str(home / "allowed.d"), keys.public, "bench", name)
        self._write_settings()
        self.processes = [
            self._start("bridge", "-m", "bridge", "serve", "-c", str(home / "quorumbell.toml")),
            self._start("relay", "-m", "bridge.node.relay", str(home / "relay.conf")),
        ]
        self.relay = self.processes[1]
        self._wait()
        self._door = self._make_door()

    def send_one(self) -> float:
        """Seconds from a datagram to the word that the ledger has it."""
        return self.send({"CRM_alert_kind": "node", "CRM_alert_node": "n9"})

    def send(self, fields: dict[str, str]) -> float:
        _, body = make_body("pacemaker", fields, moment(boot_id()))
        began = time.monotonic()
        self._door.sendto(body, str(self.base / "run/hook.sock"))
        self._door.recv(64)
        return time.monotonic() - began

    def dealer(self, name: str) -> "zmq.Socket[bytes]":
        keys = load_secret(self.node_keys[name].secret)
        peer = zmq.Context.instance().socket(zmq.DEALER)
        peer.linger = 0
        peer.curve_publickey, peer.curve_secretkey = keys.public, keys.secret
        peer.curve_serverkey = load_public(self.bridge_keys.public)
        peer.connect(self.endpoint)
        return peer

    def stop(self) -> None:
        self._door.close()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)

    def _write_settings(self) -> None:
        node = self.node_keys["n1"]
        (self.home / "relay.conf").write_text(
            f"base = {self.base}\nbridge = {self.endpoint}\nkey = {node.secret}\nbridge_key = {self.bridge_keys.public}\nnode = n1\nballast_mib = 0\ndrbd = off\ncrm_mon = off\n"
        )
        (self.home / "quorumbell.toml").write_text(
            f'[bridge]\nledger = "sqlite:///{self.home}/ledger.db"\nlisten = ["{self.endpoint}"]\nkeys = "{self.home}/keys"\n'
            f'allowed = "{self.home}/allowed.d"\ncontrol = "{self.home}/control.sock"\nlog_level = "warning"\n{self._more}'
        )

    def _start(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.home / f"{name}.log").open("wb") as log:
            return subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, cwd=ROOT)

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while not ((self.base / "run/hook.sock").exists() and (self.home / "control.sock").exists()):
            if time.monotonic() > until:
                sys.exit((self.home / "bridge.log").read_text() + (self.home / "relay.log").read_text())
            time.sleep(0.05)
        time.sleep(1)

    def _make_door(self) -> socket.socket:
        door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        door.bind(f"\0quorumbell-bench-{os.getpid()}")
        door.settimeout(10)
        return door
