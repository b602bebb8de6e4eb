"""What crm_mon showed lies beside a recording of alerts, and is rehearsed with it; the tool that records it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.core.world.event import from_us
from bridge.rehearse.rehearse import BadRecording, read_recording, run
from tests.node.programs import Programs

ROOT = Path(__file__).resolve().parents[2]
CUT = ROOT / "examples/node-power-cut.json"
SHOWN = ROOT / "tests/node/crm_mon/2.1.5/01-healthy.xml"


@pytest.fixture
def recorded(tmp_path):
    """By the tool, of a crm_mon that shows one state and then another."""
    programs = Programs(tmp_path)
    other = SHOWN.with_name("12-no-quorum.xml")
    programs(f"test -e {tmp_path}/again && exec /bin/cat {other}; : > {tmp_path}/again; exec /bin/cat {SHOWN}")
    programs("exit 105", "cibadmin")
    env = {**os.environ, "PATH": f"{tmp_path}:/bin:/usr/bin", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-m", "tools.look", "4"], env=env, cwd=ROOT, capture_output=True, check=True)
    return ran.stdout


def test_the_tool_writes_a_line_when_something_changed(recorded):
    first, second = [json.loads(line) for line in recorded.splitlines()]
    assert {first["host"], second["host"]} == {socket.gethostname()}
    assert (first["body"]["says"]["quorate"], second["body"]["says"].get("quorate")) == (True, None)


def test_a_picture_beside_a_recording_is_taken_along(recorded, tmp_path):
    shutil.copy(CUT, tmp_path / "cut.json")
    (tmp_path / "cut.n1.crm_mon.jsonl").write_bytes(recorded)
    (tmp_path / "cute.n1.crm_mon.jsonl").write_text("another's")

    alone, reports = read_recording(CUT), read_recording(tmp_path / "cut.json")
    assert [one.source for one in reports] == [*["pacemaker"] * len(alone), "crm_mon", "crm_mon"]
    assert len({one.uid for one in reports}) == len(reports)
    told = run([tmp_path / "cut.json"])
    assert (told["unreadable"], told["faults"], told["reports"]) == (0, [], len(reports))
    assert [one["kind"] for one in told["incidents"]] == [one["kind"] for one in run([CUT])["incidents"]]


@pytest.mark.parametrize("in_a_folder", [True, False])
def test_it_is_a_recording_of_its_own(recorded, tmp_path, in_a_folder):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "n1.crm_mon.jsonl").write_bytes(recorded)
    reports = read_recording(folder if in_a_folder else folder / "n1.crm_mon.jsonl")
    assert [one.source for one in reports] == ["crm_mon", "crm_mon"]
    assert reports[0].received_at - from_us(reports[0].body["wall_ns"] // 1000) < timedelta(seconds=3)


@pytest.mark.parametrize(
    "line", ['{"host": "n1"}', "[]", '{"host":"n1","received":1,"body":{"id":"xx","src":"crm_mon"}}', "half {"]
)
def test_a_line_that_is_none_names_itself(tmp_path, line):
    path = tmp_path / "n1.crm_mon.jsonl"
    path.write_text(line)
    with pytest.raises(BadRecording, match=r"n1\.crm_mon\.jsonl"):
        read_recording(path)
