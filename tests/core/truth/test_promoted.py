"""Nobody leads: all instances of a promotable service run unpromoted, and no alert told why."""

import pytest

from tests.core.truth.looks import RELEASES, STOPPED, changed, seen

FOLLOWS = {"role": "Unpromoted"}
DOWN = ("resource-down", "resource/db", "critical", "open")


def only(cluster):
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    return story


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_told_when_it_has_lasted(cluster, release):
    cluster.at(62).shows("n1", changed(seen(release=release), resources={"db": FOLLOWS})).at(78)
    assert cluster.stories() == []
    assert cluster.at(80).stories() == [DOWN]
    assert cluster.condition("resource/db") == ("critical", "db is promoted nowhere")
    assert only(cluster).facts["absence"] == "promoted"
    assert cluster.shows("n1", seen(release=release)).at(110).stories() == [("resource-down", "resource/db", "ok", "closed")]


def test_or_by_a_promotion_that_is_told(cluster):
    cluster.at(62).shows("n1", changed(resources={"db": FOLLOWS})).at(90).starts("n1", "db")
    assert cluster.stories() == [DOWN]
    cluster.does("n1", "db", "promote")
    assert cluster.at(120).stories() == [("resource-down", "resource/db", "ok", "closed")]


def test_with_its_cause(cluster):
    bans = [{"id": f"b{name}", "resource": "db-clone", "node": name, "promoted_only": True} for name in ("n1", "n2", "n3")]
    cluster.at(62).shows("n1", changed(resources={"db": FOLLOWS}, bans=bans)).at(90)
    assert only(cluster).reason == "db is promoted nowhere: location constraints forbid all nodes (bn1, bn2, bn3)"
    assert only(cluster).facts["cause"] == "forbidden"


@pytest.mark.parametrize(
    "change",
    [
        {"resources": {"db": {**FOLLOWS, "target_role": "Unpromoted"}}},
        {"resources": {"db": {**FOLLOWS, "managed": False}}},
        {"resources": {"db": {**FOLLOWS, "pending": "Promoting"}}},
        {"resources": {"db": {**FOLLOWS, "promotable": False}}},
        {"resources": {"db": FOLLOWS}, "options": {"maintenance": True}},
        {"resources": {"db": FOLLOWS}, "ticketed": [{"id": "t", "resource": "db", "ticket": "T"}], "tickets": [{"id": "T"}]},
        {"resources": {"db": FOLLOWS}, "nodes": {"n1": {"online": False, "expected_up": True, "unclean": True}}},
        {"resources": {"db": FOLLOWS}, "quorate": False},
    ],
)
def test_what_is_meant_or_not_known_is_not(cluster, change):
    cluster.at(62).shows("n1", changed(**change)).at(100)
    assert "resource/db" not in [root for _, root, *_ in cluster.stories()]


def test_an_administrator_ends_it(cluster):
    cluster.at(62).shows("n1", changed(resources={"db": FOLLOWS})).at(90)
    cluster.shows("n1", changed(resources={"db": {**FOLLOWS, "target_role": "Unpromoted"}})).at(120)
    assert cluster.stories() == [("resource-down", "resource/db", "ok", "closed")]


def test_what_needs_one_that_leads_is_in_its_story(cluster):
    needs = [{"id": "c", "resource": "ip", "partner": "db-clone", "score": "INFINITY", "partner_role": "Promoted"}]
    cluster.stops("n2", "ip").at(62)
    cluster.shows("n1", changed(resources={"db": FOLLOWS, "ip": STOPPED}, colocations=needs)).at(90)
    assert cluster.stories() == [DOWN]
    assert cluster.condition("resource/ip") == ("critical", "ip runs nowhere: it needs db, which is promoted nowhere")


def test_and_is_as_it_should_be_when_none_shall_lead(cluster):
    needs = [{"id": "o", "first": "db-clone", "then": "ip", "kind": "Mandatory", "first_action": "promote"}]
    meant = {**FOLLOWS, "target_role": "Unpromoted"}
    cluster.stops("n2", "ip").at(62).shows("n1", changed(resources={"db": meant, "ip": STOPPED}, orders=needs)).at(200)
    assert cluster.stories() == []


def test_what_only_its_promotion_needs_keeps_it_from_running_nowhere(cluster):
    needs = [{"id": "c", "resource": "db-clone", "partner": "ip", "score": "INFINITY", "role": "Promoted"}]
    cluster.stops("n2", "ip").stops("n1", "db").stops("n2", "db").stops("n3", "db").at(62)
    off = {**STOPPED, "disabled": True}
    cluster.shows("n1", changed(resources={"db": STOPPED, "ip": off}, colocations=needs)).at(90)
    assert cluster.stories() == [DOWN]


def test_a_promotion_that_was_told_since_is_not_overruled(cluster):
    cluster.at(62).shows("n1", changed(resources={"db": FOLLOWS})).at(90).fails("n2", "ip").at(130).does("n1", "db", "promote")
    assert ("resource-down", "resource/db", "critical", "open") not in cluster.at(140).stories()
