"""Every word that a template says is there, in both languages, with the same gaps."""

import re
import string
from pathlib import Path

import pytest

import bridge.page
from bridge.page.sight.seen import PILES
from bridge.page.sight.shapes import WORST_FIRST
from bridge.page.words import WORDS, word

TEMPLATES = sorted((Path(bridge.page.__file__).parent / "templates").glob("*.html"))


def gaps(text):
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_say_only_what_there_is(template):
    text = template.read_text("utf-8")
    for key in re.findall(r"""\bt\(\s*["'](\w+)["']\s*[,)]""", text):
        assert key in WORDS, key
    for key in re.findall(r"""\bmany\(\s*["'](\w+)["']""", text):
        assert f"{key}_one" in WORDS
        assert f"{key}_many" in WORDS


@pytest.mark.parametrize("key", sorted(WORDS))
def test_both_languages_have_it_with_the_same_gaps(key):
    english, german = WORDS[key]
    assert english
    assert german
    assert gaps(english) == gaps(german) or key.endswith("_one")


def test_states_and_piles_have_words():
    for key in (*(state if state != "planned" else "planned_state" for state in WORST_FIRST), *PILES, "planned_pile"):
        assert all(WORDS[key])


def test_numbers_are_written_as_the_language_does():
    assert word("en", "need_many", count=10_000) == "10,000 incidents need somebody"
    assert word("de", "need_many", count=10_000) == "10.000 Vorfälle brauchen jemanden"
