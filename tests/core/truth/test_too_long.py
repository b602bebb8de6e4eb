"""What was arranged and lasts for hours may have been forgotten: a person is reminded, once."""

from datetime import timedelta

import pytest

from tests.core.conftest import Cluster
from tests.core.truth.looks import STOPPED, changed, seen

HOURS = 3600
LONG = ("planned-too-long", "node/n2", "warning", "open")


def resting(**more):
    return changed(nodes={"n2": {"standby": True}}, **more)


def stands_by(cluster, hours=8):
    cluster.shows("n1", resting())
    for hour in range(1, hours + 1):
        cluster.at(60 + hour * HOURS).shows("n1", resting())
    return cluster


def test_a_node_in_standby_for_eight_hours(cluster):
    assert stands_by(cluster, 7).stories() == []
    assert stands_by(cluster).stories() == [LONG]
    assert cluster.condition("node/n2") == ("warning", "in standby; for long: is it forgotten?")
    (story,) = cluster.incidents.values()
    assert cluster.member("n2", by="n3").condition("node/n2")[0] == "warning", "no event makes it green"
    assert (story.facts["arranged"], story.outages) == ("standby", ())
    assert cluster.shows("n1", seen()).at(9 * HOURS).stories() == [(*LONG[:2], "ok", "closed")]
    assert cluster.condition("node/n2") == ("ok", "member of the cluster")


def test_another_arrangement_of_the_same_is_one(cluster):
    cluster.shows("n1", changed(nodes={"n2": {"maintenance": True}})).at(4 * HOURS)
    assert stands_by(cluster).stories() == [LONG]


def test_it_begins_anew_when_it_was_over_meanwhile(cluster):
    cluster.shows("n1", resting()).at(7 * HOURS).shows("n1", seen()).at(7 * HOURS + 60).shows("n1", resting()).at(14 * HOURS)
    assert cluster.stories() == []


@pytest.mark.parametrize(
    "says,root",
    [
        (changed(resources={"ip": {"managed": False}}), "resource/ip"),
        (seen("05-maintenance"), "cluster"),
    ],
)
def test_a_service_and_the_whole_cluster(cluster, says, root):
    assert ("planned-too-long", root, "warning", "open") in cluster.shows("n1", says).at(9 * HOURS).stories()


def test_a_service_may_be_switched_off_for_good(cluster):
    cluster.shows("n1", changed(resources={"ip": {**STOPPED, "disabled": True}})).at(100 * HOURS)
    assert cluster.stories() == []
    assert cluster.condition("resource/ip")[0] == "info"


def test_what_fails_meanwhile_has_its_own_story(cluster):
    unmanaged = {"managed": False}
    cluster.shows("n1", changed(resources={"ip": unmanaged})).at(9 * HOURS).fails("n2", "ip")
    cluster.shows("n1", changed(resources={"ip": {**unmanaged, "failed": True}})).at(9 * HOURS + 600)
    assert {kind: state for kind, _, _, state in cluster.stories()} == {"planned-too-long": "open", "resource-failure": "open"}
    cluster.does("n2", "ip", "monitor", interval=10_000).shows("n1", seen()).at(11 * HOURS)
    assert {state for *_, state in cluster.stories()} == {"closed"}


def test_a_node_that_is_lost_meanwhile(cluster):
    stands_by(cluster).lost("n2", by="n1 n3").fenced("n2", by="n1")
    assert ("node-failure", "node/n2", "critical", "open") in cluster.at(8 * HOURS + 65).stories()


def test_a_node_that_is_deleted_meanwhile(cluster):
    stands_by(cluster).shows("n1", changed(without=["n2"])).at(9 * HOURS)
    assert {state for *_, state in cluster.stories()} == {"closed"}


def test_nobody_is_reminded_who_does_not_want_it():
    cluster = Cluster(planned_too_long=timedelta(0)).member("n1", by="n2").member("n2", by="n1").at(60)
    cluster.shows("n1", changed(nodes={"n2": {"standby": True}})).at(100 * HOURS)
    assert cluster.stories() == []
