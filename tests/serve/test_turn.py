"""One part of the loop raises: the others have their turn, the next turn waits a little, and `status` says so."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bridge.commands.status import faults as shown
from bridge.ledger.ledger import LedgerGone
from bridge.serve.app import Bridge
from bridge.serve.clock import TimeLine
from bridge.serve.faults import Faults
from bridge.serve.process import Waker
from bridge.serve.systemd import Pulse
from bridge.serve.telemetry import Metrics
from bridge.texts.broken import broken, take_broken

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


class Parts:
    """Everything a turn calls; `broken` names what raises."""

    def __init__(self, error):
        self.error, self.broken, self.done = error, "", []
        self.faults = Faults(Metrics())
        self.backlog, self.next_due, self.behind_at, self.next_at = [], lambda: NOW, lambda: NOW, NOW

    def __getattr__(self, name):
        def part(*given):
            self.done.append(name)
            if name == self.broken:
                raise self.error
            return [] if name == "turn" else False

        return part

    def patiently(self, do, now):
        return do()


def made(parts, clock=lambda: NOW):
    waker = Waker()
    board = SimpleNamespace(turn=parts.turn, next_at=lambda: NOW)
    drills = SimpleNamespace(turn=parts.drill, next_at=lambda: None)
    return Bridge(parts, parts, parts, board, parts, parts, drills, parts, [], parts, waker, None, None, clock, Pulse())


@pytest.mark.parametrize(
    "broken", ["receive", "catch_up", "listen", "read_again", "hear", "drill", "look", "pass_time", "tell", "hand_out", "turn"]
)
def test_each_part_can_raise_and_the_others_have_their_turn(broken):
    parts = Parts(RuntimeError("a mistake"))
    parts.broken = broken
    bridge = made(parts)

    bridge.turn(NOW)

    assert set(parts.done) == {
        "receive",
        "catch_up",
        "listen",
        "read_again",
        "hear",
        "drill",
        "look",
        "pass_time",
        "tell",
        "hand_out",
        "turn",
    }
    (known,) = parts.faults.shown()
    assert known["what"] == "RuntimeError: a mistake"
    text = "\n".join(shown({"faults": parts.faults.shown()}))
    assert "1 times" in text
    assert "RuntimeError: a mistake" in text


def test_a_text_that_could_not_be_made_is_a_fault_like_any_other():
    take_broken()
    parts = Parts(RuntimeError("a mistake"))
    bridge = made(parts)
    broken("node-failure, opened", RuntimeError("no words"))
    bridge.turn(NOW)
    (known,) = parts.faults.shown()
    assert (known["where"], known["what"]) == ("put into words (node-failure, opened)", "RuntimeError: no words")


def test_the_clock_is_told_whether_all_is_calm():
    parts, clock = Parts(RuntimeError("a mistake")), TimeLine()
    parts.look, parts.line = lambda now: True, SimpleNamespace(is_calm=lambda now: True)
    made(parts, clock).turn(NOW)
    assert clock.calm


def test_what_stays_due_is_not_tried_without_a_pause():
    parts = Parts(RuntimeError("a mistake"))
    bridge = made(parts)
    began = time.monotonic()
    bridge._wait()
    assert time.monotonic() - began < 0.4, "it is due now"

    parts.broken = "pass_time"
    bridge.turn(NOW)
    began = time.monotonic()
    bridge._wait()
    assert time.monotonic() - began > 0.4


def test_a_ledger_that_is_gone_still_ends_the_bridge():
    parts = Parts(LedgerGone("replaced"))
    parts.broken = "receive"
    with pytest.raises(LedgerGone):
        made(parts).turn(NOW)
