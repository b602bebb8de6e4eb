"""What a picture shows beside trouble: a fencing under way, what was left behind, what was removed and still runs."""

from tests.core.truth.looks import STOPPED, UNCLEAN, changed, seen

PENDING = {"action": "reboot", "target": "n3", "client": "pacemaker-controld.7", "origin": "n1", "status": "pending"}


def test_a_fencing_under_way_and_its_end(cluster):
    cluster.shows("n1", changed(fencings=[PENDING]))
    words = "its fencing is under way: reboot, asked for by pacemaker-controld.7 of n1"
    assert cluster.condition("fencing/n3") == ("warning", words)
    assert cluster.at(70).shows("n1", seen()).condition("fencing/n3") == ("ok", "no fencing is under way any more")
    assert cluster.at(200).stories() == []


def test_a_fencing_that_worked(cluster):
    cluster.lost("n3", by="n1 n2").shows("n1", changed(nodes={"n3": UNCLEAN}, fencings=[PENDING])).at(70)
    cluster.fenced("n3", by="n1 n2")
    assert cluster.condition("fencing/n3") == ("ok", "fencing worked (reboot)")


def test_a_look_that_began_before_its_end_says_nothing(cluster):
    cluster.lost("n3", by="n1 n2").fenced("n3", by="n1 n2").shows("n1", changed(nodes={"n3": UNCLEAN}, fencings=[PENDING]))
    assert cluster.condition("fencing/n3") == ("ok", "fencing worked (reboot)")


def test_a_fencing_that_does_not_end(cluster):
    cluster.at(70).shows("n1", changed(nodes={"n3": {"unclean": True}}, fencings=[PENDING])).at(185)
    assert cluster.stories() == []
    assert cluster.at(195).stories() == [("node-failure", "node/n3", "critical", "open")]
    (story,) = cluster.incidents.values()
    assert story.reason == "n3 is unclean: the cluster does not trust it, and its fencing does not end"


def test_a_leftover_ban_is_shown_as_long_as_it_is_there(cluster):
    bans = [
        {"id": "cli-ban-web-on-n1", "resource": "web", "node": "n1"},
        {"id": "cli-ban-db-clone-on-n2", "resource": "db-clone", "node": "n2", "promoted_only": True},
        {"id": "meant", "resource": "ip", "node": "n1"},
    ]
    cluster.shows("n1", changed(bans=bans))
    words = "runs on n3; kept from n1 by cli-ban-web-on-n1, left of a move or a ban"
    assert cluster.condition("resource/web-srv") == ("ok", words)
    words = "promoted on n3, runs on n1, n2; kept from being promoted on n2 by cli-ban-db-clone-on-n2, left of a move or a ban"
    assert cluster.condition("resource/db") == ("ok", words)
    assert cluster.condition("resource/ip") == ("ok", "runs on n2")
    cluster.starts("n3", "web-srv")
    assert cluster.condition("resource/web-srv")[1].startswith("runs on n3; kept from n1"), "no event takes it away"
    assert cluster.at(70).shows("n1", seen()).condition("resource/web-srv") == ("ok", "runs on n3")
    assert cluster.at(200).stories() == []


def test_what_is_left_of_a_move_is_shown_too(cluster):
    cluster.shows("n1", changed(moved=[{"id": "cli-prefer-ip", "resource": "ip", "node": "n2"}]))
    assert cluster.condition("resource/ip") == ("ok", "runs on n2; held on n2 by cli-prefer-ip, left of a move")
    assert cluster.at(70).shows("n1", seen()).condition("resource/ip") == ("ok", "runs on n2")


def test_what_fails_in_spite_of_it_is_trouble_as_any_other(cluster):
    bans = [{"id": "cli-ban-ip-on-n1", "resource": "ip", "node": "n1"}]
    cluster.shows("n1", changed(bans=bans)).at(70).fails("n2", "ip").stops("n2", "ip")
    cluster.at(73).shows("n1", changed(bans=bans, resources={"ip": STOPPED})).at(120)
    assert cluster.stories() == [("resource-down", "resource/ip", "critical", "open")]


def test_what_was_removed_and_still_runs(cluster):
    cluster.shows("n1", changed(resources={"ip": {"removed": True}}))
    words = "runs on n2; removed from the configuration while it ran: nobody looks after it"
    assert cluster.condition("resource/ip") == ("ok", words)
    cluster.at(70).shows("n1", changed(resources={"ip": {**STOPPED, "removed": True}}))
    assert cluster.condition("resource/ip") == ("info", "deleted from the configuration")
    assert cluster.at(200).stories() == []


def test_the_replica_behind_a_resource_stands_in_its_story(cluster):
    """By the agent's parameter, since the resource may have any name; the runbook says where to look."""
    says = changed(primitives=[{"id": "db", "agent": "ocf:linbit:drbd", "parameters": [["drbd_resource", "r0"]]}])
    cluster.shows("n1", says).at(70).fails("n3", "db").fails("n3", "ip")
    stories = {story.root: story.facts.get("of_replica") for story in cluster.incidents.values()}
    assert stories == {"resource/db": "r0", "resource/ip": None}
