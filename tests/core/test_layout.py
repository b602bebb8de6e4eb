"""How clusters lie is told piece by piece; put together it is what a whole look at the world gives, in any order of arrival."""

import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.core.correlate import Correlator
from bridge.core.line import Line
from bridge.core.world.event import Report
from bridge.core.world.laid import Link, Replica, Service
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import read_recording

pytestmark = pytest.mark.many

RECORDINGS = Path(__file__).parents[1] / "judge/recordings"
POWER_CUT = Path(__file__).parents[2] / "examples/node-power-cut.json"
EVERY = sorted(RECORDINGS.glob("*.json"))[::4] + sorted(path for path in RECORDINGS.iterdir() if path.is_dir())[::4]


def put_together(line, reports):
    """As the ledger keeps it: every change of it, one after the other."""
    kept = {}
    for report in reports:
        for one in line.take([report], report.received_at).layout:
            kept[one.name] = one.how
    return {name: how for name, how in kept.items() if how is not None}


def whole(correlator):
    return {one.name: one.how for one in correlator.layout()}


@pytest.mark.parametrize("recording", EVERY, ids=lambda path: path.name)
def test_the_changes_put_together_are_the_whole(recording):
    reports = sorted(read_recording(recording), key=lambda one: one.received_at)
    line = Line(Settings(), ())
    kept = put_together(line, reports)
    assert kept == whole(line.correlator)
    mixed = list(reports)
    random.Random(7).shuffle(mixed)
    other = Line(Settings(), ())
    latest = max(one.received_at for one in reports)
    found = {}
    for report in mixed:
        for one in other.take([report], latest).layout:
            found[one.name] = one.how
    assert {name: how for name, how in found.items() if how is not None} == whole(other.correlator)


def test_a_checkpoint_lies_as_the_world_it_was_written_of():
    line = Line(Settings(), ())
    reports = sorted(read_recording(POWER_CUT), key=lambda one: one.received_at)
    kept = put_together(line, reports)
    again = Correlator(Settings())
    for world in line.correlator.worlds():
        again.cluster(world.cluster).turn_to((), dict(world.facts))
    assert whole(again) == kept


def test_a_service_moves_with_its_node():
    line = Line(Settings(), ())
    places = []
    for report in sorted(read_recording(POWER_CUT), key=lambda one: one.received_at):
        places += [one.how for one in line.take([report], report.received_at).layout if one.name == "service/web"]
    assert [tuple(one.on) for one in places] == [("n3",), (), ("n2",), ("n2", "n3"), ("n3",)]
    assert all(isinstance(one, Service) for one in places)


def says(line, minute, *lines):
    """What the relay of alpha sends of its replica."""
    when = datetime(2026, 11, 24, 3, minute, tzinfo=UTC)
    body = {f"line{number}": line for number, line in enumerate(lines, 1)}
    line.take([Report(uid=os.urandom(16), cluster="c", node="alpha", source="drbd-events", received_at=when, body=body)], when)
    return whole(line.correlator)["replica/r0"]


def test_a_resync_is_drawn_from_who_has_to_who_gets_with_how_far_it_is():
    line = Line(Settings(), ())
    began = says(
        line,
        0,
        "exists resource name:r0 role:Primary suspended:no",
        "exists connection name:r0 peer-node-id:1 conn-name:bravo connection:Connected role:Secondary",
        "exists device name:r0 volume:0 minor:0 disk:UpToDate client:no quorum:yes",
        "exists peer-device name:r0 peer-node-id:1 conn-name:bravo volume:0 replication:SyncSource "
        "peer-disk:Inconsistent peer-client:no resync-suspended:no",
    )
    assert began.links == (Link(one="alpha", other="bravo", state="Connected", good=False, target="bravo"),)
    change = "change peer-device name:r0 peer-node-id:1 conn-name:bravo volume:0 "
    assert says(line, 1, f"{change}resynced:40").links[0].done == 40
    replica = says(line, 2, f"{change}replication:Established peer-disk:UpToDate")
    assert replica.links == (Link(one="alpha", other="bravo", state="Connected"),)
    assert [(side.node, side.role, side.disk) for side in replica.sides] == [("alpha", "Primary", "UpToDate")]
    assert isinstance(replica, Replica)
