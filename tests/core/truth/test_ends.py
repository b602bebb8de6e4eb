"""What ended unseen ends: by the picture that shows it well, and by nothing that is older than the trouble."""

from datetime import timedelta

import pytest

from tests.core.conftest import BEGIN
from tests.core.truth.looks import OFFLINE, RELEASES, STOPPED, UNCLEAN, changed, seen


def only(cluster):
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    return story


@pytest.mark.parametrize("release", RELEASES)
def test_a_resource_that_is_shown_well_again_is(cluster, release):
    cluster.fails("n2", "ip").at(100).shows("n3", seen(release=release)).at(101)
    assert cluster.stories() == [("resource-failure", "resource/ip", "warning", "clearing")]
    assert cluster.at(200).stories() == [("resource-failure", "resource/ip", "ok", "closed")]


def test_a_look_that_began_before_the_failure_says_nothing(cluster):
    cluster.shows("n3", seen()).fails("n2", "ip").at(61)
    assert cluster.stories() == [("resource-failure", "resource/ip", "warning", "open")]


def test_nor_does_one_that_began_in_the_same_moment(cluster):
    cluster.fails("n2", "ip").shows("n3", seen()).at(62)
    assert cluster.stories() == [("resource-failure", "resource/ip", "warning", "open")]


def test_when_no_newer_picture_comes_it_is_still_so(cluster):
    cluster.shows("n3", seen()).at(70).fails("n2", "ip").at(115)
    assert cluster.stories()[0][3] == "open"
    assert cluster.at(118).stories() == [("resource-failure", "resource/ip", "warning", "clearing")]


@pytest.mark.parametrize("trouble", ["silent", "complains"])
def test_but_not_by_a_relay_that_would_not_say(cluster, trouble):
    cluster.shows("n3", seen()).at(70).fails("n2", "ip").at(71)
    getattr(cluster, trouble)("n3").at(200)
    assert len(cluster.incidents) == {"silent": 2, "complains": 1}[trouble]
    assert ("resource-failure", "resource/ip", "warning", "open") in cluster.stories()


def test_nor_by_one_whose_looks_are_in_vain_and_that_has_not_said_so_yet(cluster):
    """Its last good look began a moment before; the next two took ten seconds each."""
    cluster.shows("n3", seen()).at(61).fails("n2", "ip").at(100).complains("n3").at(200)
    assert cluster.stories()[0][3] == "open"


def test_a_resource_that_is_shown_failed_is_not_well(cluster):
    cluster.fails("n1", "flk").at(80).shows("n3", seen("02-failed-monitor")).at(81)
    assert cluster.stories() == [("resource-failure", "resource/flk", "warning", "open")]


def test_nothing_is_known_of_the_service_in_maintenance(cluster):
    says = changed(resources={"ip": {"maintenance": True, "managed": False}})
    assert cluster.fails("n2", "ip").at(100).shows("n3", says).at(200).stories()[0][3] == "open"


def test_a_promoted_instance_is_answered_by_a_promoted_one_only(cluster):
    cluster.does("n3", "db", "monitor", rc=7, target=8, interval=5_000)
    cluster.at(70).shows("n1", changed(resources={"db": {"role": "Unpromoted"}})).at(72)
    assert cluster.stories() == [("resource-failure", "resource/db", "warning", "open")]
    assert cluster.shows("n1", seen()).stories() == [("resource-failure", "resource/db", "warning", "clearing")]


def test_a_node_that_came_back_by_itself_after_its_fencing_had_failed(cluster):
    cluster.lost("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61).at(80)
    assert only(cluster).kind == "fencing-failure"
    cluster.at(90).shows("n1", seen())
    assert only(cluster).state == "clearing"
    assert cluster.condition("node/n3") == ("ok", "n3 is a member again: n1 sees it online")
    assert cluster.at(120).stories() == [("fencing-failure", "node/n3", "ok", "closed")]


def test_quorum_regained(cluster):
    cluster.lost("n2", by="n1").lost("n3", by="n1").at(75)
    assert only(cluster).kind == "quorum-lost"
    assert cluster.at(80).shows("n1", seen()).at(110).stories() == [("quorum-lost", "cluster", "ok", "closed")]


def test_quorum_regained_where_no_node_was_away(cluster):
    cluster.shows("n1", changed(quorate=False)).at(90)
    assert only(cluster).kind == "quorum-lost"
    assert cluster.shows("n1", seen()).at(120).stories() == [("quorum-lost", "cluster", "ok", "closed")]


def test_an_instance_that_may_not_run_where_it_failed_is_not_missed(cluster):
    cluster.fails("n3", "dlm").stops("n3", "dlm").at(80)
    rows = [row for row in seen()["resources"] if row["id"] != "dlm" or "n3" not in row["nodes"]]
    cluster.shows("n1", changed(nodes={"n3": {"standby": True}}, resources={}) | {"resources": rows})
    assert cluster.stories() == [("resource-failure", "resource/dlm", "warning", "clearing")]


def test_a_picture_without_quorum_speaks_for_its_own_node_only(cluster):
    cluster.fails("n2", "ip").at(100).shows("n1", seen("12-no-quorum")).at(101)
    assert ("resource-failure", "resource/ip", "warning", "open") in cluster.stories()


def test_what_is_switched_off_while_it_was_down_is_over(cluster):
    cluster.fails("n2", "ip").stops("n2", "ip").at(95)
    assert cluster.stories() == [("resource-down", "resource/ip", "critical", "open")]
    cluster.at(100).shows("n3", changed(resources={"ip": {**STOPPED, "disabled": True, "target_role": "Stopped"}}))
    assert only(cluster).state == "clearing"
    assert only(cluster).facts["ended_by"] == "switched-off"
    assert cluster.condition("resource/ip") == ("info", "switched off by an administrator")
    assert cluster.at(200).stories() == [("resource-down", "resource/ip", "ok", "closed")]


def test_what_is_deleted_while_it_was_down_is_over(cluster):
    cluster.shows("n3", seen()).at(70).fails("n2", "ip").stops("n2", "ip")
    cluster.at(73).shows("n3", changed(resources={"ip": STOPPED})).at(105)
    assert cluster.stories() == [("resource-down", "resource/ip", "critical", "open")]
    cluster.at(110).shows("n3", changed(without=["ip"]))
    assert only(cluster).facts["ended_by"] == "deleted"
    assert cluster.at(200).stories() == [("resource-down", "resource/ip", "ok", "closed")]


def test_after_the_first_node_was_deleted_other_things_are_still_seen_to_go(cluster):
    cluster.shows("n2", seen()).at(70).shows("n2", changed(without=["n1"]))
    assert cluster.condition("node/n1") == ("info", "deleted from the configuration")
    cluster.at(80).shows("n2", changed(without=["n1", "ip"]))
    assert cluster.condition("resource/ip") == ("info", "deleted from the configuration")


def test_with_a_deleted_node_goes_what_it_said_of_its_way_out(cluster):
    cluster.shows("n2", seen()).at(70).attribute("n1", "pingd", "0")
    assert cluster.stories() == [("connectivity", "attribute/pingd@n1", "warning", "open")]
    cluster.at(80).shows("n2", changed(without=["n1"])).at(120)
    assert cluster.stories() == [("connectivity", "attribute/pingd@n1", "ok", "closed")]


def test_a_node_that_was_away_when_it_was_first_looked_for_has_no_way_out_to_lose(cluster):
    cluster.attribute("n4", "pingd", "0")
    says = seen()
    cluster.shows("n2", {**says, "nodes": [*says["nodes"], {**says["nodes"][0], "name": "n4", "dc": False, **OFFLINE}]}).at(200)
    assert cluster.stories() == [("connectivity", "attribute/pingd@n4", "ok", "closed")]


def test_a_series_ends_with_its_resource(cluster):
    cluster.shows("n3", seen())
    for second in (70, 75, 80):
        cluster.at(second).fails("n2", "ip").starts("n2", "ip")
    assert only(cluster).kind == "resource-flapping"
    cluster.at(90).shows("n3", changed(resources={"ip": {**STOPPED, "disabled": True}}))
    assert cluster.at(120).stories() == [("resource-flapping", "resource/ip", "ok", "closed")]


@pytest.mark.parametrize("name", ["n3", "n1"])
def test_a_deleted_node_takes_its_story_with_it(cluster, name):
    for again in ("first", "second"):
        cluster.shows("n2", seen()).at({"first": 70, "second": 300}[again]).lost(name, by="n2")
        cluster.now += timedelta(seconds=3)
        cluster.shows("n2", changed(nodes={name: UNCLEAN})).at({"first": 140, "second": 400}[again])
        assert cluster.condition(f"node/{name}")[0] == "critical"
        moved = {"nodes": ["n2"], "role": "Started"}
        cluster.shows("n2", changed(without=[name], resources=dict.fromkeys(("web-fs", "web-srv", "flk", "fencing"), moved)))
        assert cluster.condition(f"node/{name}") == ("info", "deleted from the configuration"), again
        cluster.now += timedelta(seconds=30)
        cluster.at((cluster.now - BEGIN).total_seconds())
        assert {story[2:] for story in cluster.stories()} == {("ok", "closed")}


def test_a_node_that_the_cluster_does_not_expect_left_in_good_order(cluster):
    cluster.shows("n1", seen()).at(70).lost("n3", by="n1 n2").at(71)
    assert only(cluster).state == "watching"
    cluster.at(73).shows("n1", changed(seen("11-orderly-away"), fencings=[])).at(95)
    assert (only(cluster).severity, only(cluster).state) == ("warning", "clearing")
    assert cluster.condition("node/n3")[0] == "info"
    assert cluster.condition("node/n3")[1].startswith("left in good order")
