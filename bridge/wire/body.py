"""The body of a report: one line of JSON with a checksum at its end, as every hook and the relay write it."""

from __future__ import annotations

import json
import os
import time
from binascii import crc32
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

MAX_BODY: Final = 32 * 1024


MAX_VALUE: Final = 4 * 1024


CRC_MARK: Final = b',"crc":"'


ID_BYTES: Final = 16


class Torn(Exception):  # noqa: N818 - a state of a file, not a mistake of ours
    """A file or datagram that is not a whole report; the text says why."""


class Moment(NamedTuple):
    """Now, as a report tells it: the boot, nanoseconds since it, nanoseconds since 1970."""

    boot: str
    boot_ns: int
    wall_ns: int


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
            return source.read(36)
    except OSError:
        return ""


def moment(boot: str) -> Moment:
    """Both clocks as of one moment: a process may have to wait between two readings."""
    for _ in range(3):
        boot_ns, wall_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
        if time.clock_gettime_ns(time.CLOCK_BOOTTIME) - boot_ns < 1_000_000:
            break
    return Moment(boot, boot_ns, wall_ns)


def new_id(boot_ns: int) -> bytes:
    """Sorts by time within a boot, and is unique for ever without asking anybody."""
    return boot_ns.to_bytes(8, "big") + os.urandom(8)


def make_body(src: str, fields: Mapping[str, str | int | bool], now: Moment) -> tuple[bytes, bytes]:
    """The id and the line of a report of our own, in the same form as a hook writes it. Long values are cut, and it says so."""
    uid = new_id(now.boot_ns)
    head = _head(src, uid, now)
    shortened = {key: cut(value, MAX_VALUE) for key, value in fields.items()}
    line = _seal(head | ({"truncated": True} if shortened != dict(fields) else {}) | shortened)
    while len(line) > MAX_BODY and shortened:
        shortened.popitem()
        line = _seal(head | {"truncated": True} | shortened)
    return uid, line


def make_whole(src: str, fields: Mapping[str, Any], now: Moment) -> tuple[bytes, bytes]:
    """The same for what JSON can hold, and nothing is cut. Raises ValueError when it is too long for a report."""
    uid = new_id(now.boot_ns)
    line = _seal({**_head(src, uid, now), **fields})
    if len(line) > MAX_BODY:
        raise ValueError(f"{len(line)} bytes, more than the {MAX_BODY} of a report")
    return uid, line


def _head(src: str, uid: bytes, now: Moment) -> dict[str, Any]:
    head: dict[str, Any] = {"v": 1, "id": uid.hex(), "src": src, "boot": now.boot, "boot_ns": now.boot_ns, "wall_ns": now.wall_ns}
    return {**head, "uid": os.getuid(), "pid": os.getpid()}


def cut(value: str | int | bool, limit: int) -> str | int | bool:
    """No more than `limit` bytes of UTF-8, and nothing that UTF-8 cannot carry."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace")[:limit].decode("utf-8", "ignore")


def _seal(fields: Mapping[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    return b'%s%s%08x"}\n' % (text, CRC_MARK, crc32(text))


def check(raw: bytes) -> None:
    """Raises Torn unless the line is whole: its end, and the checksum of all that stands before it."""
    head, mark, tail = raw.rpartition(CRC_MARK)
    if not raw.endswith(b'"}\n') or not mark or len(tail) != len('00000000"}\n'):
        raise Torn("cut short: no checksum at its end")
    if tail[:8] != b"%08x" % crc32(head):
        raise Torn("the checksum does not fit the text")


class Envelope(NamedTuple):
    uid: bytes
    src: str


def envelope(raw: bytes) -> Envelope:
    """Who it is and where it comes from; raises Torn for what is not a report."""
    check(raw)
    try:
        fields = json.loads(raw)
        uid, src = bytes.fromhex(fields["id"]), fields["src"]
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        raise Torn(f"not a report: {type(wrong).__name__}: {wrong}") from None
    if len(uid) != ID_BYTES or not isinstance(src, str):
        raise Torn("not a report: its id has not 16 bytes, or its source is no text")
    return Envelope(uid, src)
