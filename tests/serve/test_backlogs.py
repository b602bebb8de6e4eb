"""How far the relays are, by what they say and by what they hand over."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.world.event import to_us
from bridge.intake.arrivals import Arrival
from bridge.intake.peers import PeerState
from bridge.serve.backlogs import Backlogs

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def ns(at):
    return to_us(at) * 1000


def relay(node="n1", oldest=NOW - HOUR, heard=NOW, **given):
    return PeerState(cluster="alpha", node=node, last_heard_ns=ns(heard), oldest_ns=ns(oldest), **({"backlog": 7} | given))


def arrival(at, came=NOW, **given):
    fields = {"wall_ns": ns(at)} | given
    return Arrival(
        peer=b"", uid=b"", body=b"", cluster="alpha", node="n1", received_ns=ns(came), offset_ns=0, fields=fields
    )  # fmt: skip


def test_the_oldest_that_waits_anywhere_is_how_far_its_cluster_is_judged():
    other = PeerState(cluster="beta", node="n1", last_heard_ns=ns(NOW))
    lags = Backlogs().look([relay("n1"), relay("n2", NOW - 2 * HOUR), other], NOW)
    assert list(lags) == ["alpha"]
    assert lags["alpha"].until == NOW - 2 * HOUR
    assert lags["alpha"].since == NOW - 5 * SECOND


@pytest.mark.parametrize(
    "given",
    [{"backlog": 0}, {"oldest": NOW - 4 * SECOND}, {"heard": NOW - 11 * SECOND}, {"stopped": True}],
    ids=["has none", "on its way", "not heard", "goes"],
)
def test_nobody_waits_for_a_relay_that(given):
    assert Backlogs().look([relay(**given)], NOW) == {}


def test_its_clock_is_corrected():
    ahead = relay(oldest=NOW + HOUR, offset_ns=-ns(datetime(1970, 1, 1, 2, tzinfo=UTC)))
    assert Backlogs().look([ahead], NOW)["alpha"].until == NOW - HOUR


def test_a_slow_relay_holds_nobody_up_for_more_than_a_minute_until_it_has_caught_up():
    backlogs = Backlogs()
    held = [second for second in range(300) if backlogs.look([relay(heard=NOW + second * SECOND)], NOW + second * SECOND)]
    assert held == list(range(60))
    later = NOW + 400 * SECOND
    assert backlogs.look([relay(heard=later, backlog=0)], later) == {}
    assert backlogs.look([relay(heard=later)], later) != {}


def test_what_is_handed_over_says_it_too():
    backlogs = Backlogs()
    backlogs.came([arrival(NOW - SECOND), arrival(NOW - HOUR), arrival(NOW - 60 * SECOND)], NOW)
    assert backlogs.look([relay(backlog=0)], NOW)["alpha"].until == NOW - HOUR
    assert backlogs.look([relay(backlog=0)], NOW + 3 * SECOND) == {}


@pytest.mark.parametrize("wall", ["yesterday", -5, 2**70, None])
def test_a_report_whose_clock_says_nothing_says_nothing(wall):
    backlogs = Backlogs()
    backlogs.came([arrival(NOW, wall_ns=wall)], NOW)
    assert backlogs.look([], NOW) == {}
