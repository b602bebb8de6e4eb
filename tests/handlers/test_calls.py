"""Every handler of both generations, called as the kernel calls it, on its whole way to the bridge."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.core.normalise import normalise
from bridge.core.world.event import Report
from tests.handlers.conftest import HANDLER
from tests.handlers.kernel import CONNECTION, HANDLERS, OWN
from tests.wire.conftest import Bridge, eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bridge():
    bridge = Bridge(["tcp://127.0.0.1:0"])
    yield bridge
    bridge.close()


@pytest.fixture
def relay(node, bridge):
    """A real relay process over the spool to which the handlers write."""
    settings = node.base / "relay.conf"
    settings.write_text(
        f"base = {node.base}\nballast_mib = 0\ndrbd = off\ncrm_mon = off\ncluster = demo\nnode = alpha\nbridge = {bridge.endpoint}\n"
    )
    with (node.base / "relay.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "bridge.node.relay", str(settings)], cwd=ROOT, stderr=log)
    eventually((node.base / "run/hook.sock").exists)
    yield process
    process.terminate()
    process.wait(10)


def meaning(arrival):
    """What the core makes of it."""
    return normalise(
        Report(
            uid=arrival.uid,
            cluster="demo",
            node="alpha",
            source=arrival.fields["src"],
            received_at=datetime.now(UTC),
            body=arrival.fields,
        )
    )


def test_every_handler_arrives_with_resource_volume_and_peer(node, make_kernel, generation, bridge, relay):
    commands = {name: f"%s {name}" for name in HANDLERS[generation]}
    kernel = make_kernel(commands | {"fence-peer": "(exit 7); rc=$?; %s fence-peer $rc; exit $rc"})
    targets = [(name, target) for name in HANDLERS[generation] for target in ("r0/0", "r1/1")]

    codes = {(name, target): kernel.call(name, target, cstate="NetworkFailure") for name, target in targets}
    assert codes == {(name, target): 7 if name == "fence-peer" else 0 for name, target in targets}
    eventually(lambda: len(bridge.arrivals) >= len(targets), what=f"{len(targets)} arrive")
    events = {}
    for arrival in bridge.arrivals:
        event = meaning(arrival)
        events[event.call.handler, event.resource] = event
    assert len(events) == len(bridge.arrivals) == len(targets), "each once"
    for name, target in targets:
        resource, _, volume = target.partition("/")
        event = events[name, resource]
        assert event.node == "alpha"
        assert event.generation == generation or (generation, name) == ("8.4", "local-io-error")
        # 8.4 names the peer always, 9 where a peer has to do with it.
        assert event.call.peer == ("" if generation == "9" and name in OWN else "bravo"), name
        # An error of the disk itself comes when 9 has let the disk go: all volumes may be meant. So it is for a connection.
        all_of_it = ("0",) if resource == "r0" else ("0", "1")
        lost = generation == "9" and (name in CONNECTION or name == "local-io-error")
        expected = () if generation == "8.4" and name in CONNECTION else all_of_it if lost else (volume,)
        assert event.call.volumes == expected, (name, target)
        assert event.call.code == (7 if name == "fence-peer" else None)
        assert event.call.cstate == ("NetworkFailure" if generation == "9" and name not in OWN else "")
    eventually(lambda: not node.files(), what="the spool is empty again")


def test_what_fencing_left_over_is_told(make_kernel, generation, node):
    """UP_TO_DATE_NODES is the one variable without the prefix."""
    make_kernel({"fence-peer": "(exit 4); rc=$?; %s fence-peer $rc; exit $rc"}).call("fence-peer", "r1/0")

    report = node.only()
    assert report["src"] == "drbd"
    assert (report["handler"], report["rc"], report["DRBD_RESOURCE"]) == ("fence-peer", "4", "r1")
    assert report.get("UP_TO_DATE_NODES") == (None if generation == "8.4" else "0x00000001")
    assert "HOME" not in report


@pytest.mark.parametrize("name", [f"quorumbell-drbd-{name}" for name in HANDLERS["9"]] + ["notify-split-brain.sh"])
def test_a_link_names_the_handler(node, name):
    link = node.base / name
    link.symlink_to(HANDLER)

    ran = node.run({"DRBD_RESOURCE": "r0"}, argv=[str(link), "4"])

    told = name.removeprefix("quorumbell-drbd-").removeprefix("notify-").removesuffix(".sh")
    assert node.only()["handler"] == told
    assert ran.code == (4 if told == "fence-peer" else 0)


def test_notify_io_error_is_local_io_error(node):
    """drbd-utils names the script otherwise than the handler; and gives it a recipient."""
    link = node.base / "notify-io-error.sh"
    link.symlink_to(HANDLER)

    assert node.run({}, argv=[str(link), "root"]).code == 0
    assert node.only()["handler"] == "local-io-error"


def test_calls_at_once_are_all_told(node, make_kernel, generation):
    """Volumes times peers times both nodes."""
    kernel = make_kernel({"split-brain": "for n in 1 2 3 4 5 6 7 8; do %s split-brain & done; wait"})

    assert kernel.call("split-brain") == 0

    assert len(node.files()) == 8
