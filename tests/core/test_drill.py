"""A drill's story in a world of its own, and the real world, which knows nothing of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.core.drill import Stage
from bridge.core.line import Line
from bridge.core.normalise import normalise
from bridge.core.telling.match import Route, parse
from bridge.core.telling.notice import Telling
from bridge.core.telling.quiet import Silence
from bridge.core.world.event import Drilled, Report
from bridge.core.world.incident import Kind, State
from bridge.core.world.marked import MARKS, drill_of
from bridge.core.world.settings import Settings
from bridge.node.hooks import HANDLER
from bridge.node.stories import story
from bridge.rehearse.rehearse import read_recording
from bridge.wire import codec
from bridge.wire import drill as wire

RECORDING = Path(__file__).parents[1] / "judge/recordings/node-power-cut.json"
BEGIN = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ROUTES = (Route(receivers=("ops", "team")),)
KINDS = {
    "failover": Kind.NODE_FAILURE,
    "split-brain": Kind.REPLICA_SPLIT_BRAIN,
    "fencing-failure": Kind.FENCING_FAILURE,
}


def line(routes=ROUTES):
    return Line(Settings(), routes, {"team": "de"}, frozenset({"team"}))


def reports(name, *, drill="d1", marked=True):
    """What the bridge is brought when a node n1 plays the story, a third of a second between two calls."""
    calls = story(codec.Drill(drill, name, "n1", "drill-node", "drill-service"))
    for number, call in enumerate(calls):
        at = BEGIN + timedelta(seconds=number / 3)
        body = {"boot": "b", "boot_ns": 10**12 + number, "wall_ns": int(at.timestamp() * 1e9), **call.variables}
        if call.hook == HANDLER:
            body |= {"src": "drbd", "handler": call.arguments[0]}
        else:
            body |= {"src": "pacemaker", "CRM_alert_timestamp_epoch": str(int(at.timestamp()))}
            body |= {"CRM_alert_timestamp_usec": str(at.microsecond)}
        if marked:
            name_of_mark = wire.HANDLER if call.hook == HANDLER else wire.ALERT
            body[name_of_mark] = str(wire.Mark(drill, name, number + 1, len(calls)))
        source = wire.SOURCE if marked else body["src"]
        yield Report(uid=bytes([number] * 16), cluster="ha1", node="n1", source=source, received_at=at, body=body)


def played(name, stage):
    """All that is owed, in order, until the story is over."""
    owed = []
    for report in reports(name):
        owed += stage.play(report, report.received_at)
    now = report.received_at
    for _ in range(20):
        if stage.over:
            return owed, now
        more = stage.wind_on(now)
        assert more is not None, stage.incidents
        owed += more
    raise AssertionError(f"it goes on and on: {stage.incidents}")


def test_both_ends_know_the_same_marks_and_stories():
    assert MARKS == (wire.ALERT, wire.HANDLER, wire.OWN)
    assert KINDS.keys() == wire.STORIES.keys()
    for name in wire.STORIES:
        assert story(codec.Drill("d", name, "n1", "x", "y"))


@pytest.mark.parametrize("name", wire.STORIES)
def test_a_story_begins_ends_and_each_hears_both_at_once(name):
    stage = Stage("d1", "anna", line())
    owed, now = played(name, stage)
    assert stage.wrong == []
    (incident,) = stage.incidents.values()
    assert (incident.cluster, incident.state) == ("ha1", State.CLOSED)
    for receiver in ("ops", "team"):
        told = [one.notice for one in owed if one.notice.receiver == receiver]
        assert (told[0].kind, told[0].incident.kind) == (Telling.OPENED, KINDS[name])
        assert told[-1].kind is Telling.CLOSED
        assert {one.drill for one in told} == {"d1 anna"}
        assert all(one.at <= now for one in told), "nobody waits, and no mail comes from the future"
        assert len({one.thread for one in told}) == 1
    assert owed[-1].after > Settings().clear_after, "but it is said when it would have come"


@pytest.mark.parametrize("name", wire.STORIES)
def test_the_real_world_understands_nothing_of_it_and_says_so(name):
    real = line()
    outcome = real.take(list(reports(name)), BEGIN + timedelta(seconds=9))
    assert [one.uid for one in outcome.drilled] == [one.uid for one in reports(name)]
    assert {one.why for one in outcome.decisions.values()} == {"of drill d1: it concerns nothing real"}
    assert (outcome.incidents, outcome.conditions, outcome.notices, outcome.unreadable) == ({}, [], [], {})
    assert real.next_due() is None
    assert real.correlator.worlds() == []
    assert real.take(list(reports(name, marked=False)), BEGIN + timedelta(seconds=9)).incidents, "unmarked it would"


def test_real_reports_around_it_are_told_as_without_it():
    """The same recording, with and without drills of its own cluster in between, whose node, service and fencing are its own."""
    recording = read_recording(RECORDING)
    told = [_told(recording), _told(_with_drills(recording))]
    assert told[0] == told[1]
    assert told[0][1], "something is told"


def _with_drills(recording):
    marked = []
    for number, report in enumerate(recording):
        marked.append(report)
        body = {**report.body, wire.ALERT: f"d{number} failover 1 1"}
        body |= {"CRM_alert_desc": "lost"} if "CRM_alert_desc" in body else {}
        marked.append(type(report)(**{**_fields(report), "uid": number.to_bytes(16, "big"), "body": body}))
    return marked


def _fields(report):
    return {name: getattr(report, name) for name in report.__struct_fields__}


def _told(recording):
    real, notices = line(), []
    for report in sorted(recording, key=lambda one: one.received_at):
        notices += real.take([report], report.received_at).notices
    last = max(one.received_at for one in recording)
    notices += real.tick(last + timedelta(minutes=5)).notices
    return sorted(map(repr, real.correlator.incidents().values())), [repr(one) for one in notices]


@pytest.mark.parametrize("mark", ["", "?", "\x00", 7, None, "d1", "d1 failover x/y", "ä" * 5000, {"a": 1}])
@pytest.mark.parametrize("field", MARKS)
def test_a_mark_that_cannot_be_read_is_a_mark(field, mark):
    report = next(iter(reports("failover", marked=False)))
    marked = type(report)(**{**_fields(report), "body": {**report.body, field: mark}})
    event = normalise(marked)
    assert isinstance(event, Drilled)
    json.dumps(event.drill)
    assert len(drill_of(marked.body)) <= 60
    assert wire.mark_of(marked.body) is None


def test_what_is_silenced_rings_nobody_and_it_is_said_by_whom():
    silent = line()
    until = BEGIN + timedelta(hours=1)
    silent.router.silence(Silence(id="7", matchers=(parse('kind="node-failure"'),), author="bo", comment="", until=until), BEGIN)
    stage = Stage("d1", "anna", silent)
    owed, now = played("failover", stage)
    assert [one for one in owed if one.notice.kind.rings] == []
    assert stage.silenced_by(now) == ["silence 7 of bo"]


def test_a_route_that_fits_decides_and_no_other():
    routes = (Route(receivers=("night",), matchers=(parse('node="drill-node"'),)), Route(receivers=("ops",)))
    owed, _ = played("failover", Stage("d1", "anna", line(routes)))
    assert {one.notice.receiver for one in owed} == {"night"}


def test_a_hold_time_is_not_waited_for_but_said():
    held = (Route(receivers=("ops",), holds={Kind.NODE_FAILURE: timedelta(seconds=15)}),)
    owed, _ = played("failover", Stage("d1", "anna", line(held)))
    assert owed == [], "it healed before"
    held = (Route(receivers=("ops",), holds={Kind.NODE_FAILURE: timedelta(seconds=0.5)}),)
    opened, closed = played("failover", Stage("d1", "anna", line(held)))[0]
    assert opened.notice.kind is Telling.OPENED
    assert timedelta(seconds=0.5) < opened.after < closed.after


def test_a_story_without_an_end_is_not_waited_for():
    stage = Stage("d1", "anna", line())
    began, lost, fenced, *_ = reports("failover")
    for report in (began, lost, fenced):
        stage.play(report, report.received_at)
    for _ in range(50):
        if stage.wind_on(fenced.received_at) is None:
            break
    else:
        raise AssertionError("it goes on and on")
    assert not stage.over
