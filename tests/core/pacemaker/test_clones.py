"""Who is down: a service of several instances is away while none answers, and an instance that stays away is a lesser trouble."""

from datetime import timedelta

import pytest


def only(cluster):
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    return story


def promotable(cluster):
    """pg runs on n1, promoted, and on n2."""
    return cluster.at(100).starts("n1", "pg").starts("n2", "pg").does("n1", "pg", "promote")


def promoted_dies(cluster):
    cluster.at(200).does("n1", "pg", "monitor", rc=7, target=8, interval=5_000).stops("n1", "pg")
    return cluster.fails("n1", "pg", "start").stops("n1", "pg")


def test_another_instance_ends_the_outage_and_the_rest_is_a_warning(cluster):
    promoted_dies(promotable(cluster)).at(204).does("n2", "pg", "promote")
    assert cluster.at(300).stories() == [("resource-failure", "resource/pg", "warning", "open")]
    (outage,) = only(cluster).outages
    assert outage.ended_at - outage.began_at < timedelta(seconds=5)
    assert cluster.condition("resource/pg") == ("warning", "pg is there again, but not on n1, where it failed")
    assert (only(cluster).facts["missing_on"], only(cluster).facts["now_on"]) == ("n1", "n2")


def test_what_was_down_sinks_to_what_remains(cluster):
    promoted_dies(promotable(cluster)).at(300)
    assert cluster.stories() == [("resource-down", "resource/pg", "critical", "open")]
    assert (only(cluster).facts["unpromoted"], only(cluster).facts["down"]) == ("pg", "")
    assert (only(cluster).facts["absence"], only(cluster).facts["runs_on"]) == ("promoted", "n2")
    cluster.does("n2", "pg", "promote")
    assert cluster.stories() == [("resource-failure", "resource/pg", "warning", "open")]
    assert only(cluster).facts["unpromoted"] == ""
    cluster.starts("n1", "pg")
    assert cluster.at(400).stories() == [("resource-failure", "resource/pg", "ok", "closed")]


def test_what_ran_nowhere_and_starts_unpromoted_is_promoted_nowhere(cluster):
    promoted_dies(promotable(cluster)).at(210).fails("n2", "pg").stops("n2", "pg").at(300)
    assert (only(cluster).facts["unpromoted"], only(cluster).facts["down"]) == ("", "pg")
    assert (only(cluster).facts["absence"], only(cluster).facts["runs_on"]) == ("runs", "")
    cluster.starts("n2", "pg")
    assert (only(cluster).facts["unpromoted"], only(cluster).facts["down"]) == ("pg", "")


def test_a_failed_start_of_one_instance_is_no_outage(cluster):
    cluster.at(50).starts("n1", "cw").starts("n2", "cw").at(100).fails("n3", "cw", "start").stops("n3", "cw")
    assert cluster.at(300).stories() == [("resource-failure", "resource/cw", "warning", "open")]
    assert only(cluster).outages == ()


def test_an_instance_that_moves_leaves_nothing_missing(cluster):
    cluster.at(50).starts("n1", "cw").starts("n2", "cw").at(100).fails("n1", "cw").stops("n1", "cw").starts("n3", "cw")
    assert cluster.at(300).stories() == [("resource-failure", "resource/cw", "ok", "closed")]


def test_what_failed_on_a_node_that_died_is_the_nodes_story(cluster):
    promoted_dies(promotable(cluster)).lost("n1", by="n2 n3").fenced("n1", by="n2 n3").at(204).does("n2", "pg", "promote")
    cluster.starts("n2", "db").member("n1", by="n2 n3")
    assert {state for *_, state in cluster.at(300).stories()} == {"closed"}


def test_it_has_given_up_when_the_start_failed_everywhere_and_is_not_tried_again(cluster):
    cluster.at(100).fails("n1", "db").stops("n1", "db")
    for name in ("n1", "n2", "n3"):
        cluster.fails(name, "db", "start").stops(name, "db")
    assert cluster.at(110).stories() == [("resource-down", "resource/db", "critical", "open")]
    assert only(cluster).facts["given_up"] == "yes"
    cluster.fails("n1", "db", "start")
    assert only(cluster).facts["given_up"] == ""


def test_it_has_not_given_up_where_it_was_not_tried(cluster):
    cluster.at(100).fails("n1", "db").stops("n1", "db").fails("n1", "db", "start").stops("n1", "db").at(200)
    assert only(cluster).facts["given_up"] == ""


def test_tried_again_and_again_everywhere_it_is_down_all_the_same(cluster):
    cluster.at(100).fails("n1", "db").stops("n1", "db")
    for number in range(60):
        name = f"n{number % 3 + 1}"
        cluster.at(101 + number).fails(name, "db", "start").stops(name, "db")
    assert cluster.stories() == [("resource-down", "resource/db", "critical", "open")]
    assert only(cluster).facts["given_up"] == ""


def test_an_instance_that_cannot_be_restarted_is_no_outage_while_the_others_run_on(cluster):
    """They say nothing, for nothing happens to them."""
    cluster.at(50).starts("n1", "cw").starts("n2", "cw").starts("n3", "cw")
    cluster.at(100).fails("n2", "cw").stops("n2", "cw").fails("n2", "cw", "start").stops("n2", "cw")
    assert cluster.at(200).stories() == [("resource-failure", "resource/cw", "warning", "open")]
    assert only(cluster).seconds_away == {"resource/cw": 0.0}
    assert (only(cluster).facts["missing_on"], only(cluster).facts["now_on"]) == ("n2", "n1, n3")
    assert cluster.condition("resource/cw") == ("warning", "cw is there, but not on n2, where it failed")
    cluster.starts("n2", "cw")
    assert cluster.at(300).stories() == [("resource-failure", "resource/cw", "ok", "closed")]


def misses_one(cluster):
    """cw runs on n1 and n3, and could not be started on n2."""
    cluster.at(50).starts("n1", "cw").starts("n3", "cw").at(100).fails("n2", "cw", "start").stops("n2", "cw")
    return cluster.at(200)


def leaves(cluster):
    cluster.attribute("n2", "shutdown", "200").lost("n2", by="n1 n3")


def is_fenced(cluster):
    cluster.lost("n2", by="n1 n3").fenced("n2", by="n1 n3")


def is_fenced_by_a_person(cluster):
    cluster.fenced("n2", by="n1 n3", client="stonith_admin.7").lost("n2", by="n1 n3")


@pytest.mark.parametrize("goes", [leaves, is_fenced, is_fenced_by_a_person])
def test_nothing_is_missed_on_a_node_that_is_gone(cluster, goes):
    goes(misses_one(cluster))
    (story,) = [one for one in cluster.at(300).incidents.values() if one.root == "resource/cw"]
    assert (story.state, story.facts["ended_by"], story.facts["now_on"]) == ("closed", "node-gone", "n1, n3")
    assert cluster.condition("resource/cw") == ("ok", "runs on n1, n3")


def test_a_node_that_is_only_lost_has_not_ended_what_failed_there(cluster):
    misses_one(cluster).lost("n2", by="n1 n3").member("n2", by="n1 n3").at(300)
    assert ("resource-failure", "resource/cw", "warning", "open") in cluster.stories()


def test_it_is_still_missed_on_the_other_node(cluster):
    cluster.member("n4", by="n1 n2 n3").at(50).starts("n1", "cw").starts("n3", "cw")
    cluster.at(100).fails("n2", "cw", "start").stops("n2", "cw").fails("n4", "cw", "start").stops("n4", "cw")
    leaves(cluster.at(200))
    assert only(cluster.at(300)).facts["missing_on"] == "n4"
    assert cluster.stories() == [("resource-failure", "resource/cw", "warning", "open")]


def test_stopped_as_a_whole_it_is_missed_nowhere(cluster):
    misses_one(cluster).stops("n1", "cw")
    assert cluster.at(250).stories() == [("resource-failure", "resource/cw", "warning", "open")]
    cluster.stops("n3", "cw").at(320)
    assert cluster.stories() == [("resource-failure", "resource/cw", "ok", "closed")]
    assert only(cluster).facts["ended_by"] == "stopped"
    assert cluster.condition("resource/cw")[0] == "info"


def test_what_was_over_and_goes_on_is_not_told_as_ended_by_a_stop(cluster):
    misses_one(cluster).stops("n1", "cw").stops("n3", "cw").at(240)
    assert only(cluster).facts["ended_by"] == "stopped"
    cluster.starts("n1", "cw").fails("n2", "cw", "start").stops("n2", "cw").at(300)
    assert only(cluster).facts["ended_by"] == ""


def test_restarted_as_a_whole_it_is_still_missed(cluster):
    misses_one(cluster).stops("n1", "cw").stops("n3", "cw").at(210).starts("n1", "cw").starts("n3", "cw")
    assert cluster.at(400).stories() == [("resource-failure", "resource/cw", "warning", "open")]


def test_stopped_with_what_failed_it_is_not_over(cluster):
    misses_one(cluster).fails("n3", "web").stops("n3", "web").stops("n3", "cw").stops("n1", "cw").at(260)
    assert ("resource-failure", "resource/cw", "warning", "open") in cluster.stories()
