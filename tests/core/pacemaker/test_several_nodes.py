"""Several nodes in one story: it is named after one that is still away, and nobody else's fate is told as that one's."""

from tests.core.pacemaker.test_containers import remote


def story(cluster):
    """The first that was opened: what it is about, and whether that is back."""
    own = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    one = min(own, key=lambda incident: incident.opened_at)
    return one.root, one.facts["node"], one.facts.get("node_back", "")


def both_fenced(cluster):
    """n2 and n3 are lost together; n1 fences them and runs everything."""
    cluster.at(100).lost("n3", by="n1").lost("n2", by="n1")
    cluster.at(130).fenced("n3", by="n1").fenced("n2", by="n1").starts("n1", "web")
    return cluster


def test_the_story_of_two_is_named_after_the_one_that_is_still_away(cluster):
    both_fenced(cluster).at(300).member("n2", by="n1")
    assert story(cluster) == ("node/n3", "n3", "")
    cluster.member("n3", by="n1")
    assert story(cluster) == ("node/n3", "n3", "yes")
    assert cluster.at(400).stories() == [("node-failure", "node/n3", "ok", "closed")]


def test_when_its_namesake_comes_back_first_it_is_the_others(cluster):
    both_fenced(cluster).at(300).member("n3", by="n1")
    assert story(cluster) == ("node/n2", "n2", "")


def test_who_fences_one_by_hand_later_does_not_end_the_story_of_the_other(cluster):
    both_fenced(cluster).at(300).member("n2", by="n1")
    cluster.at(400).fenced("n2", by="n1", client="stonith_admin.7")
    assert cluster.at(410).stories() == [
        ("node-failure", "node/n3", "warning", "open"),
        ("node-fenced-by-admin", "node/n2", "warning", "open"),
    ]


def test_a_remote_node_that_is_lost_after_its_host_was_fenced_was_not_fenced(cluster):
    cluster.at(50).starts("n3", "far")
    remote(cluster, "far", "n1 n2 n3", member=True)
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    remote(cluster, "far", "n1 n2", member=False)
    assert story(cluster.at(110)) == ("node/n3", "n3", "")


def test_a_remote_node_is_back_and_its_host_is_not(cluster):
    cluster.at(50).starts("n3", "far")
    remote(cluster, "far", "n1 n2 n3", member=True)
    cluster.at(100).lost("n3", by="n1 n2")
    remote(cluster, "far", "n1 n2", member=False)
    cluster.fenced("n3", by="n1 n2").starts("n1", "web").starts("n1", "far")
    remote(cluster, "far", "n1 n2", member=True)
    assert story(cluster.at(140)) == ("node/n3", "n3", "")
    assert cluster.stories() == [("node-failure", "node/n3", "warning", "open")]
    assert ("redundancy-lost", "node/n3", "warning", "open") in cluster.at(900).stories()
