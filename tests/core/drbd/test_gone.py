"""What nobody has, or nobody tells of any more, is let go of: sides, replicas, and their stories."""

import pytest

from bridge.core.line import Line
from bridge.core.world.event import Report
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import CLUSTER, bell, read_recording
from tests.core.drbd.lab import moment, pair, parted

DAY = 86_400


def unenrolled(node, at):
    body = {"node": node, "silent": False, "gone": True}
    uid = f"{node} {at}".encode().ljust(16)[:16]
    return Report(uid=uid, cluster=CLUSTER, node="", source="bridge", received_at=moment(at), body=body)


@pytest.fixture
def ends(tmp_path):
    """The last condition of each subject, and all incidents, at that second."""

    def told(lab, at, more=()):
        line = Line(Settings(), bell())
        conditions, incidents, faults = {}, {}, []
        reports = sorted([*read_recording(lab.write(tmp_path)), *more], key=lambda one: one.received_at)
        outcomes = [line.take([report], report.received_at) for report in reports]
        for outcome in [*outcomes, line.tick(moment(at))]:
            conditions |= {one.subject: one for one in outcome.conditions}
            incidents |= outcome.incidents
            faults += outcome.faults
        assert faults == []
        return conditions, incidents

    return told


def destroyed(lab, *nodes, at=100):
    for node in nodes:
        lab.say(node, at, "destroy resource name:r0")
    return lab


def test_a_side_whose_relay_is_no_longer_enrolled(ends):
    conditions, _ = ends(pair(), 200, [unenrolled("west", 50)])
    assert (conditions["drbd/r0@west"].gone, conditions["drbd/r0@west"].why) == (True, "west is no longer enrolled")
    assert not conditions["drbd/r0@east"].gone
    assert not conditions["drbd/r0"].gone


def test_the_last_side_takes_the_replica_and_its_story_with_it(ends):
    conditions, incidents = ends(parted(10), 300, [unenrolled("west", 50), unenrolled("east", 60)])
    assert all(one.gone for name, one in conditions.items() if name.startswith("drbd/"))
    assert [(str(one.kind), str(one.state)) for one in incidents.values()] == [("replica-disconnected", "closed")]


def test_what_no_node_has_had_for_a_day(ends):
    conditions, incidents = ends(destroyed(pair(), "east", "west"), DAY + 50)
    assert not conditions["drbd/r0"].gone, "it may only have been taken down"
    conditions, incidents = ends(destroyed(pair(), "east", "west"), DAY + 200)
    for subject in ("drbd/r0", "drbd/r0@east", "drbd/r0@west"):
        assert (conditions[subject].gone, conditions[subject].why) == (True, "no node has had it for a day")
    assert [one for one in incidents.values() if not one.planned] == []


def test_what_one_node_still_has_is_there(ends):
    conditions, _ = ends(destroyed(pair(), "west"), 2 * DAY)
    assert not conditions["drbd/r0"].gone


def test_a_name_that_is_no_more(ends):
    lab = pair(resources=("new",))
    for node in lab.nodes:
        lab.lines[node] = [(at, line.replace("name:new", "name:old")) for at, line in lab.lines[node]]
        lab.say(node, 5, "rename resource name:old new_name:new")
    conditions, _ = ends(lab, 100)
    assert (conditions["drbd/old"].gone, conditions["drbd/old"].why) == (True, "called new now")
    assert conditions["drbd/old@east"].gone
    assert str(conditions["drbd/new"].severity) == "ok"


def test_a_story_that_was_all_but_over_and_begins_again_is_open_again(ends):
    lab = parted(10)
    lab.connect("east", "west", 30)
    assert [str(one.state) for one in ends(lab, 31)[1].values()] == ["clearing"]
    lab.lose("east", "west", 33)
    assert [str(one.state) for one in ends(lab, 60)[1].values()] == ["open"]
