"""Who was told of less is rung for what is worse, whatever incident it belongs to by then; an update is no ring."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.match import Route, parse
from bridge.core.telling.notice import Telling
from bridge.core.telling.quiet import Silence
from bridge.core.telling.route import Router
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

MINUTE = timedelta(minutes=1)


@pytest.fixture
def router():
    return Router((Route(receivers=("noc",)),), in_place=frozenset({"noc"}))


def rings(notices):
    return [one for one in notices if one.kind.rings]


def absorbed(incident, into):
    return replace(incident, absorbed_into=into.key, reason=f"part of {into.key}")


def fencing_of(make, name="n2", **given):
    return make.open(name, kind=Kind.FENCING_FAILURE, root=f"fencing/{name}", **given)


def test_a_graver_incident_takes_in_the_one_that_was_told_and_rings(make, router):
    small, large = fencing_of(make), make.open("all", kind=Kind.QUORUM_LOST, root="cluster", at=make.now + 2 * MINUTE)
    router.review([small], make.now)
    (notice,) = rings(router.review([absorbed(small, large), large], make.now + 2 * MINUTE))
    assert notice.kind is Telling.ESCALATED
    assert "was fencing-failure of fencing/n2, is quorum-lost of cluster" in notice.reason
    assert rings(router.review([replace(large, reason="still so")], make.now + 9 * MINUTE)) == [], "once"


def test_what_unfolds_while_somebody_is_looking_already_rings_when_it_is_still_so(make, router):
    small, large = fencing_of(make), make.open("all", kind=Kind.QUORUM_LOST, root="cluster")
    router.review([small], make.now)
    at = make.now + 5 * make.second
    assert rings(router.review([absorbed(small, large), large], at)) == []
    assert router.next_due() == make.now + 30 * make.second
    assert len(rings(router.review([], make.now + 30 * make.second))) == 1


def test_another_machine_is_another_story(make, router):
    first = make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2")
    router.review([first], make.now)
    (notice,) = rings(router.review([replace(first, root="node/n3")], make.now + MINUTE))
    assert "was node-failure of node/n2, is node-failure of node/n3" in notice.reason


@pytest.mark.parametrize(
    "kinds",
    [
        (Kind.FENCING_FAILURE, Kind.NODE_FAILURE),
        (Kind.QUORUM_LOST, Kind.NODE_FAILURE),
        (Kind.RESOURCE_DOWN, Kind.RESOURCE_FLAPPING),
        (Kind.RESOURCE_DOWN, Kind.RESOURCE_FAILURE),
        (Kind.RESOURCE_FLAPPING, Kind.RESOURCE_FAILURE),
    ],
    ids=" then ".join,
)
def test_what_is_left_of_something_graver_is_an_update(make, router, kinds):
    told_of, left = kinds
    incident = make.open(kind=told_of)
    router.review([incident], make.now)
    notices = router.review([replace(incident, kind=left)], make.now + MINUTE)
    assert [one.kind for one in notices] == [Telling.UPDATED]


def test_a_lesser_severity_does_not_ring_though_the_kind_is_another(make, router):
    incident = make.open()
    router.review([incident], make.now)
    assert (
        rings(router.review([replace(incident, kind=Kind.RESOURCE_BLOCKED, severity=Severity.WARNING)], make.now + MINUTE)) == []
    )


def test_a_kind_that_has_a_hold_keeps_it(make, router):
    incident = make.open(kind=Kind.RESOURCE_FAILURE, at=make.now - MINUTE)
    router.review([incident], make.now)
    another = replace(incident, kind=Kind.REPLICA_DISCONNECTED, opened_at=make.now)
    assert rings(router.review([another], make.now + 45 * make.second)) == []
    assert len(rings(router.review([], make.now + MINUTE))) == 1


@pytest.mark.parametrize(
    "worse", [{"severity": Severity.CRITICAL}, {"alarms": ("the database is gone, too",)}, {"root": "resource/db"}]
)
def test_what_was_shown_during_a_silence_rings_when_the_silence_ends(make, router, worse):
    incident = make.open(kind=Kind.RESOURCE_FAILURE, severity=Severity.WARNING, at=make.now - MINUTE)
    assert len(rings(router.review([incident], make.now))) == 1
    until = make.now + 10 * MINUTE
    router.silence(Silence(id="1", matchers=(parse("cluster=alpha"),), author="ann", comment="work", until=until), make.now)
    assert (
        rings(
            router.review([replace(incident, reason="more", outages=(), **worse, subjects=("resource/db",))], make.now + MINUTE)
        )
        == []
    )
    assert len(rings(router.review([], until))) == 1


def test_a_restart_remembers_what_the_last_ring_was_about(make, router):
    incident = make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2")
    (opened,) = router.review([incident], make.now)
    (updated,) = router.review([replace(incident, subjects=("resource/web",))], make.now + MINUTE)
    now = replace(incident, kind=Kind.QUORUM_LOST, root="cluster")
    again = Router((Route(receivers=("noc",)),), in_place=frozenset({"noc"}))
    for notice in (opened, replace(updated, incident=now)):
        again.remember(now, notice)
    again.watch(now, make.now + 2 * MINUTE)
    assert [one.kind for one in again.review([], make.now + 2 * MINUTE)] == [Telling.ESCALATED]
