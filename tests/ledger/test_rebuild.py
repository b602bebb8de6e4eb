import pytest

from bridge.core.telling.notice import Delivered
from bridge.core.world.incident import State
from bridge.ledger.ledger import BadRows, Condition


def _condition(make, subject):
    return Condition(cluster="alpha", subject=subject, severity="ok", since=make.now, why="")


@pytest.fixture
def lived(ledger, make):
    """A ledger with three incidents (the second was told of), one report, one condition, one checkpoint."""
    incidents = [make.incident(key) for key in ("a", "b", "c")]
    ledger.commit(
        make.commit(
            reports=[make.report(incident_key="a", decision="old")],
            incidents=incidents,
            notices=[make.notice(incidents[1])],
            conditions=[_condition(make, "node/old")],
            checkpoint=b"old",
        )
    )
    ledger.record(1, Delivered(remember={"message": "m"}), make.now, None)
    return ledger


def test_a_replay_replaces_what_was_derived_and_keeps_numbers_and_notices(lived, make):
    ((_, report),) = lived.reports()
    told = lived.notices()
    with lived.rebuild():
        assert lived.conditions() == []
        assert lived.latest_checkpoint() is None
        ids = lived.commit(
            make.commit(
                redecided=[(report.uid, "c", "new")],
                incidents=[make.incident("c"), make.incident("d")],
                conditions=[_condition(make, "node/new")],
                checkpoint=b"new",
            )
        )
    assert ids == {"c": 3, "d": 4}
    assert {one.key: number for number, one in lived.incidents()} == {"b": 2, "c": 3, "d": 4}
    assert [(found.incident_key, found.decision) for _, found in lived.reports()] == [("c", "new")]
    assert [one.subject for one in lived.conditions()] == ["node/new"]
    assert [data for _, _, data in lived.checkpoints()] == [b"new"]
    assert lived.notices() == told


def test_an_incident_that_was_told_of_is_closed_when_a_replay_no_longer_finds_it(lived):
    with lived.rebuild():
        pass
    ((number, left),) = lived.incidents()
    assert (number, left.key, left.state, left.reason) == (2, "b", State.CLOSED, "a replay no longer finds it")
    assert left.closed_at is not None
    assert left.severity == "ok", "nothing is wrong with what never was"


def test_a_replay_that_fails_leaves_everything_as_it_was(lived, make):
    before = (lived.incidents(), list(lived.reports()), lived.conditions(), lived.checkpoints())

    def fail():
        with lived.rebuild():
            lived.commit(make.commit(incidents=[make.incident("d")], checkpoint=b"new"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (lived.incidents(), list(lived.reports()), lived.conditions(), lived.checkpoints()) == before
    lived.commit(make.commit(incidents=[make.incident("e")]))


def test_a_bad_row_in_a_replay_fails_alone(lived, make):
    ((_, report),) = lived.reports()
    with lived.rebuild():
        with pytest.raises(BadRows) as raised:
            lived.commit(make.commit(redecided=[(report.uid, "x", "\ud800")]))
        assert raised.value.uids == {report.uid}
        lived.commit(make.commit(incidents=[make.incident("a")]))
    assert [one.key for _, one in lived.incidents(state=State.OPEN)] == ["a"]


def test_incidents_after_a_replay_are_not_dropped(lived, make):
    with lived.rebuild():
        lived.commit(make.commit(incidents=[make.incident("a")]))
    lived.commit(make.commit(incidents=[make.incident("new")]))
    assert {one.key for _, one in lived.incidents(state=State.OPEN)} == {"a", "new"}
