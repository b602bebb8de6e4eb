"""`drbdsetup events2` read line by line. (drbdsetup(8), events2; drbd-utils, drbdsetup.c)

    line      = [timestamp SP] action SP object *(SP key ":" value)
    action    = exists | create | change | destroy | rename | call | response

Values hold no spaces but may hold colons, keys have `-` or `_`. A change may carry nothing but numbers, or nothing: numbers are
not news. What is not known, versions have added: it is skipped.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from bridge.core.drbd.events import Call, Change

ACTIONS: Final = frozenset({"exists", "create", "change", "destroy", "rename", "call", "response"})
STATES: Final[Mapping[str, frozenset[str]]] = {
    "resource": frozenset({"role", "suspended", "force-io-failures"}),
    "connection": frozenset({"connection", "role"}),
    "device": frozenset({"disk", "client", "quorum"}),
    "peer-device": frozenset({"replication", "peer-disk", "peer-client", "resync-suspended", "stalled", "resynced"}),
    "path": frozenset({"local", "peer", "established"}),
}
"""What is news of each object; everything else is a number, a name, or of no consequence. `stalled` and `resynced` are the
relay's own words."""
NO_ONE: Final = "peer"
"""8.4 knows one peer and calls it so; drbd-utils up to 8.9.8 give it no node id. (drbd-utils, ChangeLog, 8.9.9)"""
ESCAPE: Final = "\x1b"
ARROW: Final = "->"
"""What colours (`--color=always`) put around values, and differences (`--diff`) into them: no state that DRBD has."""
SPAWN_FAILED: Final = 1 << 31
DIGITS: Final = 10
"""A wait status has 32 bits."""


class Line(msgspec.Struct, frozen=True):
    """A line taken apart; no object: the end of the first dump."""

    at: datetime | None
    action: str
    object: str
    values: dict[str, str]

    @property
    def resource(self) -> str:
        return self.values.get("name", "")


class NotALine(ValueError):  # noqa: N818 - said as it is
    """It is not of events2; the text says what was met instead."""


def parse(text: str) -> Line:
    words = text.split()
    at = instant(words[0]) if words else None
    if at is not None:
        words = words[1:]
    if len(words) < 2 or words[0] not in ACTIONS:
        raise NotALine(f"events2: {text[:80]!r} is none of {', '.join(sorted(ACTIONS))}")
    pairs = (word.partition(":") for word in words[2:])
    values = {key: value for key, colon, value in pairs if colon}
    known = STATES.get(words[1], frozenset())
    if ESCAPE in text or any(ARROW in value for key, value in values.items() if key in known):
        raise NotALine(f"events2: {text[:80]!r}: drbdsetup was called with --color or --diff, which cannot be read")
    return Line(at, words[0], words[1], values)


def instant(word: str) -> datetime | None:
    """The time before a line."""
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def item(line: Line) -> Change | Call | None:
    """What a line says beyond numbers, or None."""
    values = line.values
    of_8_4 = _is_no_one(values)
    peer = "" if of_8_4 else values.get("conn-name", "")
    if line.object == "helper":
        return _call(line, peer)
    if line.action == "rename" and line.object == "resource":
        return Change(action="rename", object="resource", states={"new_name": values.get("new_name", "")})
    if line.object not in STATES:
        return None
    known = STATES[line.object]
    keeps = line.action != "destroy" or line.object == "path"
    states = {key: value for key, value in values.items() if key in known} if keeps else {}
    if not states and line.action == "change":
        return None
    node_id = "" if of_8_4 else values.get("peer-node-id", "")
    return Change(
        action=line.action, object=line.object, peer=peer, node_id=node_id, volume=values.get("volume", ""), states=states
    )


def _is_no_one(values: Mapping[str, str]) -> bool:
    return values.get("conn-name") == NO_ONE and values.get("peer-node-id", "0") == "0"


def _call(line: Line, peer: str) -> Call | None:
    values = line.values
    if "helper" not in values:
        return None
    volumes = (values["volume"],) if "volume" in values else ()
    code = _exit_code(values.get("status", "0")) if line.action == "response" else None
    return Call(handler=values["helper"], peer=peer, volumes=volumes, code=code)


def _exit_code(status: str) -> int:
    """Of a raw wait status. A helper that could not be started, or was killed, counts as 0 to DRBD."""
    raw = int(status) if status.isascii() and status.isdigit() and len(status) <= DIGITS else 0
    return 0 if raw >= SPAWN_FAILED else raw >> 8 & 0xFF


def generation(lines: Iterable[Line]) -> str:
    """`8.4` or `9`, or "" when these lines look the same in both."""
    for line in lines:
        if line.object == "path" or "quorum" in line.values or "force-io-failures" in line.values:
            return "9"
        if line.object == "device" and line.action == "exists":  # all of its states are told, and there is no quorum
            return "8.4"
        if line.object in {"connection", "peer-device", "helper"} and "conn-name" in line.values:
            return "8.4" if _is_no_one(line.values) else "9"
    return ""
