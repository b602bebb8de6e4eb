"""An incident that was told to be over, and by a late report is not: whoever heard of the end is rung, in the thread that ended."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.match import Route
from bridge.core.telling.memory import MOST_ENDED
from bridge.core.telling.notice import Telling
from bridge.core.telling.route import Router
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

MINUTE = timedelta(minutes=1)
SOON, LATE = 5 * MINUTE, 60 * MINUTE


def new_router():
    return Router((Route(receivers=("noc",)),), in_place=frozenset({"noc"}))


@pytest.fixture
def router():
    return new_router()


@pytest.fixture
def over(make, router):
    """An incident that was told from its beginning to its end, and its two notices."""
    incident = make.open()
    told = [*router.review([incident], make.now), *router.review([make.closed(incident, make.now + SOON)], make.now + SOON)]
    assert [one.kind for one in told] == [Telling.OPENED, Telling.CLOSED]
    return incident, told


def test_it_rings_in_its_thread_and_says_what_was_wrong(make, router, over):
    incident, (opened, _) = over
    (notice,) = router.review([incident], make.now + LATE)
    assert (notice.kind, notice.thread) == (Telling.ESCALATED, opened.thread)
    assert notice.reason == "was told to be over, and is not: web is down"
    assert notice.incident.facts["reopened"] == "yes"
    assert router.review([incident], make.now + LATE + MINUTE) == [], "once"


def test_its_end_is_told_again_and_it_may_be_opened_again(make, router, over):
    incident, _ = over
    closed = make.closed(incident, make.now + LATE + MINUTE)
    kinds = [one.kind for said in ([incident], [closed], [incident]) for one in router.review(said, make.now + LATE)]
    assert kinds == [Telling.ESCALATED, Telling.CLOSED, Telling.ESCALATED]


def test_nothing_is_said_while_it_stays_over_or_is_over_again_within_its_hold(make, router):
    incident = make.open(kind=Kind.RESOURCE_FAILURE, severity=Severity.WARNING)
    router.review([incident], make.now + MINUTE)
    router.review([make.closed(incident)], make.now + SOON)
    assert router.review([make.closed(incident)], make.now + LATE) == []
    anew = replace(incident, opened_at=make.now + LATE)
    assert router.review([anew], make.now + LATE) == []
    assert router.review([make.closed(anew)], make.now + LATE + 10 * make.second) == []
    assert router.next_due() is None or router.review([], router.next_due()) == []


def test_who_never_heard_of_it_hears_that_it_began(make, router):
    incident = make.open(kind=Kind.RESOURCE_FAILURE)
    assert router.review([incident], make.now) == []
    assert router.review([make.closed(incident)], make.now + 10 * make.second) == []
    (notice,) = router.review([incident], make.now + LATE)
    assert notice.kind is Telling.OPENED


def test_a_restart_remembers_whom_it_told_of_the_end(make, over):
    incident, told = over
    again = new_router()
    for notice in told:
        again.remember(make.closed(incident, make.now + SOON), notice)
    (notice,) = again.review([incident], make.now + LATE)
    assert (notice.kind, notice.thread) == (Telling.ESCALATED, told[0].thread)


def test_of_the_ends_that_were_told_so_many_are_remembered(make, router, over):
    incident, _ = over
    for number in range(MOST_ENDED):
        other = make.open(f"other-{number}")
        router.review([other], make.now + SOON)
        router.review([make.closed(other)], make.now + SOON)
    (notice,) = router.review([incident], make.now + LATE)
    assert notice.kind is Telling.OPENED
