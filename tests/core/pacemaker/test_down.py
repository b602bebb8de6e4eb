"""What does not heal: down, however often it is tried; blocked; and many at once for one cause."""

from datetime import timedelta


def only(cluster):
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    return story


def test_what_can_be_promoted_nowhere_is_down_however_often_a_start_succeeds(cluster):
    cluster.at(100).starts("n1", "pg").starts("n2", "pg").does("n1", "pg", "promote")
    cluster.at(200).does("n1", "pg", "monitor", rc=7, target=8, interval=5_000).stops("n1", "pg").starts("n1", "pg")
    for number in range(30):
        cluster.at(201 + number).fails("n2" if number % 2 else "n1", "pg", task="promote")
        cluster.stops("n1", "pg").starts("n1", "pg")
    assert cluster.at(235).stories() == [("resource-down", "resource/pg", "critical", "open")]
    assert only(cluster).alarms == ("pg is promoted nowhere",)
    cluster.does("n2", "pg", "promote")
    assert cluster.at(300).stories() == [("resource-down", "resource/pg", "ok", "closed")]


def test_failing_again_and_again_is_no_reprieve(cluster):
    cluster.at(100).fails("n1", "db").stops("n1", "db")
    for number in range(20):
        cluster.at(102 + 2 * number).fails("n1", "db", task="start").stops("n1", "db")
    assert cluster.stories() == [("resource-down", "resource/db", "critical", "open")]


def test_many_that_are_down_for_one_cause_are_one_alarm(cluster):
    names = [f"svc{number}" for number in range(20)]
    for name in names:
        cluster.at(50).starts("n3", name)
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61).at(400)
    story = only(cluster)
    assert story.kind == "fencing-failure"
    assert len(story.alarms) == 1, "that nothing can be started before it is fenced is no news"
    assert {f"resource/{name}" for name in names} <= set(story.subjects)
    cluster.at(500).fenced("n3", by="n1 n2").at(600)
    assert len(only(cluster).alarms) == 2, "now they could be"


def test_what_cannot_be_stopped_on_one_node_at_once_is_one_story(cluster):
    for name in ("a", "b", "c"):
        cluster.at(50).starts("n2", name)
    for name in ("a", "b", "c"):
        cluster.at(100).fails("n2", name).fails("n2", name, task="stop")
    assert cluster.stories() == [("resource-blocked", "resource/a", "critical", "open")]
    assert only(cluster).facts["behind"] == "a, b, c"
    assert len(only(cluster).alarms) == 1
    cluster.at(103).fenced("n2", by="n1 n3").at(104).starts("n1", "a").starts("n1", "b").starts("n1", "c")
    cluster.at(130).member("n2", by="n1 n3")
    assert cluster.at(200).stories() == [("node-failure", "node/n2", "ok", "closed")]


def test_two_blocked_long_after_one_another_are_two_stories(cluster):
    cluster.at(50).starts("n2", "a").starts("n2", "b").at(100).fails("n2", "a", task="stop").at(400).fails("n2", "b", task="stop")
    assert [root for _, root, *_ in cluster.stories()] == ["resource/a", "resource/b"]


def test_what_a_probe_finds_running_is_up_again(cluster):
    cluster.at(100).fails("n1", "db").stops("n1", "db").at(150)
    assert cluster.condition("resource/db") == ("critical", "db runs nowhere")
    cluster.does("n2", "db", "monitor", rc=0, target=7)
    assert cluster.condition("resource/db") == ("ok", "runs on n2")
    assert cluster.at(200).stories() == [("resource-down", "resource/db", "ok", "closed")]


def test_what_was_cleaned_up_and_runs_nowhere_is_no_green(cluster):
    cluster.at(100).attribute("n1", "fail-count-db#start_0", "INFINITY").fails("n1", "db", task="start").stops("n1", "db").at(150)
    cluster.attribute("n1", "fail-count-db#start_0", "").at(300)
    assert cluster.stories() == [("resource-down", "resource/db", "ok", "closed")]
    assert cluster.condition("resource/db") == ("info", "stopped; its failures were cleaned up")


def test_a_node_that_dies_right_after_a_failure_did_not_leave_in_good_order(cluster):
    cluster.at(100).fails("n3", "web").stops("n3", "web").lost("n3", by="n1 n2")
    assert ("node-failure", "node/n3", "critical", "open") in cluster.at(200).stories()


def test_a_success_elsewhere_whose_clock_is_behind_answers_the_failure(cluster):
    cluster.at(100).starts("n2", "db").at(100.5).fails("n1", "db", task="start")
    assert cluster.at(200).stories() == [("resource-failure", "resource/db", "ok", "closed")]
    assert [outage.ended_at - outage.began_at for outage in only(cluster).outages] == [timedelta(0)]


def test_a_failure_where_it_still_runs_is_not_answered_by_itself(cluster):
    cluster.at(50).starts("n1", "db").at(100).fails("n1", "db")
    assert cluster.at(200).stories() == [("resource-failure", "resource/db", "warning", "open")]


def test_another_instance_of_a_clone_does_not_answer_for_the_one_that_failed(cluster):
    cluster.at(50).starts("n1", "web:0").starts("n2", "web:1").at(100).fails("n1", "web:0").stops("n1", "web:0")
    assert cluster.at(200).stories() == [("resource-failure", "resource/web", "warning", "open")]


def test_a_node_that_announced_its_leave_and_is_fenced_takes_down_what_it_still_ran(cluster):
    cluster.at(100).attribute("n3", "shutdown", "1795480000").lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    cluster.at(103).starts("n1", "web").at(110).member("n3", by="n1 n2")
    assert cluster.at(200).stories() == [("node-failure", "node/n3", "ok", "closed")]
    assert [outage.subject for outage in only(cluster).outages] == ["resource/web"]


def test_that_nothing_can_be_started_while_the_quorum_is_lost_was_told_with_it(cluster):
    cluster.at(100).lost("n2", by="n1").lost("n3", by="n1").stops("n1", "db").at(400)
    story = only(cluster)
    assert (story.kind, story.alarms) == ("quorum-lost", ())
