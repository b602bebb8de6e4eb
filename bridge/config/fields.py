"""From what stands in a TOML table to a frozen struct: every field for itself, so that all mistakes are found at once."""

import re
import types
import typing
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from bridge import secret
from bridge.config.findings import Findings, Wrong, did_you_mean, dotted
from bridge.config.toml_lines import Path as Key
from bridge.config.words import called, example, worded

_FAILED: Final = object()
S = TypeVar("S", bound=msgspec.Struct)


def read(kind: type[S], table: object, key: Key, findings: Findings) -> S | None:
    """The struct, with defaults for what was wrong, so that others can look at the rest; None when that is not possible."""
    if not isinstance(table, dict):
        findings.wrong(key, f"must be a table, not {called(table)}; write [{dotted(key)}]")
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
            findings.wrong((*key, name), f"is missing; add {name} = {example(field.type)}")
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
        raise Wrong(worded(error, kind, raw), below) from None
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
    raise ValueError(f"cannot be {called(raw)}; write {example(wanted)}")


_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
LONGEST: Final = timedelta(weeks=520)


def duration(raw: object) -> timedelta:
    """`30s`, `4h`, `1h30m`, `250ms`."""
    text = raw.replace(" ", "") if isinstance(raw, str) else ""
    if not _DURATION.fullmatch(text):
        shown = f"{raw!r}" if isinstance(raw, str) else called(raw)
        raise Wrong(f'{shown} is no duration; write it like "30s", "4h" or "1h30m" (ms, s, m, h, d, w)')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST.total_seconds():
        raise Wrong(f"{raw!r} is longer than ten years; write a shorter one")
    return timedelta(seconds=seconds)
