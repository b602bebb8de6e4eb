"""What lies in the spool and not in memory: a page of it, the oldest first, and how much there is besides. No I/O.

A folder of a million files is read again for each page, so that memory does not grow with it. A round goes through all that
lies there once; what cannot be sent or removed is passed over, and is looked at again in a later round.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from bridge.wire.body import Moment

PAGE: Final = 32_768
NEWEST: Final = 1024
"""Reports that are the present, whenever there are more: they go before the past."""
SLACK_NS: Final = 10**9
"""A file's time is written with the kernel's coarse clock, and the two clocks drift."""
_RECORD: Final = struct.Struct(">QB16s")
_BIAS: Final = 1 << 63


class Lying(NamedTuple):
    """A file in box number `box`. `born_ns`: when its report was made, on this boot's clock; negative for an earlier boot's."""

    born_ns: int
    box: int
    uid: bytes

    def record(self) -> bytes:
        """25 bytes that sort by age: a page of them takes 2 MB."""
        return _RECORD.pack(self.born_ns + _BIAS, self.box, self.uid)


def read_record(record: bytes) -> Lying:
    born, box, uid = _RECORD.unpack(record)
    return Lying(born - _BIAS, box, uid)


def born(uid: bytes, written_ns: int, here: Moment) -> int:
    """When a report was made: as its name says, or as its file's time does, and the earlier if they differ.

    The name of an earlier boot's report counts from that boot; a file's time is that of a clock which may have been set.
    """
    named = named_ns(uid)
    written = written_ns - here.wall_ns + here.boot_ns
    return named if named <= min(written + SLACK_NS, here.boot_ns) else min(written, here.boot_ns)


def named_ns(uid: bytes) -> int:
    return min(int.from_bytes(uid[:8], "big"), _BIAS - 1)


class Pages:
    def __init__(self) -> None:
        self._page: list[bytes] = []  # the oldest last
        self._rest = 0
        self._floor: int | None = None
        self._behind: dict[int, bytes] = {}
        self.cursor = b""
        """The last record that was taken in this round; empty before the first."""

    def __len__(self) -> int:
        return len(self._page) + self._rest

    @property
    def is_low(self) -> bool:
        """Whether the next page is wanted."""
        return self._rest > 0 and len(self._page) < PAGE // 4

    @property
    def is_round_over(self) -> bool:
        return not self.cursor or not len(self)

    def start_round(self) -> None:
        self.cursor = b""

    def passed(self, record: bytes, box: int) -> bool:
        return record <= max(self.cursor, self._behind.get(box, b""))

    def turn(self, page: Sequence[bytes], rest: int) -> None:
        """A folder was read to its end: its oldest, sorted, and how many there are besides."""
        self._page = [record for record in reversed(page) if record > self.cursor]
        self._rest = rest
        self._floor = read_record(page[-1]).born_ns if rest and page else None

    def take(self) -> Lying | None:
        if not self._page:
            return None
        self.cursor = self._page.pop()
        return read_record(self.cursor)

    def drop(self, born_ns: int) -> None:
        """Memory lets go of a report whose file it knows."""
        self._rest += 1
        self._floor = born_ns if self._floor is None else min(self._floor, born_ns)

    def leave(self, lying: Lying) -> None:
        """It can be neither sent nor removed now: later rounds pass over it and all that is older in its box."""
        self._behind[lying.box] = max(self._behind.get(lying.box, b""), lying.record())

    def look_again(self, boxes: Iterable[int]) -> None:
        for box in boxes:
            self._behind.pop(box, None)

    def oldest_ns(self) -> int | None:
        """No report that lies there is older; None when none lies there."""
        ages = [read_record(self._page[-1]).born_ns] if self._page else []
        return min([*ages, *([self._floor] if self._rest and self._floor is not None else [])], default=None)
