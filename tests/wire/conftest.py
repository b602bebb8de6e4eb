"""A node with a real relay process, and bridges: in a thread where a test talks to the intake, as a process where it dies."""

import os
import queue
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
import zmq

from bridge.intake.intake import Intake
from bridge.node.spool import write_file
from bridge.wire.body import boot_id, make_body, moment
from bridge.wire.keys import AllowList, enrol, load_secret, make_bridge_keys, make_node_keys
from tests import waiting
from tests.missing import missing
from tests.servers.ports import free_port
from tests.wire.stranger import Stranger

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def eventually(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> object:
    """What a relay is to do, it does sooner than a whole bridge starts."""
    return waiting.eventually(condition, seconds, what)


def report(src: str = "pacemaker", **fields) -> tuple[bytes, bytes]:
    return make_body(src, fields or {"CRM_alert_kind": "node", "CRM_alert_node": "n2"}, moment(boot_id()))


class Node:
    """A spool, its settings, and a relay that can be started, frozen and killed."""

    def __init__(self, base: Path, *, python: str = sys.executable) -> None:
        self.base = base
        self.python = python
        self.file = base / "relay.conf"
        self.log = base / "relay.log"
        self.process: subprocess.Popen[bytes] | None = None
        base.mkdir(parents=True, exist_ok=True)

    @property
    def new(self) -> Path:
        return self.base / "spool/pcmk/new"

    @property
    def bad(self) -> Path:
        return self.base / "spool/bad"

    def settings(self, *endpoints: str, cluster: str = "demo", node: str = "n1", **more: object) -> "Node":
        lines = [f"base = {self.base}", "ballast_mib = 0", f"cluster = {cluster}", f"node = {node}", "log = debug"]
        more.setdefault("drbd", "off")
        more.setdefault("crm_mon", "off")
        lines += [f"bridge = {endpoint}" for endpoint in endpoints] + [f"{key} = {value}" for key, value in more.items()]
        self.file.write_text("\n".join(lines) + "\n")
        return self

    def command(self) -> list[str]:
        return [self.python, "-m", "bridge.node.relay", str(self.file)]

    def start(self) -> "Node":
        before = self.said().count(" of node ")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=ROOT, stderr=log, stdout=log)
        eventually(lambda: self.said().count(" of node ") > before or self.process.poll() is not None, what="the relay starts")
        assert self.process.poll() is None, self.said()
        return self

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)

    def spool(self, uid: bytes, body: bytes, box: str = "pcmk") -> None:
        write_file(f"{self.base}/spool/{box}", uid, body)

    def put(self, number: int, **fields: object) -> set[bytes]:
        """So many reports, as hooks leave them when no relay runs."""
        made = [report(CRM_alert_kind="node", CRM_alert_node_sequence=str(index), **fields) for index in range(number)]
        for uid, body in made:
            self.spool(uid, body)
        return {uid for uid, _ in made}

    def knock(self, uid_body: tuple[bytes, bytes], wait: float = 0.0) -> bytes:
        """The hook's datagram; with `wait`, the answer that came in that time."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.bind("")
            line.settimeout(wait or None)
            line.sendto(uid_body[1], f"{self.base}/run/hook.sock")
            try:
                return line.recv(64) if wait else b""
            except TimeoutError:
                return b""

    def empty(self) -> bool:
        return not any(any((self.base / f"spool/{box}/new").iterdir()) for box in ("pcmk", "root"))


class Bridge(threading.Thread):
    """An intake in its own thread, which stores in a list. `acking` off: it commits and never says so."""

    def __init__(self, bind: list[str], keys=None, allowed=None, **more) -> None:
        super().__init__(daemon=True)
        self._make = lambda: Intake(bind, keys, AllowList(str(allowed)) if allowed else None, name="desk", **more)
        self.busy = threading.Lock()
        """Whoever holds it keeps the bridge from receiving."""
        self._orders: queue.Queue[tuple[Callable, Future]] = queue.Queue()
        self._ready: Future = Future()
        self.acking = True
        self.running = True
        self.arrivals = []
        self.spoiled = []
        self.start()
        self.endpoints = self._ready.result(10)

    @property
    def endpoint(self) -> str:
        return self.endpoints[0]

    def run(self) -> None:
        try:
            intake = self._make()
        except Exception as wrong:  # the test that started it shall see it
            self._ready.set_exception(wrong)
            return
        self._ready.set_result(intake.endpoints)
        poller = zmq.Poller()
        poller.register(intake.socket, zmq.POLLIN)
        while self.running:
            poller.poll(20)
            self._work(intake)
        intake.close()

    def _work(self, intake: Intake) -> None:
        with self.busy:
            drained = intake.drain()
        for arrival in drained.arrivals:
            if arrival.uid in self.uids():
                intake.repeated([arrival])
            self.arrivals.append(arrival)
        self.spoiled += drained.spoiled
        if self.acking:
            intake.acknowledge(drained.arrivals)
        while not self._orders.empty():
            order, answer = self._orders.get()
            answer.set_result(order(intake))

    def do(self, order: Callable[[Intake], object]):
        answer: Future = Future()
        self._orders.put((order, answer))
        return answer.result(10)

    def uids(self) -> list[bytes]:
        return [arrival.uid for arrival in self.arrivals]

    def has(self, uids: set[bytes]) -> bool:
        return uids <= set(self.uids())

    def close(self) -> None:
        self.running = False
        self.join(10)
        assert not self.is_alive()


class BridgeProcess:
    """A bridge that can be killed: intake → one SQLite transaction → acknowledgement."""

    def __init__(self, base: Path, port: int, *arguments: str) -> None:
        self.base = base
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self.database = base / "ledger.sqlite"
        self._command = [sys.executable, str(HERE / "bridge_process.py"), self.endpoint, str(self.database), *arguments]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "BridgeProcess":
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def stored(self) -> set[bytes]:
        if not self.database.exists():
            return set()
        connection = sqlite3.connect(self.database)
        try:
            return {bytes(uid) for (uid,) in connection.execute("SELECT uid FROM report")}
        finally:
            connection.close()


class Keys:
    """A bridge's keys, an allow-list, and as many nodes' keys as wanted."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.bridge = make_bridge_keys(str(base / "bridge"))
        self.allowed = base / "allowed"
        self.allowed.mkdir()
        self.pair = load_secret(self.bridge.secret)

    def node(self, name: str, *, cluster: str = "demo", enrolled: bool = True) -> dict[str, str]:
        made = make_node_keys(str(self.base / name))
        if enrolled:
            enrol(str(self.allowed), made.public, cluster, name)
        return {"key": made.secret, "bridge_key": self.bridge.public}


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.kill()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture
def make_node(tmp_path):
    made: list[Node] = []

    def make(name: str = "node", *, base: Path = tmp_path, **more) -> Node:
        made.append(Node(base / name, **more))
        return made[-1]

    yield make
    for node in made:
        _end(node.process)


@pytest.fixture
def node(make_node):
    return make_node()


@pytest.fixture
def make_bridge():
    made: list[Bridge] = []

    def make(keys: Keys | None = None, bind: str = "tcp://127.0.0.1:0", **more) -> Bridge:
        made.append(Bridge([bind], keys.pair if keys else None, keys.allowed if keys else None, **more))
        return made[-1]

    yield make
    for bridge in made:
        bridge.close()


@pytest.fixture
def make_bridge_process(tmp_path):
    made: list[BridgeProcess] = []

    def make(*arguments: str, port: int | None = None) -> BridgeProcess:
        made.append(BridgeProcess(tmp_path, port or free_port(), *arguments))
        return made[-1]

    yield make
    for bridge in made:
        _end(bridge.process)


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys")


@pytest.fixture
def prepared(node):
    """A node whose folders are there although no relay has run."""
    node.settings("tcp://127.0.0.1:9")
    from bridge.node import folders, settings

    folders.prepare(settings.load(str(node.file)))
    return node


@pytest.fixture
def wait():
    return eventually


@pytest.fixture
def make_report():
    return report


@pytest.fixture
def port():
    return free_port


@pytest.fixture
def chance():
    return random.Random(7)


@pytest.fixture
def python39():
    """An interpreter of the oldest kind of node, with pyzmq."""
    for name in ("QUORUMBELL_PYTHON39", "python3.9"):
        path = os.environ.get(name) or shutil.which(name)
        if (
            path
            and subprocess.run([path, "-c", "import sys, zmq; sys.exit(sys.version_info[:2] != (3, 9))"], check=False).returncode
            == 0
        ):
            return path
    return missing("no Python 3.9 with pyzmq: name one in QUORUMBELL_PYTHON39")


@pytest.fixture
def strangers():
    made: list[Stranger] = []

    def make(*where, **how) -> Stranger:
        made.append(Stranger(*where, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()
