"""From a template's loose lines to paragraphs, numbered steps and commands; from these to plain text.

A template may break lines and leave lines empty wherever it likes. Three marks at the start of a line mean something: `* ` begins
a step (numbered here, so that a step left out leaves no gap), `$ ` is a command, and `¶ ` begins a paragraph.
"""

import textwrap
from collections.abc import Iterable
from typing import Final

import msgspec

WIDTH: Final = 78
_INDENT: Final = "    "


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One paragraph (with a number, if it is a step) and the commands that belong below it."""

    text: str = ""
    number: int = 0
    commands: tuple[str, ...] = ()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One incident among several; `number` is like `#4711`, and leads to `link`. Each may be missing."""

    text: str
    number: str = ""
    link: str = ""


def pieces(rendered: str) -> list[Piece]:
    found: list[Piece] = []
    for line in (raw.strip() for raw in rendered.splitlines()):
        if line:
            _take(line, found)
    return found


def _take(line: str, found: list[Piece]) -> None:
    mark, _, rest = line.partition(" ")
    last = found[-1] if found else Piece()
    if mark == "$":
        _replace_last(found, msgspec.structs.replace(last, commands=(*last.commands, rest.strip())))
    elif mark == "*":
        found.append(Piece(text=rest.strip(), number=1 + sum(piece.number > 0 for piece in found)))
    elif mark == "¶" or last.commands:
        found.append(Piece(text=line.removeprefix("¶ ")))
    else:
        _replace_last(found, msgspec.structs.replace(last, text=one_line(f"{last.text} {line}")))


def _replace_last(found: list[Piece], piece: Piece) -> None:
    found[-1:] = [piece]


def one_line(rendered: str) -> str:
    return " ".join(rendered.split())


def plain(found: Iterable[Piece]) -> str:
    return "\n\n".join(_plain_piece(piece) for piece in found)


def _plain_piece(piece: Piece) -> str:
    lead = f"{piece.number}. " if piece.number else ""
    lines = wrap(piece.text, lead=lead) if piece.text else []
    lines += [_INDENT + command for command in piece.commands]
    return "\n".join(lines)


def wrap(text: str, *, lead: str = "") -> list[str]:
    """Names and commands are never broken: what is pasted must be what was meant."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )
