"""What happened while nobody could be told: one summary, what is still open first, and a ring only for that."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.brake import Brake
from bridge.core.telling.match import Route
from bridge.core.telling.notice import Telling
from bridge.core.telling.route import Router
from bridge.core.world.incident import Kind

HOUR = timedelta(hours=1)


@pytest.fixture
def router():
    return Router((Route(receivers=("noc",)),), digests=frozenset({"noc"}))


def over(make, *names):
    return [make.closed(make.open(name), make.now + timedelta(minutes=1)) for name in names]


def test_what_is_still_open_rings_once_with_all_that_is_over(make, router):
    still = [make.open("web"), make.open("db")]
    (notice,) = router.catch_up([*over(make, "a", "b"), *still], make.now + HOUR)
    assert notice.kind is Telling.SUMMARY
    assert [one.root for one in notice.items] == ["resource/db", "resource/web", "resource/a", "resource/b"]
    assert notice.since == make.now
    assert router.review(still, make.now + HOUR) == [], "they were told"


def test_when_all_is_over_nobody_is_rung(make, router):
    (notice,) = router.catch_up(over(make, "a", "b"), make.now + HOUR)
    assert notice.kind is Telling.DIGEST
    assert (notice.since, notice.until) == (make.now, make.now + HOUR)


def test_who_wants_no_digest_hears_nothing_of_what_is_over(make):
    router = Router((Route(receivers=("noc",)),))
    assert router.catch_up(over(make, "a", "b"), make.now + HOUR) == []


def test_one_that_is_open_is_told_as_ever(make, router):
    (notice,) = router.catch_up([make.open("web")], make.now + HOUR)
    assert notice.kind is Telling.OPENED


def test_data_in_danger_rings_by_itself(make, router):
    split = make.open("r0", kind=Kind.REPLICA_SPLIT_BRAIN, root="drbd/r0")
    notices = router.catch_up([split, make.open("web"), make.open("db")], make.now + HOUR)
    assert sorted(one.kind for one in notices) == [Telling.OPENED, Telling.SUMMARY]


def test_who_was_told_of_the_beginning_is_told_of_the_end(make, router):
    incident = make.open("web")
    router.review([incident], make.now)
    (notice,) = router.catch_up([make.closed(incident)], make.now + HOUR)
    assert notice.kind is Telling.CLOSED


def test_a_brake_that_is_on_holds_it_back_and_loses_nothing(make):
    router = Router((Route(receivers=("noc",)),), brakes={"noc": Brake(count=1)})
    router.review([make.open("x")], make.now)
    router.review([make.open("y")], make.now)
    assert router.catch_up([make.open("web"), make.open("db")], make.now + timedelta(minutes=1)) == []
    (notice,) = router.review([], make.now + timedelta(minutes=10))
    assert {one.root for one in notice.items} == {"resource/y", "resource/web", "resource/db"}


def test_what_became_part_of_another_meanwhile_is_said_in_its_thread(make, router):
    part = make.open("n2", kind=Kind.FENCING_FAILURE, root="fencing/n2")
    whole = make.open("n3", kind=Kind.NODE_FAILURE, root="node/n3")
    threads = {one.incident.key: one.thread for one in router.review([part, whole], make.now)}
    taken_over = replace(part, absorbed_into=whole.key, reason="part of it")
    notices = router.catch_up([taken_over, *over(make, "a")], make.now + HOUR)
    assert threads[part.key] in [one.thread for one in notices if one.kind is Telling.UPDATED]
    assert [one.items[0].root for one in notices if one.kind is Telling.DIGEST] == ["resource/a"]


def test_what_may_be_over_already_is_put_off_and_all_else_is_looked_at_in_time(make):
    router = Router((Route(receivers=("noc",), hold=timedelta(minutes=1)),))
    past, present = make.open("web"), make.open("db")
    due = make.now + timedelta(minutes=1)
    assert router.review([past, present], make.now) == []
    assert router.put_off(lambda one: one.root == past.root, due) == {past.key: past}
    assert [one.incident.root for one in router.review([], due)] == [present.root]
    assert [one.incident.root for one in router.catch_up([past], due)] == [past.root]
