"""How replicas and their sides look on a board: green only by their own word, and in DRBD's own words."""

from datetime import timedelta

import pytest

from bridge.core.drbd import look
from bridge.core.drbd.state import Link, Replica, Side
from bridge.core.line import Line
from bridge.core.world.event import Report
from bridge.core.world.incident import Kind
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import CLUSTER, bell, read_recording
from tests.core.drbd.lab import Lab, moment, pair, parted


@pytest.fixture
def shown(tmp_path):
    """`subject: severity words` of everything about DRBD, at that second."""

    def conditions(lab, at, more=()):
        line = Line(Settings(), bell())
        until = moment(at)
        reports = [*read_recording(lab.write(tmp_path)), *more]
        found = {}
        for report in sorted(reports, key=lambda one: one.received_at):
            if report.received_at <= until:
                found |= {one.subject: one for one in line.take([report], report.received_at).conditions}
        found |= {one.subject: one for one in line.tick(until).conditions}
        return {subject: f"{one.severity} {one.why}" for subject, one in found.items() if subject.startswith("drbd/")}

    return conditions


def test_all_well_is_green_with_words(shown):
    lab = pair()
    assert shown(lab, 5) == {
        "drbd/r0": "ok Connected UpToDate/UpToDate",
        "drbd/r0@east": "ok Primary; UpToDate; connected to west",
        "drbd/r0@west": "ok Secondary; UpToDate; connected to east",
    }


def test_of_three_nodes_and_two_volumes_each_connection_is_named(shown):
    lab = Lab("east", "west", "north", volumes=("0", "1"))
    lab.begin()
    lab.disks("north", 2, "r0", "Outdated", ["1"])
    found = shown(lab, 5)
    assert found["drbd/r0"] == (
        "warning north to east: Connected UpToDate+Outdated/UpToDate; east to west: Connected UpToDate/UpToDate; "
        "north to west: Connected UpToDate+Outdated/UpToDate"
    )
    assert found["drbd/r0@north"].startswith("warning Secondary; volume 0 UpToDate; volume 1 Outdated; connected to")
    assert found["drbd/r0@east"].startswith("ok ")


@pytest.mark.parametrize("generation", ["8.4", "9"])
def test_a_cut_replica_is_shown_from_both_sides(shown, generation):
    lab = parted(10, generation=generation)
    found = shown(lab, 20)
    assert found["drbd/r0"].startswith("warning ")
    assert "lost the connection to" in found["drbd/r0"]
    assert "Connecting UpToDate/DUnknown" in found["drbd/r0"]
    assert found["drbd/r0@east"] == "warning Primary; UpToDate; not connected to west (Connecting)"
    assert shown(lab, 700)["drbd/r0"].startswith("critical ")


def test_of_a_dead_node_nobody_shows_green(shown):
    lab = pair()
    lab.lose_one("east", "west", 10)
    assert shown(lab, 20)["drbd/r0@west"].startswith("warning ")


def test_a_resync_is_shown_on_both_and_ends_green(shown):
    lab = parted(10)
    lab.resync("east", "west", 20, seconds=100)
    found = shown(lab, 60)
    assert found["drbd/r0"].startswith("warning SyncSource UpToDate/Inconsistent")
    assert found["drbd/r0@west"] == "warning Secondary; Inconsistent; SyncTarget: copies from east"
    assert all(words.startswith("ok ") for words in shown(lab, 300).values())


def test_taken_down_in_order_is_no_alarm_but_no_green_either(shown):
    lab = pair()
    lab.down("west", 10)
    found = shown(lab, 20)
    assert found["drbd/r0"].startswith("warning Connecting UpToDate/DUnknown")
    assert found["drbd/r0@west"] == "info r0 is down on west"
    lab.say("east", 30, "destroy resource name:r0")
    assert shown(lab, 40)["drbd/r0"] == "info r0 is down on east and west"


def test_a_second_dump_in_a_recording_is_another_life_of_the_relay(shown):
    lab = pair()
    lab.begin(300)
    assert {words.split()[0] for words in shown(lab, 400).values()} == {"ok"}


def test_a_failed_disk_and_frozen_io_are_critical(shown):
    lab = pair()
    lab.disks("east", 10, "r0", "Failed")
    lab.disks("east", 10.2, "r0", "Diskless")
    lab.say("west", 11, "change resource name:r0 suspended:quorum")
    found = shown(lab, 20)
    assert found["drbd/r0@east"].startswith("critical the disk of volume 0 failed on east; Primary; Diskless")
    assert "I/O is frozen (quorum)" in found["drbd/r0@west"]


def test_of_a_silent_relay_nothing_is_green(shown):
    lab = pair()
    body = {"node": "west", "silent": True}
    silent = Report(uid=b"s", cluster=CLUSTER, node="", source="bridge", received_at=moment(100), body=body)
    found = shown(lab, 200, [silent])
    assert found["drbd/r0@west"] == "unknown the relay of west is silent; last heard: Secondary; UpToDate; connected to east"


def test_8_4_that_stands_alone_shows_no_connection_in_its_dump(shown):
    lab = Lab("east", "west", generation="8.4")
    lab.dump("east", 0, primary=["r0"], peers=[])
    lab.lines["east"] = [row for row in lab.lines["east"] if " connection " not in row[1]]
    assert shown(lab, 5)["drbd/r0"] == "warning StandAlone UpToDate/DUnknown"


def test_handlers_alone_never_show_green(shown):
    lab = Lab("east", "west")
    lab.call("west", 5, "after-resync-target", "r0", "east")
    lab.lines = {}
    assert {words.split()[0] for words in shown(lab, 30).values()} == {"unknown"}


def test_a_condition_says_since_when(tmp_path):
    lab = parted(10)
    line = Line(Settings(), bell())
    reports = read_recording(lab.write(tmp_path))
    found = {one.subject: one for one in line.take(reports, moment(20)).conditions}
    assert found["drbd/r0"].since == moment(10)
    assert found["drbd/r0"].incident_key is not None
    assert found["drbd/r0@east"].since - moment(10) < timedelta(seconds=1)


@pytest.mark.parametrize("others, many", [(["west"], ""), (["west", "north"], "yes")])
def test_that_there_are_more_than_two_is_known_of_one_that_speaks(others, many):
    """Commands name the peer then, or they would be meant for all of them."""
    links = {name: Link(changed_at=moment(0), state="Connected") for name in others}
    side = Side(node="east", told=True, said_at=moment(0), links=links)
    replica = Replica(resource="r0", generation="9", sides={"east": side})
    assert look.facts(replica, [], Kind.REPLICA_DISCONNECTED).get("many", "") == many
