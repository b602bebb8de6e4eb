"""What no alert tells is told when it has lasted, with its cause where the picture has it; and what is as it should be is not."""

import pytest

from tests.core.conftest import BEGIN
from tests.core.truth.looks import RELEASES, STOPPED, UNCLEAN, changed, seen

DOWN = ("resource-down", "resource/ip", "critical", "open")


def only(cluster):
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    return story


def stop(cluster, *names):
    """The cluster stops them in good order, for whatever reason."""
    for name in names:
        for row in seen()["resources"]:
            if row["id"] == name:
                cluster.stops(row["nodes"][0], name)
    return cluster.at(62)


@pytest.mark.parametrize("release", RELEASES)
def test_a_location_constraint_forbids_all_nodes(cluster, release):
    stop(cluster, "ip").shows("n3", seen("07-banned-everywhere", release)).at(78)
    assert cluster.stories() == [], "it may be about to be started"
    assert cluster.at(80).stories() == [DOWN]
    ids = "cli-ban-ip-on-n1, cli-ban-ip-on-n2, cli-ban-ip-on-n3"
    assert only(cluster).reason == f"ip runs nowhere: location constraints forbid all nodes ({ids})"
    assert {name: only(cluster).facts[name] for name in ("cause", "constraints", "resource")} == {
        "cause": "forbidden",
        "constraints": ids,
        "resource": "ip",
    }
    assert cluster.condition("resource/ip") == ("critical", only(cluster).reason)
    cluster.at(100).starts("n1", "ip")
    assert cluster.at(130).stories() == [("resource-down", "resource/ip", "ok", "closed")]


def test_it_is_green_no_more_before_it_is_told(cluster):
    """Of an alert or of none: what runs nowhere for long enough to be seen twice is not shown as well."""
    cluster.shows("n1", seen()).at(100).shows("n1", changed(resources={"ip": STOPPED})).at(102)
    assert cluster.condition("resource/ip")[0] == "ok"
    assert cluster.at(104).condition("resource/ip") == ("unknown", "the cluster shows it running nowhere")
    assert cluster.at(116).stories() == []
    assert cluster.at(118).stories() == [DOWN]


def test_soon_after_an_event_it_may_be_about_to_be_started(cluster):
    cluster.shows("n1", seen()).stops("n2", "ip").at(64).shows("n1", changed(resources={"ip": STOPPED})).at(75)
    assert cluster.condition("resource/ip")[0] == "info"
    assert cluster.at(78).condition("resource/ip") == ("unknown", "the cluster shows it running nowhere")
    assert cluster.shows("n1", seen()).at(90).condition("resource/ip") == ("ok", "runs on n2")
    assert cluster.stories() == []


def test_it_ends_without_an_alert_too(cluster):
    stop(cluster, "ip").shows("n3", changed(resources={"ip": STOPPED})).at(90)
    assert cluster.stories() == [DOWN]
    assert cluster.shows("n3", seen()).at(120).stories() == [("resource-down", "resource/ip", "ok", "closed")]


def test_it_is_stopped_a_moment_before_the_look(cluster):
    cluster.shows("n3", seen()).stops("n2", "ip").shows("n3", changed(resources={"ip": STOPPED})).at(80)
    assert cluster.stories() == [DOWN]


def test_it_is_started_a_moment_before_the_look_and_the_next_shows_nothing_else(cluster):
    stop(cluster, "ip").starts("n2", "ip").shows("n3", changed(resources={"ip": STOPPED})).at(85)
    assert cluster.stories() == []
    assert cluster.at(120).stories() == [DOWN]
    (outage,) = only(cluster).outages
    assert (outage.began_at - BEGIN).total_seconds() > 62, "it ran until it was started in vain"


def test_what_is_on_its_way_is_at_work_too(cluster):
    says = changed(resources={"ip": STOPPED, "web-fs": {"role": "Stopping"}})
    assert stop(cluster, "ip").shows("n3", says).at(120).stories() == []


def test_what_runs_again_in_time_is_no_news(cluster):
    stop(cluster, "ip").shows("n3", changed(resources={"ip": STOPPED})).at(70).shows("n3", seen()).at(200)
    assert cluster.stories() == []


def test_what_is_asked_for_while_the_cluster_is_at_work_has_more_time(cluster):
    says = changed(resources={"ip": STOPPED, "web-fs": {"role": "Starting", "pending": "Starting"}})
    stop(cluster, "ip").shows("n3", says).at(120)
    assert cluster.stories() == []
    assert cluster.at(190).stories() == [DOWN]


@pytest.mark.parametrize(
    "arranged",
    [
        {"resources": {"ip": {**STOPPED, "disabled": True}}},
        {"resources": {"ip": {**STOPPED, "managed": False}}},
        {"resources": {"ip": {**STOPPED, "maintenance": True}}},
        {"resources": {"ip": {**STOPPED, "locked_to": "n2"}}},
        {"resources": {"ip": {**STOPPED, "removed": True}}},
        {"resources": {"ip": STOPPED}, "options": {"stop_all": True}},
        {"resources": {"ip": STOPPED}, "options": {"maintenance": True}},
        {"resources": {"ip": STOPPED}, "ticketed": [{"id": "t", "resource": "ip", "ticket": "T"}], "tickets": [{"id": "T"}]},
        {
            "resources": {"ip": STOPPED, "flk": {**STOPPED, "disabled": True}},
            "colocations": [{"id": "c", "resource": "ip", "partner": "flk", "score": "INFINITY"}],
        },
    ],
)
def test_what_somebody_arranged_is_shown_and_not_told(cluster, arranged):
    stop(cluster, "ip").shows("n3", changed(**arranged)).at(300)
    assert cluster.stories() == []
    assert cluster.condition("resource/ip")[0] == "info"


def test_failed_everywhere(cluster):
    for name in ("n1", "n2", "n3"):
        cluster.fails(name, "flk", task="start")
    cluster.at(63).shows("n3", seen("03-failed-everywhere-everything")).at(82)
    assert cluster.stories() == [("resource-down", "resource/flk", "critical", "open")]
    facts = only(cluster).facts
    assert (facts["cause"], facts["cause_nodes"], facts["exit_reason"]) == ("failed", "n1, n2, n3", "no memory")


def test_it_has_failed_everywhere_and_nobody_told(cluster):
    stop(cluster, "flk").shows("n3", seen("03-failed-everywhere-everything")).at(90)
    assert cluster.stories() == [("resource-down", "resource/flk", "critical", "open")]
    assert (only(cluster).facts["cause"], only(cluster).facts["exit_reason"]) == ("failed", "no memory")


def test_what_a_silent_relay_has_seen_counts_again_when_it_is_heard(cluster):
    """And its next look shows nothing else, so that no picture comes."""
    stop(cluster, "ip").shows("n3", changed(resources={"ip": STOPPED})).at(65).silent("n3").at(300)
    assert DOWN not in cluster.stories()
    assert DOWN in cluster.heard("n3").at(330).stories()


def test_its_nodes_are_in_standby(cluster):
    stop(cluster, "ip")
    bans = [{"id": "loc-1", "resource": "ip", "node": "n1"}, {"id": "loc-3", "resource": "ip", "node": "n3"}]
    cluster.shows("n3", changed(nodes={"n2": {"standby": True}}, resources={"ip": STOPPED}, bans=bans)).at(90)
    assert cluster.stories() == [DOWN]
    assert only(cluster).reason == "ip runs nowhere: the nodes that it may run on are in standby (n2)"


def test_what_needs_another_that_is_down_is_in_its_story(cluster):
    stop(cluster, "web-srv", "web-fs")
    bans = [{"id": f"b{name}", "resource": "web", "node": name} for name in ("n1", "n2", "n3")]
    cluster.shows("n3", changed(resources={"web-fs": STOPPED, "web-srv": STOPPED}, bans=bans)).at(90)
    assert cluster.stories() == [("resource-down", "resource/web-fs", "critical", "open")]
    assert set(only(cluster).subjects) == {"resource/web-fs", "resource/web-srv"}


def test_instances_of_a_clone_are_missing_by_right_on_nodes_in_standby(cluster):
    stop(cluster, "dlm")
    standby = {name: {"standby": True} for name in ("n1", "n2", "n3")}
    cluster.shows("n3", changed(nodes=standby, resources={"dlm": STOPPED})).at(300)
    assert cluster.stories() == []


def test_a_clone_that_runs_nowhere_though_nodes_are_there(cluster):
    stop(cluster, "dlm").shows("n3", changed(resources={"dlm": STOPPED})).at(90)
    assert cluster.stories() == [("resource-down", "resource/dlm", "critical", "open")]


def test_a_fence_device(cluster):
    stop(cluster, "fencing").shows("n3", changed(resources={"fencing": STOPPED})).at(90)
    assert cluster.stories() == [("fence-device-failure", "resource/fencing", "critical", "open")]


def test_a_guest_is_known_by_its_agent(cluster):
    says = changed(resources={"flk": {"agent": "ocf:heartbeat:VirtualDomain"}})
    cluster.shows("n3", says)
    assert cluster.condition("guest/flk") == ("ok", "runs on n1")
    assert cluster.condition("resource/flk") == ("info", "told as guest/flk from now on")
    assert cluster.conditions["resource/flk"].gone
    stop(cluster, "flk").shows("n3", changed(says, resources={"flk": STOPPED})).at(90)
    assert cluster.stories() == [("guest-failure", "guest/flk", "critical", "open")]


def test_a_guest_node_is_known_by_its_machine(cluster):
    inner = {"name": "inner", "kind": "remote", "online": True, "resource": "flk"}
    cluster.shows("n3", changed(nodes={}) | {"nodes": [*seen()["nodes"], inner]}).at(70).lost("inner", by="n1 n2 n3")
    assert cluster.stories() == [("guest-failure", "guest/flk", "warning", "open")]


def test_a_guest_node_whose_connection_is_only_being_made_is_not_back(cluster):
    inner = {"name": "inner", "kind": "remote", "online": True, "resource": "flk"}
    link = {**seen()["resources"][0], "id": "inner", "agent": "ocf:pacemaker:remote", "nodes": ["n1"]}
    says = {**seen(), "nodes": [*seen()["nodes"], inner]}
    cluster.shows("n3", says).at(70).lost("inner", by="n1 n2 n3")
    cluster.at(75).shows("n3", {**says, "resources": [*seen()["resources"], {**link, "role": "Starting"}]})
    assert cluster.stories() == [("guest-failure", "guest/flk", "warning", "open")]
    cluster.at(80).shows("n3", {**says, "resources": [*seen()["resources"], {**link, "role": "Started"}]})
    assert cluster.stories() == [("guest-failure", "guest/flk", "warning", "clearing")]


def test_what_waits_for_a_slow_work_is_not_down_between_two_of_its_steps(cluster):
    working = changed(resources={"web-fs": STOPPED, "ip": {"role": "Starting"}})
    cluster.shows("n1", working).at(95).shows("n1", changed(resources={"web-fs": STOPPED}))
    assert cluster.at(105).stories() == []
    assert "resource-down" in [kind for kind, *_ in cluster.at(115).stories()]


def test_but_no_longer_than_two_minutes(cluster):
    working = changed(resources={"web-fs": STOPPED, "ip": {"role": "Starting"}})
    for second in range(60, 181, 15):
        cluster.at(second).shows("n1", working)
    assert "resource-down" in [kind for kind, *_ in cluster.at(182).stories()]


def test_without_quorum_nothing_is_said_of_what_is_stopped(cluster):
    cluster.at(70).shows("n1", seen("12-no-quorum")).at(86)
    assert cluster.stories() == []
    assert cluster.at(90).stories() == [("quorum-lost", "cluster", "critical", "open")]
    assert only(cluster).facts["lost_nodes"] == "n2, n3"
    assert cluster.condition("resource/web-fs")[0] == "critical", "the lost nodes' services are not said to run"
    assert cluster.condition("node/n2")[0] == "critical"
    cluster.at(200).shows("n1", seen())
    assert any("n1 says that the cluster has quorum" in one.why for one in cluster.decisions)
    assert cluster.at(230).stories() == [("quorum-lost", "cluster", "ok", "closed")]


def test_a_moment_without_quorum_is_no_news(cluster):
    cluster.at(70).shows("n1", changed(quorate=False)).at(80).shows("n1", seen()).at(200)
    assert cluster.stories() == []


def test_nobody_has_lost_quorum_while_another_member_has_it(cluster):
    cluster.at(70).shows("n2", seen()).shows("n1", seen("12-no-quorum")).at(200)
    assert cluster.stories() == []


def test_two_sides_that_both_claim_quorum(cluster):
    cluster.shows("n1", changed(nodes={"n3": UNCLEAN, "n2": UNCLEAN}))
    cluster.shows("n2", changed(nodes={"n1": UNCLEAN})).at(61)
    cluster.at(90)
    assert ("cluster-partition", "cluster", "critical", "open") in cluster.stories()
    assert cluster.condition("cluster") == ("critical", "n1, n2: each says that it has quorum, and that the other is away")
    cluster.shows("n1", seen()).shows("n2", seen())
    assert cluster.condition("cluster")[0] == "ok"
    assert any("says that the cluster is one again" in one.why for one in cluster.decisions)


def test_two_sides_that_both_claim_quorum_are_one_story_with_the_lost_node(cluster):
    cluster.at(70).lost("n2", by="n1").at(71)
    cluster.shows("n1", changed(nodes={"n3": UNCLEAN, "n2": UNCLEAN})).shows("n2", changed(nodes={"n1": UNCLEAN})).at(75)
    (first,) = [key for key, one in cluster.incidents.items() if one.root == "node/n1"]
    assert ("cluster-partition", "cluster", "critical", "open") in cluster.at(120).stories()
    assert "node/n1" not in [root for _, root, *_ in cluster.stories()]
    story = cluster.incidents[first]
    assert (story.kind, story.root) == ("cluster-partition", "cluster"), "who was told of n1 is told in its thread what it is"


def test_blocked(cluster):
    says = changed(resources={"ip": {"blocked": True, "failed": True, "managed": False}})
    cluster.at(70).shows("n3", says).at(90)
    assert cluster.stories() == [("resource-blocked", "resource/ip", "critical", "open")]
    assert only(cluster).facts["failed_on"] == "n2"


def test_failed_and_ignored(cluster):
    cluster.at(70).shows("n3", changed(resources={"ip": {"failed": True, "ignored": True}})).at(90)
    assert cluster.stories() == [("resource-failure", "resource/ip", "warning", "open")]
    assert only(cluster).facts["ignored"] == "yes"
    assert cluster.shows("n3", seen()).stories()[0][3] == "clearing"


def test_a_node_is_unclean_and_nobody_told(cluster):
    cluster.shows("n1", seen()).at(70).shows("n1", changed(nodes={"n3": UNCLEAN})).at(71)
    assert only(cluster).state == "watching"
    assert cluster.condition("resource/web-fs")[0] == "unknown"
    assert cluster.at(90).stories() == [("node-failure", "node/n3", "critical", "open")]
    assert only(cluster).facts["unfenced"] == "yes"


def test_its_fencing_is_under_way(cluster):
    pending = [{"action": "reboot", "target": "n3", "client": "c", "origin": "n1", "status": "pending"}]
    cluster.at(70).shows("n1", changed(nodes={"n3": UNCLEAN}, fencings=pending)).at(100)
    assert only(cluster).state == "watching"


def test_its_fencing_failed_and_nobody_told(cluster):
    cluster.at(70).shows("n1", seen("08b-unclean-fence-failed")).at(71)
    assert cluster.stories() == [("fencing-failure", "node/n3", "critical", "open")]


def test_a_fencing_that_nobody_told_of(cluster):
    cluster.shows("n1", seen()).at(70).shows("n1", seen("09-fenced")).at(90)
    assert cluster.stories() == [("node-failure", "node/n3", "critical", "open")]
    assert only(cluster).facts["fencing_action"] == "reboot"


def test_the_same_history_is_no_fencing_of_one_that_left(cluster):
    fenced = seen("09-fenced")["fencings"]
    cluster.shows("n1", changed(fencings=fenced)).at(70).shows("n1", seen("11-orderly-away")).at(300)
    assert cluster.stories() == []
    assert cluster.condition("node/n3")[0] == "info"


def test_a_node_that_was_away_before_anybody_looked_is_not_missed(cluster):
    older = [{**seen()["nodes"][2], "name": "n4", "online": False, "expected_up": True}]
    for at in (70, 100, 200):
        cluster.at(at).shows("n1", {**seen(), "nodes": seen()["nodes"] + older}).at(at + 30)
    assert cluster.stories() == []
    assert cluster.condition("node/n4")[0] == "info"


def test_a_node_that_died_where_nobody_fences(cluster):
    cluster.shows("n1", seen()).at(70)
    dead = changed(nodes={"n3": {"online": False}}, options={"fencing": False})
    cluster.shows("n1", dead).at(90)
    assert [story[:2] for story in cluster.stories()] == [("node-failure", "node/n3")]


def test_a_node_that_is_stuck_while_it_joins(cluster):
    cluster.at(70).shows("n1", changed(nodes={"n3": {"pending": True}})).at(300)
    assert cluster.condition("node/n3")[0] == "warning"
    assert cluster.shows("n1", seen()).condition("node/n3") == ("ok", "member of the cluster")


def test_the_last_node(cluster):
    away = {"online": False}
    cluster.at(70).attribute("n3", "shutdown", "1").lost("n3", by="n1")
    cluster.attribute("n2", "shutdown", "1").lost("n2", by="n1").at(75)
    cluster.shows("n1", changed(nodes={"n2": away, "n3": away})).at(76)
    assert cluster.condition("cluster") == ("warning", "n1 is the last node: nothing can be taken over")


def test_a_cluster_that_goes_on_without_quorum(cluster):
    alone = changed(quorate=False, options={"no_quorum_policy": "ignore"}, resources={"ip": STOPPED})
    stop(cluster, "ip").shows("n1", alone).at(90)
    assert cluster.stories() == [DOWN]


def test_what_cannot_be_started_before_a_node_is_fenced_is_in_the_story_of_the_node(cluster):
    """As on a real cluster: what was being moved when another node froze."""
    pending = [{"action": "reboot", "target": "n1", "client": "c", "origin": "n2", "status": "pending"}]
    cluster.shows("n3", seen()).at(70).lost("n1", by="n2 n3").stops("n2", "ip")
    cluster.at(72).shows("n3", changed(nodes={"n1": UNCLEAN}, resources={"ip": STOPPED}, fencings=pending)).at(95)
    assert [story[:2] for story in cluster.stories()] == [("node-failure", "node/n1")]
    assert cluster.condition("resource/ip") == ("critical", "ip runs nowhere: the cluster waits until n1 is fenced")


def test_also_when_it_stands_before_the_other(cluster):
    needs = [{"id": "c", "resource": "ip", "partner": "flk", "score": "INFINITY"}]
    stop(cluster, "ip", "flk").shows("n3", changed(resources={"ip": STOPPED, "flk": STOPPED}, colocations=needs)).at(90)
    assert cluster.stories() == [("resource-down", "resource/flk", "critical", "open")]


def test_what_comes_after_anothers_stop_does_not_need_it(cluster):
    orders = [{"id": "o", "first": "flk", "then": "ip", "kind": "Mandatory", "first_action": "stop"}]
    off = {**STOPPED, "disabled": True}
    stop(cluster, "ip").shows("n3", changed(resources={"ip": STOPPED, "flk": off}, orders=orders)).at(90)
    assert cluster.stories() == [DOWN]
