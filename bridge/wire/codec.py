"""The frames between relay (DEALER) and bridge (ROUTER), version 1. The first frame is a letter and a digit.

    relay → H1  JSON                          hello: who speaks, what waits; nothing else is sent before its answer
          ← W1  JSON                          welcome: the window
          ← R1  JSON                          not here, not now: try the next endpoint
    relay → E1  batch (8 bytes), [id, body]…  reports: at most 64 pairs, 256 KiB
          ← A1  ids (16 bytes each), window   committed; the window may shrink to nothing
          ← N1  id, code, text                refused for ever
    relay → P1  token, JSON                   alive; backlog and clocks, the last look at the cluster
          ← Q1  token, window
    relay → B1                                an orderly stop
          ← D1  JSON                          play a drill's story: to relays only whose hello says that they can
    node  → J1  JSON                          let this key in: said with an invitation's key, or with the node's own one
          ← K1  JSON                          it is in, under this name

Numbers are big-endian. Decoding never raises anything but Malformed, whatever the other side sends.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Any, Final, NamedTuple, Union

PROTO: Final = 1
MAX_PAIRS: Final = 64
MAX_BATCH: Final = 256 * 1024
MAX_EVENT: Final = 64 * 1024
MAX_JSON: Final = 16 * 1024
ID_BYTES: Final = 16
TOKEN_BYTES: Final = 8
DEFAULT_WINDOW: Final = 256
WINDOW_BYTES: Final = 1024 * 1024
_LARGEST: Final = 2**63 - 1
_U64: Final = struct.Struct("!Q")
_U16: Final = struct.Struct("!H")


class Malformed(Exception):  # noqa: N818 - their mistake, not ours
    """Frames that no relay or bridge of this protocol would send."""


class Code(IntEnum):
    """Why a report is refused for ever."""

    MALFORMED = 1
    TOO_LARGE = 2
    VERSION = 3
    SOURCE = 4


class Hello(NamedTuple):
    """`drills`: it plays the stories of drills; 0 of a relay that is older than they are."""

    node: str
    cluster: str = ""
    boot: str = ""
    instance: str = ""
    version: str = ""
    backlog: int = 0
    backlog_bytes: int = 0
    oldest_ns: int = 0
    wall_ns: int = 0
    boot_ns: int = 0
    low: int = PROTO
    high: int = PROTO
    drills: int = 0


class Welcome(NamedTuple):
    """`pictures`: it understands reports of crm_mon; 0 of a bridge that is older than they are."""

    bridge: str
    window: int = DEFAULT_WINDOW
    window_bytes: int = WINDOW_BYTES
    max_event: int = MAX_EVENT
    proto: int = PROTO
    pictures: int = 0


class NotNow(NamedTuple):
    reason: str
    endpoints: tuple[str, ...] = ()


class Batch(NamedTuple):
    number: int
    pairs: tuple[tuple[bytes, bytes], ...]


class Taken(NamedTuple):
    ids: tuple[bytes, ...]
    window: int


class Refused(NamedTuple):
    uid: bytes
    code: int
    text: str


class Ping(NamedTuple):
    """`round_trip_ns` is how long the answer took to what `answered` names: an earlier ping by its token in hex, or "hello", the
    first on this connection. So late, at the most, was that message when it was heard. `looked_ms`: so long ago, at the least,
    the relay saw the cluster as its last report of crm_mon shows it; 0 when it does not look."""

    token: bytes
    wall_ns: int = 0
    boot_ns: int = 0
    round_trip_ns: int = 0
    backlog: int = 0
    backlog_bytes: int = 0
    oldest_ns: int = 0
    answered: str = ""
    looked_ms: int = 0


class Pong(NamedTuple):
    token: bytes
    window: int


class Bye(NamedTuple):
    pass


class Drill(NamedTuple):
    """The drill's name, its story, and the names in it: of the node that plays it, of the one that is lost, of the service or
    replica."""

    drill: str
    story: str
    here: str
    node: str
    resource: str


class Join(NamedTuple):
    """`public` is the key that shall be let in, for the node of that name; "" with the node's own key: nothing is asked for but
    under which name it is known."""

    public: str
    node: str = ""


class Joined(NamedTuple):
    cluster: str
    node: str


Message = Union[Hello, Welcome, NotNow, Batch, Taken, Refused, Ping, Pong, Bye, Drill, Join, Joined]


def encode(message: Message) -> list[bytes]:
    if isinstance(message, Batch):
        return [b"E1", _U64.pack(message.number), *(frame for pair in message.pairs for frame in pair)]
    if isinstance(message, Taken):
        return [b"A1", b"".join(message.ids), _U16.pack(message.window)]
    if isinstance(message, Refused):
        return [b"N1", message.uid, bytes([message.code]), message.text.encode("utf-8", "backslashreplace")]
    if isinstance(message, Ping):
        return [b"P1", message.token, _dump({**message._asdict(), "token": None})]
    if isinstance(message, Pong):
        return [b"Q1", message.token, _U16.pack(message.window)]
    if isinstance(message, Bye):
        return [b"B1"]
    letter = {Hello: b"H1", Welcome: b"W1", NotNow: b"R1", Drill: b"D1", Join: b"J1", Joined: b"K1"}[type(message)]
    return [letter, _dump(message._asdict())]


def _dump(fields: dict[str, Any]) -> bytes:
    return json.dumps({key: value for key, value in fields.items() if value is not None}, separators=(",", ":")).encode()


def decode(frames: Sequence[bytes]) -> Message:
    if not frames:
        raise Malformed("an empty message")
    reader = _READERS.get(bytes(frames[0][:8]))
    if reader is None:
        raise Malformed(f"a message of kind {bytes(frames[0][:8])!r}, which version {PROTO} does not know")
    try:
        return reader(frames[1:])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, struct.error) as wrong:
        raise Malformed(f"{bytes(frames[0]).decode()}: {type(wrong).__name__}: {wrong}") from None


def _json(frame: bytes) -> dict[str, Any]:
    if len(frame) > MAX_JSON:
        raise ValueError(f"{len(frame)} bytes of JSON, more than {MAX_JSON}")
    fields = json.loads(frame)
    if not isinstance(fields, dict):
        raise TypeError("not a JSON object")
    return fields


def _known(kind: Any, fields: dict[str, Any]) -> Any:
    """Only the fields that we know, each with the type of its default: a newer peer may say more."""
    hints = kind._field_defaults
    given = {key: fields[key] for key in kind._fields if key in fields}
    for key, value in given.items():
        wanted = type(hints.get(key, ""))
        if wanted is int and not (type(value) is int and 0 <= value <= _LARGEST):
            raise ValueError(f"{key} is not a number from 0 to 2^63")
        if wanted is str and not (isinstance(value, str) and len(value) <= 256 and value.isprintable()):
            raise ValueError(f"{key} is not a short text")
    return kind(**given)


def _told(kind: Any, rest: Sequence[bytes]) -> Message:
    """A message that is nothing but its fields."""
    message: Message = _known(kind, _json(rest[0]))
    return message


def _not_now(rest: Sequence[bytes]) -> Message:
    fields = _json(rest[0])
    return NotNow(str(fields.get("reason", "")), tuple(str(one) for one in fields.get("endpoints", ())))


def _batch(rest: Sequence[bytes]) -> Message:
    if len(rest) % 2 == 0 or len(rest) > 2 * MAX_PAIRS + 1:
        raise ValueError(f"{len(rest)} frames after the kind")
    (number,) = _U64.unpack(rest[0])
    return Batch(number, tuple(zip(rest[1::2], rest[2::2])))


def _taken(rest: Sequence[bytes]) -> Message:
    ids = rest[0]
    if len(ids) % ID_BYTES:
        raise ValueError("ids of odd length")
    cut = tuple(ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES))
    return Taken(cut, _U16.unpack(rest[1])[0])


def _refused(rest: Sequence[bytes]) -> Message:
    return Refused(rest[0], rest[1][0], rest[2][:1024].decode("utf-8", "replace"))


def _ping(rest: Sequence[bytes]) -> Message:
    if len(rest[0]) > TOKEN_BYTES:
        raise ValueError("a token of more than 8 bytes")
    fields = _json(rest[1])
    fields.pop("token", None)
    ping: Ping = _known(Ping, fields | {"token": ""})
    return ping._replace(token=rest[0])


def _pong(rest: Sequence[bytes]) -> Message:
    return Pong(rest[0], _U16.unpack(rest[1])[0])


def _bye(_rest: Sequence[bytes]) -> Message:
    return Bye()


_READERS: Final[dict[bytes, Callable[[Sequence[bytes]], Message]]] = {
    b"H1": partial(_told, Hello),
    b"W1": partial(_told, Welcome),
    b"R1": _not_now,
    b"E1": _batch,
    b"A1": _taken,
    b"N1": _refused,
    b"P1": _ping,
    b"Q1": _pong,
    b"B1": _bye,
    b"D1": partial(_told, Drill),
    b"J1": partial(_told, Join),
    b"K1": partial(_told, Joined),
}
