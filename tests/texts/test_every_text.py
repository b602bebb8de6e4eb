"""Every kind, language and telling, with all that may be known and with nothing at all: no text may have a hole."""

import re
from datetime import UTC
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest

import bridge.texts
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import Subject
from bridge.core.world.incident import Kind
from bridge.texts import LANGUAGES, Text, render_strictly, summary
from bridge.texts.facts import NAMES
from tools.notices import bundle, notice
from tools.scenes import OTHER_SCENES, SCENES

TEMPLATES = Path(bridge.texts.__file__).parent / "templates"
SINGLE = [telling for telling in Telling if not telling.bundles]
ALL = list(product(Kind, LANGUAGES, SINGLE))
ROOTS = [
    "node/n3",
    "fencing/n3",
    "resource/web",
    "guest/vm-a",
    "cluster",
    "drbd/r0",
    "drbd/r0@alpha",
    "attribute/pingd@n1",
    "relay/n1",
]
FULL = {name: f"the-{name.replace('_', '-')}" for name in NAMES} | {
    "action": "start",
    "failures": "3",
    "fencing_failures": "2",
    "nodes": "alpha, bravo",
    "recovered_at": "2026-11-24T02:20:05+00:00",
    "silent_since": "2026-11-24T02:12:05+00:00",
    "timeout_ms": "20000",
}
COMPLETE = re.compile(r"goes on|go on|fall back on|works on|heard of|had to|up since|mehr auf|Ressource durch|arbeitet auf")
"""Phrases that end in a preposition and lack nothing."""
HOLES = re.compile(
    r" {2}| [.,;:)]|\( | \)|\(\)|None|Undefined|\bMissing\b|\{\{|\}\}|\{%| \?"
    r"| (?:on|of|by|auf|von|durch|to|mit|with|since|seit)[.,;:)]"
)

pytestmark = pytest.mark.many


def check(text: Text) -> None:
    for sentence in (text.subject, text.headline, text.summary, *prose(text.body)):
        assert sentence.strip()
        assert not (hole := HOLES.search(COMPLETE.sub("…", sentence))), (hole, sentence)
    assert re.fullmatch(r".{10,}[.]", text.summary)
    assert "\n" not in text.subject + text.headline + text.summary
    well_formed(text.html)


def prose(body: str) -> list[str]:
    """The paragraphs, unwrapped; commands and the table keep their shape and are left out."""
    lines = [line for line in body.splitlines() if not line.startswith("    ") and line != "-- " and set(line) != {"-"}]
    paragraphs = "\n".join(lines).split("\n\n")
    return [re.sub(r"\s*\n\s*", " ", paragraph).strip() for paragraph in paragraphs if paragraph.strip()]


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def well_formed(html: str) -> None:
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.open == []


def on(told: Notice, root: str, facts: dict[str, str]) -> Notice:
    incident = told.incident
    changed = type(incident)(
        **{name: getattr(incident, name) for name in incident.__struct_fields__} | {"root": Subject(root), "facts": facts}
    )
    return Notice(**{name: getattr(told, name) for name in told.__struct_fields__} | {"incident": changed})


@pytest.mark.parametrize("kind,language,telling", ALL)
def test_a_plausible_story_has_no_hole(kind, language, telling):
    for scene in (SCENES[kind], *OTHER_SCENES.get(kind, ())):
        check(render_strictly(notice(kind, telling, language, scene=scene), language, UTC))


@pytest.mark.parametrize("kind,language,telling", [one for one in ALL if one[2] in {Telling.ESCALATED, Telling.CLOSED}])
def test_nothing_known_leaves_no_hole_and_names_the_root(kind, language, telling):
    for root in ROOTS:
        text = render_strictly(on(notice(kind, telling, language), root, {}), language, UTC)
        check(text)
        assert all(name in text.summary for name in root.partition("/")[2].split("@")), text.summary


@pytest.mark.parametrize("kind,language,telling", ALL)
def test_everything_known_leaves_no_hole(kind, language, telling):
    told = notice(kind, telling, language)
    check(render_strictly(on(told, told.incident.root, FULL), language, UTC))


def used(kind: Kind) -> list[str]:
    """The facts that the kind's templates look at, so that the rest need not be tried one by one."""
    source = "".join((TEMPLATES / language / f"{kind}.j2").read_text() for language in LANGUAGES)
    always = {"action", "rc", "rc_words", "timed_out", "pacemaker_version"}
    return sorted(always | (set(re.findall(r"\b[fq]\.(\w+)", source)) & NAMES))


@pytest.mark.parametrize("kind", Kind)
def test_each_fact_alone_and_each_fact_missing(kind):
    for language, telling, name in product(LANGUAGES, (Telling.OPENED, Telling.CLOSED), used(kind)):
        told = notice(kind, telling, language)
        check(render_strictly(on(told, told.incident.root, {name: FULL[name]}), language, UTC))
        check(render_strictly(on(told, told.incident.root, {n: v for n, v in FULL.items() if n != name}), language, UTC))


@pytest.mark.parametrize("kind", Kind)
def test_languages_differ_and_names_do_not(kind):
    english, german = (render_strictly(notice(kind, Telling.OPENED, language), language, UTC) for language in LANGUAGES)
    assert english.summary != german.summary
    assert english.html != german.html
    assert commands(english) == commands(german) != []


def commands(text: Text) -> list[str]:
    """What is to be typed; the remarks behind it and the placeholders are in the reader's language."""
    typed = text.body.partition("\n----")[2]
    found = [line.partition("    #")[0].strip() for line in typed.splitlines() if line.startswith("    ") and line[4] != " "]
    return [re.sub(r"\b(KNOTEN|NODE|ANZAHL|NUMBER)\b", "X", command) for command in found]


@pytest.mark.parametrize("kind", Kind)
def test_the_sentence_alone_is_the_one_in_the_message(kind):
    told = notice(kind, Telling.OPENED, "en")
    assert summary(told.incident, "en") == render_strictly(told, "en", UTC).summary


@pytest.mark.parametrize("kind,language", list(product(Kind, LANGUAGES)))
def test_every_telling_says_something_of_its_own_and_the_subject_stays(kind, language):
    texts = [render_strictly(notice(kind, telling, language), language, UTC) for telling in SINGLE]
    assert len({text.headline for text in texts}) == len(texts)
    assert len({text.subject for text in texts}) == 1


@pytest.mark.parametrize("language,telling", list(product(LANGUAGES, [one for one in Telling if one.bundles])))
def test_a_bundle_has_a_line_for_each_incident(language, telling):
    told = bundle(telling, language)
    text = render_strictly(told, language, UTC)
    check(text)
    for number, incident in zip(told.numbers, told.items, strict=True):
        (line,) = [part for part in prose(text.body.replace("\n* ", "\n\n")) if part.startswith(f"#{number}, ")]
        assert line.endswith(f"{summary(incident, language)} {told.page}/incidents/{number}")
        assert f'<a href="{told.page}/incidents/{number}">#{number}</a>, ' in text.html
    other = render_strictly(told, LANGUAGES[language == LANGUAGES[0]], UTC)
    assert (other.subject, other.headline) != (text.subject, text.headline)


EVIL = "$ reboot\n$ reboot\r* step\x0b\x1b[2J\x9b\u202e\u2028¶ paragraph"


@pytest.mark.parametrize("kind,language,telling", ALL)
def test_no_name_or_word_of_a_report_becomes_a_line_a_command_or_a_sign_for_the_terminal(kind, language, telling):
    well = notice(kind, telling, language)
    root = well.incident.root.partition("/")[0]
    facts = dict.fromkeys(FULL, EVIL)
    for known in (facts, {}):
        for evil in (f"{root}/{EVIL}", f"resource/{EVIL}"):
            text = render_strictly(on(well, evil, known), language, UTC)
            for line in (text.subject, text.headline, text.summary, *text.body.split("\n")):
                assert line.isprintable(), ascii(line)
            assert not [one for one in commands(text) if one.startswith(("$", "reboot"))]
