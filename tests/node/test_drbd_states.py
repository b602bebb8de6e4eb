"""The relay follows a child that prints what real ones printed; it dies, lies, is missing, and the bridge is slow or away."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.node import events2, settings
from bridge.node.drbd_states import Follower
from bridge.node.relay import Relay
from bridge.wire.body import boot_id, moment
from tests.wire.conftest import Bridge, eventually

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent / "events2"
DUMP = "2026-11-22T20:00:00.1+00:00 exists resource name:r0 role:Secondary suspended:no\n2026-11-22T20:00:00.2+00:00 exists -\n"


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "module"
    folder.mkdir()
    return folder


@pytest.fixture
def drbdsetup(tmp_path):
    """Writes the child: a shell script."""
    path = tmp_path / "drbdsetup"

    def write(script: str) -> str:
        fresh = tmp_path / "fresh"
        fresh.write_text(f"#!/bin/sh\n{script}\n")
        fresh.chmod(0o755)
        fresh.rename(path)
        return str(path)

    return write


@pytest.fixture
def bridge():
    bridge = Bridge(["tcp://127.0.0.1:0"])
    yield bridge
    bridge.close()


def told(bridge):
    return [
        {key: value for key, value in arrival.fields.items() if key[:4] in {"line", "dump", "reso", "edge", "why", "over"}}
        for arrival in bridge.arrivals
    ]


@pytest.fixture
def start(node, bridge, module, tmp_path):
    started = []

    def now(script: str) -> subprocess.Popen:
        (node.base / "relay.conf").write_text(
            f"base = {node.base}\nballast_mib = 0\ncluster = demo\nnode = alpha\nbridge = {bridge.endpoint}\n"
        )
        with (node.base / "relay.log").open("ab") as log:
            argv = [
                sys.executable,
                str(Path(__file__).with_name("relay_process.py")),
                str(node.base / "relay.conf"),
                script,
                str(module),
            ]
            started.append(
                subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
            )
        assert started[-1].stdout.readline() == b"ready\n"
        return started[-1]

    yield now
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.wait(10)
        process.stdout.close()


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("name", ["8.4-split-brain.txt", "9.2-quorum-lost.txt"])
def test_what_real_ones_printed_arrives_in_order(start, drbdsetup, bridge, node, name):
    start(drbdsetup(f"cat {RECORDED / name}; exec sleep 60"))

    differences = events2.Differences()
    lines = (RECORDED / name).read_text().splitlines()
    expected = [dict(fields) for line in lines for fields in differences.take(line, 0.0)] + [
        dict(fields) for fields in differences.flush(0.0)
    ]
    eventually(lambda: len(bridge.arrivals) >= len(expected))

    by_time = [arrival.fields for arrival in sorted(bridge.arrivals, key=lambda arrival: arrival.fields["boot_ns"])]
    assert [{key: fields[key] for key in fields if key[:4] in {"line", "dump", "reso"}} for fields in by_time] == expected
    assert {fields["src"] for fields in by_time} == {"drbd-events"}
    assert len({fields["boot_ns"] for fields in by_time}) == len(expected), "their order is told"
    eventually(lambda: not node.files())


def test_a_relay_that_was_killed_tells_the_whole_truth_again(start, drbdsetup, bridge, node):
    """What it had read and not written down is not lost: the next dump says where it led."""
    script = drbdsetup(f"printf '{DUMP}'; exec sleep 60")
    first = start(script)
    eventually(lambda: len(bridge.arrivals) == 2 and not node.files())  # acknowledged: it is not sent again
    orphans = children(first.pid)
    first.kill()
    first.wait()

    start(drbdsetup(f"printf '{DUMP.replace('Secondary', 'Primary')}'; exec sleep 60"))
    eventually(lambda: len(bridge.arrivals) >= 4)

    dumps = [report["line1"].split()[-2] for report in told(bridge) if "line1" in report]
    assert dumps == ["role:Secondary", "role:Primary"]
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)


def test_reports_wait_in_the_spool_for_a_bridge_that_takes_none(start, drbdsetup, bridge, node):
    bridge.acking = False
    relay = start(drbdsetup(f"cat {RECORDED / '8.4-split-brain.txt'}; exec sleep 60"))
    eventually(lambda: len(node.files()) > 10)
    waiting = {path.name for path in node.files()}
    for child in children(relay.pid):
        os.kill(child, signal.SIGKILL)
    relay.kill()
    relay.wait()

    bridge.acking = True
    start("/no/drbdsetup")

    eventually(lambda: not node.files())
    assert waiting <= {arrival.uid.hex() for arrival in bridge.arrivals}


def test_a_child_that_dies_is_started_again_and_its_dump_sent_again(start, drbdsetup, bridge):
    start(drbdsetup(f"printf '{DUMP}'"))

    eventually(lambda: len(bridge.arrivals) >= 4, seconds=15)
    assert told(bridge)[2]["dump"] is True


def test_stopping_the_relay_stops_the_child(start, drbdsetup, bridge):
    relay = start(drbdsetup(f"printf '{DUMP}'; exec sleep 60"))
    eventually(lambda: len(bridge.arrivals) == 2)
    (child,) = children(relay.pid)

    relay.terminate()

    assert relay.wait(10) == 0
    assert not Path(f"/proc/{child}").exists()


def test_a_module_that_cannot_be_followed_is_told_once(start, drbdsetup, bridge, node):
    start(drbdsetup("echo 'Could not connect to drbd generic netlink family' >&2; exit 20"))

    eventually(lambda: bridge.arrivals)
    (report,) = told(bridge)
    assert report["edge"] == "drbd"
    assert "it ended (20): Could not connect to drbd generic netlink family" in report["why"]


def test_a_drbdsetup_that_prints_colours_is_told_and_nothing_is_believed(start, drbdsetup, bridge):
    coloured = DUMP.replace("role:Secondary", "role:\\033[1mSecondary\\033[0m")
    start(drbdsetup(f"printf '{coloured}'; exec sleep 60"))

    eventually(lambda: bridge.arrivals)
    (report,) = told(bridge)
    assert report["edge"] == "drbd"
    assert "it prints colours or differences, which cannot be read" in report["why"]
    assert "\x1b" not in report["why"]


def test_a_module_without_its_tool_says_the_cure(start, bridge):
    start("/no/such/drbdsetup")

    eventually(lambda: bridge.arrivals)
    assert "install drbd-utils, or set drbd = off" in told(bridge)[0]["why"]


def test_no_module_is_no_resource_and_starts_nothing(start, drbdsetup, bridge, module, tmp_path):
    """drbdsetup would load the module: to watch must change nothing."""
    module.rmdir()
    start(drbdsetup(f"touch {tmp_path}/started"))

    eventually(lambda: bridge.arrivals)
    assert told(bridge) == [{"dump": True, "resources": ""}]
    assert not (tmp_path / "started").exists()


def test_a_node_without_drbd_says_nothing(start, bridge, module, node):
    module.rmdir()
    start("/no/such/drbdsetup")

    eventually(lambda: "as soon as its module is loaded" in (node.base / "relay.log").read_text())
    assert bridge.arrivals == []


# --- time, by hand -------------------------------------------------------------------------------------------------------

HERE = moment(boot_id())


def drain(follower, now):
    """What it tells until its child has ended."""
    bodies = follower.on_tick(now, HERE)
    while follower.fileno() >= 0:
        os.set_blocking(follower.fileno(), True)
        bodies += follower.on_readable(now, HERE)
    return [json.loads(body) for _, body in bodies]


def test_it_follows_when_the_module_comes(drbdsetup, module):
    module.rmdir()
    follower = Follower(drbdsetup(f"printf '{DUMP}'"), str(module))
    assert [body["resources"] for body in drain(follower, 0.0)] == [""]
    assert drain(follower, 1.0) == []
    module.mkdir()

    assert drain(follower, 4.9) == []
    assert [body.get("resources") for body in drain(follower, 5.1)] == [None, "r0"]


def test_what_ends_at_once_is_asked_ever_more_rarely(drbdsetup, module):
    follower = Follower(drbdsetup(f"printf '{DUMP}'"), str(module))
    asked = [now for now in range(200) if drain(follower, float(now))]

    assert asked == [0, 2, 6, 14, 30, 62, 122, 182]


def test_a_fault_is_told_once_and_so_is_its_end(drbdsetup, module):
    follower = Follower(drbdsetup("exit 20"), str(module))
    said = [body for now in range(100) for body in drain(follower, float(now))]
    assert [body["edge"] for body in said] == ["drbd"]

    drbdsetup(f"printf '{DUMP}'")
    again = [body for now in range(100, 200) for body in drain(follower, float(now))]
    assert [body.get("over") for body in again if body["src"] == "edge"] == [True]


def test_garbage_between_good_lines_costs_nothing_but_itself(drbdsetup, module):
    script = f"printf '{DUMP}'; head -c 200000 /dev/zero | tr '\\0' x; printf '\\n\\377\\376 what\\n2026-11-22T20:00:01.1+00:00 change resource name:r0 role:Primary\\n'"
    bodies = drain(Follower(drbdsetup(script), str(module)), 0.0)

    assert [body["line1"].split()[-1] for body in bodies if "line1" in body] == ["suspended:no", "role:Primary"]


def test_a_line_without_end_does_not_fill_the_memory(drbdsetup, module):
    follower = Follower(drbdsetup("head -c 5000000 /dev/zero | tr '\\0' x"), str(module))
    largest = 0
    follower.on_tick(0.0, HERE)
    while follower.fileno() >= 0:
        os.set_blocking(follower.fileno(), True)
        follower.on_readable(0.0, HERE)
        largest = max(largest, len(follower._rest))

    assert largest == 1 << 20


def test_lines_of_one_instant_that_come_in_two_reads_wait_for_each_other(drbdsetup, module):
    at = "2026-11-22T20:00:01.1+00:00 change"
    script = f"printf '{DUMP}{at} resource name:r0 role:Primary\\n'; sleep 0.02; printf '{at} device name:r0 volume:0 minor:0 disk:Failed\\n'; exec sleep 60"
    follower = Follower(drbdsetup(script), str(module))
    follower.on_tick(0.0, HERE)
    os.set_blocking(follower.fileno(), True)
    bodies = []
    while b"Failed" not in b"".join(body for _, body in bodies):
        bodies += follower.on_readable(1.0, HERE)
        bodies += follower.on_tick(1.01, HERE)
        if len(bodies) == 2 and follower._differences._group[1:]:
            bodies += follower.on_tick(1.1, HERE)
    follower.close()

    assert json.loads(bodies[-1][1])["line2"] == "change device name:r0 volume:0 minor:0 disk:Failed"


def test_a_dead_child_leaves_nothing_to_poll(node, drbdsetup, module):
    """A descriptor that is closed and still polled is always ready: the relay would never rest."""
    (node.base / "relay.conf").write_text(
        f"base = {node.base}\nballast_mib = 0\ncluster = demo\nnode = alpha\nbridge = tcp://127.0.0.1:9\n"
    )
    follower = Follower(drbdsetup(f"printf '{DUMP}'"), str(module))
    relay = Relay(settings.load(str(node.base / "relay.conf")), [follower])

    def polled():
        relay.turn(50)
        return [handle for handle, _ in relay._poller.sockets if isinstance(handle, int)]

    before = len(polled())
    assert follower.fileno() in polled()
    while follower.fileno() >= 0:
        polled()

    assert len(polled()) == before - 1
    assert all(os.fstat(handle) for handle in polled())
    relay._say_goodbye()
