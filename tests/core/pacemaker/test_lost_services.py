"""What ran on a lost node is not green while nobody knows whether it is off; and what lived on with its node was never lost for good."""

import pytest

RAN = ("unknown", "ran on n3, which is lost")
AWAY = ("critical", "ran on n3")


def states(cluster):
    return {(kind, state) for kind, *_, state in cluster.stories()}


def test_lost_is_unknown_at_once_and_away_with_the_first_failed_fencing(cluster):
    cluster.at(100).lost("n3", by="n1 n2")
    assert cluster.condition("resource/web") == RAN
    assert cluster.condition("resource/db") == ("ok", "runs on n1")
    cluster.fenced("n3", by="n1 n2", rc=-61)
    assert cluster.condition("resource/web") == AWAY
    cluster.at(140)
    assert cluster.condition("resource/web") == ("critical", "web runs nowhere")


def test_of_a_clone_the_others_answer(cluster):
    cluster.at(50).starts("n1", "cw").starts("n3", "cw").at(100).lost("n3", by="n1 n2")
    assert cluster.condition("resource/cw") == ("ok", "runs on n1, n3")


def test_whoever_was_not_lost_after_all_is_green_again(cluster):
    cluster.at(100).lost("n1", by="n3").lost("n2", by="n3")
    assert cluster.condition("resource/db")[0] == "unknown"
    cluster.lost("n3", by="n1 n2")
    assert cluster.condition("resource/db") == ("ok", "runs on n1")


def test_what_lived_on_with_its_node_is_there_when_the_node_speaks_on(cluster):
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61).at(160).member("n3", by="n1 n2")
    assert cluster.condition("resource/web")[0] == "critical", "nobody has said that it runs"
    cluster.member("n1", by="n3")
    assert cluster.condition("resource/web") == ("ok", "runs on n3")
    assert states(cluster.at(900)) == {("fencing-failure", "closed")}


def test_what_began_anew_with_its_node_does_not_live_on(cluster):
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61).at(160).member("n3", by="n1 n2")
    cluster._sequence["n3"] = 0
    cluster.member("n1", by="n3")
    assert cluster.at(900).condition("resource/web") == ("critical", "web runs nowhere")


def test_a_node_that_came_back_before_it_is_known_to_have_begun_anew_had_failed(cluster):
    for _ in range(3):
        cluster.does("n3", "web", "monitor", interval=10_000)
    cluster.at(100).lost("n3", by="n1 n2").at(106).member("n3", by="n1 n2")
    cluster._sequence["n3"] = 0
    cluster.member("n1", by="n3")
    assert {("node-failure", "node/n3", "critical")} <= {one[:3] for one in cluster.stories()}
    assert cluster.condition("resource/web")[0] == "critical"


def test_what_the_lost_node_stopped_itself_does_not_live_on(cluster):
    cluster.at(100).lost("n3", by="n1 n2").lost("n1", by="n3").lost("n2", by="n3").stops("n3", "web")
    cluster.fenced("n3", by="n1 n2", rc=-61).at(160).member("n3", by="n1 n2").member("n1", by="n3")
    assert cluster.condition("resource/web")[0] == "critical"


def test_what_was_started_elsewhere_stays_there(cluster):
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61).at(110).starts("n1", "web")
    cluster.at(160).member("n3", by="n1 n2").member("n1", by="n3")
    assert cluster.condition("resource/web") == ("ok", "runs on n1")


@pytest.mark.parametrize("device,one_story", [("fence-n3", True), ("ipmi-n31", False)])
def test_a_device_of_the_dead_node_is_part_of_its_story(cluster, device, one_story):
    cluster.at(50).starts("n1", device).at(98).fails("n1", device).at(100).lost("n3", by="n1 n2").at(165)
    assert (len(cluster.stories()) == 1) is one_story


def test_the_device_goes_on_by_itself_when_the_services_of_the_node_are_back_later(cluster):
    """The node came back unfenced and begins anew: its services are started after it, and the fencing is not tried any more."""
    cluster.at(50).starts("n1", "fence-n3").at(98).fails("n1", "fence-n3").at(100).lost("n3", by="n1 n2")
    cluster.fenced("n3", by="n1 n2", rc=-61).at(300).member("n3", by="n1 n2").at(310).starts("n1", "web")
    assert states(cluster.at(400)) == {("fencing-failure", "closed"), ("fence-device-failure", "open")}


def test_the_device_that_fails_while_fencing_fails_goes_on_by_itself_when_the_node_is_back(cluster):
    cluster.at(50).starts("n1", "st-any").at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61).fails("n1", "st-any")
    assert states(cluster) == {("fencing-failure", "open")}
    cluster.at(200).fenced("n3", by="n1 n2").starts("n1", "web").at(230).member("n3", by="n1 n2").at(300)
    assert states(cluster) == {("node-failure", "closed"), ("fence-device-failure", "open")}


def test_what_ran_on_the_lost_node_too_and_fails_elsewhere_is_its_story(cluster):
    cluster.at(50).starts("n1", "etcd").starts("n3", "etcd").at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2", rc=-61)
    cluster.at(130).fails("n1", "etcd")
    assert [kind for kind, *_ in cluster.stories()] == ["fencing-failure"]
