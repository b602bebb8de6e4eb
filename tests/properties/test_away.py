"""The bridge was away, and the relays bring what they have one after the other: nobody is rung for what is over."""

from datetime import timedelta

import pytest

from bridge.core.line import Line
from bridge.core.telling.notice import Telling
from bridge.core.world.incident import State
from bridge.core.world.lag import Lag, Lags
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell
from tests.properties.recordings import HOUR, REPORTS, SINGLE

pytestmark = pytest.mark.many

SECOND = timedelta(seconds=1)
AWAY = timedelta(days=3)


def by_relay(reports):
    nodes = sorted({one.node for one in reports})
    return [[one for one in reports if one.node == node] for node in nodes]


def brought(name, order, *, heeded=True):
    """One line after the other's backlog; the watermark is the oldest that is still to come."""
    reports = REPORTS[name]
    now = max(one.received_at for one in reports) + AWAY
    line, notices = Line(Settings(), bell()), []
    batches = order(by_relay(reports))
    cluster = reports[0].cluster
    for batch in batches:
        lags = Lags(clusters={cluster: Lag(until=min(one.received_at for one in reports), since=now - 5 * SECOND)})
        notices += line.take(batch, now, lags if heeded else Lags()).notices
        now += SECOND
    assert not (heeded and notices), "before all is there nobody knows"
    return [*notices, *line.tick(now).notices]


def told_at_once(name):
    line, now = Line(Settings(), bell()), max(one.received_at for one in REPORTS[name]) + AWAY
    return line.take(REPORTS[name], now)


@pytest.mark.parametrize("order", [list, lambda them: them[::-1]], ids=["in order", "the other way"])
@pytest.mark.parametrize("name", SINGLE)
def test_no_ring_but_for_what_is_still_open(name, order):
    notices = brought(name, order)
    rung = [one for one in notices if one.kind.rings]
    whole = told_at_once(name)
    still = {one.key for one in whole.incidents.values() if one.state is State.OPEN and one.absorbed_into is None}
    about = {one.key for notice in rung for one in notice.items or (notice.incident,) if one.state is State.OPEN}
    assert about <= still
    assert sum(one.kind is Telling.SUMMARY for one in rung) <= 1
    assert {one.kind for one in notices} <= {Telling.OPENED, Telling.SUMMARY}


def test_without_it_somebody_would_have_been_rung_for_nothing():
    rung = [one for name in SINGLE for one in brought(name, list, heeded=False) if one.kind is Telling.CLOSED]
    assert len(rung) > 3


def reminded(rest):
    """Somebody was rung, and the bridge is back after five hours: a reminder is due, while `rest` is on its way."""
    reports = REPORTS["lab-clone-stop-fails"]
    rung_at = reports[len(reports) // 2].received_at
    back = rung_at + 5 * HOUR
    line = Line(Settings(), bell())
    assert line.take([one for one in reports if one.received_at <= rung_at], rung_at).notices
    lags = Lags(clusters={reports[0].cluster: Lag(until=rung_at, since=back - 5 * SECOND)})
    assert line.tick(back, lags).notices == [], "it may be over by now"
    assert (line.next_due(lags) or back + HOUR) > back, "and nothing is due until it is known"
    notices = line.take([one for one in reports if one.received_at > rung_at and rest], back + SECOND, lags).notices
    return [one.kind for one in notices + line.tick(back + 2 * SECOND).notices]


def test_nobody_is_reminded_of_what_is_over():
    assert reminded(rest=True) == [Telling.CLOSED]


def test_everybody_is_reminded_of_what_is_still_so():
    assert reminded(rest=False) == [Telling.REMINDER]


def test_what_begins_now_is_told_at_once_though_the_past_is_on_its_way():
    reports = REPORTS["node-power-cut"]
    first = reports[0].received_at
    line = Line(Settings(), bell())
    lags = Lags(clusters={reports[0].cluster: Lag(until=first - HOUR, since=first - SECOND)})
    notices = []
    for report in reports:
        notices += line.take([report], report.received_at, lags).notices
    assert any(one.kind is Telling.OPENED for one in notices)
