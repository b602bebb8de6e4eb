"""Files of `key = value` lines: read with every line's number, all mistakes at once. No quoting, no sections, # for comments."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple


class Mistakes(Exception):  # noqa: N818 - the administrator's, told all at once
    """Everything that is wrong with a file or a key: one text each, with the place and the cure."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)
        super().__init__("\n".join(self.texts))


class Line(NamedTuple):
    number: int
    key: str
    value: str


def read_lines(path: str, known: Collection[str]) -> tuple[list[Line], list[str]]:
    """(the good lines, what is wrong with the others)."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        return [], [f"{path}: {wrong}: name a readable text file of `key = value` lines"]
    good: list[Line] = []
    wrong_lines: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key or not value:
            wrong_lines.append(f"{path}:{number}: {line!r} is not of the form `key = value`")
        elif key not in known:
            wrong_lines.append(f"{path}:{number}: {key!r} is not known here: {_meant(key, known)}")
        else:
            good.append(Line(number, key, value))
    return good, wrong_lines


def _meant(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(sorted(known))}"
