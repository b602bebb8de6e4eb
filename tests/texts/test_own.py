"""What Quorumbell tells of itself, and what it tells when a text of ours raises: plain words, and a fault that is counted."""

from datetime import UTC

import pytest

from bridge.core.telling.notice import Telling
from bridge.core.world.incident import Kind
from bridge.receivers.mail import Settings, compose
from bridge.texts import LANGUAGES, chat, render, render_strictly, summary, take_broken
from bridge.texts.chat import chat_strictly, plain
from tests.texts.test_every_text import check, commands, prose
from tools.notices import nothing_stored, notice
from tools.scenes.own import OUTAGES

CASES = list(OUTAGES.items())
NODE = notice(Kind.NODE_FAILURE, Telling.OPENED, "en")


@pytest.fixture(autouse=True)
def nothing_is_broken_yet():
    take_broken()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case,said", CASES)
def test_that_nothing_can_be_stored_is_said_of_the_bridge(language, case, said):
    first, last = (render_strictly(nothing_stored(language, *said, over=over), language, UTC) for over in (False, True))
    check(first)
    check(last)
    assert first.subject == last.subject
    assert first.subject.startswith("[bridge1] ")
    assert said[1] in prose(first.body)[1]
    assert "bridge1" in first.body.rpartition("-- ")[2]
    assert commands(first) == commands(render_strictly(nothing_stored("en", *said, over=False), "en", UTC)) != []
    assert commands(last) == []


def test_in_a_chat_it_is_no_incident_to_acknowledge():
    first, last = (chat_strictly(nothing_stored("en", *CASES[0][1], over=over), UTC) for over in (False, True))
    assert first.overview[0].lead == "🔴 Critical · bridge1"
    assert "df -h /var/lib/quorumbell" in plain(first.details)
    assert "quorumbell ack" not in plain(first.whole)
    assert last.overview[0].lead.startswith("🟢 Over after")


def test_a_mail_program_may_sort_it():
    settings = Settings(host="mail.example.com", sender="q@example.com", to=("a@example.com",))
    first, last = (compose(nothing_stored("en", *CASES[0][1], over=over), settings, "oncall", UTC, {}) for over in (False, True))
    assert first["X-Quorumbell-Kind"] == "nothing-stored"
    assert last["In-Reply-To"] == first["Message-ID"]
    assert last["Message-ID"] != first["Message-ID"]


@pytest.mark.parametrize("where", ["bridge.texts.message.tables.plain_body", "bridge.texts.context.words.failed"])
def test_whatever_raises_in_a_text_keeps_no_alarm_back_and_is_counted(monkeypatch, where):
    monkeypatch.setattr(where, lambda *_: 1 // 0)
    text = render(NODE)
    assert "node/n3" in text.subject
    assert "fenced_by: n1" in text.body
    (found,) = take_broken()
    assert (found.where, found.about) == ("put into words", "node-failure, opened")
    assert "ZeroDivisionError" in found.what
    assert take_broken() == []


def test_so_it_is_in_a_chat(monkeypatch):
    monkeypatch.setattr(chat, "_story", lambda *_: 1 // 0)
    assert "node/n3" in plain(chat.chat(NODE, UTC).overview)
    assert ["ZeroDivisionError" in found.what for found in take_broken()] == [True]


def test_so_it_is_with_a_sentence(monkeypatch):
    monkeypatch.setattr("bridge.texts.context.words.failed", lambda *_: 1 // 0)
    assert summary(NODE.incident) == "node-failure: node/n3 in cluster mill"
    assert len(take_broken()) == 1
