"""The page with ten thousand open incidents, beside Alertmanager's answer with as many alerts; and what open pages cost the bridge.

python -m benchmarks.page     # Alertmanager is measured where its program is found: Debian's package prometheus-alertmanager
"""

import http.client
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.size import fill

ROOT: Final = Path(__file__).resolve().parent.parent
OPEN: Final = 10_000
PAGES: Final = 200
PASSWORD: Final = "a bench needs a password, too"
AT_A_TIME: Final = 8
AT_ONCE: Final = 500
"""Alerts in one POST."""


def page(home: Path, runs: int = 100, seconds: float = 20.0) -> None:
    home.mkdir()
    ours = Ours(home)
    try:
        first, size = first_byte(ours.port, "/", ours.headers, runs)
        memory = _memory(ours.page.pid)
        alone, none_open, watched = _cost(ours, seconds)
        with_pages = _memory(ours.page.pid)
        after = _after(ours)
    finally:
        ours.stop()
    theirs = _alertmanager(home, runs)
    print(
        f"\n## the page, {OPEN:,} incidents open\n\n| | the page | Alertmanager, as many alerts | ratio |\n|---|---|---|---|",
        flush=True,
    )
    if theirs is None:
        print(f"| first byte, p50 | {first * 1e3:.1f} ms | not measured: prometheus-alertmanager is not here | |")
        print(f"| bytes | {size:,} | | |")
    else:
        print(f"| first byte, p50 | {first * 1e3:.1f} ms | {theirs[0] * 1e3:.1f} ms | {first / theirs[0]:.3f} |")
        print(f"| bytes | {size:,} | {theirs[1]:,} | {size / theirs[1]:.4f} |")
    print(f"| memory | {memory:.0f} MB; {with_pages:.0f} MB with {PAGES} open pages; then, after {after} | | |")
    print(
        f"| the bridge, CPU of a core: no page process; none open; {PAGES} open | {alone:.2f} %; {none_open:.2f} %; {watched:.2f} % | | |"
    )
    print("\nBound: a tenth of Alertmanager's, 80 MB, and nothing that can be measured of the bridge.")


class Ours:
    """A bridge with that ledger, its page, and somebody who has logged in."""

    def __init__(self, home: Path) -> None:
        url = fill(home, OPEN, OPEN)
        self.port = free_port()
        config = home / "q.toml"
        config.write_text(
            f'[bridge]\nledger = "{url}"\ncontrol = "{home}/control.sock"\nlisten = []\n'
            f'listen_plain = ["tcp://127.0.0.1:{free_port()}"]\n[page]\nlisten = "127.0.0.1:{self.port}"\n'
        )
        command = [sys.executable, "-m", "bridge"]
        user = [*command, "user", "add", "bench", "--role", "operator", "--password-stdin", "-c", str(config)]
        subprocess.run(user, input=f"{PASSWORD}\n", text=True, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        with (home / "log").open("wb") as log:
            self.bridge, self.page = (
                subprocess.Popen([*command, word, "-c", str(config)], cwd=ROOT, stdout=log, stderr=log)
                for word in ("serve", "page")
            )
        _until(lambda: (home / "control.sock").exists() and _answers(self.port))
        self.headers = {"Cookie": self.log_in()}
        _until(lambda: "10,000" in _get(self.port, "/", self.headers)[1])

    def log_in(self) -> str:
        cookie, text = _get(self.port, "/login", {})
        word = re.search(r'name="csrf" value="([^"]+)"', text)
        fields = {"csrf": word[1] if word else "", "back": "/", "name": "bench", "password": PASSWORD}
        headers = {
            "Cookie": cookie,
            "Origin": f"http://127.0.0.1:{self.port}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        way = http.client.HTTPConnection("127.0.0.1", self.port)
        way.request("POST", "/login", urlencode(fields), headers)
        answer = way.getresponse()
        answer.read()
        return _cookie(answer) or cookie

    def stop(self) -> None:
        for process in (self.page, self.bridge):
            process.terminate()
        for process in (self.page, self.bridge):
            process.wait(20)


def first_byte(port: int, path: str, headers: dict[str, str], runs: int) -> tuple[float, int]:
    """The median time to the first byte of the body, in seconds, on a connection that stays; and how many bytes there are."""
    way = http.client.HTTPConnection("127.0.0.1", port)
    took, size = [], 0
    for _ in range(runs):
        began = time.perf_counter()
        way.request("GET", path, headers=headers)
        answer = way.getresponse()
        first = answer.read(1)
        took.append(time.perf_counter() - began)
        size = len(first + answer.read())
    way.close()
    return statistics.median(took), size


def _cost(ours: Ours, seconds: float) -> tuple[float, float, float]:
    """What the bridge takes of a core, in percent: with the page stopped, with none open, and with so many that hear of changes."""
    time.sleep(10)  # the bridge has only just begun
    none_open = _share(ours.bridge.pid, seconds)
    streams = []
    for _ in range(PAGES):
        way = http.client.HTTPConnection("127.0.0.1", ours.port)
        way.request("GET", "/live", headers=ours.headers)
        streams.append(way)
    time.sleep(2)
    watched = _share(ours.bridge.pid, seconds)
    for way in streams:
        way.close()
    ours.page.send_signal(19)  # SIGSTOP
    alone = _share(ours.bridge.pid, seconds)
    ours.page.send_signal(18)  # SIGCONT
    return alone, none_open, watched


def _after(ours: Ours) -> str:
    """What the page holds some seconds after each of what takes most for a moment."""
    said = []
    for what, do in (
        (f"{AT_A_TIME} histories at once", lambda: _get(ours.port, "/history", ours.headers)),
        (f"{AT_A_TIME} logins at once", ours.log_in),
    ):
        askers = [threading.Thread(target=do) for _ in range(AT_A_TIME)]
        for one in askers:
            one.start()
        for one in askers:
            one.join()
        time.sleep(3)
        said.append(f"{what} {_memory(ours.page.pid):.0f} MB")
    return ", ".join(said)


def _alertmanager(home: Path, runs: int) -> tuple[float, int] | None:
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        return None
    port = free_port()
    (home / "am.yml").write_text("route:\n  receiver: none\nreceivers:\n  - name: none\n")
    command = [program, f"--config.file={home}/am.yml", f"--storage.path={home}/am", "--cluster.listen-address="]
    with (home / "am.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        _until(lambda: _answers(port))
        for start in range(0, OPEN, AT_ONCE):
            _post(port, [_alert(number) for number in range(start, start + AT_ONCE)])
        _until(lambda: _get(port, "/api/v2/alerts", {})[1].count('"fingerprint"') == OPEN)
        return first_byte(port, "/api/v2/alerts", {}, max(5, runs // 5))
    finally:
        process.terminate()
        process.wait(20)


def _alert(number: int) -> dict[str, Any]:
    labels = {"alertname": "resource-failure", "cluster": "bench", "resource": f"r{number}", "severity": "critical"}
    words = {"summary": f"Resource r{number} failed.", "description": "monitor on n1: not running"}
    return {"labels": labels, "annotations": words, "startsAt": datetime.now(UTC).isoformat()}


def _post(port: int, alerts: list[dict[str, Any]]) -> None:
    way = http.client.HTTPConnection("127.0.0.1", port)
    way.request("POST", "/api/v2/alerts", json.dumps(alerts), {"Content-Type": "application/json"})
    if way.getresponse().status != 200:
        sys.exit("Alertmanager does not take alerts")
    way.close()


def _get(port: int, path: str, headers: dict[str, str]) -> tuple[str, str]:
    """Its cookie, and its text."""
    way = http.client.HTTPConnection("127.0.0.1", port)
    way.request("GET", path, headers=headers)
    answer = way.getresponse()
    text = answer.read().decode()
    way.close()
    return _cookie(answer), text


def _cookie(answer: http.client.HTTPResponse) -> str:
    return "; ".join(one.partition(";")[0] for one in answer.headers.get_all("set-cookie", []))


def _share(pid: int, seconds: float) -> float:
    before = _spent(pid)
    time.sleep(seconds)
    return (_spent(pid) - before) / seconds * 100


def _spent(pid: int) -> float:
    """Seconds of CPU of all its threads. (proc(5), schedstat)"""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def _memory(pid: int) -> float:
    """Resident, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(condition: Any, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            sys.exit("it did not come up")
        time.sleep(0.1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="quorumbell-bench-") as place:
        page(Path(place) / "page")
