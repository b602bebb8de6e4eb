"""The layout of chats: every kind, language and telling, with all that may be known and with nothing at all."""

import logging
import re
from datetime import UTC
from itertools import product

import jinja2
import msgspec
import pytest

from bridge.core.telling.notice import Telling
from bridge.core.world.event import Severity, Subject
from bridge.core.world.incident import Kind, State
from bridge.texts import LANGUAGES, chat, sentences, words
from bridge.texts.chat import Part, chat_strictly, fit, plain
from tools.notices import bundle, notice
from tools.scenes import OTHER_SCENES, SCENES

TELLINGS = (Telling.OPENED, Telling.ESCALATED, Telling.REMINDER, Telling.UPDATED, Telling.CLOSED)
ALL = list(product(Kind, LANGUAGES, TELLINGS))
HOLES = re.compile(r"None|Undefined|\bMissing\b|\{\{|\{%|: :|\(\)")


@pytest.mark.parametrize("kind,language,telling", ALL)
def test_every_message_begins_with_how_bad_where_and_what(kind, language, telling):
    labels = words.LABELS[language]
    for scene in (SCENES[kind], *OTHER_SCENES.get(kind, ())):
        told = notice(kind, telling, language, scene=scene)
        made = chat_strictly(told, UTC)
        for parts in (made.overview, made.news, made.brief, made.whole):
            assert not HOLES.search(plain(parts))
            assert parts[0].lead.endswith(" · mill")
            assert parts[0].text.endswith(".")
            assert "\n" not in parts[0].lead + parts[0].text
        first = made.overview[0].lead
        if telling is Telling.CLOSED:
            assert labels["over_after"].partition("{")[0] in first
            assert made.details == ()
        else:
            assert labels[told.incident.severity] in first, "a word, not a colour alone"
            assert any(part.fixed for part in made.details), "something to type"
            assert not any(part.fixed for part in made.overview), "the room is kept short"


@pytest.mark.parametrize("kind,language,telling", ALL)
def test_nothing_known_leaves_no_hole(kind, language, telling):
    made = chat_strictly(notice(kind, telling, language, facts={}), UTC)
    assert not HOLES.search("\n".join(plain(parts) for parts in (made.overview, made.details, made.news, made.whole)))


def test_what_stays_in_the_room_does_not_age():
    for telling in TELLINGS[:-1]:
        told = plain(chat_strictly(notice(Kind.NODE_FAILURE, telling, "en"), UTC).overview)
        assert " ago" not in told
        assert "for at least" not in told
    details = plain(chat_strictly(notice(Kind.NODE_FAILURE, Telling.UPDATED, "en"), UTC).details)
    assert "as of Tue 24 Nov 2026, 02:12:45 (UTC)" in details


def test_how_long_it_lasted_stands_at_the_end():
    last = plain(chat_strictly(notice(Kind.NODE_FAILURE, Telling.CLOSED, "en"), UTC).overview)
    assert last.index("How long they were away") > last.index("it lasted 4 h 31 min")


def test_while_it_clears_it_is_said_to():
    told = notice(Kind.NODE_FAILURE, Telling.UPDATED, "de")
    told = msgspec.structs.replace(told, incident=msgspec.structs.replace(told.incident, state=State.CLEARING))
    assert chat_strictly(told, UTC).overview[0].lead == "🟢 Wieder gut, noch unter Beobachtung · mill"


def test_a_test_is_no_alarm():
    told = notice(Kind.RESOURCE_FAILURE, Telling.OPENED, "en", facts={})
    incident = msgspec.structs.replace(told.incident, key="test@x", severity=Severity.WARNING, outages=(), subjects=())
    made = chat_strictly(msgspec.structs.replace(told, incident=incident, incident_id=0), UTC)
    assert made.overview[0].lead == "🔔 Test · mill"
    assert made.details == ()
    assert "quorumbell explain" not in plain(made.overview)


def test_a_broken_template_does_not_keep_an_alarm_back(monkeypatch, caplog):
    loader = jinja2.DictLoader({"en/node-failure.j2": "{{ f.nonsense }}"})
    broken = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=True)
    monkeypatch.setattr(sentences, "_TEXT", broken)
    with caplog.at_level(logging.ERROR):
        made = chat.chat(notice(Kind.NODE_FAILURE, Telling.OPENED, "en"), UTC)
    assert "node/n3" in plain(made.overview)
    assert "fenced_by: n1" in plain(made.overview)
    assert "its template is broken" in caplog.text


PARTS = (
    Part(lead="lead", text="text"),
    Part(text="1. See.", fixed=tuple(f"command --number {number}" for number in range(20))),
    Part(text="word " * 400),
    Part(text="the end"),
)


@pytest.mark.parametrize("limit", [60, 100, 300, 900, 2000, 2400])
def test_what_does_not_fit_is_cut_at_a_line_and_says_so(limit):
    made = fit(PARTS, limit, lambda parts: len(plain(parts)), Part(text="cut here."))
    assert len(plain(made)) <= limit
    assert made[0] == PARTS[0]
    assert made[-1].text == "cut here."
    assert all(line in PARTS[1].fixed for part in made for line in part.fixed), "no command is half a command"


def test_what_fits_is_left_alone():
    assert fit(PARTS, 10_000, lambda parts: len(plain(parts)), Part(text="cut")) == PARTS


def test_a_name_in_the_root_is_in_the_first_line_of_each():
    told = notice(Kind.NODE_FAILURE, Telling.OPENED, "en", facts={})
    incident = msgspec.structs.replace(told.incident, root=Subject("node/böse-1"))
    made = chat_strictly(msgspec.structs.replace(told, incident=incident), UTC)
    assert all("böse-1" in parts[0].text for parts in (made.overview, made.news, made.brief, made.whole))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("telling", [one for one in Telling if one.bundles])
def test_of_several_incidents_each_has_its_line_in_one_message(telling, language):
    told = bundle(telling, language)
    made = chat_strictly(told, UTC)
    text = plain(made.overview)
    assert [number for number in told.numbers if f"#{number}: " in text] == list(told.numbers)
    assert (made.details, made.news, made.whole) == ((), made.overview, made.overview)
    assert ("🔴" in text) is (telling is not Telling.DIGEST)
