"""Rows of a picture: only what is not as usual is told, in values that a report can carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.node.xml_tree import Element

MOST_NAME: Final = 200
MOST_WORDS: Final = 400
"""Characters."""
MOST_VALUES: Final = 10
"""In one list of a row."""
_CONTROL: Final = dict.fromkeys((*range(32), 127), " ")

Row = dict[str, Any]


def row(usual: Mapping[str, Any] | None = None, /, **fields: Any) -> Row:
    """The fields that are not as usual: empty, nothing, false, where `usual` says nothing else."""
    known = usual or {}
    return {name: value for name, value in fields.items() if value != known.get(name, type(value)())}


def name(element: Element, *keys: str) -> str:
    """Of the first key that the element has."""
    return held(next((element.values[key] for key in keys if key in element.values), ""), MOST_NAME)


def words(element: Element, key: str) -> str:
    return held(element.get(key), MOST_WORDS)


def held(text: str, most: int) -> str:
    """On one line, and no longer than that."""
    return text.translate(_CONTROL)[:most]


def names(values: Iterable[str]) -> list[str]:
    return [held(value, MOST_NAME) for value in values]


def yes(element: Element, *keys: str) -> bool:
    return any(element.get(key).lower() in {"true", "yes", "1", "on"} for key in keys)


def number(element: Element, key: str) -> int:
    """0 for what is none."""
    text = element.get(key)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
