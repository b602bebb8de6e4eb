"""The relay's part of a drill: it calls the real hooks, one after the other, and says how that went."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from bridge.wire import codec
from bridge.wire.drill import SOURCE, STORIES, mark_of
from tests.node.whole_relay import Ours

ROOT = Path(__file__).resolve().parents[2]
ASKED = codec.Drill("d1", "failover", "n1", "drill-node", "drill-service")


class Node(Ours):
    """Its relay, with our hooks in a folder of its own, which Pacemaker's user may read."""

    def _file(self):
        self.base.chmod(0o755)
        self.hooks = self.base / "hooks"
        self.hooks.mkdir()
        for hook in ("alert_scripts/quorumbell-alert", "handlers/quorumbell-drbd"):
            shutil.copy(ROOT / hook, self.hooks)
        path = super()._file()
        with open(path, "a") as file:
            file.write(f"hooks = {self.hooks}\n")
        return path

    def asked(self, asked=ASKED):
        """What it then sends, up to its own word."""
        self.bridge.says(asked)
        return self.until_it_says(asked.drill)

    def until_it_says(self, drill):
        said = []
        until = time.monotonic() + 20
        while not said:
            assert time.monotonic() < until, self.seen
            self.seen.update(self._heard())
            bodies = [json.loads(body) for body in self.seen.values()]
            said = [one for one in bodies if one["src"] == SOURCE and one["drill"].startswith(f"{drill} ")]
        return [one for one in bodies if one["src"] != SOURCE], said[0]

    def _heard(self):
        """What came next; on a slow machine a story takes longer than a relay believes in a bridge that does not answer."""
        came = self.bridge.hears((codec.Batch, codec.Ping, codec.Hello))
        if isinstance(came, codec.Batch):
            return came.pairs
        self.bridge.says(codec.Welcome("desk") if isinstance(came, codec.Hello) else codec.Pong(came.token, 512))
        return ()


@pytest.fixture
def node(node, monkeypatch):
    monkeypatch.setattr("bridge.node.relay.LAST_WORDS", 0.0)
    ours = Node(node).start()
    assert ours.greet().drills == 1
    yield ours
    ours.relay.close()
    ours.stop()
    ours.bridge.close()


@pytest.mark.parametrize("story", STORIES)
def test_each_story_comes_marked_in_its_order_through_the_hooks(node, story):
    reports, said = node.asked(ASKED._replace(story=story))
    marks = [mark_of(one) for one in sorted(reports, key=lambda one: one["boot_ns"])]
    assert [(mark.drill, mark.story) for mark in marks] == [("d1", story)] * len(marks)
    assert [mark.step for mark in marks] == list(range(1, marks[0].of + 1))
    assert {one["src"] for one in reports} == ({"drbd"} if story == "split-brain" else {"pacemaker"})
    assert said["why"] == ""
    took = json.loads(said["took_ms"])
    assert len(took) == marks[0].of
    assert all(0 <= one < 3000 for one in took)


def test_a_hook_that_is_not_there_or_fails_ends_it_with_the_cure(node):
    hook = node.hooks / "quorumbell-alert"
    hook.unlink()
    reports, said = node.asked()
    assert reports == []
    assert f"{hook}: No such file or directory: install the hooks there" in said["why"]
    hook.write_text("#!/bin/sh\necho the disk is full >&2\nexit 75\n")
    hook.chmod(0o755)
    _, said = node.asked(ASKED._replace(drill="d2"))
    assert said["why"] == f"{hook} ended with 75: the disk is full"


def test_the_newest_is_played_and_only_what_it_knows(node):
    node.bridge.says(ASKED)
    node.until(lambda: list(node.base.glob("spool/*/new/*")))
    reports, said = node.asked(ASKED._replace(drill="d2"))
    assert said["why"] == ""
    drills = [mark_of(one).drill for one in sorted(reports, key=lambda one: one["boot_ns"])]
    assert drills.count("d2") == 5
    assert drills[drills.index("d2") :] == ["d2"] * 5, "of an earlier one nothing more comes"
    assert "knows no story 'earthquake'" in node.asked(ASKED._replace(drill="d3", story="earthquake"))[1]["why"]
    assert "a name in it is none" in node.asked(ASKED._replace(drill="d4", node="a b"))[1]["why"]


def test_a_hook_that_hangs_is_ended(node, monkeypatch):
    monkeypatch.setattr("bridge.node.drill.PATIENCE", 0.3)
    hook = node.hooks / "quorumbell-alert"
    hook.unlink()
    hook.write_text("#!/bin/sh\nexec sleep 60\n")
    hook.chmod(0o755)
    _, said = node.asked()
    assert said["why"].startswith(f"{hook} has not ended within")


def test_a_relay_that_stops_leaves_no_hook_behind(node):
    hook = node.hooks / "quorumbell-alert"
    hook.unlink()
    hook.write_text(f"#!/bin/sh\necho $$ > {node.base}/spool/pcmk/tmp/pid\nexec sleep 60\n")
    hook.chmod(0o755)
    node.bridge.says(ASKED)
    pid = node.base / "spool/pcmk/tmp/pid"
    node.until(lambda: (pid.exists() and pid.read_text().strip()) or node.relay.turn(5))
    number = int(pid.read_text())
    node.relay.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
