"""An error of ours: what it happened to is set aside, told and counted; neighbours, the cluster's world and the loop go on."""

import logging

import pytest

from bridge.core import rulebook
from bridge.core.telling import route
from bridge.core.world.event import NodeSeen
from bridge.core.world.incident import Kind
from tests.timeline import hand_bell
from tests.timeline.conftest import BELL

CONFIG = f"[receivers.noc]\n{BELL}"


class MineError(RuntimeError):
    """A mistake of ours, made for these tests."""


@pytest.fixture
def broken_rule(monkeypatch):
    """Understanding a node called `bad` raises, after it changed something."""
    rule = rulebook.RULES[NodeSeen]

    def breaks(world, event):
        rule(world, event)
        if event.node == "bad":
            raise MineError("a rule")

    monkeypatch.setitem(rulebook.RULES, NodeSeen, breaks)


def told_beside(line, *, poison):
    """A node is lost and fenced; beside it, in the same batches or before and after, reports that cannot be understood."""
    bad = [("b", {"kind": "node", "node": "bad", "desc": "lost"})] if poison else []
    lost = {"kind": "node", "node": "c", "desc": "lost"}
    line.member("c", "ab").report(*bad)
    line.at(1).report(*bad, ("a", lost), ("b", lost), *bad)
    line.at(3).fenced("c", "ab").at(70)
    if poison:
        line.report(*bad)
    return line


def shape(line):
    """What is known, but for who said it."""
    conditions = {one.subject: (one.severity, one.why) for one in line.ledger.conditions()}
    incidents = [(one.kind, one.root, one.state, one.subjects, one.severity) for _, one in line.ledger.incidents()]
    return conditions, incidents, [(one.kind, one.incident.kind) for one in line.heard("noc")]


def poisoned(timeline):
    line = timeline(CONFIG)
    line.poisoned = True
    return line


def test_a_report_that_raises_is_as_if_it_had_not_come(timeline, broken_rule):
    clean = shape(told_beside(timeline(CONFIG), poison=False))
    hand_bell.HEARD.clear()
    line = poisoned(timeline)

    assert shape(told_beside(line, poison=True)) == clean
    kept = [one for _, one in line.ledger.reports() if one.unreadable]
    assert len(kept) == 3, "and a copy of one of them"
    for one in kept:
        assert "an error of Quorumbell itself" in one.unreadable
        assert "MineError: a rule" in one.unreadable
        assert one.decision == one.unreadable


def test_the_second_of_a_kind_is_no_storm(timeline, broken_rule, caplog):
    line = poisoned(timeline)
    with caplog.at_level(logging.ERROR):
        for second in range(30):
            line.at(second).report(("b", {"kind": "node", "node": "bad", "desc": "lost"}))

    said = [one.getMessage() for one in caplog.records if "set aside" in one.getMessage()]
    assert len(said) == 1
    assert "Traceback" in said[0]
    (known,) = line.writer.faults.shown()
    assert (known["where"], known["count"], len(known["report"])) == ("understood", 30, 32)


def test_a_timer_that_raises_is_dropped_alone(timeline, monkeypatch):
    def breaks(world, subject, at):
        world.note("node/x", "critical", at, "half done")
        raise MineError("a timer")

    monkeypatch.setitem(rulebook.TIMERS, "unfenced", breaks)
    line = timeline(CONFIG)
    line.member("c", "ab").at(1).lost("c", "ab").at(300)

    assert not [one for one in line.ledger.conditions() if one.subject == "node/x"]
    (known,) = line.writer.faults.shown()
    assert known["where"] == "waiting (unfenced of c)"
    assert known["count"] == 1
    line.fails("web", task="stop").at(310).expect("noc", "opened resource-blocked")


def test_deciding_on_one_incident_raises_and_the_other_is_told(timeline, monkeypatch):
    decide = route.decide

    def breaks(incident, *more, **others):
        if "web" in incident.root:
            raise MineError("a route")
        return decide(incident, *more, **others)

    monkeypatch.setattr(route, "decide", breaks)
    line = timeline(CONFIG)
    line.fails("web", task="stop").at(300).fails("db", task="stop").at(360).expect("noc", "opened resource-blocked")

    assert [one.kind for _, one in line.ledger.incidents()] == [Kind.RESOURCE_BLOCKED] * 2
    assert "told of" in line.writer.faults.shown()[0]["where"]


def test_one_mistake_met_with_many_incidents_is_one_kind(timeline, monkeypatch, caplog):
    monkeypatch.setattr(route, "decide", lambda *_, **__: (_ for _ in ()).throw(MineError("a route")))
    line = timeline(CONFIG)
    with caplog.at_level(logging.ERROR):
        for number in range(5):
            line.at(100 * number).fails(f"db{number}", task="stop")

    assert len(line.ledger.incidents()) == 5
    assert len([one for one in caplog.records if "Traceback" in one.getMessage()]) == 1
    (known,) = line.writer.faults.shown()
    assert known["count"] >= 5
    assert known["where"].startswith("told of (alpha/resource/db")


def test_a_line_that_raises_loses_no_report(timeline, monkeypatch):
    line = poisoned(timeline)
    monkeypatch.setattr(line.line, "take", lambda *_: (_ for _ in ()).throw(MineError("the line")))
    line.writer.report("bridge", "alpha", {"node": "a", "silent": True}, line.now)

    (row,) = [one for _, one in line.ledger.reports()]
    assert "MineError: the line" in row.unreadable


def test_after_a_restart_and_in_a_replay_it_is_set_aside_again(timeline, broken_rule):
    line = poisoned(timeline)
    told_beside(line, poison=True)
    before = {key: (one.kind, one.state) for key, one in line.line.correlator.incidents().items()}
    line.restart()

    assert {key: (one.kind, one.state) for key, one in line.line.correlator.incidents().items()} == before
