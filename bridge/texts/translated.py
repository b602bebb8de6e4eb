"""The core says in English how a subject is, and why somebody was told; who reads German is shown it in German.

Words of others stay as they came: an agent's reason, DRBD's states, names. What no phrase knows stays as it is, too.
"""

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from bridge.texts.words import AND

_FILE: Final = Path(__file__).parent / "templates" / "de" / "reasons.txt"

_SLOT: Final = re.compile(r"\{(\w+)\}")
_OURS: Final = re.compile(r"timed out( after [\d.]+ s)?|code -?\d+")
"""What we say in the place of an agent's own words, when it said nothing."""
_PEERS: Final = {"its peer": "seiner Gegenseite", "the peer": "der Gegenseite", "the other side": "der anderen Seite"}
"""What stands for a name that nobody knows."""
_ONE_WORD: Final = dict.fromkeys(("name", "node", "other", "attribute"), rf"{'|'.join(_PEERS)}|[^;\s]+?")
_STATE: Final = re.compile(r"[A-Z]\w*( [A-Z]\w*([+/][A-Z]\w*)*)?")
"""DRBD's own words: `Primary`, `Connected UpToDate/DUnknown`."""
DEEPEST: Final = 6
"""What stands within what stands within: more of it no rule says."""
_GENERIC: Final = "{name}: {why}"
"""Says so little of itself that it holds for one clause only."""


def _compiled(english: str) -> re.Pattern[str]:
    """At a semicolon the next clause begins; what stands within may have clauses of its own."""
    parts = _SLOT.split(english)
    slots = _ONE_WORD | dict.fromkeys(("why", "words"), ".+")
    found = (f"(?P<{one}>{slots.get(one, '[^;]+?')})" if place % 2 else re.escape(one) for place, one in enumerate(parts))
    return re.compile("".join(found), re.DOTALL)


def phrases() -> dict[str, str]:
    """English and German."""
    lines = [line.strip() for line in _FILE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return dict(zip(lines[::2], lines[1::2], strict=True))


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Made for the first German reader. What says most of itself goes first: `{name} is there again, but not on {places}` before
    `{node} is there again`."""
    found = sorted(phrases().items(), key=lambda one: -len(_SLOT.sub("", one[0])))
    return [(_compiled(english), german) for english, german in found]


def translated(said: str, language: str) -> str:
    """In the language of who reads it."""
    return in_german(said)[0] if language == "de" else said


@lru_cache(maxsize=4096)
def in_german(said: str, deep: int = DEEPEST) -> tuple[str, tuple[str, ...]]:
    """And which clauses of it no phrase knows."""
    if not deep:
        return said, (said,)
    if (whole := _by_phrase(said, deep)) is not None:
        return whole
    first, *rest = said.split("; ")
    if rest:
        told = [in_german(one, deep - 1) for one in (first, *rest)]
        return "; ".join(text for text, _ in told), tuple(one for _, unknown in told for one in unknown)
    return said, () if _STATE.fullmatch(said) else (said,)


def _by_phrase(said: str, deep: int) -> tuple[str, tuple[str, ...]] | None:
    for pattern, phrase in _patterns():
        found = pattern.fullmatch(said)
        if found is not None and not (phrase == _GENERIC and ";" in said):
            told = {slot: _filled(slot, text) for slot, text in found.groupdict().items()}
            told["why"], unknown = in_german(told["why"], deep - 1) if "why" in told else ("", ())
            return phrase.format(**told), unknown
    return None


def _filled(slot: str, text: str) -> str:
    if slot == "words":
        return in_german(text)[0] if _OURS.fullmatch(text) else text
    return text.replace(f" {AND['en']} ", f" {AND['de']} ") if slot.endswith("s") else _PEERS.get(text, text)
