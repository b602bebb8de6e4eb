"""What a story is told with: who saw it, what it hangs on, which machine it is about, and how it ends."""

import pytest


def story(cluster):
    """The one that stands for itself."""
    (one,) = [one for one in cluster.incidents.values() if one.absorbed_into is None and not one.planned]
    return one


def test_whoever_calls_a_node_lost_is_named(cluster):
    cluster.at(100).lost("n3", by="n1")
    assert story(cluster).facts["lost_by"] == "n1"
    cluster.lost("n3", by="n2")
    assert story(cluster).facts["lost_by"] == "n1, n2"


def test_two_that_call_each_other_lost_are_both_named(cluster_of_two):
    cluster_of_two.at(100).lost("n2", by="n1").lost("n1", by="n2")
    one = story(cluster_of_two)
    assert (one.kind, one.root, one.facts["cut_off"]) == ("cluster-partition", "cluster", "n2, n1")


def test_a_lost_node_that_nobody_fences_and_that_calls_others_lost_is_the_one_that_is_cut_off(cluster_of_two):
    cluster_of_two.at(100).lost("n1", by="n2").lost("n2", by="n1").at(300)
    one = story(cluster_of_two)
    assert (one.kind, one.root, one.facts["unfenced"]) == ("cluster-partition", "cluster", "yes")
    assert one.facts["cut_off"] in {"n1", "n2"}


def test_a_failed_migration_is_told_with_what_failed_where(cluster):
    cluster.at(50).starts("n1", "vm-a").at(100).does("n1", "vm-a", "migrate_to", rc=1)
    facts = story(cluster).facts
    assert (story(cluster).kind, facts["resource"], facts["failed_on"], facts["action"]) == (
        "migration-failure",
        "vm-a",
        "n1",
        "migrate_to",
    )
    assert story(cluster).outages == (), "it runs where it ran"


def test_a_fencing_of_a_node_that_nobody_knows_is_told_at_once_by_its_name(cluster):
    cluster.at(100).fenced("n9", by="n1")
    assert cluster.stories() == [("node-failure", "node/n9", "critical", "open")]


def test_a_node_that_was_not_unfenced_and_is_lost_is_a_node_that_failed(cluster):
    cluster.at(100).fenced("n3", by="n1 n2", action="on", rc=1)
    assert story(cluster).root != "node/n3"
    cluster.at(110).lost("n3", by="n1 n2").at(111)
    assert (story(cluster).kind, story(cluster).root) == ("node-failure", "node/n3")


def test_that_a_relay_is_silent_is_part_of_the_loss_of_its_node(cluster):
    cluster.at(100).silent("n3").at(110).lost("n3", by="n1 n2").at(300)
    assert [one[:2] for one in cluster.stories()] == [("node-failure", "node/n3")]


@pytest.mark.parametrize(
    "well_again, told", [(False, ["node-failure"]), (True, ["node-failure", "resource-failure"])], ids=["failed", "well again"]
)
def test_a_remote_node_is_lost_with_its_connection_if_that_has_failed(cluster, well_again, told):
    cluster.at(100).starts("n1", "far").fails("n1", "far")
    if well_again:
        cluster.at(102).stops("n1", "far").starts("n1", "far")
    cluster.at(104).lost("far", by="n1").fenced("far", by="n1").at(300)
    assert [kind for kind, *_ in cluster.stories()] == told


def test_a_resource_that_cannot_be_stopped_is_what_its_story_is_about(cluster):
    """Though it was in another's story before: it is the stop that blocks all that waits for it."""
    cluster.at(100).fails("n1", "db").at(101).fails("n1", "db", task="stop")
    one = story(cluster)
    assert (one.kind, one.root, one.facts["behind"]) == ("resource-blocked", "resource/db", "db")


def test_two_stories_that_turn_out_to_be_one_are_told_as_one(cluster):
    """b failed by itself at first; then neither it nor a can be stopped: the node is sick."""
    cluster.at(50).starts("n2", "a").starts("n2", "b").at(100).fails("n2", "b").fails("n2", "a").fails("n2", "a", task="stop")
    cluster.at(101).fails("n2", "b", task="stop")
    assert cluster.stories() == [("resource-blocked", "resource/a", "critical", "open")]
    assert story(cluster).facts["behind"] == "a, b"


def test_of_two_that_could_not_be_stopped_the_one_that_is_left_tells_of_the_fencing(cluster):
    cluster.at(50).starts("n1", "a").at(100).fails("n1", "a", task="stop").at(400).fails("n1", "db", task="stop")
    assert [one[:2] for one in cluster.stories()] == [("resource-blocked", "resource/a"), ("resource-blocked", "resource/db")]
    cluster.at(410).stops("n1", "a").at(500).lost("n1", by="n2 n3").fenced("n1", by="n2 n3").at(510)
    still = [one for one in cluster.stories() if one[3] == "open"]
    assert len(still) == 1
    assert cluster.condition("node/n1")[0] == "critical"


def test_what_could_not_be_stopped_and_was_in_the_end_is_no_emergency_any_more(cluster):
    cluster.at(100).fails("n1", "db", task="stop").at(200).stops("n1", "db")
    assert cluster.at(205).stories() == [("resource-blocked", "resource/db", "critical", "open")]
    assert cluster.at(400).stories() == [("resource-blocked", "resource/db", "ok", "closed")]
    assert cluster.condition("resource/db") == ("info", "stopped in the end, and not started again")


def test_a_node_where_a_stop_failed_once_may_leave_when_it_worked_in_the_end(cluster):
    cluster.at(100).fails("n3", "web", task="stop").at(120).stops("n3", "web").starts("n1", "web").at(300)
    cluster.starts("n3", "ip").at(310).stops("n3", "ip").lost("n3", by="n1 n2").at(900)
    assert [kind for kind, *_ in cluster.stories()] == ["resource-blocked"]


def test_behind_a_fenced_node_nothing_is_stuck_any_more(cluster):
    cluster.at(100).fails("n3", "web", task="stop").at(110).fenced("n3", by="n1 n2").lost("n3", by="n1 n2")
    cluster.at(115).starts("n1", "web").at(150).member("n3", by="n1 n2").at(400)
    cluster.at(500).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    (second,) = [one for one in cluster.incidents.values() if one.state != "closed"]
    assert second.facts.get("behind", "") == ""


def test_a_node_that_left_in_good_order_takes_no_old_word_with_it(cluster):
    cluster.at(100).attribute("n3", "shutdown", "1795480000").stops("n3", "web").lost("n3", by="n1 n2")
    assert cluster.condition("node/n3")[0] == "info"
    assert "left in good order" in cluster.condition("node/n3")[1]


def test_what_still_was_on_a_node_that_leaves_ended_with_it(cluster):
    cluster.at(100).attribute("n3", "shutdown", "1795480000").lost("n3", by="n1 n2")
    assert cluster.condition("resource/web") == ("info", "ended with n3, which left in good order")


def test_unfencing_that_failed_is_over_when_the_node_leaves_in_good_order(cluster):
    cluster.at(100).fenced("n2", by="n1 n3", rc=-62, action="on")
    cluster.at(200).attribute("n2", "shutdown", "1795480000").lost("n2", by="n1 n3")
    assert cluster.at(400).stories() == [("fencing-failure", "fencing/n2", "ok", "closed")]


def test_failed_unfencing_is_counted(cluster):
    for number in range(3):
        cluster.at(100 + 20 * number).fenced("n2", by="n1 n3", rc=-62, action="on")
    assert story(cluster).facts["unfencing_failures"] == "3"


def test_a_fencing_loop_behind_a_stop_is_about_what_cannot_be_stopped(cluster):
    for number in range(3):
        cluster.at(100 + 100 * number).fails("n3", "web", task="stop").fails("n3", "ip", task="stop")
        cluster.at(103 + 100 * number).fenced("n3", by="n1 n2").lost("n3", by="n1 n2")
        cluster.at(130 + 100 * number).member("n3", by="n1 n2").starts("n3", "web")
    loops = [one for one in cluster.stories() if one[0] == "fencing-loop"]
    assert [root for _, root, *_ in loops] == ["resource/web"]


def test_most_nodes_lost_and_one_fenced_is_the_failure_of_that_one(cluster):
    cluster.at(100).lost("n2", by="n1").lost("n3", by="n1").at(112)
    assert story(cluster).facts["doubtful"] == "yes"
    cluster.at(115).fenced("n3", by="n1")
    assert (story(cluster).kind, story(cluster).root) == ("node-failure", "node/n3")


def test_only_who_told_of_the_lost_quorum_may_turn_out_to_be_the_one_that_is_cut_off(cluster):
    cluster.at(100).lost("n2", by="n1").lost("n3", by="n1").stops("n1", "db")
    cluster.at(110).lost("n2", by="n3")
    assert ("quorum-lost", "cluster", "critical", "open") in cluster.stories()


def test_a_node_that_began_anew_unseen_is_named(cluster):
    cluster._sequence["n3"] = 0
    cluster.at(100).member("n1", by="n3").starts("n3", "web")
    assert story(cluster).facts["node"] == "n3"


@pytest.mark.parametrize("gone", ["lost", "fenced", "left"])
def test_a_node_that_was_known_to_be_away_did_not_die_unseen(cluster, gone):
    cluster.at(100)
    if gone == "left":
        cluster.attribute("n3", "shutdown", "1795480000")
    cluster.lost("n3", by="n1 n2")
    if gone == "fenced":
        cluster.fenced("n3", by="n1 n2").starts("n1", "web")
    before = len(cluster.incidents)
    cluster._sequence["n3"] = 0
    cluster.at(150).member("n1", by="n3")
    assert len(cluster.incidents) == before


def test_a_loss_of_the_outside_is_no_outage_of_the_node(cluster):
    cluster.at(100).attribute("n1", "pingd", "1000").at(200).attribute("n1", "pingd", "0")
    assert story(cluster).outages == ()
    assert story(cluster).facts["before"] == "1000"


def test_a_cleanup_without_the_operation_in_its_name_is_one(cluster):
    """Pacemaker before 1.1.17: `fail-count-db`, for all operations."""
    cluster.at(100).attribute("n1", "fail-count-db", "INFINITY").fails("n1", "db", task="start").stops("n1", "db").at(150)
    cluster.attribute("n1", "fail-count-db", "").at(300)
    assert cluster.stories() == [("resource-down", "resource/db", "ok", "closed")]


def test_the_promoted_instance_of_a_dead_node_is_missed_until_another_is_promoted(cluster):
    cluster.at(50).starts("n1", "pg").starts("n3", "pg").does("n3", "pg", "promote")
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").starts("n1", "web").starts("n1", "pg").at(110)
    assert cluster.condition("resource/pg")[0] == "critical"
    cluster.does("n1", "pg", "promote")
    assert cluster.condition("resource/pg")[0] == "ok"


def test_a_promoted_instance_that_is_degraded_is_still_the_promoted_one(cluster):
    """OCF_RC 191: degraded, promoted. When its node dies, a promoted one is missed."""
    cluster.at(50).starts("n1", "pg").does("n3", "pg", "monitor", rc=191, target=8, interval=5_000)
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").starts("n1", "web").at(110)
    assert cluster.condition("resource/pg")[0] == "critical"


def test_a_series_that_is_quiet_says_since_when(cluster):
    for number in range(3):
        cluster.at(100 + 30 * number).fails("n1", "db").at(105 + 30 * number).stops("n1", "db").starts("n1", "db")
    cluster.at(400)
    assert "db is quiet since 00:02:" in story(cluster).reason


def test_a_failure_that_turns_into_a_blocked_stop_joins_the_one_before(cluster):
    """c failed before a did, as a story of its own; when its stop fails, too, there is one story."""
    cluster.at(20).starts("n2", "a").starts("n2", "c").at(50).fails("n2", "c")
    cluster.at(95).fails("n2", "a", task="stop").at(96).fails("n2", "c", task="stop")
    assert cluster.stories() == [("resource-blocked", "resource/a", "critical", "open")]


def test_what_was_stopped_in_the_end_is_not_why_its_node_is_fenced_later(cluster):
    cluster.at(100).fails("n3", "web", task="stop").at(120).stops("n3", "web").at(400)
    cluster.at(900).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    (fenced,) = [one for one in cluster.incidents.values() if one.state != "closed"]
    assert "behind" not in fenced.facts


def test_what_only_a_cut_off_node_called_lost_was_never_away(cluster):
    """n3 tells of n1's loss and stays; a minute later the others fence n3: db ran all the time."""
    cluster.at(100).lost("n1", by="n3").at(170)
    cluster.lost("n2", by="n3").lost("n3", by="n1 n2").fenced("n3", by="n1 n2").at(175).starts("n1", "web").at(190)
    assert cluster.condition("resource/db") == ("ok", "runs on n1")
    ended = [one for one in cluster.incidents.values() if not one.absorbed_into]
    assert {outage.subject for one in ended for outage in one.outages} == {"resource/web"}


def test_nothing_is_told_of_a_node_that_was_lost_for_a_moment_only_in_the_eyes_of_one_that_is_cut_off(cluster):
    cluster.at(100).lost("n1", by="n3").at(101).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").starts("n1", "web")
    cluster.at(300)
    assert [root for _, root, *_ in cluster.stories()] == ["node/n3"]
    assert cluster.condition("node/n1")[0] == "ok"


def test_of_a_node_that_was_not_unfenced_and_is_lost_only_the_loss_is_left(cluster):
    cluster.at(100).fenced("n3", by="n1 n2", action="on", rc=1)
    assert cluster.condition("fencing/n3") == ("warning", "unfencing of n3 failed: Error")
    cluster.at(110).lost("n3", by="n1 n2").at(111)
    assert cluster.condition("fencing/n3") == ("ok", "n3 is lost")


def test_of_two_stops_that_failed_on_a_node_the_other_is_why_it_is_fenced_later(cluster):
    cluster.at(50).starts("n3", "ip").at(100).fails("n3", "ip", task="stop").fails("n3", "web", task="stop")
    cluster.at(120).stops("n3", "web").at(900).fenced("n3", by="n1 n2")
    assert story(cluster).facts["behind"] == "ip"
