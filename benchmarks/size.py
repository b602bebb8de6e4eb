"""What a report costs when the ledger is large: a million reports stored, ten thousand incidents open, against an empty one.

python -m benchmarks.size LEDGER COUNT     # understands and commits COUNT reports, prints µs a report and the memory
"""

import json
import statistics
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

from benchmarks.monitors import SETTLED, batches
from bridge.core.line import Line
from bridge.core.world.settings import Settings
from bridge.ledger.ledger import Ledger
from bridge.rehearse.rehearse import bell
from bridge.serve.process import calm_the_collector
from bridge.serve.recall import restore
from bridge.serve.writer import commit_of, stored

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5


def commit(ledger: Ledger, line: Line, batch: list) -> None:
    """What the writer does with what has come."""
    now: datetime = batch[-1].received_at
    outcome = line.take(batch, now)
    reports = [stored(report, json.dumps(dict(report.body)).encode(), outcome) for report in batch]
    ledger.commit(commit_of(reports, outcome, now, line.correlator.checkpoint()))


def fill(home: Path, reports: int, incidents: int) -> str:
    """A ledger as it is after a long time: made through the same door, in large commits."""
    url = f"sqlite:///{home}/ledger-{reports}.db"
    line = Line(Settings(), bell())
    with closing(Ledger.open(url)) as ledger:
        for batch in batches(range(incidents), 2000, bad=True):
            commit(ledger, line, batch)
        for batch in batches(range(SETTLED, SETTLED + reports - incidents), 2000, bad=False):
            commit(ledger, line, batch)
    return url


def measure(url: str, count: int) -> None:
    """In a process of its own, so that the memory is that of a bridge with this ledger."""
    line = Line(Settings(), bell())
    with closing(Ledger.open(url)) as ledger:
        restore(line, ledger)
        calm_the_collector()
        begin = SETTLED + (2 << 30) + int(time.time())  # after everything that is stored
        cost = []
        for turn in range(ROUNDS):
            began = time.process_time()
            span = range(begin + turn * count, begin + (turn + 1) * count)
            for batch in batches(span, 64, bad=False):
                commit(ledger, line, batch)
            cost.append((time.process_time() - began) / count)
    peak = next(int(row.split()[1]) for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM"))
    print(json.dumps({"cost": statistics.median(cost), "peak_mib": peak / 1024}))


def compare(home: Path, reports: int, count: int) -> None:
    home.mkdir()
    sizes = {0: fill(home, 0, 0), reports: fill(home, reports, 10_000)}
    print("\n## a large ledger: understood and committed (SQLite, FULL), 64 reports a commit\n")
    print("| reports stored | incidents open | CPU µs a report | ratio | memory MiB |\n|---|---|---|---|---|")
    took: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(3):  # in turn: the machine's noise meets both alike
        for size, url in sizes.items():
            run = subprocess.run(
                [sys.executable, "-m", "benchmarks.size", url, str(count)], cwd=ROOT, check=True, capture_output=True, text=True
            )
            took[size].append(json.loads(run.stdout))
    floor = statistics.median(one["cost"] for one in took[0])
    for size, runs in took.items():
        cost = statistics.median(one["cost"] for one in runs)
        peak = max(one["peak_mib"] for one in runs)
        print(f"| {size:,} | {10_000 if size else 0:,} | {cost * 1e6:.1f} | {cost / floor:.2f} | {peak:.0f} |")
    print("\nBound: at most 1.2 of the cost when empty; at most 120 MB of memory.")


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]))
