"""`quorumbell rehearse` meets an error of ours: what would have been told is incomplete, and nobody may overlook it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.core import rulebook
from bridge.core.world.event import NodeSeen
from bridge.texts.broken import take_broken

CUT = str(Path(__file__).resolve().parents[2] / "examples/node-power-cut.json")


def rehearse(*words):
    return CliRunner().invoke(main, ["rehearse", *words, CUT])


def mistake(*_):
    raise RuntimeError("a mistake")


@pytest.fixture(params=["a rule", "a text"])
def broken(request, monkeypatch):
    take_broken()  # what other tests left
    if request.param == "a rule":
        monkeypatch.setitem(rulebook.RULES, NodeSeen, mistake)
    else:
        monkeypatch.setattr("bridge.texts.context.words.failed", mistake)


def test_it_is_said_and_the_exit_code_is_not_0(broken):
    run = rehearse()
    assert run.exit_code == 1
    assert " unreadable: " in run.stdout, "what could be understood is shown all the same"
    assert "OUR ERROR   while it was " in run.stderr
    assert "RuntimeError: a mistake" in run.stderr
    assert "Traceback" in run.stderr


def test_programs_find_it_too(broken):
    run = rehearse("--json")
    assert run.exit_code == 1
    assert {one["what"] for one in json.loads(run.stdout)["faults"]} == {"RuntimeError: a mistake"}


def test_without_one_all_is_well():
    run = rehearse("--json")
    assert run.exit_code == 0
    assert json.loads(run.stdout)["faults"] == []
    assert run.stderr == ""
