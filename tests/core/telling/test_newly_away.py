"""Services that go away in an incident that was told already ring again, once; what is only being moved does not."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.match import Route
from bridge.core.telling.notice import Telling
from bridge.core.telling.route import Router
from bridge.core.world.incident import Kind
from bridge.core.world.outage import Outage

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def router():
    return new_router()


def new_router():
    return Router((Route(receivers=("noc",)),), in_place=frozenset({"noc"}))


@pytest.fixture
def dead(make, router):
    """A node that failed, with one service away; it was rung for."""
    incident = make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2", outages=(Outage("resource/web", make.now),))
    router.review([incident], make.now)
    return incident


def rings(notices):
    return [one for one in notices if one.kind.rings]


def with_away(incident, subject, at, until=None, **given):
    return replace(incident, outages=(*incident.outages, Outage(subject, at, until, **given)))


def run(router, since, until):
    """The rings while time passes, as the bridge lets it pass."""
    found = []
    while (due := router.next_due()) is not None and due <= until:
        found += rings(router.review([], max(due, since)))
    return found


def test_a_further_service_rings_when_it_stays_away(make, router, dead):
    gone_at = make.now + 5 * MINUTE
    assert rings(router.review([with_away(dead, "resource/db", gone_at)], gone_at)) == []
    assert run(router, gone_at, gone_at + 59 * SECOND) == []
    (notice,) = run(router, gone_at, gone_at + MINUTE)
    assert (notice.kind, notice.at) == (Telling.ESCALATED, gone_at + MINUTE)
    assert notice.reason == "away, too: db; n2 is down"
    assert notice.incident.facts["further"] == "db"
    assert run(router, gone_at, gone_at + 60 * MINUTE) == [], "once"


def test_what_is_moved_meanwhile_does_not(make, router, dead):
    gone_at = make.now + 5 * MINUTE
    router.review([with_away(dead, "resource/db", gone_at)], gone_at)
    router.review([with_away(dead, "resource/db", gone_at, gone_at + 40 * SECOND)], gone_at + 40 * SECOND)
    assert run(router, gone_at, gone_at + 60 * MINUTE) == []


def test_what_goes_away_one_after_the_other_rings_together(make, router, dead):
    gone_at = make.now + 5 * MINUTE
    first = with_away(dead, "resource/db", gone_at)
    router.review([first], gone_at)
    router.review([with_away(first, "guest/vm-a", gone_at + 50 * SECOND)], gone_at + 50 * SECOND)
    (notice,) = run(router, gone_at, gone_at + 60 * MINUTE)
    assert notice.incident.facts["further"] == "db, vm-a"


def test_of_many_the_first_are_named(make, router, dead):
    gone_at = make.now + 5 * MINUTE
    many = dead
    for number in range(8):
        many = with_away(many, f"guest/vm-{number}", gone_at)
    router.review([many], gone_at)
    (notice,) = run(router, gone_at, gone_at + MINUTE)
    assert notice.incident.facts["further"] == "vm-0, vm-1, vm-2, vm-3, vm-4, +3"


def test_what_becomes_known_just_after_the_ring_has_its_minute(make, router, dead):
    router.review([with_away(dead, "resource/db", make.now - MINUTE)], make.now + SECOND)
    assert [one.at for one in run(router, make.now, make.now + 5 * MINUTE)] == [make.now + MINUTE]


def test_what_was_away_at_the_ring_and_was_back_between_is_no_news(make, router, dead):
    again = replace(
        dead, outages=(Outage("resource/web", make.now, make.now + MINUTE), Outage("resource/web", make.now + 2 * MINUTE))
    )
    router.review([again], make.now + 2 * MINUTE)
    assert run(router, make.now, make.now + 60 * MINUTE) == []


def test_nor_is_what_comes_and_goes_all_the_time(make, router, dead):
    router.review(
        [with_away(with_away(dead, "resource/db", make.now, make.now + MINUTE, times=7), "resource/db", make.now + 2 * MINUTE)],
        make.now + 2 * MINUTE,
    )
    assert run(router, make.now, make.now + 60 * MINUTE) == []


def test_what_stops_for_want_of_quorum_was_told_with_it(make, router):
    lost = make.open("all", kind=Kind.QUORUM_LOST, root="cluster")
    router.review([lost], make.now)
    router.review([with_away(lost, "resource/db", make.now + MINUTE)], make.now + MINUTE)
    assert run(router, make.now, make.now + 60 * MINUTE) == []


def test_whoever_has_taken_it_is_rung_for_it(make, router, dead):
    router.acknowledge(dead.key, "ann", withdrawn=False, now=make.now + MINUTE)
    router.review([with_away(dead, "resource/db", make.now + 2 * MINUTE)], make.now + 2 * MINUTE)
    assert len(run(router, make.now, make.now + 5 * MINUTE)) == 1


def test_nor_is_it_forgotten_when_a_reminder_is_long_due_that_nobody_needs(make, router, dead):
    router.acknowledge(dead.key, "ann", withdrawn=False, now=make.now + MINUTE)
    much_later = make.now + 9 * 60 * MINUTE
    assert run(router, make.now, much_later) == []
    router.review([with_away(dead, "resource/db", much_later)], much_later)
    assert len(run(router, much_later, much_later + 5 * MINUTE)) == 1


def test_services_of_two_stories_that_turn_out_to_be_one_were_told(make, router, dead):
    other = make.open("db", root="resource/db", outages=(Outage("resource/db", make.now),), at=make.now)
    router.review([other], make.now)
    whole = with_away(dead, "resource/db", make.now)
    part = replace(other, absorbed_into=dead.key)
    router.review([part, whole], make.now + MINUTE)
    assert run(router, make.now, make.now + 60 * MINUTE) == []


def test_beyond_those_whose_outages_are_kept_nobody_knows(make, router):
    """Of more services than an incident keeps, some come into its list as others come back: they were away all the time."""
    full = make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2", outages=(Outage("guest/vm-0", make.now),), more_away=1)
    router.review([full], make.now)
    shown = replace(full, outages=(Outage("guest/vm-1", make.now),), more_away=0)
    router.review([shown], make.now + MINUTE)
    assert run(router, make.now, make.now + 60 * MINUTE) == []
    router.review([with_away(shown, "guest/vm-2", make.now + 61 * MINUTE)], make.now + 61 * MINUTE)
    assert len(run(router, make.now, make.now + 63 * MINUTE)) == 1


def test_a_restart_remembers_who_was_away_at_the_last_ring(make, router, dead):
    (opened,) = new_router().review([dead], make.now)
    worse = with_away(dead, "resource/db", make.now + 5 * MINUTE)
    again = new_router()
    again.remember(worse, opened)
    again.watch(worse, make.now + 5 * MINUTE)
    (notice,) = run(again, make.now, make.now + 10 * MINUTE)
    third = new_router()
    for one in (opened, notice):
        third.remember(worse, one)
    third.watch(worse, make.now + 7 * MINUTE)
    assert run(third, make.now, make.now + 60 * MINUTE) == []


def test_nor_are_they_news_at_a_later_ring(make, router, dead):
    """Who was told of a service in a story that is part of this one now knows of it, whatever rings in between."""
    other = make.open("db", root="resource/db", outages=(Outage("resource/db", make.now),), at=make.now)
    router.review([other], make.now)
    part = replace(other, absorbed_into=dead.key)
    worse = replace(dead, alarms=("its fencing failed",))
    (ring,) = [one for one in router.review([part, worse], make.now + MINUTE) if one.kind.rings]
    assert ring.reason == "its fencing failed"
    router.review([with_away(worse, "resource/db", make.now)], make.now + 2 * MINUTE)
    assert run(router, make.now + 2 * MINUTE, make.now + 60 * MINUTE) == []


def test_nor_is_it_news_that_one_of_many_was_away_at_the_ring_already(make, router):
    """Of more services than an incident keeps, one is listed later that went away before the ring, and others that did not."""
    full = make.open(
        "n2", kind=Kind.NODE_FAILURE, root="node/n2", outages=(Outage("guest/vm-0", make.now - MINUTE),), more_away=1
    )
    router.review([full], make.now)
    shown = replace(full, outages=(Outage("guest/vm-0", make.now - MINUTE), Outage("guest/vm-1", make.now - MINUTE)), more_away=0)
    router.review([shown], make.now + MINUTE)
    assert run(router, make.now, make.now + 60 * MINUTE) == []
    both = replace(shown, outages=(*shown.outages[:1], Outage("guest/vm-0", make.now + 2 * MINUTE)))
    router.review([both], make.now + 61 * MINUTE)
    assert run(router, make.now + 61 * MINUTE, make.now + 90 * MINUTE) == [], "it is known, whenever it went away again"
