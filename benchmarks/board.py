"""How fast a board becomes true: every service changes at once, against plain requests to the same server on a kept connection."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from bridge.config.receivers import Receiver
from bridge.core.line import Line
from bridge.core.showing.life import Life
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, Subject
from bridge.core.world.settings import Settings as Core
from bridge.ledger.ledger import Commit, Ledger
from bridge.receivers.opsview.board import Opsview, Settings
from bridge.secret import Secret
from bridge.serve.boards import Boards
from bridge.serve.telemetry import Metrics

ROOT = Path(__file__).resolve().parent.parent
USER, PASSWORD = "admin", "initial"


def updates(home: Path, services: int) -> None:
    """Prints updates a second, both ways."""
    home.mkdir(parents=True, exist_ok=True)
    names = [f"Resource: r{number}" for number in range(services)]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.opsview", "--user", USER, f"ha1={','.join(names)}", "own=Quorumbell"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        url = server.stdout.readline().split()[3].removesuffix("/rest")
        plain = plainly(url, names)
        taken, shown = through_the_bridge(home, url, services)
    finally:
        server.terminate()
        server.wait(10)
    print("\n## board\n\n| | updates a second | ratio |\n|---|---|---|")
    print(f"| plain requests, one connection | {plain:.0f} | 1 |")
    print(f"| {services} services change at once: taken | {taken:.0f} | {taken / plain:.2f} |")
    print(f"| … and each read back and seen | {shown:.0f} | {shown / plain:.2f} |", flush=True)


def plainly(url: str, names: list[str]) -> float:
    with requests.Session() as session:
        token = session.post(f"{url}/rest/login", json={"username": USER, "password": PASSWORD}).json()["token"]
        session.headers.update({"X-Opsview-Username": USER, "X-Opsview-Token": token})
        began = time.perf_counter()
        for name in names:
            params = {"hostname": "ha1", "servicename": name}
            told = session.post(f"{url}/rest/detail", params=params, json={"set_state": {"result": 0, "output": "OK"}})
            assert told.json() == {"success": "1"}, told.text
        return len(names) / (time.perf_counter() - began)


def through_the_bridge(home: Path, url: str, services: int) -> tuple[float, float]:
    """Updates a second until the board has taken all, and until it was seen to show all."""
    settings = Settings(
        url=url, user=USER, password=Secret.literal(PASSWORD), own_host="own", look_every=timedelta(seconds=5), feedback=False
    )
    receiver = Receiver(name="noc", kind="opsview", language="en", board=True, settings=settings, factory=Opsview)
    woken = threading.Event()
    with closing(Ledger.open(f"sqlite:///{home}/ledger.db")) as ledger:
        boards = Boards({"noc": receiver}, ledger, Line(Core(), ()), Metrics(), now(), woken.set)
        began, at = time.perf_counter(), now()
        conditions = [
            Condition(
                cluster="ha1", subject=Subject(f"resource/r{number}"), severity=Severity.CRITICAL, since=at, why="it is down"
            )
            for number in range(services)
        ]
        commit = Commit(now=at, conditions=conditions)
        boards.committed(commit, ledger.commit(commit))
        taken_after = turn_until(boards, woken, {Life.TAKEN, Life.TRUE}) - began
        shown_after = turn_until(boards, woken, {Life.TRUE}) - began
        boards.close(now())
    return services / taken_after, services / shown_after


def turn_until(boards: Boards, woken: threading.Event, lives: set[Life]) -> float:
    while True:
        woken.clear()
        boards.turn(now())
        if set(boards.lives("noc")) <= lives:
            return time.perf_counter()
        woken.wait(0.2)


def now() -> datetime:
    return datetime.now(UTC)
