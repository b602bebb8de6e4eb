"""The world in writing: what a cluster's tables hold, so that a restart need not read the whole ledger again.

What is written is the world as it was at the horizon, the place in time before which nothing is understood again; everything
younger is understood anew from the reports. A value is read by the type that its table
is declared with.
"""

import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any, Final

import msgspec

import bridge.core.drbd.tables
import bridge.core.pacemaker.tables  # noqa: F401 - all tables must be declared before any is read
from bridge.core.world.table import TABLES, Key
from bridge.core.world.world import World

Facts = dict[Key, Any]
PIECE: Final = 1 << 16


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster: its horizon (time, witness, sequence, uid); so many facts follow."""

    cluster: str
    horizon: tuple[datetime, str, int, str] | None
    facts: int


Page = tuple[str, tuple[Any, ...], Facts]
"""A cluster, its horizon, and its facts by table."""


def write(pages: Iterable[Page]) -> bytes:
    """Clusters with their horizons and facts, as compressed lines: never all of it in memory at once."""
    packer = zlib.compressobj(level=1)
    packed = [packer.compress(_line(value)) for page in pages for value in _values(*page)]
    return b"".join([*packed, packer.flush()])


def read(data: bytes) -> Iterator[Page]:
    """What `write` was given. Raises msgspec.MsgspecError, KeyError or zlib.error for what another version wrote."""
    lines = _lines(data)
    shared: dict[str, str] = {}
    for line in lines:
        head = msgspec.json.decode(line, type=Head)
        yield head.cluster, _place(head.horizon), dict(_fact(next(lines, b""), shared) for _ in range(head.facts))


def at_mark(world: World, mark: int) -> Facts:
    """The facts as they were at a mark of the journal, without winding back."""
    facts = dict(world.facts)
    for key, old in reversed(world.journal[mark:]):
        if old is None:
            facts.pop(key, None)
        else:
            facts[key] = old
    return facts


def _values(cluster: str, horizon: tuple[Any, ...], facts: Facts) -> Iterator[Any]:
    place = (horizon[0], horizon[1], horizon[2], horizon[3].hex()) if horizon else None
    yield Head(cluster=cluster, horizon=place, facts=len(facts))
    yield from (((str(key[0]), *key[1:]), value) for key, value in facts.items())


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _lines(data: bytes) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    rest = b""
    while data:
        *lines, rest = (rest + unpacker.decompress(data, PIECE)).split(b"\n")
        yield from lines
        data = unpacker.unconsumed_tail
    yield from (rest + unpacker.flush()).splitlines()


def _fact(line: bytes, shared: dict[str, str]) -> tuple[Key, Any]:
    (table, *name), raw = msgspec.json.decode(line, type=tuple[tuple[str, ...], msgspec.Raw])
    declared = TABLES[table]
    return (declared, *_sharing(tuple(name), shared)), _sharing(msgspec.json.decode(raw, type=declared.of), shared)


def _sharing(value: Any, shared: dict[str, str]) -> Any:
    """The same value, with one object for all equal texts: each name stands in a dozen places."""
    if isinstance(value, str):
        return value if isinstance(value, Enum) else shared.setdefault(value, value)
    if isinstance(value, tuple):
        return tuple(_sharing(one, shared) for one in value)
    if isinstance(value, dict):
        return {_sharing(key, shared): _sharing(one, shared) for key, one in value.items()}
    if isinstance(value, msgspec.Struct):
        fields = {name: _sharing(getattr(value, name), shared) for name in value.__struct_fields__}
        return type(value)(**fields)
    return value


def _place(horizon: tuple[datetime, str, int, str] | None) -> tuple[Any, ...]:
    return () if horizon is None else (horizon[0], horizon[1], horizon[2], bytes.fromhex(horizon[3]))
