"""The page's own words, English and German, a module for each part of the page: its WORDS are `key: (English, German)`."""

from typing import Final

from bridge.page.words import people, shell

LANGUAGES: Final = ("en", "de")
WORDS: Final[dict[str, tuple[str, str]]] = {**shell.WORDS, **people.WORDS}


def word(language: str, key: str, **values: object) -> str:
    """Raises KeyError for a key that no module has: a test walks through all templates."""
    return WORDS[key][LANGUAGES.index(language)].format(**values)
