"""What a report costs, and what the bridge takes, when one service has failed and been restarted for days: one incident, a million
reports, against ten thousand.

python -m benchmarks.long_story LEDGER COUNT MORE     # the one side of it
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec

from benchmarks.monitors import TEMPLATE
from benchmarks.size import commit
from bridge.core.line import Line
from bridge.core.world.event import Report
from bridge.core.world.settings import Settings
from bridge.ledger.ledger import Ledger
from bridge.rehearse.rehearse import bell
from bridge.serve.process import calm_the_collector

ROOT = Path(__file__).resolve().parent.parent
TURN = (("monitor", "7", "10000"), ("stop", "0", "0"), ("start", "0", "0"), ("monitor", "0", "10000"))
"""What Pacemaker tells of one failure and its restart: task, return code, interval."""
EVERY = timedelta(seconds=1.25)
SHORT, ROUNDS = 10_000, 5


def failures(numbers: range, size: int) -> Iterator[list[Report]]:
    for at in range(0, len(numbers), size):
        yield [_told(number) for number in numbers[at : at + size]]


def _told(number: int) -> Report:
    task, rc, interval = TURN[number % len(TURN)]
    at = TEMPLATE.received_at + number * EVERY
    body = TEMPLATE.body | {
        "CRM_alert_rsc": "web",
        "CRM_alert_task": task,
        "CRM_alert_interval": interval,
        "CRM_alert_rc": rc,
        "CRM_alert_timestamp_epoch": str(int(at.timestamp())),
        "CRM_alert_timestamp_usec": f"{at.microsecond:06d}",
        "CRM_alert_node_sequence": str(number),
    }
    return msgspec.structs.replace(TEMPLATE, body=body, received_at=at, uid=number.to_bytes(16, "big"))


def serve(url: str, count: int, more: int) -> None:
    """Tells COUNT reports; then, for each line that is read, so many more, and says what a report of these cost."""
    line = Line(Settings(), bell(), in_place=frozenset({"bell"}))
    told = count
    with closing(Ledger.open(url)) as ledger:
        calm_the_collector()
        for batch in failures(range(1, count + 1), 256):
            commit(ledger, line, batch)
        print(flush=True)
        for _ in sys.stdin:
            began = time.process_time()
            for batch in failures(range(told + 1, told + more + 1), 64):
                commit(ledger, line, batch)
            print((time.process_time() - began) / more, flush=True)
            told += more
        (incident,) = [one for _, one in ledger.incidents() if one.absorbed_into is None]
    peak = next(int(row.split()[1]) for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM"))
    row = len(msgspec.json.encode(incident))
    print(json.dumps({"peak_mib": peak / 1024, "row": row, "failures": int(incident.facts["failures"])}))


class Bridge:
    """In a process of its own, so that the memory is that of a bridge with this story."""

    def __init__(self, home: Path, count: int, more: int) -> None:
        command = [sys.executable, "-m", "benchmarks.long_story", f"sqlite:///{home}/ledger-{count}.db", str(count), str(more)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.costs: list[float] = []
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def go_on(self) -> None:
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        self.costs.append(float(self._answer()))

    def end(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.close()
        found = json.loads(self._answer()) | {"cost": statistics.median(self.costs)}
        self._process.wait()
        return found


def long_story(home: Path, reports: int, more: int = 3000) -> None:
    home.mkdir()
    print("\n## one incident, understood and committed (SQLite, FULL), 64 reports a commit\n")
    print(
        "| reports before | failures told | CPU µs a report | ratio | memory MiB | ratio | bytes of its row |\n|---|---|---|---|---|---|---|"
    )
    bridges = {size: Bridge(home, size, more) for size in (SHORT, reports)}
    for _ in range(ROUNDS):  # in turn: the machine's noise meets both alike
        for bridge in bridges.values():
            bridge.go_on()
    found = {size: bridge.end() for size, bridge in bridges.items()}
    floor = found[SHORT]
    for size, one in found.items():
        cost, memory = one["cost"] / floor["cost"], one["peak_mib"] / floor["peak_mib"]
        print(
            f"| {size:,} | {one['failures']:,} | {one['cost'] * 1e6:.1f} | {cost:.2f} | {one['peak_mib']:.0f} | {memory:.2f} |"
            f" {one['row']:,} |"
        )
    print("\nBound: cost and memory at most 1.2 of those after ten thousand reports.")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
