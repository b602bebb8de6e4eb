"""Whom the alarm tells that nothing can be stored, and when: each once, nobody for a moment's trouble, and all past the ledger."""

import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, Telling, TryLater
from bridge.serve import alarm, past_the_ledger, storing
from bridge.serve.alarm import Alarm
from bridge.serve.outage import Note
from bridge.serve.storing import Storing
from bridge.texts import render
from tests.waiting import eventually

LEDGER = "sqlite:////var/lib/quorumbell/ledger.db"
FULL = OSError(f"{LEDGER}: database or disk is full")


def wall():
    return datetime.now(UTC)


class Bell:
    """`answers` are its verdicts, the last one for ever; it keeps what it took."""

    board = False
    language = "en"

    def __init__(self, name, *answers):
        self.name, self.answers = name, list(answers) or [Delivered("taken", {"post": "17"})]
        self.told, self.memories, self.closed, self.gate = [], [], 0, threading.Event()
        self.gate.set()

    def make(self):
        return self

    def deliver(self, notice, memory):
        self.gate.wait(20)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Delivered):
            self.told.append(notice)
            self.memories.append(dict(memory))
        return answer

    def close(self):
        self.closed += 1

    def kinds(self):
        return [notice.kind for notice in self.told]


class Board(Bell):
    board = True
    own = SimpleNamespace(host="bridge", service="Quorumbell")

    def show(self, show):
        self.told.append(show)
        return Delivered()

    def shades(self):
        return [show.shade.name for show in self.told]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(alarm, "TELL_AFTER", 0.3)
    monkeypatch.setattr(alarm, "OVER_AFTER", 0.3)
    monkeypatch.setattr(storing, "STUCK_AFTER", 0.3)
    monkeypatch.setattr(past_the_ledger, "SHOWN_EVERY", 0.3)


class House:
    """The watch's thread, in small; `fail` and `store` are the loop's words."""

    def __init__(self, tmp_path, *receivers):
        self.note = tmp_path / "control.sock.outage"
        self.receivers = {one.name: one for one in receivers}
        self.start()

    def start(self):
        self.storing = Storing(wall)
        self.alarm = Alarm(self.receivers, self.storing, Note(self.note), "bridge1", LEDGER, wall)
        self.failing, self.works, self.running = False, True, True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            if self.works:
                self.storing.failed(FULL) if self.failing else self.storing.stored()
            self.alarm.turn()
            time.sleep(0.02)

    def stop(self):
        self.running = False
        self.thread.join()
        self.alarm.close()


@pytest.fixture
def house(tmp_path):
    made = []

    def house(*receivers):
        made.append(House(tmp_path, *receivers))
        return made[0]

    yield house
    made[0].stop()


def test_each_bell_is_told_once_and_once_that_it_is_over(house):
    one, other = Bell("one"), Bell("other")
    site = house(one, other)
    site.failing = True
    eventually(lambda: one.told and other.told)
    time.sleep(1)
    assert one.kinds() == other.kinds() == [Telling.OPENED]
    site.failing = False
    eventually(lambda: len(one.told) == len(other.told) == 2)
    time.sleep(0.5)
    assert one.kinds() == [Telling.OPENED, Telling.CLOSED]
    assert one.memories == [{}, {"post": "17"}], "a chat finds its message again"
    assert len({notice.thread for notice in one.told}) == 1
    first, last = map(render, one.told)
    assert "[bridge1] Quorumbell can store nothing" in first.subject
    assert "database or disk is full" in first.body
    assert "df -h /var/lib/quorumbell" in first.body
    assert "relays hold" in first.body
    assert "stored again" in last.body
    eventually(lambda: not site.note.exists())
    assert one.closed == other.closed == 1


def test_a_process_that_stood_still_tells_nobody_and_one_whose_loop_is_stuck_does(tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "ASLEEP_AFTER", 0.2)
    bell, known = Bell("bell"), Storing(wall)
    watched = Alarm({"bell": bell}, known, Note(tmp_path / "note"), "bridge1", LEDGER, wall)
    for slept in (0.02, 1.0):
        time.sleep(slept)
        known.look()
        watched.turn()
    assert (watched.outage, bell.told) == (None, [])
    for _ in range(60):
        time.sleep(0.02)
        known.look()
        watched.turn()
    eventually(lambda: bell.told)
    watched.close()


def test_a_moment_is_no_news(house):
    bell = Bell("bell")
    site = house(bell)
    site.failing = True
    time.sleep(0.15)
    site.failing = False
    time.sleep(1)
    assert bell.told == []
    assert not site.note.exists()


def test_trouble_that_comes_and_goes_is_one_outage(house):
    bell = Bell("bell")
    site = house(bell)
    for _ in range(8):
        site.failing = True
        time.sleep(0.15)
        site.failing = False
        time.sleep(0.1)
    eventually(lambda: len(bell.told) == 2)
    assert bell.kinds() == [Telling.OPENED, Telling.CLOSED]


def test_a_loop_that_is_stuck_stores_nothing_either(house):
    bell = Bell("bell")
    site = house(bell)
    site.works = False
    eventually(lambda: bell.told)
    assert "keeps it waiting" in render(bell.told[0]).body
    site.works = True
    eventually(lambda: len(bell.told) == 2)


def test_a_bell_that_hangs_or_raises_keeps_no_other_waiting(house, caplog):
    hanging, raising, refusing, well = (
        Bell("hanging"),
        Bell("raising", RuntimeError("a mistake")),
        Bell("no", GiveUp("no")),
        Bell("well"),
    )
    hanging.gate.clear()
    site = house(hanging, raising, refusing, well)
    site.failing = True
    eventually(lambda: well.told)
    eventually(lambda: "a mistake" in caplog.text and "to no, attempt 1: nothing can be stored: no" in caplog.text)
    site.failing = False
    eventually(lambda: len(well.told) == 2)
    hanging.gate.set()
    time.sleep(0.5)
    assert hanging.kinds() in ([], [Telling.OPENED, Telling.CLOSED])
    assert raising.told == refusing.told == []


def test_whoever_never_heard_of_it_is_not_told_that_it_is_over(house):
    away = Bell("away", TryLater("no route"))
    site = house(away)
    site.failing = True
    eventually(lambda: site.alarm.seconds() > 1)
    site.failing = False
    eventually(lambda: site.alarm.outage is None)
    away.answers = [Delivered()]
    time.sleep(1)
    assert away.told == []


def test_a_bell_that_comes_back_meanwhile_is_told_then(house):
    bell = Bell("bell", TryLater("busy", timedelta(seconds=0)), Delivered())
    site = house(bell)
    site.failing = True
    eventually(lambda: bell.told)
    assert bell.memories == [{"tried": "1"}], "it may be there already"


def test_a_restart_in_the_middle_tells_nobody_twice_and_the_end_once(house):
    bell, late = Bell("bell"), Bell("late", TryLater("not yet"))
    site = house(bell, late)
    site.failing = True
    eventually(lambda: bell.told and "bell" in site.note.read_text())
    site.stop()
    late.answers = [Delivered()]
    site.start()
    site.failing = True
    eventually(lambda: late.told)
    time.sleep(0.5)
    assert bell.kinds() == [Telling.OPENED]
    assert late.told[0].thread == bell.told[0].thread, "the same outage, since the same moment"
    site.failing = False
    eventually(lambda: len(bell.told) == len(late.told) == 2)
    assert bell.memories[1] == {"post": "17"}
    eventually(lambda: not site.note.exists())


def test_an_outage_that_ended_while_no_bridge_ran_is_ended(house):
    bell = Bell("bell")
    site = house(bell)
    site.failing = True
    eventually(lambda: bell.told and "bell" in site.note.read_text())
    site.stop()
    site.start()
    eventually(lambda: len(bell.told) == 2)
    assert bell.kinds() == [Telling.OPENED, Telling.CLOSED]


@pytest.mark.parametrize(
    "said", ["", "{", "[]", '{"since": "never", "why": "", "told": {}}', '{"since": "2026-11-26", "why": 1, "told": []}']
)
def test_a_note_that_makes_no_sense_is_left_aside(tmp_path, said, caplog):
    note = Note(tmp_path / "note")
    (tmp_path / "note").write_text(said)
    assert note.read(LEDGER) is None
    assert "cannot be read" in caplog.text


def test_a_note_that_cannot_be_written_keeps_nobody_from_being_told(house, tmp_path, caplog):
    bell = Bell("bell")
    site = house(bell)
    (tmp_path / "control.sock.outage.part").mkdir()
    site.failing = True
    eventually(lambda: bell.told)
    assert caplog.text.count("cannot be written") == 1
    site.failing = False
    eventually(lambda: len(bell.told) == 2)


def test_a_board_shows_it_until_it_is_over(house):
    board = Board("opsview")
    site = house(board)
    site.failing = True
    eventually(lambda: len(board.told) >= 3)
    assert set(board.shades()) == {"CRITICAL"}
    assert "can store nothing since" in board.told[0].text
    assert board.told[0].text.endswith("database or disk is full")
    site.failing = False
    eventually(lambda: board.shades()[-1] == "OK")
    assert board.shades().count("OK") == 1


def test_a_ledger_that_was_lost_is_told_to_everybody_however_soon_another_takes_something(house):
    bell, late, board = Bell("bell"), Bell("late", TryLater("not yet")), Board("board")
    site = house(bell, late, board)
    site.stop()
    site.alarm.lose("deleted or replaced")
    site.start()
    lost_at = site.alarm.lost_at
    assert lost_at is not None
    eventually(lambda: bell.kinds() == [Telling.OPENED, Telling.CLOSED])
    first, last = map(render, bell.told)
    assert "[bridge1] Quorumbell lost its ledger" in first.subject
    assert "quorumbell restore" in first.body
    assert "in the file that is there now" in last.body
    assert board.shades()[0] == "CRITICAL"
    late.answers = [Delivered()]
    eventually(lambda: late.kinds() == [Telling.CLOSED])
    eventually(lambda: not site.note.exists())
    assert site.alarm.lost_at == lost_at, "for who asks later"
    site.stop()
    site.start()
    assert site.alarm.lost_at is None


def test_a_ledger_that_is_lost_in_the_middle_of_an_outage_is_the_same_outage(house):
    bell = Bell("bell")
    site = house(bell)
    site.failing = True
    eventually(lambda: bell.told and "bell" in site.note.read_text())
    site.stop()
    site.alarm.lose("deleted or replaced")
    site.start()
    eventually(lambda: bell.kinds() == [Telling.OPENED, Telling.CLOSED])
    assert "in the file that is there now" in render(bell.told[1]).body
