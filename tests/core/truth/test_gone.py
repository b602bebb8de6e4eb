"""What is deleted is let go of: its incident ends, and its condition is the last word about it."""

import pytest

from bridge.core.correlate import Correlator
from bridge.core.world.settings import Settings
from bridge.core.world.tables import CONDITION, PLAN, REMARK
from tests.core.truth.looks import STOPPED, changed, seen


def world(cluster):
    return cluster.correlator.cluster("prod").world


@pytest.mark.parametrize(
    "subject, without",
    [("resource/ip", ["ip"]), ("node/n3", ["n3"]), ("resource/web-fs", ["web-fs", "web-srv"])],
)
def test_nothing_is_known_of_it_any_more(cluster, subject, without):
    cluster.shows("n1", seen()).at(70).shows("n1", changed(without=without))
    told = cluster.conditions[subject]
    assert (str(told.severity), told.why, told.gone) == ("info", "deleted from the configuration", True)
    assert (CONDITION, subject) not in world(cluster).facts
    assert subject in [one.subject for one in cluster.correlator.gone()]
    cluster.at(5000)
    assert cluster.conditions[subject] == told, "no timer brings it back"


def test_what_was_arranged_for_it_goes_with_it(cluster):
    bans = [{"id": "cli-ban-ip-on-n1", "resource": "ip", "node": "n1"}]
    cluster.shows("n1", changed(resources={"ip": {"managed": False}}, bans=bans)).at(70).shows("n1", changed(without=["ip"]))
    assert (PLAN, "resource/ip") not in world(cluster).facts
    assert (REMARK, "resource/ip") not in world(cluster).facts


def test_it_is_made_again(cluster):
    cluster.shows("n1", seen()).at(70).shows("n1", changed(without=["ip"])).at(90).shows("n1", seen())
    assert not cluster.conditions["resource/ip"].gone
    assert cluster.condition("resource/ip") == ("ok", "runs on n2")
    assert cluster.correlator.gone() == []


def test_removed_and_then_stopped(cluster):
    cluster.shows("n1", seen()).at(70).shows("n1", changed(resources={"ip": {"removed": True}})).at(80)
    assert not cluster.conditions["resource/ip"].gone
    cluster.stops("n2", "ip").at(82).shows("n1", changed(resources={"ip": {**STOPPED, "removed": True}}))
    assert cluster.conditions["resource/ip"].gone
    assert cluster.at(300).stories() == []


def test_a_restart_knows_what_is_gone(cluster):
    cluster.shows("n1", seen()).at(70).shows("n1", changed(without=["ip"]))
    other = Correlator(Settings())
    other.cluster("prod").turn_to((), dict(world(cluster).facts))
    assert other.gone() == cluster.correlator.gone() != []


@pytest.mark.parametrize("name", ["n1", "n3"])
def test_a_relay_that_is_no_longer_enrolled(cluster, name):
    cluster.shows("n2", seen()).silent(name).unenrolled(name)
    told = cluster.conditions[f"relay/{name}"]
    assert (told.why, told.gone) == (f"{name} is no longer enrolled", True)
    assert cluster.at(200).stories() == [("edge-silent", f"relay/{name}", "ok", "closed")]
    assert not cluster.conditions[f"node/{name}"].gone, "the others still see it"


def test_a_node_that_nobody_else_sees_goes_with_its_relay(cluster):
    cluster.attribute("lonely", "ping", "100", by="lonely").unenrolled("lonely")
    told = cluster.conditions["node/lonely"]
    assert (told.why, told.gone) == ("lonely is no longer enrolled", True)


def test_a_picture_without_any_resource_may_be_half_an_answer(cluster):
    cluster.shows("n1", seen()).at(70).shows("n1", changed() | {"resources": []})
    assert not cluster.conditions["resource/ip"].gone
    cluster.at(80).shows("n1", changed() | {"resources": [], "configured": True})
    assert cluster.conditions["resource/ip"].gone
