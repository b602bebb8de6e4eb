"""The core's tables know all that the rules make use of: a missing line would only be found by a bridge that runs."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.core import checkpoint, rulebook, words
from bridge.core.line import Line
from bridge.core.world.event import Acknowledged, Drilled, Event, Rung, Silenced
from bridge.core.world.settings import Settings
from bridge.core.world.table import Table
from bridge.rehearse.rehearse import bell, read_recording

pytestmark = pytest.mark.many

RECORDINGS = sorted((Path(__file__).parents[1] / "judge" / "recordings").iterdir())
HOUR = timedelta(hours=1)
ORDERS = {Acknowledged, Silenced}
"""What people say: obeyed by the line, not understood by a rule."""
ELSEWHERE = {Drilled, Rung}
"""What is left alone by the line."""


def test_every_event_has_its_rule():
    assert set(rulebook.RULES) == set(Event.__subclasses__()) - ORDERS - ELSEWHERE


def test_every_event_leaves_its_last_word():
    assert set(words.WORDS) == set(rulebook.RULES)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.name)
def test_no_recording_meets_an_error_of_ours_and_its_tables_can_be_read_again_from_a_checkpoint(recording):
    line = Line(Settings(), bell())
    reports = read_recording(recording)
    outcomes = [line.take([report], report.received_at) for report in reports]
    outcomes += [line.tick(report.received_at + HOUR) for report in reports[-1:]]
    assert [fault for outcome in outcomes for fault in outcome.faults] == []
    for world in line.correlator.worlds():
        assert all(isinstance(key[0], Table) for key, _ in world.journal), "an undeclared table has no type to be read again by"
        once_true = {key: old for key, old in world.journal if old is not None}
        page = checkpoint.Page(world.cluster, (), once_true | world.facts, (b"one that waits".hex(),))
        assert list(checkpoint.read(checkpoint.write([page]))) == [page]
