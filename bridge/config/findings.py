"""What is wrong or odd in a file: each with its line, its key and the cure."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from bridge import secret
from bridge.config.toml_lines import Path as Key
from bridge.config.toml_lines import line_of


class Problem(msgspec.Struct, frozen=True, order=True):
    """`text` says what is wrong and, behind a semicolon, the cure."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class Findings:
    """What was found while reading one file."""

    def __init__(self, file: Path, lines: Mapping[Key, int]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []
        self._wrong: set[Key] = set()
        self.warnings: list[Problem] = []
        self.secrets: list[tuple[Key, secret.Secret]] = []

    def wrong(self, key: Key, text: str) -> None:
        """One problem for a key: what is of the wrong type is not also out of range."""
        if key not in self._wrong:
            self._wrong.add(key)
            self.problems.append(self._problem(key, text))

    def odd(self, key: Key, text: str) -> None:
        self.warnings.append(self._problem(key, text))

    def _problem(self, key: Key, text: str) -> Problem:
        return Problem(str(self.file), line_of(self.lines, key), dotted(key), text)


class ConfigError(Exception):
    """All that is wrong with the file, in the order of its lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class Wrong(Exception):  # noqa: N818 - it carries a mistake out of a nested value; it never leaves this room
    def __init__(self, text: str, below: Key = ()) -> None:
        super().__init__(text)
        self.below = below


def dotted(key: Key) -> str:
    """`routes[2].hold`: items are counted from 1, as people do."""
    text = ""
    for part in key:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The cure for a name that is not known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    return f"known are {', '.join(names)}" if names else "remove it"
