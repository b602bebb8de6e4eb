"""What the relay owes the bridge: reports that wait, are in flight, or were settled lately. No I/O, time is an argument.

Nothing in here is needed for safety: after a crash the spool says all of it again.
"""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Optional

from bridge.wire.codec import MAX_BATCH, MAX_PAIRS

ACK_AFTER: Final = 2.0
ACK_LONGEST: Final = 30.0
JITTER: Final = 0.2
RECENT: Final = 20_000
MAX_HELD: Final = 4 * 1024 * 1024

Load = Callable[[bytes, "Entry"], Optional[bytes]]
"""The body of an entry from its file; None when the report is gone or was put aside."""


class Entry:
    """`body` is held only while no file is known, or after the file could not be trusted to come."""

    __slots__ = ("body", "path", "resend_at", "size", "tries")

    def __init__(self, body: bytes | None, path: str | None) -> None:
        self.body = body
        self.path = path
        self.size = 0
        self.tries = 0
        self.resend_at = 0.0


class Pending:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._all: dict[bytes, Entry] = {}
        self._waiting: list[bytes] = []  # a heap: ids sort by time, the oldest goes first
        self._flight: dict[bytes, Entry] = {}
        self._flight_bytes = 0
        self._held = 0
        self._recent: OrderedDict[bytes, bool] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    @property
    def in_flight(self) -> int:
        return len(self._flight)

    def settled(self, uid: bytes) -> bool | None:
        """True: the bridge has it. False: refused for ever. None: neither, as far as we remember.

        Without this memory each datagram or watch event that comes after the acknowledgement would send its report again.
        """
        return self._recent.get(uid)

    def offer_body(self, uid: bytes, body: bytes, *, must: bool = False) -> bool:
        """A report that came as a datagram. Not kept beyond 4 MiB: its file will be found, and its hook was promised nothing."""
        if uid in self._all or uid in self._recent:
            return False
        if self._held + len(body) > MAX_HELD and not must:
            return False
        self._held += len(body)
        self._enter(uid, Entry(body, None))
        return True

    def offer_file(self, uid: bytes, path: str) -> None:
        entry = self._all.get(uid)
        if entry is None:
            self._enter(uid, Entry(None, path))
        else:
            entry.path = path

    def _enter(self, uid: bytes, entry: Entry) -> None:
        self._all[uid] = entry
        heapq.heappush(self._waiting, uid)

    def take(self, window: int, window_bytes: int, now: float, load: Load) -> list[tuple[bytes, bytes]]:
        """The next batch that the window has room for; what it returns counts as in flight."""
        batch: list[tuple[bytes, bytes]] = []
        room = min(MAX_BATCH, window_bytes - self._flight_bytes)
        while self._waiting and len(batch) < MAX_PAIRS and len(self._flight) < window:
            uid = heapq.heappop(self._waiting)  # before loading: a file put aside makes a report of its own, which enters here
            if uid in self._flight:
                continue
            entry = self._all.get(uid)
            body = None if entry is None else entry.body if entry.body is not None else load(uid, entry)
            if entry is None or body is None:
                self._forget(uid)
            elif len(body) > room and (batch or self._flight):
                heapq.heappush(self._waiting, uid)
                break
            else:
                room -= len(body)
                self._fly(uid, entry, len(body), now)
                batch.append((uid, body))
        return batch

    def _fly(self, uid: bytes, entry: Entry, size: int, now: float) -> None:
        patience = min(ACK_LONGEST, ACK_AFTER * 2.0 ** min(entry.tries, 8))
        entry.resend_at = now + patience * self._chance.uniform(1 - JITTER, 1 + JITTER)
        entry.tries += 1
        entry.size = size
        self._flight[uid] = entry
        self._flight_bytes += size

    def expire(self, now: float) -> None:
        """What was not acknowledged in its time waits again."""
        for uid in [uid for uid, entry in self._flight.items() if entry.resend_at <= now]:
            self._land(uid)
            heapq.heappush(self._waiting, uid)

    def reset(self) -> None:
        """A fresh socket: all that was in flight goes again, the oldest first."""
        for uid, entry in list(self._flight.items()):
            self._land(uid)
            entry.tries = 0
            heapq.heappush(self._waiting, uid)

    def settle(self, uid: bytes, *, stored: bool) -> Entry | None:
        """Acknowledged or refused; None when we did not know it."""
        entry = self._forget(uid)
        self._recent[uid] = stored
        self._recent.move_to_end(uid)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return entry

    def _forget(self, uid: bytes) -> Entry | None:
        self._land(uid)
        entry = self._all.pop(uid, None)
        if entry is not None and entry.body is not None:
            self._held -= len(entry.body)
        return entry

    def _land(self, uid: bytes) -> None:
        entry = self._flight.pop(uid, None)
        if entry is not None:
            self._flight_bytes -= entry.size
