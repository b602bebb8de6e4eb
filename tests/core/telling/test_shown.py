"""What a receiver that can change its message shows of an incident, and what is news there."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.decide import OFTEN, thread_of
from bridge.core.telling.match import Route
from bridge.core.telling.notice import Telling
from bridge.core.telling.route import Router
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind
from bridge.core.world.outage import Outage

MINUTE = timedelta(minutes=1)


@pytest.fixture
def router():
    return Router((Route(receivers=("noc",), repeat=None),), in_place=frozenset({"noc"}))


@pytest.fixture
def shown(make, router):
    """An incident that was told, and a verb that gives what is told of it when it has become another."""
    incident = make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2", subjects=("resource/web",))
    router.review([incident], make.now)
    return incident, lambda **new: [str(one.kind) for one in router.review([replace(incident, **new)], make.now + make.second)]


def away(make, subject="resource/web", *, times=1, back=False):
    return Outage(subject, make.now, make.now + MINUTE if back else None, times=times)


def test_a_service_that_goes_away_is_shown_at_once(make, shown):
    _, then = shown
    assert then(outages=(away(make),)) == ["updated"]
    assert then(outages=(away(make),)) == [], "as before"
    assert then(outages=(away(make), away(make, "resource/db"))) == ["updated"]
    assert then(outages=(away(make, back=True), away(make, "resource/db"))) == ["updated"]
    assert then(outages=(away(make, back=True), away(make, "resource/db", back=True))) == ["updated"]


def test_what_is_drawn_in_is_shown_though_it_is_not_kept_by_name(shown):
    _, then = shown
    assert then(more_subjects=7) == ["updated"]
    assert then(subjects=("resource/web", "resource/db"), more_subjects=7) == ["updated"]
    assert then(subjects=("resource/web", "resource/db", "resource/ip"), more_subjects=6) == [], "as many as before"


def test_who_comes_and_goes_is_shown_anew_only_at_twice_as_often(make, shown):
    _, then = shown
    many = (away(make, times=OFTEN - 2, back=True), away(make, back=True))
    before = then(outages=many)
    assert (before, then(outages=(*many, away(make)))) == ([], ["updated"]), "so often, it is told to be often"
    for times in range(OFTEN, 2 * OFTEN - 2):
        still = away(make, back=bool(times % 2))
        assert then(outages=(away(make, times=times, back=True), still)) == [], "neither its going nor its coming"
    assert then(outages=(away(make, times=2 * OFTEN - 1, back=True), away(make))) == ["updated"]


def test_the_end_says_why_it_is_one(make, router, shown):
    incident, _ = shown
    (notice,) = router.review([replace(make.closed(incident), reason="")], make.now + MINUTE)
    assert notice.reason == "it is over"


@pytest.mark.parametrize("kind, why", [(Kind.RESOURCE_DOWN, "needs a person at once"), (Kind.RESOURCE_FAILURE, "after 30 s")])
def test_a_ring_says_why_it_rings_now(make, router, kind, why):
    incident = make.open(kind=kind)
    (notice,) = [*router.review([incident], make.now), *router.review([], make.now + 30 * make.second)]
    assert why in notice.reason
    assert incident.reason in notice.reason


def test_a_ring_for_a_higher_severity_names_it(make, router):
    incident = make.open(severity=Severity.WARNING)
    router.review([incident], make.now)
    (notice,) = router.review([replace(incident, severity=Severity.CRITICAL)], make.now + MINUTE)
    assert notice.reason == f"now critical: {incident.reason}"


def test_threads_are_short_enough_for_a_subject_line_and_differ():
    assert len(thread_of("a")) <= 16
    assert thread_of("a") == thread_of("a") != thread_of("b")


def test_all_words_of_a_story_are_in_one_thread_and_language(make):
    router = Router((Route(receivers=("noc",), language="de"),), {"noc": "en"}, frozenset({"noc"}))
    incident = make.open()
    notices = router.review([incident], make.now)
    notices += router.review([replace(incident, subjects=("resource/db",))], make.now + MINUTE)
    notices += router.review([make.closed(incident)], make.now + 2 * MINUTE)
    assert [one.kind for one in notices] == [Telling.OPENED, Telling.UPDATED, Telling.CLOSED]
    assert {(one.language, one.thread) for one in notices} == {("de", thread_of(incident.key))}


def test_what_ends_when_no_route_names_the_receiver_any_more_is_told_in_the_language_of_its_beginning(make):
    from bridge.core.telling.match import parse

    router = Router((Route(matchers=(parse("severity=warning"),), receivers=("noc",), language="de"),), {"noc": "en"})
    incident = make.open(severity=Severity.WARNING)
    router.review([incident], make.now)
    assert router.review([replace(incident, severity=Severity.CRITICAL)], make.now + 600 * MINUTE) == [], "no ring, no reminder"
    (end,) = router.review([make.closed(incident)], make.now + 601 * MINUTE)
    assert (end.kind, end.language) == (Telling.CLOSED, "de")
