"""From what stands in a TOML table to a frozen struct: every field for itself, so that all mistakes are found at once."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

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


class Wrong(Exception):  # noqa: N818 - it carries a mistake out of a nested value; it never leaves this module
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


_FAILED: Final = object()
S = TypeVar("S", bound=msgspec.Struct)


def read(kind: type[S], table: object, key: Key, findings: Findings) -> S | None:
    """The struct, with defaults for what was wrong, so that others can look at the rest; None when that is not possible."""
    if not isinstance(table, dict):
        findings.wrong(key, f"must be a table, not {_called(table)}; write [{dotted(key)}]")
        return None
    fields = msgspec.structs.fields(kind)
    known = {field.encode_name: field for field in fields}
    for name in table.keys() - known.keys():
        findings.wrong((*key, name), f"unknown key; {did_you_mean(name, known)}")
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in table:
            made = _try(field.type, table[name], (*key, name), findings)
            if made is not _FAILED:
                values[field.name] = made
        elif field.required:
            findings.wrong((*key, name), f"is missing; add {name} = {_example(field.type)}")
    if any(field.required and field.name not in values for field in fields):
        return None
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:  # a check of the struct's own, __post_init__
        findings.wrong(key, str(error))
        return None


def _try(kind: Any, raw: object, key: Key, findings: Findings) -> Any:
    try:
        return _value(kind, raw, key, findings)
    except Wrong as error:
        findings.wrong(key + error.below, str(error))
        return _FAILED


def _item(kind: Any, raw: object, key: Key, findings: Findings) -> Any:
    """A wrong item leaves a gap: its neighbours keep their numbers, and so their lines."""
    made = _try(kind, raw, key, findings)
    return made if made is not _FAILED else "" if kind is str else None


def _value(kind: Any, raw: object, key: Key, findings: Findings) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return _either(inner, raw, key, findings)
    if kind is timedelta:
        return duration(raw)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(raw, dict):
        struct = read(kind, raw, key, findings)
        return _FAILED if struct is None else struct
    if origin in {list, tuple} and isinstance(raw, list) and (origin is list or inner[1:] == (...,)):
        return origin([_item(inner[0], item, (*key, number), findings) for number, item in enumerate(raw)])
    if origin in {dict, Mapping} and isinstance(raw, dict):
        made = {name: _try(inner[1], item, (*key, name), findings) for name, item in raw.items()}
        return {name: item for name, item in made.items() if item is not _FAILED}
    return _leaf(kind, raw, key, findings)


def _either(kinds: tuple[Any, ...], raw: object, key: Key, findings: Findings) -> Any:
    """One type of several: chosen by what stands there, so that the error speaks of that one."""
    present = [kind for kind in kinds if kind is not type(None)]
    if raw == "never" and timedelta in kinds and len(present) < len(kinds):
        return None
    wanted = (dict, Mapping) if isinstance(raw, dict) else (list, tuple) if isinstance(raw, list) else ()
    if wanted:
        for kind in present:
            if typing.get_origin(kind) in wanted:
                return _value(kind, raw, key, findings)
    if len(present) == 1:
        return _value(present[0], raw, key, findings)
    if timedelta in present and isinstance(raw, str) and str not in present:
        return duration(raw)
    return _leaf(typing.Union[tuple(present)], raw, key, findings)  # noqa: UP007 - made at run time


def _leaf(kind: Any, raw: object, key: Key, findings: Findings) -> Any:
    try:
        made = msgspec.convert(raw, kind, dec_hook=lambda wanted, found: _custom(wanted, found, findings.file.parent))
    except msgspec.ValidationError as error:
        below = _below(str(error))
        for part in below:
            raw = raw[part]  # type: ignore[index]  # msgspec has just walked this way
        raise Wrong(_worded(error, kind, raw), below) from None
    if isinstance(made, secret.Secret):
        findings.secrets.append((key, made))
    return made


def _below(text: str) -> Key:
    """The items that msgspec went into: (1,) of "Expected `str`, got `int` - at `$[1]`"."""
    place = re.search(r" - at `\$((?:\[\d+\])+)`$", text)
    return tuple(int(number) for number in re.findall(r"\d+", place[1])) if place else ()


def _custom(wanted: type, raw: object, folder: Path) -> Any:
    if wanted is secret.Secret:
        return secret.parse(raw, folder)
    if wanted is Path and isinstance(raw, str) and raw:
        return folder / raw
    if wanted is re.Pattern and isinstance(raw, str):
        try:
            return re.compile(raw)
        except re.error as error:
            raise ValueError(f"the regular expression {raw!r} is wrong: {error}; mend it") from None
    raise ValueError(f"cannot be {_called(raw)}; write {_example(wanted)}")


_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
LONGEST: Final = timedelta(weeks=520)


def duration(raw: object) -> timedelta:
    """`30s`, `4h`, `1h30m`, `250ms`."""
    text = raw.replace(" ", "") if isinstance(raw, str) else ""
    if not _DURATION.fullmatch(text):
        shown = f"{raw!r}" if isinstance(raw, str) else _called(raw)
        raise Wrong(f'{shown} is no duration; write it like "30s", "4h" or "1h30m" (ms, s, m, h, d, w)')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST.total_seconds():
        raise Wrong(f"{raw!r} is longer than ten years; write a shorter one")
    return timedelta(seconds=seconds)


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


def _called(raw: object) -> str:
    return _CALLED.get(type(raw), "a date")


def _example(kind: Any) -> str:
    kind = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    if typing.get_origin(kind) is typing.Literal:
        return f'"{typing.get_args(kind)[0]}"'
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return _example(typing.get_args(kind)[0])
    return _EXAMPLES.get(typing.get_origin(kind) or kind, "a value")


def _worded(error: msgspec.ValidationError, kind: Any, raw: object) -> str:
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
        return f"must be {wanted}, not {_called(raw)}; write {_example(kind)}"
    length = re.fullmatch(r"Expected `\w+` of length (.+)", text)
    if length:
        return f"has the wrong length; it must be {length[1]}"
    limit = re.fullmatch(r"Expected `(\w+)` (.+)", text)
    if limit:
        return f"{raw!r} is out of range; it must be {_WORDS.get(limit[1], limit[1])} {limit[2]}"
    return f"{text}; write {_example(kind)}"


def _choices(kind: Any) -> list[str]:
    if typing.get_origin(kind) is typing.Literal:
        return [str(value) for value in typing.get_args(kind)]
    members = getattr(kind, "__members__", None)
    if members is not None:
        return [str(member.value) for member in members.values()]
    return [choice for inner in typing.get_args(kind) for choice in _choices(inner)]
