"""The world in writing: what a cluster's tables hold, so that a restart need not read the whole ledger again.

What is written is the world as it was at the horizon, the place in time before which nothing is understood again, with the last
words of what is older; everything younger is understood anew from the reports. A value is read by the type that its table
is declared with.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal, NamedTuple

import msgspec

import bridge.core.drbd.tables
import bridge.core.pacemaker.tables
import bridge.core.world.picture  # noqa: F401 - all tables must be declared before any is read
from bridge.core.world.table import TABLES, Key
from bridge.core.world.world import World

Facts = dict[Key, Any]
PIECE: Final = 1 << 16
FORM: Final = 3
"""Raised when the values of a table mean something else than before: what has another form is not read."""
_pair: Final = msgspec.json.Decoder(tuple[tuple[str, ...], msgspec.Raw]).decode


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster: its horizon (time, witness, sequence, uid); so many facts follow. `form` is that of the tables' values;
    `waits` are the reports of before the horizon that are not in them."""

    form: Literal[3]
    cluster: str
    horizon: tuple[datetime, str, int, str] | None
    facts: int
    waits: tuple[str, ...]


class Page(NamedTuple):
    """A cluster, its horizon, and its facts by table; and by uid, as hex, the reports of before that wait to be understood."""

    cluster: str
    horizon: tuple[Any, ...]
    facts: Facts
    waits: tuple[str, ...] = ()


def write(pages: Iterable[Page]) -> bytes:
    """Clusters with their horizons and facts, as compressed lines: never all of it in memory at once."""
    packer = zlib.compressobj(level=1)
    packed = [packer.compress(_line(value)) for page in pages for value in _values(page)]
    return b"".join([*packed, packer.flush()])


def read(data: bytes) -> Iterator[Page]:
    """What `write` was given. Raises msgspec.MsgspecError, KeyError or zlib.error for what another version wrote."""
    lines = _lines(data)
    shared: dict[str, str] = {}
    for line in lines:
        head = msgspec.json.decode(line, type=Head)
        facts = dict(_fact(next(lines, b""), shared) for _ in range(head.facts))
        yield Page(head.cluster, _place(head.horizon), facts, head.waits)


def at_mark(world: World, mark: int) -> Facts:
    """The facts as they were at a mark of the journal, without winding back."""
    facts = dict(world.facts)
    for key, old in reversed(world.journal[mark:]):
        if old is None:
            facts.pop(key, None)
        else:
            facts[key] = old
    return facts


def _values(page: Page) -> Iterator[Any]:
    horizon, facts = page.horizon, page.facts
    place = (horizon[0], horizon[1], horizon[2], horizon[3].hex()) if horizon else None
    yield Head(form=FORM, cluster=page.cluster, horizon=place, facts=len(facts), waits=page.waits)
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
    (table, *name), raw = _pair(line)
    declared = TABLES[table]
    return (declared, *_sharing(tuple(name), shared)), _sharing(_reader(table)(raw), shared)


@cache
def _reader(table: str) -> Callable[[msgspec.Raw], Any]:
    """Made once a table, not once a fact: making it takes longer than reading."""
    return msgspec.json.Decoder(TABLES[table].of).decode


def _sharing(value: Any, shared: dict[str, str]) -> Any:
    """The same value, with one object for all equal texts: each name stands in a dozen places."""
    kind = type(value)
    if kind is str:
        return shared.setdefault(value, value)
    if kind is tuple:
        return tuple([_sharing(one, shared) for one in value])
    if kind is dict:
        return {_sharing(key, shared): _sharing(one, shared) for key, one in value.items()}
    if isinstance(value, msgspec.Struct):
        return kind(**{name: _sharing(getattr(value, name), shared) for name in value.__struct_fields__})
    return value


def _place(horizon: tuple[datetime, str, int, str] | None) -> tuple[Any, ...]:
    return () if horizon is None else (horizon[0], horizon[1], horizon[2], bytes.fromhex(horizon[3]))
