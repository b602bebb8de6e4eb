"""Reading what lies in the folders, a few names at a time: a look misses nothing that a watch missed, and holds nobody up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from bridge.node.pages import NEWEST, PAGE, Lying, Pages, born, read_record
from bridge.node.pending import Pending
from bridge.node.spool import Spool, uid_of
from bridge.wire.body import Moment

NAMES_AT_ONCE: Final = 128
LONGEST_STEP: Final = 0.005
ROUND_EVERY: Final = 5.0
SHARE_OF_TIME: Final = 0.05
"""Of a core, for looking at what no bridge takes."""
LOOK_AGAIN_AFTER: Final = 300.0
"""Seconds until what could be neither sent nor removed is tried again, where nothing is wrong with its spool."""


class Sieve:
    """The `most` smallest records of all that it is shown, or the largest."""

    def __init__(self, most: int, *, largest: bool = False) -> None:
        self._most = most
        self._largest = largest
        self._kept: list[bytes] = []
        self._bound: bytes | None = None

    def add(self, record: bytes) -> None:
        if self._bound is not None and (record > self._bound) is not self._largest:
            return
        self._kept.append(record)
        if len(self._kept) > 2 * self._most:
            self.sort()

    def sort(self) -> list[bytes]:
        """What is kept, the smallest first."""
        self._kept.sort()
        if len(self._kept) > self._most:
            self._kept = self._kept[-self._most :] if self._largest else self._kept[: self._most]
            self._bound = self._kept[0 if self._largest else -1]
        return self._kept


class Look:
    """What one walk has seen so far of what waits: the page that comes next, and the newest of what is after `mark_ns`."""

    def __init__(self, mark_ns: int | None) -> None:
        self._mark = b"" if mark_ns is None else Lying(mark_ns, 255, b"\xff" * 16).record()
        self.oldest = Sieve(PAGE)
        self.newest = Sieve(NEWEST, largest=True)
        self.count = self.size = 0

    def add(self, record: bytes, size: int) -> None:
        self.count += 1
        self.size += size
        self.oldest.add(record)
        if record > self._mark:
            self.newest.add(record)


class Walk:
    """`strange` is told of a file (and its name) that no hook would have named so, `settled` of one that need not lie there."""

    def __init__(
        self,
        spool: Spool,
        pages: Pages,
        pending: Pending,
        *,
        strange: Callable[[str, str], None],
        settled: Callable[[str, bytes], None],
    ) -> None:
        self._spool = spool
        self._pages = pages
        self._pending = pending
        self._strange = strange
        self._settled = settled
        self._steps: Iterator[None] | None = None
        self._took = 0.0
        self._round_at = self._again_at = 0.0
        self.size = 0
        """Bytes of what waited when a round last went through all of it."""

    @property
    def under_way(self) -> bool:
        return self._steps is not None

    def hurry(self) -> None:
        """Something may have been missed."""
        self._round_at = 0.0

    def step(self, now: float, here: Moment) -> None:
        """Goes on with a walk for a few milliseconds, or begins one if it is time."""
        if self._steps is None:
            self._steps = self._begin(now, here)
        if self._steps is None:
            return
        began = time.monotonic()
        is_over = next(self._steps, self) is self
        while not is_over and time.monotonic() < began + LONGEST_STEP:
            is_over = next(self._steps, self) is self
        self._took += time.monotonic() - began
        if is_over:
            self._steps = None
            self._round_at = now + max(ROUND_EVERY, self._took / SHARE_OF_TIME)

    def _begin(self, now: float, here: Moment) -> Iterator[None] | None:
        if now >= self._round_at and self._pages.is_round_over:
            self._pages.start_round()
            self._try_again(now)
        elif not self._pages.is_low:
            return None
        self._took = 0.0
        return self._walk(here, Look(self._pending.mark_ns), is_round=not self._pages.cursor)

    def _try_again(self, now: float) -> None:
        """What was left behind, where a spool is mended, or was never broken."""
        tops = self._spool.mended()
        if now >= self._again_at:
            self._again_at = now + LOOK_AGAIN_AFTER
            tops |= self._spool.well()
        self._pages.look_again(number for number, box in enumerate(self._spool.boxes) if os.path.dirname(box) in tops)

    def _walk(self, here: Moment, look: Look, *, is_round: bool) -> Iterator[None]:
        for number in range(len(self._spool.boxes)):
            yield from self._walk_box(number, here, look)
        page, newest = look.oldest.sort(), look.newest.sort()
        if newest:
            page = [record for record in page if record < newest[0]]
        self._pages.turn(page, look.count - len(page) - len(newest))
        for lying in map(read_record, newest):
            self._pending.offer_file(lying.uid, self._spool.path_of(lying.box, lying.uid), lying.born_ns)
        if is_round:
            self.size = look.size

    def _walk_box(self, number: int, here: Moment, look: Look) -> Iterator[None]:
        for found in self._waiting(number):
            if found is None:
                yield
                continue
            entry, uid = found
            try:
                file = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError:
                self._spool.doubt()
                continue
            record = Lying(born(uid, file.st_mtime_ns, here), number, uid).record()
            if not self._pages.passed(record, number):
                look.add(record, file.st_size)

    def _waiting(self, number: int) -> Iterator[tuple[os.DirEntry[str], bytes] | None]:
        """What lies in a box and is neither in memory nor settled; None where there may be a pause."""
        for seen, entry in enumerate(self._spool.entries(number)):
            if seen % NAMES_AT_ONCE == 0:
                yield None
            uid = uid_of(entry.name)
            if uid is None:
                self._strange(entry.path, entry.name)
            elif self._pending.settled(uid) is not None:
                self._settled(entry.path, uid)
            elif uid in self._pending:
                self._pending.offer_file(uid, entry.path)
            else:
                yield entry, uid
