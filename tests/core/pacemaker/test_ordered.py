"""Fencings that a person asked for, and those told under a number."""

import msgspec
import pytest

ADMIN = "stonith_admin.7"


def kinds(cluster):
    return [(kind, severity) for kind, _, severity, _ in cluster.stories()]


def roots(cluster):
    return {root for _, root, *_ in cluster.stories()}


@pytest.mark.parametrize("value", ["true", "Yes", "1", "1795480000"])
def test_the_cluster_was_asked_to_fence_it(cluster, value):
    cluster.at(100).attribute("n3", "terminate", value).at(103).fenced("n3", by="n1 n2").lost("n3", by="n1 n2")
    assert kinds(cluster) == [("node-fenced-by-admin", "warning")]


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_nobody_asked_for_it(cluster, value):
    cluster.at(100).attribute("n3", "terminate", value).at(103).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    assert kinds(cluster) == [("node-failure", "critical")]


def test_an_order_repeated_long_after_is_none(cluster):
    cluster.at(100).attribute("n3", "terminate", "true").at(5000).attribute("n3", "terminate", "true", by="n2")
    cluster.at(5003).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    assert kinds(cluster) == [("node-failure", "critical")]


def test_an_order_is_over_with_the_return(cluster):
    cluster.at(100).attribute("n3", "terminate", "true").at(103).fenced("n3", by="n1 n2").lost("n3", by="n1 n2")
    cluster.starts("n1", "web").at(130).member("n3", by="n1 n2").at(200).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    assert sorted(kinds(cluster)) == [("node-failure", "critical"), ("node-fenced-by-admin", "ok")]


@pytest.mark.parametrize("clients", [(ADMIN, "pacemaker-controld.1"), ("pacemaker-controld.1", ADMIN)])
def test_a_persons_fencing_told_twice_is_one(cluster, clients):
    cluster.at(100).lost("n3", by="n1 n2")
    for client in clients:
        cluster.fenced("n3", by="n1 n2", client=client)
    assert kinds(cluster) == [("node-fenced-by-admin", "warning")]
    assert next(iter(cluster.incidents.values())).facts["fencing_client"] == ADMIN


def test_another_action_is_another_fencing(cluster):
    cluster.at(100).fenced("n3", by="n1 n2", client=ADMIN).fenced("n3", by="n1 n2", action="off")
    assert kinds(cluster) == [("node-failure", "critical")]


def test_a_fencing_a_minute_later_is_another(cluster):
    """Somebody fences by hand; what the cluster does long after it is no echo of that."""
    cluster.at(100).fenced("n2", by="n1 n3", client=ADMIN).at(160).fenced("n2", by="n1 n3")
    assert kinds(cluster) == [("node-failure", "critical")]


def test_a_failed_attempt_a_minute_after_one_that_worked_is_a_failure(cluster):
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").at(160).fenced("n3", by="n1 n2", rc=-61)
    assert kinds(cluster) == [("fencing-failure", "critical")]


def test_attempts_without_a_reference_a_minute_apart_are_two(cluster):
    cluster.stamp = lambda event: msgspec.structs.replace(event, ref="") if hasattr(event, "ref") else event
    for seconds in (100, 160):
        cluster.at(seconds).fenced("n3", by="n1 n2", rc=-61)
    assert next(iter(cluster.incidents.values())).facts["fencing_failures"] == "2"


def test_who_hastens_the_fencing_of_a_dead_node_did_not_ask_for_its_death(cluster):
    cluster.at(100).lost("n3", by="n1 n2").at(130).fenced("n3", by="n1 n2").fenced("n3", by="n1 n2", client=ADMIN)
    assert kinds(cluster) == [("node-failure", "critical")]


def numbered(cluster, number, name):
    """From now on the node is told with its number."""
    cluster.stamp = lambda event: (
        msgspec.structs.replace(event, node_id=number)
        if getattr(event, "node", "") == name and hasattr(event, "node_id")
        else event
    )
    return cluster


def test_a_number_is_the_node_that_the_next_word_says(cluster):
    cluster.at(100).fenced("3232235787", by="n1 n2")
    assert roots(cluster) == set()
    cluster.at(120)
    assert roots(cluster) == {"node/3232235787"}
    numbered(cluster, "3232235787", "n3").at(160).member("n3", by="n1 n2")
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]


def test_a_node_that_is_called_like_the_number_of_another_is_itself(cluster):
    numbered(cluster, "3", "n3").member("n3", by="n1 n2")
    numbered(cluster, "9", "3").member("3", by="n1 n2")
    cluster.at(100).lost("3", by="n1 n2").fenced("3", by="n1 n2")
    assert roots(cluster) == {"node/3"}


def test_unfencing_that_fails_is_told_until_something_starts_there(cluster):
    for number in range(3):
        cluster.at(100 + number).fenced("n2", by="n1 n3", rc=-62, action="on")
    assert cluster.stories() == [("fencing-failure", "fencing/n2", "warning", "open")]
    cluster.at(900).starts("n2", "db")
    assert cluster.at(1000).stories() == [("fencing-failure", "fencing/n2", "ok", "closed")]


def test_unfencing_that_nobody_tries_any_more_on_a_node_that_is_there_is_over(cluster):
    cluster.at(100).fenced("n3", by="n1 n2", action="on", rc=1).at(1000).fenced("n3", by="n1 n2", action="on", rc=1)
    cluster.at(2100).starts("n3", "fence-n1")
    assert cluster.stories() == [("fencing-failure", "fencing/n3", "warning", "open")]
    assert cluster.at(2300).stories() == [("fencing-failure", "fencing/n3", "ok", "closed")]


def test_of_a_node_that_is_lost_nobody_knows_whether_it_could_be_unfenced_now(cluster):
    cluster.at(100).lost("n3", by="n1 n2").at(110).fenced("n3", by="n1 n2", action="on", rc=1).at(3000)
    assert cluster.condition("fencing/n3")[0] == "warning"


def test_what_is_found_well_there_shows_that_it_was_unfenced(cluster):
    cluster.at(100).fenced("n3", by="n1 n2", action="on", rc=1).at(110).does("n3", "web", "monitor", interval=10_000)
    assert cluster.at(200).stories() == [("fencing-failure", "fencing/n3", "ok", "closed")]


def test_a_node_that_cannot_be_unfenced_and_dies_is_one_that_died(cluster):
    cluster.at(100).fenced("n2", by="n1 n3", rc=-62, action="on").at(200).lost("n2", by="n1 n3").fenced("n2", by="n1 n3")
    assert cluster.stories() == [("node-failure", "node/n2", "critical", "open")]


def test_unfencing_that_fails_after_a_fencing_belongs_to_it(cluster):
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").starts("n1", "web")
    cluster.at(110).fenced("n3", by="n1 n2", rc=-62, action="on")
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]
    assert next(iter(cluster.incidents.values())).alarms == ("unfencing of n3 failed",)


def test_what_does_not_start_elsewhere_after_an_order_is_one_story_of_its_own(cluster):
    cluster.at(50).starts("n3", "ip").at(100).fenced("n3", by="n1 n2", client="stonith_admin.7").lost("n3", by="n1 n2")
    assert cluster.at(200).stories() == [
        ("node-fenced-by-admin", "node/n3", "warning", "open"),
        ("resource-down", "resource/ip", "critical", "open"),
    ]
    (down,) = [one for one in cluster.incidents.values() if one.kind == "resource-down"]
    assert (down.facts["down"], down.facts["ran_on"]) == ("ip, web", "n3")
    assert down.seconds_away == {"resource/ip": None, "resource/web": None}
    cluster.starts("n1", "ip").starts("n1", "web")
    assert ("resource-down", "resource/ip", "ok", "closed") in cluster.at(300).stories()
    (down,) = [one for one in cluster.incidents.values() if one.kind == "resource-down"]
    assert 100 < down.seconds_away["resource/web"] < 101
