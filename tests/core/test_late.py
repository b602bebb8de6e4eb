"""However late a report comes: what is still true is told as it is now, what is over rings nobody, and nothing new waits for it."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core import cluster, gathered
from bridge.core.correlate import Correlator
from bridge.core.line import Line
from bridge.core.strand import OVER
from bridge.core.telling.notice import Telling
from bridge.core.words import answered_at, remember
from bridge.core.world.event import NodeSeen, Report
from bridge.core.world.incident import State
from bridge.core.world.settings import Settings
from bridge.core.world.world import World
from bridge.rehearse.rehearse import bell

T = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def report(node, number, at, resource="db", task="monitor", rc=0, received=None):
    body = {"kind": "resource", "node": node, "rsc": resource, "task": task, "rc": rc, "target_rc": 0}
    body |= {"interval": 10000 if task == "monitor" else 0, "status": 0 if rc in {0, 7} else 4, "desc": "error" if rc else "ok"}
    body |= {"node_sequence": number, "timestamp_epoch": int(at.timestamp()), "timestamp_usec": at.microsecond}
    named = {f"CRM_alert_{key}": str(value) for key, value in body.items()}
    uid = f"{node}-{number}".encode()
    return Report(uid=uid, cluster="alpha", node=node, source="pacemaker", received_at=received or at, body=named)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(cluster, "REACH", 12)
    monkeypatch.setattr(cluster, "AT_ONCE", 5)
    monkeypatch.setattr(gathered, "LOT", 30)


def line_of_busy_cluster(*, since=T, count=60):
    """n1 was heard once, an hour ago, and n2 has told much since."""
    line = Line(Settings(), bell())
    line.take([report("n1", 1, since, task="start")], since)
    for number in range(count):
        line.take([report("n2", number + 1, since + (number + 1) * SECOND, "web")], since + (number + 1) * SECOND)
    return line, since + (count + 1) * SECOND


def test_what_is_still_true_is_told_as_it_is_now_with_when_it_happened():
    line, now = line_of_busy_cluster()
    failed = report("n1", 2, T + 2 * SECOND, task="stop", rc=1, received=now)
    outcome = line.take([failed], now + HOUR)
    assert [one.kind for one in outcome.notices if one.kind.rings] == [Telling.OPENED]
    (incident,) = outcome.incidents.values()
    assert (incident.root, incident.state, incident.opened_at) == ("resource/db", State.OPEN, T + 2 * SECOND)
    assert outcome.decisions[failed.uid].why.startswith("told late; ")


def test_what_is_over_rings_nobody_and_stands_once_in_the_digest():
    line, now = line_of_busy_cluster()
    started = now
    line.take([report("n2", 100, started, task="start")], now)
    for number in range(101, 150):  # until that is out of reach, too
        now += SECOND
        line.take([report("n2", number, now, "web")], now)
    incidents = {}
    for number in range(2, 9):
        outcome = line.take([report("n1", number, T + number * SECOND, rc=7, received=now)], now + HOUR)
        incidents |= outcome.incidents
        assert outcome.notices == []
    (incident,) = incidents.values()
    assert (incident.state, incident.reason, incident.closed_at) == (State.CLOSED, OVER, started)


def test_nothing_new_waits_for_what_is_late_and_in_the_end_all_is_understood():
    line, now = line_of_busy_cluster(count=20)
    line.correlator.gathers = True
    failed = report("n1", 2, T + 2 * SECOND, task="stop", rc=1, received=now)
    outcome = line.take([failed, report("n2", 90, now, "shop", "stop", 1)], now)
    assert [one.root for one in outcome.incidents.values()] == ["resource/shop"]
    assert failed.uid not in outcome.decisions
    assert line.correlator.waits_since() == {"alpha": T + 2 * SECOND}
    assert line.catch_up(now).incidents == {}, "it waits for more of its kind"
    now += gathered.LOT_AFTER
    pieces = [line.catch_up(now, most=4)]
    fresh = line.take([report("n3", 1, now, "mail", "stop", 1)], now)
    assert [one.root for one in fresh.incidents.values()] == ["resource/mail"]
    while line.correlator.behind_at() is not None:
        pieces.append(line.catch_up(now, most=4))
    assert [bool(one.incidents) for one in pieces] == [False] * (len(pieces) - 1) + [True]
    assert len(pieces) > 3
    assert {one.root for one in line.correlator.incidents().values()} == {"resource/shop", "resource/mail", "resource/db"}


def test_a_lot_waits_for_no_more():
    line, now = line_of_busy_cluster(count=20)
    line.correlator.gathers = True
    line.take([report("n1", number + 2, T + number * SECOND / 10, received=now) for number in range(30)], now)
    assert line.correlator.behind_at() <= now


def test_a_world_is_written_down_when_what_was_before_it_has_been_understood_and_says_what_was_not():
    line, now = line_of_busy_cluster()
    line.correlator.checkpoint()
    assert line.correlator.checkpoint() is None
    line.take([report("n1", 2, T + 2 * SECOND, rc=7, received=now)], now)
    data = line.correlator.checkpoint()
    assert data is not None
    line.correlator.gathers = True
    waits = report("n1", 3, T + 3 * SECOND, task="stop", rc=1, received=now)
    line.take([waits], now)
    for number in range(100, 160):
        line.take([report("n2", number, now + number * SECOND, "web")], now + number * SECOND)
    assert Correlator(Settings()).restore(line.correlator.checkpoint())["alpha"].waits == {waits.uid}
    assert line.correlator.checkpoint() is None
    line.catch_up(now, most=None)
    assert Correlator(Settings()).restore(line.correlator.checkpoint())["alpha"].waits == frozenset()


@pytest.mark.parametrize(
    "cut, still_true", [(timedelta(seconds=-5), False), (timedelta(seconds=5), False), (timedelta(hours=-9), True)]
)
def test_what_a_node_said_of_another_is_over_with_its_return_only_if_it_was_cut_off_then(cut, still_true):
    world, said = World("alpha", Settings()), T
    told = [("lost", "n1", said + cut), ("member", "n1", said + HOUR)]
    for what, name, at in told:
        remember(world, NodeSeen(uid=what.encode(), witness="n2", at=at, node=name, member=what == "member"))
    claim = NodeSeen(uid=b"late", witness="n1", at=said, node="n2", member=False)
    assert (answered_at(world, claim) is None) is still_true
