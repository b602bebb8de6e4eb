"""Everything that is bounded, measured in one run on one machine: ratios count, absolute times are the machine's.

python -m benchmarks [--quick] [--before CHECKOUT]
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.board import updates
from benchmarks.long_story import long_story
from benchmarks.looking import looking
from benchmarks.monitors import SETTLED, batches
from benchmarks.page import page
from benchmarks.site import Site
from benchmarks.size import compare
from benchmarks.start import compare as starts
from benchmarks.telling import telling
from bridge.core.cluster import REACH
from bridge.core.line import Line
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell
from bridge.serve.process import calm_the_collector
from bridge.wire import codec
from bridge.wire.body import boot_id, make_body, moment

ROOT = Path(__file__).resolve().parent.parent
HOOK = ROOT / "alert_scripts" / "quorumbell-alert"
HANDLER = ROOT / "handlers" / "quorumbell-drbd"
BOX = "spool/root/new" if os.getuid() == 0 else "spool/pcmk/new"
STAND_IN = """#!/bin/sh
# A stand-in of five lines for ClusterLabs' sample alert_file.sh: one line appended to a file, nothing synced.
printf '%s %s %s %s\\n' "$CRM_alert_timestamp" "$CRM_alert_kind" "$CRM_alert_node" "$CRM_alert_desc" >> "$LOG"
"""
OPEN = 10_000
"""Incidents that are open at once, when it is bad."""
SAMPLE = Path("/usr/share/pacemaker/alerts/alert_file.sh.sample")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="a fifth of the runs")
    options.add_argument("--before", type=Path, help="a checkout of an earlier version: its starts are measured beside ours")
    given = options.parse_args()
    scale = 1 if given.quick else 5
    with tempfile.TemporaryDirectory(prefix="quorumbell-bench-") as home:
        floor = hook_cost(Path(home), 20 * scale)
        site = Site(Path(home) / "site")
        try:
            looking(site, 40 * scale)
            latency(site, floor, 12 * scale)
            throughput(site, 6000 * scale)
        finally:
            site.stop()
        telling(Path(home) / "telling", 12 * scale)
        thinking(4000 * scale)
        updates(Path(home) / "board", 200 * scale)
        page(Path(home) / "page")
        compare(Path(home) / "size", 200_000 * scale, 3000)
        long_story(Path(home) / "long", 200_000 * scale)
        starts(Path(home) / "start", 200_000 * scale, given.before)


# --- hooks -----------------------------------------------------------------------------------------------------------


def hook_cost(home: Path, runs: int) -> float:
    """Prints CPU and wall of each, medians; gives the wall time of an empty Python, in seconds."""
    base = home / "hook"
    for box in ("spool/pcmk/tmp", "spool/pcmk/new", "spool/root/tmp", "spool/root/new", "run"):
        (base / box).mkdir(parents=True)
    script = SAMPLE if SAMPLE.exists() else home / "alert_file.sh"
    if not SAMPLE.exists():
        script.write_text(STAND_IN)
    env = event_env(1) | {"quorumbell_base": str(base), "LOG": str(home / "log"), "CRM_alert_recipient": str(home / "log")}
    env |= {"DRBD_RESOURCE": "r0", "DRBD_VOLUME": "0", "DRBD_MINOR": "0", "DRBD_PEER": "bravo", "DRBD_CONF": "/etc/drbd.conf"}
    candidates = {
        "/usr/bin/python3 -IS -c pass": ["/usr/bin/python3", "-IS", "-c", "pass"],
        "quorumbell-alert, spooled": [str(HOOK)],
        "quorumbell-drbd out-of-sync, spooled": [str(HANDLER), "out-of-sync"],
        f"sh {script.name}" + ("" if SAMPLE.exists() else " (stand-in)"): ["/bin/sh", str(script)],
    }
    took = {name: [] for name in candidates}
    for _ in range(runs):  # in turn, so that the machine's noise meets all alike
        for name, command in candidates.items():
            took[name].append(run_once(command, env))
    floor = tuple(statistics.median(column) for column in zip(*took["/usr/bin/python3 -IS -c pass"], strict=True))
    table("hook", ["", "CPU ms", "wall ms", "CPU ratio", "wall ratio"])
    for name, rows in took.items():
        cpu, wall = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| {name} | {cpu * 1e3:.2f} | {wall * 1e3:.2f} | {cpu / floor[0]:.2f} | {wall / floor[1]:.2f} |")
    print("\nBound: CPU at most 1.3 of an empty Python.")
    return floor[1]


def run_once(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, env)
    _, _, used = os.wait4(pid, 0)
    return used.ru_utime + used.ru_stime, time.perf_counter() - began


def event_env(number: int, **more: str) -> dict[str, str]:
    at = time.time()
    return {
        "PATH": "/usr/bin:/bin",
        "CRM_alert_kind": "resource",
        "CRM_alert_version": "2.1.5",
        "CRM_alert_node": "n1",
        "CRM_alert_rsc": f"r{number % 50}",
        "CRM_alert_task": "monitor",
        "CRM_alert_interval": "10000",
        "CRM_alert_rc": "0",
        "CRM_alert_target_rc": "0",
        "CRM_alert_status": "0",
        "CRM_alert_desc": "ok",
        "CRM_alert_node_sequence": str(number),
        "CRM_alert_timestamp_epoch": str(int(at)),
        "CRM_alert_timestamp_usec": f"{int(at % 1 * 1e6):06d}",
    } | more


# --- latency ---------------------------------------------------------------------------------------------------------


def latency(site: Site, floor: float, runs: int) -> None:
    """From the start of the hook to the relay's word that the ledger has it, over CURVE: the word comes after the commit."""
    whole, wire = [], []
    for number in range(1, runs + 1):
        began = time.monotonic()
        code = subprocess.run([str(HOOK)], env=event_env(number) | {"quorumbell_base": str(site.base)}, check=False).returncode
        assert code == 0
        while any((site.base / BOX).iterdir()):
            time.sleep(0.0002)
        whole.append(time.monotonic() - began)
        wire.append(site.send_one())
        time.sleep(0.01)
    table("latency over CURVE, SQLite FULL", ["", "p50 ms", "p95 ms", "ratio to an empty Python"])
    for name, times in (("hook start -> committed, file gone", whole), ("datagram -> committed, answered", wire)):
        p50, p95 = statistics.median(times), sorted(times)[int(len(times) * 0.95)]
        print(f"| {name} | {p50 * 1e3:.2f} | {p95 * 1e3:.2f} | {p50 / floor:.2f} |")
    print("\nBound: hook start -> committed at most 2.5 of an empty Python.")


# --- throughput ------------------------------------------------------------------------------------------------------


def bodies(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Reports as a busy cluster makes them: monitors that go well, one in ten that fails and recovers."""
    boot = boot_id()
    for number in range(count):
        bad = number % 20 == 0
        env = event_env(number, CRM_alert_rsc=f"r{number // 2 % 500}")
        env |= {"CRM_alert_rc": "7", "CRM_alert_desc": "not running"} if bad else {}
        del env["PATH"]
        yield make_body("pacemaker", env, moment(boot))


def throughput(site: Site, count: int) -> None:
    """A relay's own protocol, a window full at a time, until everything is committed and acknowledged."""
    reports = list(bodies(count))
    peer = site.dealer("n2")
    peer.send_multipart(codec.encode(codec.Hello(node="n2", cluster="bench")))
    window = 0
    while not window:
        answer = codec.decode(peer.recv_multipart())
        window = answer.window if isinstance(answer, codec.Welcome) else 0
    began, sent, taken, flight = time.monotonic(), 0, 0, 0
    while taken < count:
        while sent < count and flight < window:
            batch = tuple(reports[sent : sent + min(64, window - flight)])
            peer.send_multipart(codec.encode(codec.Batch(sent, batch)))
            sent, flight = sent + len(batch), flight + len(batch)
        answer = codec.decode(peer.recv_multipart())
        if isinstance(answer, codec.Taken):
            taken, flight, window = taken + len(answer.ids), flight - len(answer.ids), answer.window
    rate = count / (time.monotonic() - began)
    table("intake", ["", "reports/s"])
    print(f"| received over CURVE, correlated, committed (FULL), acknowledged; {count} reports | {rate:,.0f} |")
    print("\nBound: 8,000 reports/s on two cores.")
    peer.close(0)


# --- thinking --------------------------------------------------------------------------------------------------------


def thinking(count: int) -> None:
    """The cost of understanding a report, with no incident open and with ten thousand: in turn, in the steady state."""
    worlds = {0: Line(Settings(), bell()), OPEN: Line(Settings(), bell())}
    feed(worlds[OPEN], range(OPEN), bad=True)
    for line in worlds.values():
        feed(line, range(SETTLED, SETTLED + 2 * REACH), bad=False)
    calm_the_collector()
    costs: dict[int, list[float]] = {number: [] for number in worlds}
    for begin in range(SETTLED + 2 * REACH, SETTLED + 2 * REACH + 5 * count, count):
        for number, line in worlds.items():
            began = time.process_time()
            feed(line, range(begin, begin + count), bad=False)
            costs[number].append((time.process_time() - began) / count)
    table("correlate and route", ["open incidents", "CPU µs a report", "reports/s", "ratio"])
    middle = {number: statistics.median(took) for number, took in costs.items()}
    for number, cost in middle.items():
        print(f"| {number:,} | {cost * 1e6:.1f} | {1 / cost:,.0f} | {cost / middle[0]:.2f} |")
    print("\nBound: at most 1.2 of the cost when empty.")


def feed(line: Line, numbers: range, *, bad: bool) -> None:
    for batch in batches(numbers, 256, bad=bad):
        line.take(batch, batch[-1].received_at)


def table(title: str, columns: list[str]) -> None:
    print(f"\n## {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)


if __name__ == "__main__":
    main()
