"""Nothing is passed over in silence: `explain` has a word on each report of every recording."""

from pathlib import Path

import pytest

from bridge.core.line import Line
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell, read_recording

RECORDINGS = Path(__file__).parents[1] / "judge" / "recordings"


@pytest.mark.many
@pytest.mark.parametrize("recording", sorted(RECORDINGS.iterdir()), ids=lambda path: path.stem)
def test_each_report_is_explained(recording):
    line, said = Line(Settings(), bell()), {}
    reports = read_recording(recording)
    for report in reports:
        outcome = line.take([report], report.received_at)
        said |= outcome.unreadable | {uid: decision.why for uid, decision in outcome.decisions.items()}
        assert not outcome.faults
    assert [report.body for report in reports if not said.get(report.uid)] == []
