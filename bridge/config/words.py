"""Types, values and msgspec's mistakes in an administrator's words, with an example to write instead."""

import re
import types
import typing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge import secret
from bridge.config.findings import did_you_mean

_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
    "datetime": "a date",
}
_EXAMPLES: Final[dict[Any, str]] = {
    int: "25",
    float: "1.5",
    str: '"text"',
    bool: "true",
    list: '["one", "two"]',
    tuple: '["one", "two"]',
    dict: '{ name = "value" }',
    timedelta: '"30s"',
    secret.Secret: '{ credential = "name" }',
    Path: '"/a/path"',
    re.Pattern: "'a regular expression'",
}
_CALLED: Final = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}


def called(raw: object) -> str:
    return _CALLED.get(type(raw), "a date")


def example(kind: Any) -> str:
    kind = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    if typing.get_origin(kind) is typing.Literal:
        return f'"{typing.get_args(kind)[0]}"'
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return example(typing.get_args(kind)[0])
    return _EXAMPLES.get(typing.get_origin(kind) or kind, "a value")


def worded(error: msgspec.ValidationError, kind: Any, raw: object) -> str:
    """msgspec's sentence in an administrator's words, with the cure."""
    text = str(error).partition(" - at `$")[0]
    if isinstance(error.__cause__, ValueError):  # from _custom: it has its cure already
        return text
    if text.startswith("Invalid enum value"):
        values = _choices(kind)
        return f"{raw!r} is not allowed; {did_you_mean(str(raw), values)}"
    match = re.fullmatch(r"Expected `(.+?)`, got `(.+)`", text)
    if match:
        wanted = " or ".join(_WORDS.get(name.strip(), name.strip()) for name in match[1].split("|"))
        return f"must be {wanted}, not {called(raw)}; write {example(kind)}"
    length = re.fullmatch(r"Expected `\w+` of length (.+)", text)
    if length:
        return f"has the wrong length; it must be {length[1]}"
    limit = re.fullmatch(r"Expected `(\w+)` (.+)", text)
    if limit:
        return f"{raw!r} is out of range; it must be {_WORDS.get(limit[1], limit[1])} {limit[2]}"
    return f"{text}; write {example(kind)}"


def _choices(kind: Any) -> list[str]:
    if typing.get_origin(kind) is typing.Literal:
        return [str(value) for value in typing.get_args(kind)]
    members = getattr(kind, "__members__", None)
    if members is not None:
        return [str(member.value) for member in members.values()]
    return [choice for inner in typing.get_args(kind) for choice in _choices(inner)]
