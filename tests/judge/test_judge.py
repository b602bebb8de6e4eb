"""Every recording is rehearsed and judged by what an administrator should have been told of it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.judge.judge import complaints

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"
TOLD = {
    name.replace("/", "-"): expected
    for file in sorted(HERE.glob("told*.json"))
    for name, expected in json.loads(file.read_text()).items()
}


def recording(name):
    """A file of Pacemaker's, or a folder of DRBD's, and what is laid over it."""
    file = RECORDINGS / f"{name}.json"
    return [file if file.exists() else RECORDINGS / name, *(RECORDINGS / other for other in TOLD[name].get("with", ()))]


def test_every_recording_is_judged_and_every_judgement_has_one():
    recordings = [path for path in RECORDINGS.iterdir() if not path.name.endswith(".crm_mon.jsonl")]
    assert sorted(path.name.removesuffix(".json") for path in recordings) == sorted(TOLD)


@pytest.mark.judge
@pytest.mark.parametrize("name", sorted(name for name in TOLD if "alone" in TOLD[name]))
def test_told_of_the_alerts_alone(name, tmp_path):
    """Without what crm_mon showed: it is what makes the difference."""
    from bridge.rehearse.rehearse import run

    shutil.copy(RECORDINGS / f"{name}.json", tmp_path)
    found = complaints(run([tmp_path / f"{name}.json"]), TOLD[name]["alone"])
    assert found == [], "\n".join(found)


@pytest.mark.judge
@pytest.mark.parametrize("name", sorted(TOLD))
def test_told_as_it_should_be(name):
    from bridge.rehearse.rehearse import run

    told = run(recording(name))
    assert told["faults"] == []
    found = complaints(told, TOLD[name])
    assert found == [], "\n".join(found)
