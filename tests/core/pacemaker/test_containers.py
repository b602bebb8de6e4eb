"""Nodes inside containers: nobody fences them, and the story is the container's; with their host they are the host's."""

import pytest

from bridge.core.world.event import NodeSeen


def remote(cluster, name, by, *, member):
    return cluster._each(by, NodeSeen, node=name, member=member, remote=True)


@pytest.fixture
def bundle(cluster):
    """web-1 lives in the container web-podman-1 on n2; app runs in it, and on n1."""
    cluster.at(50).starts("n2", "web-podman-1").starts("n2", "web-1")
    remote(cluster, "web-1", "n1 n2 n3", member=True)
    return cluster.starts("n1", "app").starts("web-1", "app")


@pytest.fixture
def guest(cluster):
    """gw lives in the machine vm-gw on n2; mail runs in it."""
    cluster.at(50).starts("n2", "vm-gw").at(80).starts("n2", "gw")
    remote(cluster, "gw", "n1 n2 n3", member=True)
    return cluster.starts("gw", "mail")


def test_the_container_is_the_story_whichever_fails_first(bundle):
    bundle.at(100).fails("n2", "web-1")
    remote(bundle, "web-1", "n1 n2 n3", member=False)
    bundle.stops("n2", "web-1").fails("n2", "web-podman-1").stops("n2", "web-podman-1").fails("n2", "web-podman-1", "start")
    assert bundle.at(400).stories() == [("resource-down", "resource/web-podman-1", "critical", "open")]
    bundle.starts("n2", "web-podman-1").starts("n2", "web-1")
    remote(bundle, "web-1", "n1 n2 n3", member=True)
    assert bundle.at(500).stories() == [("resource-down", "resource/web-podman-1", "ok", "closed")]


def test_nobody_is_missed_for_not_fencing_a_guest(guest):
    guest.at(100)
    remote(guest, "gw", "n1 n2 n3", member=False)
    guest.at(400)
    assert {(kind, root) for kind, root, *_ in guest.stories()} == {("guest-failure", "guest/vm-gw")}
    assert not any("fenced" in one.reason for one in guest.incidents.values())


def test_what_ran_in_a_guest_that_hangs_is_told_within_its_story(guest):
    guest.at(100).fails("n2", "gw")
    remote(guest, "gw", "n1 n2 n3", member=False)
    assert guest.at(200).stories() == [("guest-failure", "guest/vm-gw", "critical", "open")]
    assert next(iter(guest.incidents.values())).facts["down"] == "mail"


def test_a_machine_of_its_own_is_fenced(cluster):
    cluster.at(50).starts("n2", "store")
    remote(cluster, "store", "n1 n2 n3", member=True)
    cluster.at(100)
    remote(cluster, "store", "n1 n2 n3", member=False)
    assert cluster.at(200).stories() == [("node-failure", "node/store", "critical", "open")]


@pytest.mark.parametrize("first", ["host", "inside"])
def test_lost_with_its_host_it_is_the_hosts_story(guest, first):
    guest.at(100)
    if first == "host":
        guest.lost("n2", by="n1 n3")
    remote(guest, "gw", "n1 n3", member=False)
    if first == "inside":
        guest.lost("n2", by="n1 n3")
    guest.fenced("n2", by="n1 n3")
    assert [(kind, root) for kind, root, *_ in guest.at(103).stories()] == [("node-failure", "node/n2")]


@pytest.mark.parametrize("told", ["at once", "after its restart"])
def test_the_container_that_failed_first_is_the_story_of_its_node(bundle, told):
    bundle.at(100).fails("n2", "web-podman-1")
    if told == "after its restart":
        bundle.stops("n2", "web-podman-1").starts("n2", "web-podman-1")
    remote(bundle, "web-1", "n1 n2 n3", member=False)
    bundle.fails("n2", "web-1")
    assert [(kind, root) for kind, root, *_ in bundle.at(101).stories()] == [("resource-failure", "resource/web-podman-1")]


def test_a_guest_that_was_moved_live_is_known_by_its_machine_still(guest):
    for resource in ("vm-gw", "gw"):
        guest.at(100).does("n2", resource, "migrate_to").does("n3", resource, "migrate_from").stops("n2", resource)
    guest.at(200)
    remote(guest, "gw", "n1 n2 n3", member=False)
    guest.fails("n3", "gw").fails("n3", "vm-gw").stops("n3", "vm-gw").starts("n3", "vm-gw")
    assert [(kind, root) for kind, root, *_ in guest.at(210).stories()] == [("guest-failure", "guest/vm-gw")]


def test_a_guest_that_was_moved_live_is_lost_with_the_host_that_it_moved_to(guest):
    for resource in ("vm-gw", "gw"):
        guest.at(100).does("n2", resource, "migrate_to").does("n3", resource, "migrate_from").stops("n2", resource)
    guest.at(200).lost("n3", by="n1 n2")
    remote(guest, "gw", "n1 n2", member=False)
    guest.fenced("n3", by="n1 n2")
    assert [(kind, root) for kind, root, *_ in guest.at(203).stories()] == [("node-failure", "node/n3")]


@pytest.mark.parametrize(
    "machine, inside, after, behind",
    [
        ("vm-x", "far", 60, True),
        ("vm-far", "far", 3600, True),
        ("vm-x", "far", 3600, False),
        ("vm-gw", "gw", 3600, False),
    ],
    ids=["started a moment before", "called like it", "neither", "two letters prove nothing"],
)
def test_which_machine_is_behind_a_connection(cluster, machine, inside, after, behind):
    """If none is, it is a machine of its own: when it is lost, somebody has to fence it."""
    cluster.at(50).starts("n2", machine).at(50 + after).starts("n2", inside)
    remote(cluster, inside, "n1 n2 n3", member=True)
    remote(cluster.at(8000), inside, "n1 n2 n3", member=False)
    story = ("guest-failure", f"guest/{machine}") if behind else ("node-failure", f"node/{inside}")
    assert story in {(kind, root) for kind, root, *_ in cluster.at(8200).stories()}
