"""Nodes that die and come back with nobody left to tell."""

import msgspec
import pytest


@pytest.fixture
def began_anew(cluster):
    """Makes Pacemaker begin anew on nodes, at a moment: their numbers start at 1, and they greet each other."""

    def began(seconds, *names):
        cluster.at(seconds)
        for name in names:
            cluster._sequence[name] = 0
        for name in names:
            cluster.member(next(other for other in ("n1", "n2", "n3") if other != name), by=name)
        return cluster

    return began


def test_all_nodes_at_once_are_one_story_of_the_cluster(began_anew):
    cluster = began_anew(100, "n1", "n2", "n3")
    cluster.starts("n1", "db").at(105).starts("n3", "web")
    assert cluster.at(200).stories() == [("quorum-lost", "cluster", "ok", "closed")]
    (story,) = [one for one in cluster.incidents.values() if not one.absorbed_into]
    assert story.peak == "critical"
    assert {one.subject for one in story.outages} == {"resource/web", "resource/db"}


def test_one_node_faster_than_it_was_missed(began_anew):
    cluster = began_anew(100, "n3").starts("n3", "web")
    assert cluster.at(200).stories() == [("node-failure", "node/n3", "ok", "closed")]


def test_what_is_not_started_again_is_down(began_anew):
    assert began_anew(100, "n3").at(200).stories() == [("node-failure", "node/n3", "critical", "open")]


def test_pacemaker_alone_restarted_under_services_is_planned_work(began_anew):
    cluster = began_anew(100, "n3").does("n3", "web", "monitor", rc=0, target=7)
    assert cluster.at(300).stories() == []
    assert cluster.condition("resource/web") == ("ok", "runs on n3")


def test_where_only_sisters_of_others_ran_nothing_is_away_and_the_suspicion_ends(began_anew, cluster):
    cluster.stops("n3", "web")
    for name in ("n1", "n2", "n3"):
        cluster.starts(name, "cl")
    assert began_anew(100, "n3").at(110).stories() == [("node-failure", "node/n3", "warning", "watching")]
    assert cluster.at(200).stories() == [("node-failure", "node/n3", "ok", "closed")]
    assert cluster.condition("resource/cl")[0] == "ok"


def test_a_node_without_services_is_no_news(began_anew):
    assert began_anew(100, "n2").at(300).stories() == []


def test_a_clock_set_back_is_no_restart(cluster):
    """The numbers go on, and the times go back: nothing is lost, nothing began anew."""
    for _ in range(30):
        cluster.member("n1", by="n3")
    cluster.now -= cluster.now - cluster.now.replace(second=0, microsecond=0)
    cluster.member("n1", by="n3").at(400)
    assert cluster.stories() == []
    assert cluster.condition("resource/web") == ("ok", "runs on n3")


@pytest.mark.parametrize(
    "life, before, now, after, anew",
    [
        ("sequence", 18, 5, 8, True),
        ("sequence", 18, 5, 0.5, False),  # numbered together, stamped together
        ("sequence", 90, 60, 8, False),  # no beginning: what lay between was lost, or came out of order
        ("arrival", 18, 5, 8, True),
        ("arrival", 18, 5, 2, False),  # without a time of its own a call may overtake others by so much
    ],
)
def test_a_number_that_falls_is_a_beginning_or_an_overtaking(cluster, life, before, now, after, anew):
    def stamp(number):
        return lambda event: msgspec.structs.replace(event, order=(life, number)) if event.witness == "n3" else event

    cluster.stamp = stamp(before)
    cluster.at(100).does("n3", "web", "monitor", interval=10_000)
    cluster.stamp = stamp(now)
    cluster.at(100 + after).attribute("n3", "#feature-set", "3.16.1", by="n3")
    assert bool(cluster.at(200).stories()) is anew
