"""What is found dead in maintenance, or unmanaged, is told once, as a warning; what was stopped in order is not."""

import pytest

from tests.core.truth.looks import RELEASES, STOPPED, changed, seen

DEAD = {**STOPPED, "managed": False}
TOLD = ("resource-failure", "resource/ip", "warning", "open")


def maintenance(release="2.1.5", **resources):
    return changed(seen("05-maintenance", release), resources=resources)


def only(cluster):
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    return story


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_told_once_as_a_warning(cluster, release):
    resting = {**DEAD, "maintenance": True}
    cluster.shows("n1", maintenance(release)).at(100).shows("n1", maintenance(release, ip=resting)).at(102)
    assert cluster.condition("resource/ip")[1] == "in maintenance; runs on n3", "a refresh forgets for a moment where it runs"
    assert cluster.at(104).condition("resource/ip") == ("unknown", "the cluster shows it running on n3 no more")
    assert cluster.at(110).stories() == []
    cluster.at(118)
    assert cluster.stories() == [TOLD]
    words = "ip was found dead on n3, and the cluster does nothing about it: it is in maintenance"
    assert cluster.condition("resource/ip") == ("warning", words)
    assert {name: only(cluster).facts[name] for name in ("planned", "rc", "failed_on")} == {
        "planned": "yes",
        "rc": "7",
        "failed_on": "n3",
    }
    assert cluster.at(4000).stories() == [TOLD]
    assert only(cluster).alarms == ()


def test_what_runs_again_after_the_refresh_is_no_news(cluster):
    cluster.shows("n1", maintenance()).at(100).shows("n1", maintenance(ip=DEAD)).at(108).shows("n1", maintenance()).at(109)
    assert cluster.condition("resource/ip") == ("info", "in maintenance; runs on n3")
    assert cluster.at(300).stories() == []
    assert cluster.condition("resource/ip") == ("info", "in maintenance; runs on n3")


def test_it_is_started_by_hand(cluster):
    cluster.shows("n1", maintenance()).at(100).shows("n1", maintenance(ip=DEAD)).at(130)
    cluster.shows("n1", maintenance()).at(200)
    assert cluster.stories() == [("resource-failure", "resource/ip", "ok", "closed")]
    assert cluster.condition("resource/ip") == ("info", "in maintenance; runs on n3")


def test_it_was_moved_by_hand(cluster):
    cluster.shows("n1", maintenance()).at(100).shows("n1", maintenance(ip={"nodes": ["n1"], "managed": False})).at(200)
    assert cluster.stories() == []
    assert cluster.condition("resource/ip") == ("info", "in maintenance; runs on n1")


def test_it_stays_down_when_maintenance_is_over(cluster):
    cluster.shows("n1", maintenance()).at(100).shows("n1", maintenance(ip=DEAD)).at(130)
    cluster.shows("n1", changed(resources={"ip": STOPPED})).at(150)
    assert cluster.stories() == [("resource-down", "resource/ip", "critical", "open")]
    assert not only(cluster).facts["planned"]


def test_unmanaged_is_the_same(cluster):
    cluster.shows("n1", changed(resources={"ip": {"managed": False}})).at(100)
    cluster.shows("n1", changed(resources={"ip": DEAD})).at(130)
    assert cluster.stories() == [TOLD]


def test_what_is_switched_off_inside_is_not(cluster):
    cluster.shows("n1", maintenance()).at(100).shows("n1", maintenance(ip={**DEAD, "disabled": True})).at(200)
    assert cluster.stories() == []


def test_an_instance_of_a_clone(cluster):
    rows = seen("05-maintenance")["resources"]
    less = [{**row, **DEAD} if row["id"] == "dlm" and row["nodes"] == ["n3"] else row for row in rows]
    cluster.shows("n1", maintenance()).at(100).shows("n1", {**seen("05-maintenance"), "resources": less}).at(130)
    assert cluster.stories() == [("resource-failure", "resource/dlm", "warning", "open")]
    assert only(cluster).outages == ()
    assert cluster.shows("n1", maintenance()).at(160).stories()[0][2:] == ("ok", "closed")


def test_a_guest_is_a_warning_too(cluster):
    guest = {"agent": "ocf:heartbeat:VirtualDomain"}
    cluster.shows("n1", maintenance(ip=guest)).at(100).shows("n1", maintenance(ip={**guest, **DEAD})).at(130)
    assert cluster.stories() == [("guest-failure", "guest/ip", "warning", "open")]


def test_what_a_probe_found_since_is_not_overruled(cluster):
    cluster.shows("n1", maintenance()).at(100).shows("n1", maintenance(ip={**DEAD, "disabled": True})).at(140)
    cluster.at(195).fails("n3", "flk").at(200).shows("n1", maintenance(ip=DEAD)).at(240)
    cluster.does("n2", "ip", "monitor", target=7).at(245).shows("n1", maintenance()).at(300)
    assert "resource/ip" not in [root for _, root, *_ in cluster.stories()]
