"""A bridge that was asleep listens before it judges."""

from datetime import timedelta

from bridge.core.line import Line
from bridge.core.world.event import Report, to_us
from bridge.core.world.lag import PRESENT, Lags
from bridge.core.world.settings import Settings
from bridge.intake.peers import PeerState
from bridge.rehearse.rehearse import bell
from bridge.serve.listening import Listening
from bridge.serve.past import Past
from tests.properties.recordings import REPORTS

SECOND = timedelta(seconds=1)
LOST = "node-power-cut"


def turns(listening, start, *seconds):
    for at in seconds:
        listening.turn(start + at * SECOND)


def test_time_stands_still_for_ten_seconds_after_a_pause():
    start = REPORTS[LOST][0].received_at
    listening = Listening()
    turns(listening, start, 0, 0.5, 1)
    assert listening.slept_at(start + SECOND) is None
    turns(listening, start, 101)
    assert listening.slept_at(start + 101 * SECOND) == start + SECOND
    turns(listening, start, 110)
    assert listening.slept_at(start + 110 * SECOND) == start + SECOND
    turns(listening, start, 111.5)
    assert listening.slept_at(start + 111.5 * SECOND) is None


def test_a_bridge_that_is_held_up_all_the_time_still_judges():
    start = REPORTS[LOST][0].received_at
    listening, judged = Listening(), 0
    for turn in range(100):
        now = start + turn * 11 * SECOND
        listening.turn(now)
        judged += listening.slept_at(now) is None
    assert judged > 70


class Enrolled:
    """The bridge's end of a wire with one relay, which is on the allow-list. `heard`: seconds of listening when it last was."""

    knows_all = True

    def __init__(self, heard=None):
        self.heard = heard

    def peers(self):
        return [PeerState(cluster="alpha", node="n1", last_heard=self.heard)]


def listens(past, now):
    return past.look([], now).everywhere is not None


def test_after_a_start_it_listens_until_all_relays_are_heard():
    start, relay = REPORTS[LOST][0].received_at, Enrolled()
    past = Past([relay])
    past.begin(start - 60 * SECOND, start)
    assert listens(past, start)
    relay.heard = 1.0
    assert not listens(past, start + SECOND)


def test_after_a_pause_it_listens_though_all_relays_were_heard_before_it():
    start, past = REPORTS[LOST][0].received_at, Past([Enrolled(heard=1.0)])
    past.begin(start, start)
    assert not listens(past, start + SECOND)
    assert listens(past, start + 101 * SECOND)
    assert listens(past, start + 110 * SECOND)
    assert not listens(past, start + 112 * SECOND)


def told(rest, *, listens):
    """One relay is back first: a node is lost, and for all it says what ran there runs nowhere. Then another has the rest."""
    reports = REPORTS[LOST]
    lost = next(one for one in reports if one.body.get("CRM_alert_desc") == "lost")
    asleep, woke = lost.received_at - 5 * SECOND, lost.received_at + 100 * SECOND
    lags = Lags(everywhere=asleep) if listens else PRESENT
    line = Line(Settings(), bell())
    line.take([one for one in reports if one.received_at < lost.received_at], asleep)
    notices = line.take([lost], woke, lags).notices
    notices += line.take(rest, woke + SECOND, lags).notices
    assert not (listens and notices)
    assert not listens or (line.next_due() or asleep) <= woke + SECOND
    return [notice.incident.reason for notice in notices + line.tick(woke + 11 * SECOND).notices]


def test_what_came_first_from_one_relay_rings_nobody_before_the_other_is_heard():
    whole = REPORTS[LOST]
    assert "was not fenced" in told(whole, listens=False)[0], "what would be told otherwise"
    assert told(whole, listens=True) == [], "all of it is over: it stands in the digest"


def test_what_is_so_after_all_is_told_when_it_has_listened():
    assert any("was not fenced" in reason for reason in told([], listens=True))


def test_it_is_calm_while_nothing_is_open_and_nothing_silenced():
    reports = REPORTS[LOST]
    start, ends = reports[0].received_at, reports[-1].received_at + 600 * SECOND
    line = Line(Settings(), bell())
    assert line.is_calm(start)
    line.take(reports, reports[-1].received_at)
    assert not line.is_calm(reports[-1].received_at)
    line.tick(ends)
    assert line.is_calm(ends)
    until = ends + 60 * SECOND
    words = {"do": "silence", "silence": "s1", "matchers": 'node="n3"', "until_us": to_us(until)}
    line.take([Report(uid=b"s", cluster="*", node="", source="operator", received_at=ends, body=words)], ends)
    assert not line.is_calm(ends)
    assert line.is_calm(until)
