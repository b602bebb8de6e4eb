"""All services run again, and a node stays away."""

import pytest

from bridge.core.world.tables import PLAN


@pytest.fixture
def failed_over(cluster):
    """n3 died; web runs on n1 after two seconds."""
    cluster.at(10).lost("n3", by="n1 n2").at(11).fenced("n3", by="n1 n2").at(12).starts("n1", "web")
    return cluster


def test_a_failover_is_critical_until_it_has_been_quiet(failed_over):
    assert failed_over.at(20).stories() == [("node-failure", "node/n3", "critical", "open")]
    assert failed_over.at(40).stories() == [("node-failure", "node/n3", "warning", "open")]


def test_a_node_that_returns_ends_the_failover(failed_over):
    assert failed_over.at(400).member("n3", by="n1 n2").at(430).stories() == [("node-failure", "node/n3", "ok", "closed")]


def test_a_node_that_stays_away_becomes_lost_redundancy(failed_over):
    assert failed_over.at(700).stories() == [
        ("node-failure", "node/n3", "ok", "closed"),
        ("redundancy-lost", "node/n3", "warning", "open"),
    ]
    ended, begun = sorted(failed_over.incidents.values(), key=lambda one: one.kind)
    assert ended.facts["recovered_at"] == begun.opened_at.isoformat()
    assert begun.opened_at.second == 12
    assert begun.facts["node"] == "n3"
    assert failed_over.condition("node/n3")[0] == "warning"


def test_lost_redundancy_ends_with_the_return(failed_over):
    failed_over.at(700).member("n3", by="n1 n2").at(800)
    assert failed_over.stories()[1] == ("redundancy-lost", "node/n3", "ok", "closed")
    assert failed_over.condition("node/n3") == ("ok", "member of the cluster")


def test_while_a_service_is_down_nothing_sinks(cluster):
    cluster.at(10).lost("n3", by="n1 n2").at(11).fenced("n3", by="n1 n2")
    assert cluster.at(2000).stories() == [("node-failure", "node/n3", "critical", "open")]


def test_a_relapse_before_the_time_is_up_keeps_the_story_together(failed_over):
    failed_over.at(300).fails("n1", "web", task="start").at(320).stops("n1", "web")
    assert ("redundancy-lost", "node/n3", "warning", "open") in failed_over.at(700).stories()
    assert ("resource-down", "resource/web", "critical", "open") in failed_over.stories()


def test_a_node_that_nobody_fenced_stays_critical(cluster):
    cluster.stops("n3", "web").starts("n1", "web").at(300).lost("n3", by="n1 n2")
    assert cluster.at(2000).stories() == [("node-failure", "node/n3", "critical", "open")]


def test_whoever_fences_by_hand_knows_that_it_is_away(cluster):
    cluster.at(10).fenced("n3", by="n1 n2", client="stonith_admin.1").lost("n3", by="n1 n2").at(12).starts("n1", "web")
    assert cluster.at(2000).stories() == [("node-fenced-by-admin", "node/n3", "warning", "open")]


def test_quorum_is_back_but_nobody_fenced_the_rest(cluster):
    cluster.member("n4", by="n1 n2 n3").member("n5", by="n1 n2 n3").at(100)
    for name in ("n3", "n4", "n5"):
        cluster.lost(name, by="n1 n2")
    cluster.stops("n1", "db").at(120).member("n3", by="n1 n2").starts("n1", "db").starts("n3", "web")
    (story,) = [one for one in cluster.at(2000).incidents.values() if not one.absorbed_into]
    assert (story.kind, story.severity, story.state) == ("quorum-lost", "critical", "open")


def test_that_everything_runs_again_is_said_with_who_is_still_away(failed_over):
    (story,) = failed_over.at(60).incidents.values()
    assert story.reason == "everything runs again; still away: n3"


@pytest.fixture
def board_dead(cluster):
    """n3 and its management board have lost power; a person has confirmed that it is off, and web runs on n1."""
    cluster.starts("n1", "st-n3").at(10).lost("n3", by="n1 n2").at(11).fenced("n3", by="n1 n2", rc=1)
    cluster.at(20).fails("n1", "st-n3").fails("n1", "st-n3", "start").stops("n1", "st-n3")
    return cluster.at(100).fenced("n3", by="n1 n2", client="stonith_admin.7").at(105).starts("n1", "web")


def test_the_fence_device_of_a_node_that_is_off_is_waited_for_by_nobody(board_dead):
    assert board_dead.at(110).stories() == [("node-failure", "node/n3", "critical", "open")]
    assert board_dead.at(140).stories() == [("node-failure", "node/n3", "warning", "open")]
    board_dead.fails("n2", "st-n3", "start").stops("n2", "st-n3")
    assert board_dead.at(200).stories() == [("node-failure", "node/n3", "warning", "open")]
    after = [("node-failure", "node/n3", "ok", "closed"), ("redundancy-lost", "node/n3", "warning", "open")]
    assert board_dead.at(900).stories() == after
    board_dead.fails("n1", "st-n3", "start").stops("n1", "st-n3")
    assert board_dead.at(1000).stories() == after


def test_it_is_waited_for_when_the_node_is_back(board_dead):
    board_dead.at(900).member("n3", by="n1 n2").at(1000)
    assert board_dead.stories() == [
        ("fence-device-failure", "resource/st-n3", "critical", "open"),
        ("node-failure", "node/n3", "ok", "closed"),
        ("redundancy-lost", "node/n3", "ok", "closed"),
    ]


def test_and_gently_while_somebody_works_on_it(board_dead):
    (world,) = board_dead.at(900).correlator.worlds()
    world.keep((PLAN, "resource/st-n3"), "in maintenance")
    board_dead.member("n3", by="n1 n2").at(1000)
    assert board_dead.stories()[0] == ("fence-device-failure", "resource/st-n3", "warning", "open")


def test_the_device_of_another_node_is_missed(cluster):
    cluster.starts("n3", "st-n1").at(10).lost("n3", by="n1 n2").at(11).fenced("n3", by="n1 n2").at(12).starts("n1", "web")
    assert cluster.at(900).stories() == [("node-failure", "node/n3", "critical", "open")]
