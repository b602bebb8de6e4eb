"""Quorum, which no alert tells of."""

from bridge.core.world.event import NodeSeen


def remote(cluster, name, by, *, member):
    return cluster._each(by, NodeSeen, node=name, member=member, remote=True)


def test_most_nodes_lost_for_a_while_and_none_fenced_is_lost_quorum_though_nothing_stops(cluster):
    cluster.at(100).lost("n2", by="n1").lost("n3", by="n1")
    assert {kind for kind, *_ in cluster.at(105).stories()} == {"node-failure"}
    assert cluster.at(112).stories() == [("quorum-lost", "cluster", "critical", "open")]
    cluster.at(200)
    assert cluster.condition("resource/web") == ("critical", "web runs nowhere")
    cluster.at(300).member("n2", by="n1").member("n3", by="n1 n2")
    assert cluster.at(310).stories() == [("quorum-lost", "cluster", "critical", "open")], "nobody says that web runs again"
    cluster.member("n1", by="n3")
    assert cluster.at(400).stories() == [("quorum-lost", "cluster", "ok", "closed")]


def test_half_of_the_nodes_have_no_quorum(cluster):
    """More than half must be members again. (Corosync votequorum)"""
    cluster.member("n4", by="n1 n2 n3").at(100)
    for name in ("n2", "n3", "n4"):
        cluster.lost(name, by="n1")
    cluster.stops("n1", "db").at(300).member("n2", by="n1").member("n1", by="n2")
    assert cluster.at(900).condition("cluster") == ("critical", "n1 sees no quorum")
    cluster.member("n3", by="n1 n2").member("n1", by="n3").member("n2", by="n3")
    assert cluster.condition("cluster") == ("ok", "nobody has lost quorum")


def test_who_fences_has_quorum(cluster):
    """As with a quorum device, or no-quorum-policy=ignore: what looked like lost quorum is the failure of nodes."""
    cluster.at(100).lost("n2", by="n1").lost("n3", by="n1").at(120).fenced("n2", by="n1").fenced("n3", by="n1").starts(
        "n1", "web"
    )
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]
    assert cluster.condition("cluster") == ("ok", "nobody has lost quorum")


def test_the_one_who_is_cut_off_is_not_believed(cluster):
    cluster.at(100).lost("n1", by="n3").lost("n2", by="n3").lost("n3", by="n1 n2").at(101).fenced("n3", by="n1 n2")
    assert cluster.at(130).stories() == [("node-failure", "node/n3", "critical", "open")]


def test_an_orderly_leave_of_most_is_not_lost_quorum(cluster):
    for name in ("n2", "n3"):
        cluster.at(100).attribute(name, "shutdown", "1767225700").lost(name, by="n1")
    assert cluster.at(300).stories() == []


def test_remote_nodes_have_no_vote(cluster):
    for name in ("r1", "r2", "r3", "r4"):
        remote(cluster, name, "n1 n2 n3", member=True)
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    for name in ("r1", "r2", "r3", "r4"):
        remote(cluster, name, "n1 n2", member=False)
    assert "quorum-lost" not in {kind for kind, *_ in cluster.at(130).stories()}


def test_a_newcomers_greetings_void_nobody_elses_words(cluster):
    """n3 comes back and greets n1 and n2, who were there all the time; by their words n5 stays lost until it is fenced."""
    cluster.member("n4", by="n1 n2 n3").member("n5", by="n1 n2 n3").starts("n5", "app").at(100)
    for name in ("n3", "n4", "n5"):
        cluster.lost(name, by="n1 n2")
    cluster.stops("n1", "db").at(120).member("n3", by="n1 n2").member("n1", by="n3").member("n2", by="n3")
    cluster.at(121).fenced("n4", by="n1 n2 n3").fenced("n5", by="n1 n2 n3").starts("n1", "db").starts("n2", "app")
    (story,) = [one for one in cluster.incidents.values() if not one.absorbed_into]
    away = {one.subject: (one.ended_at - one.began_at).total_seconds() for one in story.outages}
    assert 20 < away["resource/app"] < 22


def test_strangers_in_doubt_about_one_another_are_another_story(cluster):
    """Two nodes that nobody here knows call each other lost; it is not they who are missed."""
    cluster.at(100).lost("y", by="x").lost("x", by="y").lost("n2", by="n1").lost("n3", by="n1").stops("n1", "db")
    stories = {one.root: set(one.subjects) for one in cluster.incidents.values() if not one.absorbed_into and not one.planned}
    assert not any({"node/x", "node/n2"} <= subjects for subjects in stories.values())
    assert {"cluster", "node/n2", "node/n3"} <= next(subjects for subjects in stories.values() if "node/n2" in subjects)


def test_an_attempt_that_another_made_needless_is_no_failure(cluster):
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61).starts("n1", "web")
    assert {kind for kind, *_ in cluster.at(110).stories()} == {"node-failure"}


def test_the_one_who_is_cut_off_is_not_believed_though_it_finds_out_first(cluster):
    cluster.at(100).lost("n1", by="n3").lost("n2", by="n3").stops("n3", "web")
    assert cluster.stories() == [("quorum-lost", "cluster", "critical", "open")]
    cluster.at(101).lost("n3", by="n1 n2").fenced("n3", by="n1 n2").starts("n1", "web").at(110).member("n3", by="n1 n2")
    assert cluster.at(200).stories() == [("node-failure", "node/n3", "ok", "closed")]
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    assert {outage.subject for outage in story.outages} == {"resource/web"}


def test_that_the_others_have_quorum_is_shown_as_soon_as_they_say_who_is_cut_off(cluster):
    cluster.at(100).lost("n1", by="n3").lost("n2", by="n3").stops("n3", "web")
    assert cluster.condition("cluster")[0] == "critical"
    cluster.at(101).lost("n3", by="n1 n2").at(102)
    assert cluster.condition("cluster")[0] != "critical"


def test_two_nodes_have_no_majority_to_lose(cluster_of_two):
    """`two_node: 1`: each keeps quorum. (Corosync votequorum)"""
    cluster = cluster_of_two
    cluster.at(100).lost("n2", by="n1").stops("n1", "db")
    assert {kind for kind, *_ in cluster.at(200).stories()} == {"node-failure"}
