"""Whatever a drill tells, nobody can take it for something that happened, or paste a command out of it."""

from datetime import UTC
from itertools import product

import msgspec
import pytest

from bridge.core.telling.notice import Telling
from bridge.core.world.incident import Kind
from bridge.receivers.mail import Settings, compose
from bridge.texts import LANGUAGES, render, render_strictly, take_broken
from bridge.texts.chat import chat_strictly, plain
from tests.texts.test_every_text import commands
from tools.notices import bundle, drill, notice

SINGLE = [one for one in Telling if not one.bundles]
MAIL = Settings(host="mail.example.org", sender="q@example.org", to=("a@example.org",))
NOTHING = {"en": "nothing of it has happened", "de": "nichts davon ist geschehen"}


def in_a_drill(one):
    return msgspec.structs.replace(one, drill="3f2a91c0 anna")


@pytest.mark.many
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind,telling", list(product(Kind, SINGLE)))
def test_its_first_word_says_so_and_there_is_nothing_to_paste(language, kind, telling):
    real, told = (render_strictly(one(kind, telling, language), language, UTC) for one in (notice, drill))
    assert told.subject.startswith("DRILL [mill] ")
    assert told.body.startswith("DRILL: ")
    assert told.headline.startswith("DRILL: ")
    assert told.summary.startswith("DRILL: ")
    assert "DRILL" in told.html
    assert NOTHING[language] in " ".join(told.body.split("\n\n")[1].split()), "the second paragraph at the latest"
    assert commands(told) == []
    assert "<pre" not in told.html
    assert not real.subject.startswith("DRILL")
    assert "3f2a91c0" in told.body.rpartition("-- ")[2]
    assert "quorumbell ack" not in told.body, "it is no incident that could be taken"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("telling", SINGLE)
def test_in_a_chat_each_message_says_so(language, telling):
    told = chat_strictly(in_a_drill(notice(Kind.NODE_FAILURE, telling, language)), UTC)
    for parts in (told.overview, told.news, told.brief, told.whole):
        assert plain(parts).startswith("DRILL 🔔 ")
    for parts in (told.overview, told.news, told.whole):
        assert NOTHING[language] in plain(parts)
    assert "--" not in plain(told.details), "no options, so no commands"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("telling", [one for one in Telling if one.bundles])
def test_what_is_told_together_says_so_too(language, telling):
    one = in_a_drill(bundle(telling, language))
    told = render_strictly(one, language, UTC)
    assert (told.subject[:6], told.body[:6]) == ("DRILL ", "DRILL:")
    assert plain(chat_strictly(one, UTC).whole).startswith("DRILL [mill]")


def test_a_text_that_raises_says_so_too():
    broken = msgspec.structs.replace(drill(Kind.NODE_FAILURE, Telling.OPENED, "en"), language="xx")
    told = render(broken)
    assert told.subject.startswith("DRILL: ")
    assert told.body.startswith("DRILL: ")
    assert take_broken()


def test_programs_that_sort_mail_find_it():
    mail = compose(drill(Kind.NODE_FAILURE, Telling.OPENED, "de"), MAIL, "ops", UTC, {})
    assert (mail["X-Quorumbell-Drill"], mail["X-Quorumbell-Kind"]) == ("3f2a91c0 anna", "node-failure")
    assert mail["Subject"].startswith("DRILL ")
    assert "X-Quorumbell-Drill" not in compose(notice(Kind.NODE_FAILURE, Telling.OPENED, "de"), MAIL, "ops", UTC, {})
