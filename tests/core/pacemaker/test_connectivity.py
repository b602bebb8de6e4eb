"""Nodes that lose their way to the outside: several at once are one story; what is not healthy, or falls later, is another."""

import pytest

from bridge.core.world.settings import Settings


def fall(cluster, at, *names, attribute="pingd", value="0"):
    for name in names:
        cluster.at(at).attribute(name, attribute, value)
    return cluster


def facts(cluster):
    (story,) = cluster.incidents.values()
    return story.facts["nodes"], story.facts["still"]


def test_several_at_once_are_one_story_until_the_last_is_back(cluster):
    fall(cluster, 100, "n1", "n2")
    fall(cluster, 150, "n3")
    assert facts(cluster) == ("n1, n2, n3", "n1, n2, n3")
    fall(cluster, 300, "n1", "n3", value="1000")
    assert facts(cluster) == ("n1, n2, n3", "n2")
    assert cluster.stories() == [("connectivity", "attribute/pingd@n1", "warning", "open")]
    fall(cluster, 400, "n2", value="1000")
    assert cluster.at(500).stories() == [("connectivity", "attribute/pingd@n1", "ok", "closed")]


@pytest.mark.parametrize(
    "later,attribute,value", [(200, "pingd", "0"), (110, "#health-disk", "red"), (110, "ethmonitor-eth1", "0")]
)
def test_what_falls_later_or_by_something_else_is_a_story_of_its_own(cluster, later, attribute, value):
    fall(cluster, 100, "n1")
    fall(cluster, later, "n2", attribute=attribute, value=value)
    assert len(cluster.stories()) == 2


def test_two_sick_disks_are_two_stories(cluster):
    fall(cluster, 100, "n1", "n2", attribute="#health-disk", value="red")
    assert len(cluster.stories()) == 2


def dies(cluster):
    cluster.at(110).lost("n3", by="n1 n2")


def dies_and_is_fenced(cluster):
    dies(cluster)
    cluster.at(112).fenced("n3", by="n1 n2")


def leaves(cluster):
    cluster.at(110).attribute("n3", "shutdown", "110").stops("n3", "web").lost("n3", by="n1 n2")


def is_fenced_by_a_person(cluster):
    cluster.at(110).fenced("n3", by="n1 n2", client="stonith_admin.77").lost("n3", by="n1 n2")


AWAY = [dies, dies_and_is_fenced, leaves, is_fenced_by_a_person]


def lost_ways(cluster):
    return [(root, state) for kind, root, _, state in cluster.stories() if kind == "connectivity"]


@pytest.mark.parametrize("away", AWAY)
def test_with_the_node_goes_what_it_said_of_its_way_out(cluster, away):
    fall(cluster, 100, "n3")
    away(cluster)
    cluster.at(150)
    assert lost_ways(cluster) == [("attribute/pingd@n3", "closed")]
    (story,) = [one for one in cluster.incidents.values() if one.kind == "connectivity"]
    assert (story.facts["lost_nodes"], story.facts["still"]) == ("n3", "")
    assert cluster.condition("attribute/pingd@n3")[0] != "ok"
    cluster.at(400).member("n3", by="n1 n2")
    assert cluster.condition("attribute/pingd@n3")[0] == "info"
    assert lost_ways(cluster) == [("attribute/pingd@n3", "closed")]


def test_what_the_others_share_goes_on_without_it(cluster):
    fall(cluster, 100, "n1", "n3")
    dies_and_is_fenced(cluster)
    assert lost_ways(cluster) == [("attribute/pingd@n1", "open")]
    fall(cluster, 200, "n1", value="1000")
    cluster.at(300)
    assert lost_ways(cluster) == [("attribute/pingd@n1", "closed")]


@pytest.mark.parametrize("away", AWAY)
def test_a_word_about_a_node_that_is_away_counts_from_its_return(cluster, away):
    away(cluster)
    fall(cluster, 300, "n3")
    assert lost_ways(cluster) == []
    cluster.at(400).member("n3", by="n1 n2")
    assert lost_ways(cluster) == [("attribute/pingd@n3", "open")]


def test_a_node_that_was_never_lost_keeps_what_it_said(cluster):
    fall(cluster, 100, "n1")
    cluster.at(130).lost("n1", by="n3").lost("n2", by="n3")
    cluster.at(131).lost("n3", by="n1 n2")
    assert lost_ways(cluster) == [("attribute/pingd@n1", "open")]


@pytest.mark.parametrize(
    "name",
    ["pingd", "pingval", "ping-gateway", "lan_ping", "p_ping_gw", "my-pingd", "default_ping_set", "ethmonitor-eth0", "ifspeed"],
)
def test_names_that_administrators_give_are_known(name):
    assert Settings().is_connectivity(name)


@pytest.mark.parametrize("name", ["mapping", "shipping-cost", "master-db", "probe_complete", "standby"])
def test_others_are_not(name):
    assert not Settings().is_connectivity(name)
