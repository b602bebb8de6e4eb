"""Which line a key of a TOML file stands on.

`tomllib` gives values without places. This walks a document that tomllib has accepted, and keeps places without values; it
decides nothing about what is valid. (TOML 1.0)
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

Path = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r"""(?P<skip>[ \t\r]+|\#[^\n]*)
    |(?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
    |(?P<mark>[\n\[\]{}=,.])
    |(?P<bare>[^\s\[\]{}=,.\#"']+)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_SHORT: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}

Token = tuple[str, str, int]
_END: Final[Token] = ("end", "", 0)


def locate(text: str) -> dict[Path, int]:
    """Every table, key and list item of the document, with the line (from 1) on which it begins; the first line wins."""
    return _Walk(text).lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a key, or of the nearest table around it when the key itself is not there."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _tokens(text: str) -> Iterator[Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "skip":
            yield kind, match.group(), line
        line += match.group().count("\n")


class _Walk:
    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self.items: dict[Path, int] = {}  # how many [[tables]] of a name there are
        self.rest = _tokens(text)
        self.now = next(self.rest, _END)
        table: Path = ()
        while self.now is not _END:
            if self.at("\n"):
                self.step()
            elif self.at("["):
                table = self.header()
            else:
                self.pair(table)

    def at(self, marks: str) -> bool:
        return self.now[0] == "mark" and self.now[1] in marks

    def step(self) -> Token:
        token, self.now = self.now, next(self.rest, _END)
        return token

    def note(self, path: Path, line: int) -> None:
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], line)

    def key(self) -> Path:
        parts: list[str] = []
        while self.now is not _END and not self.at("=]"):
            token = self.step()
            if token[0] != "mark":
                parts.append(_unquoted(token[1]))
        return tuple(parts)

    def header(self) -> Path:
        line = self.step()[2]
        several = self.at("[")
        if several:
            self.step()
        path = self.resolved(self.key(), several=several)
        while self.at("]"):
            self.step()
        self.note(path, line)
        return path

    def resolved(self, names: Path, *, several: bool) -> Path:
        """`[a.b]` below `[[a]]` belongs to the newest a."""
        path: Path = ()
        for name in names[:-1] if several else names:
            path += (name,)
            if path in self.items:
                path += (self.items[path] - 1,)
        if several:
            path += (names[-1],)
            self.items[path] = self.items.get(path, 0) + 1
            path += (self.items[path] - 1,)
        return path

    def pair(self, table: Path) -> None:
        line = self.now[2]
        path = table + self.key()
        self.note(path, line)
        self.step()
        self.value(path)

    def value(self, path: Path) -> None:
        if self.at("["):
            self.array(path)
        elif self.at("{"):
            self.inline(path)
        else:
            while self.now is not _END and not self.at("\n,]}"):  # 1.5 and 07:32:00 are several tokens
                self.step()

    def array(self, path: Path) -> None:
        self.step()
        count = 0
        while self.now is not _END and not self.at("]"):
            if self.at("\n,"):
                self.step()
                continue
            self.note((*path, count), self.now[2])
            self.value((*path, count))
            count += 1
            while self.at("\n"):
                self.step()
        self.step()

    def inline(self, path: Path) -> None:
        self.step()
        while self.now is not _END and not self.at("}"):
            if self.at("\n,"):
                self.step()
            else:
                self.pair(path)
        self.step()


def _unquoted(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    if text[0] != '"':
        return text
    return _ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else _SHORT.get(m[3], m[3]), text[1:-1])
