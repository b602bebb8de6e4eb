"""What the intake hands to the writer: reports as they came in, and what was refused for ever."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.wire import codec


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it came in. `fields` is the body, parsed; `peer` is the connection that waits for its acknowledgement.

    `offset_ns` is what must be added to its stamp (to its wall clock, when it has none) to say when it was on the time line.
    """

    peer: bytes
    uid: bytes
    body: bytes
    cluster: str
    node: str
    received_ns: int
    offset_ns: int
    fields: dict[str, Any]


class Spoiled(msgspec.Struct, frozen=True, kw_only=True):
    """What was refused for ever: the relay keeps it in bad/, and the ledger keeps a small report about it."""

    peer: bytes
    uid: bytes
    code: codec.Code
    why: str
    head: bytes
    cluster: str
    node: str
    received_ns: int


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    arrivals: list[Arrival]
    spoiled: list[Spoiled]
