"""How long a restart takes with a million reports stored, all of them within the last hour or long ago; READY=1 is the end of it.

python -m benchmarks.start [--before CHECKOUT] [COUNT]     # with the version of another checkout beside it, in the same run
"""

import argparse
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
OPEN: Final = 10_000
"""Incidents that are open."""
FRESH: Final = 50_000
"""The newest reports, which a restart may have to understand again, stay where they are when the others are spread."""
LONG_AGO_US: Final = 30 * 86_400 * 1_000_000
PATIENCE: Final = 900.0
FILL: Final = (
    "import sys; from pathlib import Path; from benchmarks.size import fill; fill(Path(sys.argv[1]), *map(int, sys.argv[2:]))"
)


class Took(NamedTuple):
    wall: float
    cpu: float


def compare(home: Path, count: int, before: Path | None) -> None:
    """Each version fills a ledger of its own; then all are started in turn."""
    sides = {"now": ROOT} | ({"before": before} if before else {})
    took: dict[str, dict[str, Took]] = {}
    for name, side in sides.items():
        for reports, incidents in ((0, 0), (count, OPEN)):
            place = home / name / str(reports)
            place.mkdir(parents=True)
            subprocess.run([sys.executable, "-c", FILL, place, str(reports), str(incidents)], cwd=side, check=True)
        empty, full = home / name / "0/ledger-0.db", home / name / str(count) / f"ledger-{count}.db"
        runs = 1 if name == "before" else 3
        took[name] = {"none": _median(side, empty, runs), "all within the hour": _median(side, full, runs)}
        _spread(full)
        took[name]["all but the newest a month ago"] = _median(side, full, runs)
    _show(count, took)


def _show(count: int, took: dict[str, dict[str, Took]]) -> None:
    print(f"\n## start: from exec to READY=1, {count:,} reports stored, {OPEN:,} incidents open (SQLite)\n")
    print("| reports | version | s | CPU s | CPU ratio to none | CPU ratio to now |\n|---|---|---|---|---|---|")
    for kind, ours in took["now"].items():
        for name, of in took.items():
            one, floor = of[kind], of["none"]
            print(f"| {kind} | {name} | {one.wall:.2f} | {one.cpu:.2f} | {one.cpu / floor.cpu:.1f} | {one.cpu / ours.cpu:.1f} |")
    print("\nBound: 3 s, whatever the hour held.")


def _spread(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as database, database:
        back = "received_at = received_at - :back, at = at - :back"
        which = "seq <= (SELECT max(seq) FROM report) - :fresh"
        database.execute(f"UPDATE report SET {back} WHERE {which}", {"back": LONG_AGO_US, "fresh": FRESH})


def _median(side: Path, ledger: Path, runs: int) -> Took:
    wall, cpu = zip(*(_start(side, ledger) for _ in range(runs)), strict=True)
    return Took(statistics.median(wall), statistics.median(cpu))


def _start(side: Path, ledger: Path) -> Took:
    """Until the bridge is ready; on a copy, since it goes on from there."""
    with tempfile.TemporaryDirectory(prefix="quorumbell-start-", dir=ledger.parent) as home:
        shutil.copy(ledger, Path(home) / "ledger.db")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        config = Path(home) / "q.toml"
        config.write_text(
            f'[bridge]\nledger = "sqlite:///{home}/ledger.db"\nlisten = []\nlisten_plain = ["tcp://127.0.0.1:{port}"]\n'
            f'control = "{home}/control.sock"\nlog_level = "warning"\n'
        )
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
            systemd.bind(f"{home}/notify")
            systemd.settimeout(PATIENCE)
            began = time.monotonic()
            bridge = subprocess.Popen(
                [sys.executable, "-m", "bridge", "serve", "-c", config],
                cwd=side,
                env=os.environ | {"NOTIFY_SOCKET": f"{home}/notify"},
                stderr=subprocess.DEVNULL,
            )
            try:
                while b"READY=1" not in systemd.recv(4096):
                    pass
                wall = time.monotonic() - began
            finally:
                bridge.kill()
                _, bridge.returncode, used = os.wait4(bridge.pid, 0)
    return Took(wall, used.ru_utime + used.ru_stime)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--before", type=Path, help="a checkout of the version to compare with")
    options.add_argument("count", type=int, nargs="?", default=1_000_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="quorumbell-bench-") as home:
        compare(Path(home), given.count, given.before)


if __name__ == "__main__":
    main()
