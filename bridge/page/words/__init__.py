"""The page's own words, English and German, a module for each part of the page: its WORDS are `key: (English, German)`."""

from typing import Final

from bridge.page.words import history, now, people, shell, story
from bridge.texts.translated import translated
from bridge.texts.words import number

LANGUAGES: Final = ("en", "de")
WORDS: Final[dict[str, tuple[str, str]]] = {**shell.WORDS, **now.WORDS, **people.WORDS, **history.WORDS, **story.WORDS}


def word(language: str, key: str, **values: object) -> str:
    """`count` is written as the language writes numbers, and `why`, which the core says in English, in its words. Raises KeyError
    for a key that no module has: a test walks through all templates."""
    if "count" in values:
        values["count"] = number(str(values["count"]), language)
    if "why" in values:
        values["why"] = translated(str(values["why"]), language)
    return WORDS[key][LANGUAGES.index(language)].format(**values)
