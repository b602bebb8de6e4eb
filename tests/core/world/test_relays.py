"""A silent relay: what it hides is not known to be down."""

from datetime import timedelta

from bridge.core.world.event import EdgeHeard


def test_while_a_member_is_silent_nobody_knows_whether_it_runs_nowhere(cluster):
    cluster.at(50).silent("n2").at(100).fails("n1", "db").stops("n1", "db").at(200)
    assert ("resource-failure", "resource/db", "warning", "open") in cluster.stories()
    failure = next(one for one in cluster.incidents.values() if one.root == "resource/db")
    assert failure.reason == "db is not heard of; whether it runs on n2 is not known, for want of reports"


def test_once_the_relay_is_heard_again_the_verdict_falls(cluster):
    cluster.at(50).silent("n2").at(100).fails("n1", "db").stops("n1", "db").at(200).heard("n2").at(260)
    assert ("resource-down", "resource/db", "critical", "open") in cluster.stories()


def test_what_the_silent_node_tells_late_is_believed(cluster):
    cluster.at(50).silent("n2").at(100).fails("n1", "db").stops("n1", "db").at(102).starts("n2", "db").at(200).heard("n2")
    assert cluster.at(260).stories() == [
        ("edge-silent", "relay/n2", "ok", "closed"),
        ("resource-failure", "resource/db", "ok", "closed"),
    ]


def test_a_lost_node_is_silent_and_that_is_no_news(cluster):
    cluster.at(10).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").at(40).silent("n3").starts("n1", "web")
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]
    assert cluster.condition("relay/n3") == ("unknown", "silent: n3 is lost")


def test_a_node_that_came_back_without_its_relay_is(cluster):
    cluster.at(10).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").at(40).silent("n3").starts("n1", "web")
    cluster.at(100).member("n3", by="n1 n2").at(200)
    assert cluster.stories() == [("edge-silent", "relay/n3", "warning", "open"), ("node-failure", "node/n3", "ok", "closed")]


def test_an_orderly_leave_explains_the_silence_after_it_and_before_it(cluster):
    cluster.at(50).silent("n3").at(60).stops("n3", "web").attribute("n3", "shutdown", "1767225660").lost("n3", by="n1 n2")
    assert cluster.at(100).stories() == [("edge-silent", "relay/n3", "ok", "closed")]
    cluster.at(200).member("n3", by="n1 n2").heard("n3")
    cluster.at(300).attribute("n3", "shutdown", "1767225900").lost("n3", by="n1 n2").at(340).silent("n3")
    assert cluster.at(400).stories() == [("edge-silent", "relay/n3", "ok", "closed")]
    assert cluster.condition("relay/n3") == ("info", "silent: n3 left in good order")


def test_what_is_shown_of_a_relay_names_the_story_that_tells_of_it_now(cluster):
    cluster.at(50).silent("n3")
    alone = cluster.conditions["relay/n3"].incident_key
    cluster.at(60).lost("n3", by="n1 n2")
    (whole,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    assert (cluster.conditions["relay/n3"].incident_key, whole.root) == (whole.key, "node/n3")
    assert alone != whole.key


def test_it_has_reported_nothing_since_its_last_word_not_since_that_was_noticed(cluster):
    heard_at = cluster.at(100).now
    cluster.at(190)._feed(EdgeHeard(uid=b"1", witness="", at=cluster.now, node="n2", silent=True, heard_at=heard_at))
    (story,) = cluster.incidents.values()
    assert story.facts["silent_since"] == heard_at.isoformat()
    assert story.opened_at == cluster.now - timedelta(milliseconds=10)


def test_what_is_wrong_with_a_relay_is_shown_until_it_is_over_whatever_else_it_says(cluster):
    cluster.complains("n1").complains("n1", what="hook", why="no hook")
    assert cluster.condition("relay/n1") == ("warning", "hangs; no hook")
    cluster.complains("n1", what="torn", why="a torn report")
    assert cluster.condition("relay/n1") == ("warning", "hangs; no hook; a torn report")
    cluster.complains("n1", over=True, why="looked at again")
    assert cluster.condition("relay/n1") == ("warning", "no hook")
    cluster.complains("n1", what="hook", why="it is there again", over=True)
    assert cluster.condition("relay/n1") == ("ok", "it is there again")
    cluster.complains("n1", what="torn", why="a torn report")
    cluster.complains("n1", what="place", why="a place is back", over=True)
    assert cluster.condition("relay/n1") == ("ok", "a place is back")


def test_a_relay_that_is_kept_out_is_shown_so_until_it_is_let_in(cluster):
    cluster.complains("n1", what="version", why="runs version 0.0.1").complains("n1", what="kept-out", why="kept out: a flood")
    cluster.complains("n1", what="torn", why="a torn report")
    assert "kept out: a flood" in cluster.condition("relay/n1")[1]
    cluster.complains("n1", what="kept-out", why="it is let in again", over=True)
    assert cluster.condition("relay/n1") == ("warning", "runs version 0.0.1")
