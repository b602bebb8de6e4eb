"""After a restart: what was told is remembered from the notices, and nothing is told twice or in another thread."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.match import Route
from bridge.core.telling.notice import Notice, Telling
from bridge.core.telling.route import Router

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def fresh():
    return lambda **more: Router((Route(receivers=("noc",), group=MINUTE, repeat=HOUR),), {"noc": "en"}, **more)


def restarted(router, told, incidents, now):
    for notice in told:
        router.remember_ring(notice, now)
        for incident in incidents:
            if incident.key in {notice.incident.key, *(item.key for item in notice.items)}:
                router.remember(incident, notice)
    for incident in incidents:
        router.watch(incident, now)
    return router


def test_what_was_told_is_told_no_more_and_reminded_of_in_time(make, fresh):
    incident = make.open()
    told = fresh().review([incident], make.now)
    again = restarted(fresh(), told, [incident], make.now + 5 * MINUTE)
    assert again.review([], make.now + 5 * MINUTE) == []
    assert again.was_told(incident.key)
    assert again.next_due() == make.now + HOUR
    (notice,) = again.review([], make.now + HOUR)
    assert (notice.kind, notice.thread) == (Telling.REMINDER, told[0].thread)


def test_the_end_is_told_in_the_thread_of_the_beginning(make, fresh):
    incident = make.open()
    (opened,) = fresh().review([incident], make.now)
    again = restarted(fresh(), [replace(opened, thread="as-it-was-then")], [incident], make.now + MINUTE)
    (closed,) = again.review([make.closed(incident)], make.now + 2 * MINUTE)
    assert (closed.kind, closed.thread) == (Telling.CLOSED, "as-it-was-then")


def test_whom_no_route_names_since_hears_the_end_as_it_heard_the_beginning(make, fresh):
    incident = make.open()
    (opened,) = fresh().review([incident], make.now)
    again = restarted(Router((), {"noc": "en"}), [replace(opened, language="de")], [incident], make.now + MINUTE)
    (closed,) = again.review([make.closed(incident)], make.now + 2 * MINUTE)
    assert (closed.kind, closed.language) == (Telling.CLOSED, "de")


def test_what_was_told_in_a_summary_ends_in_one(make, fresh):
    many = [make.open(name) for name in ("a", "b", "c")]
    router = fresh()
    told = router.review(many, make.now) + router.review([], make.now + MINUTE)
    assert [one.kind for one in told] == [Telling.OPENED, Telling.SUMMARY]
    again = restarted(fresh(), told, many, make.now + 2 * MINUTE)
    (own,) = again.review([make.closed(one) for one in many], make.now + 3 * MINUTE)
    assert (own.kind, own.incident.key) == (Telling.CLOSED, many[0].key)
    (ends,) = again.review([], make.now + 4 * MINUTE)
    assert (ends.kind, [one.key for one in ends.items]) == (Telling.SUMMARY, [one.key for one in many[1:]])


def test_whose_end_was_told_knows_nothing_of_it_any_more(make, fresh):
    incident = make.open()
    router = fresh()
    told = router.review([incident], make.now) + router.review([make.closed(incident)], make.now + MINUTE)
    again = restarted(fresh(), told, [incident], make.now + 2 * MINUTE)
    assert not again.was_told(incident.key)
    (notice,) = again.review([], make.now + 2 * MINUTE)
    assert notice.kind.rings, "it is open again"


def test_who_is_no_longer_in_the_config_was_told_nothing(make, fresh):
    incident = make.open()
    (opened,) = fresh().review([incident], make.now)
    again = restarted(fresh(), [replace(opened, receiver="gone")], [incident], make.now + MINUTE)
    assert not again.was_told(incident.key)
    assert [one.receiver for one in again.review([], make.now + MINUTE)] == ["noc"]


@pytest.mark.parametrize("kind", [Telling.DIGEST, Telling.BRAKED])
def test_a_digest_and_the_word_that_the_brake_is_on_are_no_word_about_an_incident(make, fresh, kind):
    incident = make.open()
    notice = Notice(incident_id=0, receiver="noc", kind=kind, reason="", at=make.now, incident=incident, items=(incident,))
    again = fresh()
    again.remember(incident, notice)
    assert not again.was_told(incident.key)


def test_before_that_all_is_forgotten(make, fresh):
    router, incident = fresh(), make.open()
    router.review([incident], make.now)
    router.forget_told()
    assert not router.was_told(incident.key)
    assert router.held() == {}


def test_nor_is_it_known_then_what_was_told_to_be_over(make, fresh):
    router, incident = fresh(), make.open()
    router.review([incident], make.now)
    router.review([make.closed(incident)], make.now + MINUTE)
    router.forget_told()
    assert [one.kind for one in router.review([incident], make.now + 2 * MINUTE)] == [Telling.OPENED]


def test_whose_end_stood_in_a_summary_knows_nothing_of_it_any_more(make, fresh):
    many = [make.open(name) for name in ("a", "b", "c")]
    router = fresh()
    told = router.review(many, make.now) + router.review([], make.now + MINUTE)
    told += router.review([make.closed(one) for one in many], make.now + 2 * MINUTE) + router.review([], make.now + 3 * MINUTE)
    assert told[-1].kind is Telling.SUMMARY
    again = restarted(fresh(), told, [], make.now + 4 * MINUTE)
    for incident in many:
        for notice in told:
            again.remember(make.closed(incident), notice)
    assert not any(again.was_told(incident.key) for incident in many)


def test_what_was_told_in_a_summary_rings_in_a_thread_of_its_own(make, fresh):
    many = [make.open(name) for name in ("a", "b", "c")]
    router = fresh()
    told = router.review(many, make.now) + router.review([], make.now + MINUTE)
    again = restarted(fresh(), told, many, make.now + 2 * MINUTE)
    worse = replace(many[1], alarms=("the database is gone, too",))
    (here,), (there,) = (one.review([worse], make.now + 3 * MINUTE) for one in (router, again))
    assert here.thread == there.thread != told[-1].thread
