"""A node is lost, and it is not yet clear whether it left, was fenced by a person, or died."""

from datetime import timedelta

import pytest


def emptied(cluster):
    return cluster.at(100).stops("n3", "web").starts("n2", "web").at(400)


def test_a_node_that_was_emptied_some_time_ago_may_be_rebooting(cluster):
    emptied(cluster).lost("n3", by="n1 n2").at(800)
    assert cluster.stories() == [("node-failure", "node/n3", "warning", "watching")]
    cluster.at(900).member("n3", by="n1 n2").at(1000)
    assert [state for *_, state in cluster.stories()] == ["closed"]


def test_it_is_told_when_it_takes_longer_than_a_server_to_boot(cluster):
    emptied(cluster).lost("n3", by="n1 n2").at(999)
    assert cluster.stories() == [("node-failure", "node/n3", "warning", "watching")]
    cluster.at(1002)
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]


@pytest.mark.parametrize("rc", [0, -61])
def test_the_cluster_knows_better_and_fences_it(cluster, rc):
    emptied(cluster).lost("n3", by="n1 n2").at(405).fenced("n3", by="n1 n2", rc=rc)
    assert [one[2:] for one in cluster.stories()] == [("critical", "open")]


def test_what_ran_on_it_may_not_be_away_for_so_long(cluster):
    cluster.at(400).lost("n3", by="n1 n2").at(461)
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]


def test_starts_elsewhere_overtake_the_word_about_the_fencing(cluster):
    before = cluster.at(100).lost("n3", by="n1 n2").now
    cluster.starts("n2", "web").at(104)
    assert [state for *_, state in cluster.stories()] == ["watching"]
    cluster.now = before - timedelta(milliseconds=5)
    cluster.fenced("n3", by="n1 n2", client="stonith_admin.5")
    assert cluster.stories() == [("node-fenced-by-admin", "node/n3", "warning", "open")]


def test_nobody_tells_of_a_fencing(cluster):
    cluster.at(100).lost("n3", by="n1 n2").starts("n2", "web").at(106)
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]
    (story,) = cluster.incidents.values()
    assert "started elsewhere" in story.reason
