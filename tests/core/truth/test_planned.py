"""What somebody arranged is shown for exactly those concerned, and rings nobody; what fails meanwhile is told once, gently."""

import pytest

from tests.core.truth.looks import STOPPED, changed, seen


@pytest.mark.parametrize(
    "field, words",
    [
        ("standby", "in standby"),
        ("maintenance", "in maintenance"),
        ("shutdown", "about to leave in good order"),
        ("standby_onfail", "in standby, because a resource failed there (on-fail=standby)"),
    ],
)
def test_a_node(cluster, field, words):
    cluster.shows("n1", changed(nodes={"n2": {field: True}})).at(200)
    assert cluster.condition("node/n2") == ("info", words)
    assert cluster.condition("node/n1") == ("ok", "member of the cluster")
    cluster.member("n2", by="n1")
    assert cluster.condition("node/n2") == ("info", words), "no event makes it green"
    assert cluster.shows("n1", seen()).condition("node/n2") == ("ok", "member of the cluster")
    assert cluster.at(300).stories() == []


@pytest.mark.parametrize("release", ["2.0.5", "2.1.5", "3.0.0"])
def test_the_whole_cluster(cluster, release):
    cluster.shows("n1", seen("05-maintenance", release)).at(200)
    assert cluster.condition("cluster")[0] == "info"
    assert cluster.condition("resource/ip")[0] == "info"
    assert cluster.condition("resource/ip")[1].startswith("in maintenance; runs on")
    assert cluster.shows("n1", seen()).condition("cluster") == ("ok", "nobody has lost quorum")
    assert cluster.condition("resource/ip") == ("ok", "runs on n2")


def test_unmanaged_and_disabled(cluster):
    cluster.shows("n1", seen("06-unmanaged-disabled")).at(200)
    assert cluster.condition("resource/ip") == ("info", "unmanaged: the cluster does not look after it; runs on n3")
    assert cluster.condition("resource/web-fs") == ("info", "switched off by an administrator")
    assert cluster.condition("resource/db")[0] == "ok"
    assert cluster.stories() == []


def test_what_fails_meanwhile_is_a_warning_as_long_as_it_is_so(cluster):
    unmanaged = {"managed": False}
    cluster.shows("n1", changed(resources={"ip": unmanaged})).at(70).fails("n2", "ip")
    cluster.at(73).shows("n1", changed(resources={"ip": {**unmanaged, "failed": True}})).at(600)
    assert cluster.stories() == [("resource-failure", "resource/ip", "warning", "open")]
    (story,) = cluster.incidents.values()
    assert (story.facts["planned"], story.alarms) == ("yes", ())


def test_what_is_switched_to_unmanaged_after_it_failed_says_that_nobody_starts_it(cluster):
    cluster.fails("n2", "ip").stops("n2", "ip").at(65).shows("n3", changed(resources={"ip": {**STOPPED, "managed": False}}))
    cluster.at(120)
    (story,) = cluster.incidents.values()
    assert (story.facts["planned"], story.alarms) == ("yes", ())


def test_and_what_stays_down_when_it_is_over_is_told(cluster):
    resting = {**STOPPED, "maintenance": True, "managed": False}
    cluster.shows("n1", changed(resources={"ip": {"maintenance": True}})).at(70).fails("n2", "ip").stops("n2", "ip")
    cluster.at(75).shows("n1", changed(resources={"ip": resting})).at(200)
    assert cluster.stories() == [("resource-failure", "resource/ip", "warning", "open")]
    cluster.shows("n1", changed(resources={"ip": STOPPED})).at(220)
    assert cluster.stories() == [("resource-down", "resource/ip", "critical", "open")]


def test_a_silent_relay_on_a_node_that_the_others_see_well(cluster):
    cluster.shows("n1", seen()).shows("n2", seen()).at(70).silent("n3").at(75)
    assert cluster.stories() == [("edge-silent", "relay/n3", "warning", "open")]
    (story,) = cluster.incidents.values()
    assert story.facts["seen_by"] == "n1, n2"
    words = "silent, but n1, n2 report that n3 is online: its relay, or its way to here, is broken"
    assert cluster.condition("relay/n3") == ("warning", words)


def test_nobody_waits_for_its_word_about_what_is_down(cluster):
    cluster.shows("n1", seen()).at(70).silent("n3").at(75).fails("n2", "ip").stops("n2", "ip")
    cluster.at(78).shows("n1", changed(resources={"ip": STOPPED, "web-fs": {"role": "Stopping"}})).at(108)
    assert ("resource-down", "resource/ip", "critical", "open") in cluster.stories()


@pytest.mark.parametrize(
    "state, condition",
    [
        ("11-orderly-away", ("info", "silent: n3 left in good order")),
        ("09-fenced", ("unknown", "silent: n3 is lost")),
        ("08b-unclean-fence-failed", ("unknown", "silent: n3 is lost")),
    ],
)
def test_a_silent_relay_on_a_node_that_is_not_there(cluster, state, condition):
    cluster.shows("n1", changed(fencings=seen("11-orderly-away")["fencings"] if state.startswith("11") else []))
    cluster.at(70).shows("n1", seen(state)).at(90).silent("n3").at(100)
    assert cluster.condition("relay/n3") == condition
    assert "edge-silent" not in [kind for kind, *_ in cluster.stories()]


def test_a_node_in_the_middle_of_its_going_and_coming(cluster):
    """As a real one was shown: pending and in standby when it had just left, and still away when it was a member again."""
    cluster.shows("n1", seen()).at(70).attribute("n3", "shutdown", "1").lost("n3", by="n1 n2")
    going = changed(nodes={"n3": {"pending": True, "standby": True}})
    assert cluster.shows("n1", going).condition("node/n3")[1].startswith("left in good order")
    cluster.at(72).shows("n1", seen("11-orderly-away")).at(110).member("n3", by="n1 n2").at(113)
    assert cluster.condition("node/n3") == ("ok", "member of the cluster")
    assert cluster.shows("n1", seen()).at(300).condition("node/n3") == ("ok", "member of the cluster")


def test_a_member_that_the_cluster_goes_on_to_show_away(cluster):
    cluster.shows("n1", changed(nodes={"n3": {"online": False, "expected_up": False}})).at(65).member("n3", by="n1 n2").at(85)
    assert cluster.condition("node/n3")[0] == "ok"
    assert cluster.at(120).condition("node/n3")[0] == "info"


def test_the_last_node_of_a_cluster_that_is_shut_down_has_no_quorum(cluster):
    away = {"online": False, "expected_up": False}
    cluster.attribute("n3", "shutdown", "1").lost("n3", by="n1").attribute("n2", "shutdown", "1").lost("n2", by="n1").at(61)
    says = changed(nodes={"n1": {"shutdown": True}, "n2": away, "n3": away}, quorate=False)
    assert cluster.shows("n1", says).at(120).stories() == []
    says = changed(nodes={"n2": away, "n3": away}, quorate=False)
    assert cluster.shows("n1", says).at(150).stories() == [("quorum-lost", "cluster", "critical", "open")]


def test_pacemaker_that_began_anew_under_planned_work_is_no_suspicion_for_ever(cluster):
    cluster.shows("n1", changed(resources={"ip": {"maintenance": True}})).at(100)
    cluster._sequence["n2"] = 0
    cluster.member("n1", by="n2")
    assert [state for *_, state in cluster.at(103).stories()] == ["watching"]
    resting = {**STOPPED, "maintenance": True, "managed": False}
    cluster.at(105).shows("n1", changed(resources={"ip": resting})).at(300)
    assert cluster.stories() == []
    assert cluster.condition("resource/ip")[0] == "info"
