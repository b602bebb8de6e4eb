"""Nodes that lose their way to the outside: several at once are one story; what is not healthy, or falls later, is another."""

import pytest


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
