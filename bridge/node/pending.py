"""What the relay owes the bridge: reports that wait, are in flight, or were settled lately. No I/O, time is an argument.

What happens now goes first, the oldest of it before the rest; the past fills what room is left. Nothing in here is needed for
safety: after a crash the spool says all of it again.
"""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Optional

from bridge.node.pages import NEWEST, Lying, Pages, named_ns
from bridge.wire.codec import MAX_BATCH, MAX_PAIRS

ACK_AFTER: Final = 2.0
ACK_LONGEST: Final = 30.0
JITTER: Final = 0.2
RECENT: Final = 20_000
MAX_HELD: Final = 4 * 1024 * 1024
SHARE_OF_THE_PAST: Final = 0.5
"""Of the bridge's window: what happens now finds the other half free."""

Load = Callable[[bytes, "Entry"], Optional[bytes]]
"""The body of an entry from its file; None when the report is gone or was put aside."""


class Lane:
    """Ids that wait, the oldest first, and what of them is in flight. `share` is the part of the window that they may have."""

    def __init__(self, share: float) -> None:
        self.waiting: list[tuple[int, bytes]] = []
        self.share = share
        self.flying = 0
        self.bytes = 0

    def push(self, uid: bytes, entry: Entry) -> None:
        entry.lane = self
        heapq.heappush(self.waiting, (entry.born_ns, uid))

    def pop(self) -> bytes:
        return heapq.heappop(self.waiting)[1]


class Entry:
    """`body` is held only while no file is known, or after the file could not be trusted to come. `lying`: one of the past."""

    __slots__ = ("body", "born_ns", "lane", "lying", "path", "resend_at", "size", "tries")

    def __init__(self, body: bytes | None, path: str | None, born_ns: int, lane: Lane, lying: Lying | None = None) -> None:
        self.body = body
        self.path = path
        self.born_ns = born_ns
        self.lane = lane
        self.lying = lying
        self.size = 0
        self.tries = 0
        self.resend_at = 0.0


class Pending:
    """`boxes` are the folders that `pages` counts."""

    def __init__(self, chance: random.Random, pages: Pages | None = None, boxes: tuple[str, ...] = ()) -> None:
        self._chance = chance
        self._pages = Pages() if pages is None else pages  # an empty one is false
        self._boxes = boxes
        self._all: dict[bytes, Entry] = {}
        self._present = Lane(1.0)
        self._past = Lane(SHARE_OF_THE_PAST)
        self._flight: dict[bytes, Entry] = {}
        self._held = 0
        self._recent: OrderedDict[bytes, bool] = OrderedDict()
        self.mark_ns: int | None = None
        """What was made until then, and is found lying, is of the past: younger reports have gone already, or were let go of."""

    def __len__(self) -> int:
        """All that waits or flies, wherever it is."""
        return len(self._all) + len(self._pages)

    def __contains__(self, uid: bytes) -> bool:
        """Whether it is in memory."""
        return uid in self._all

    @property
    def in_flight(self) -> int:
        return len(self._flight)

    def oldest_ns(self) -> int | None:
        """When the oldest was made, on this boot's clock; None when nothing waits."""
        ages = [entry.born_ns for entry in self._all.values()]
        lying = self._pages.oldest_ns()
        return min([*ages, *([lying] if lying is not None else [])], default=None)

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
        self._enter(uid, Entry(body, None, named_ns(uid), self._present))
        return True

    def offer_file(self, uid: bytes, path: str, born_ns: int | None = None) -> None:
        entry = self._all.get(uid)
        if entry is None:
            self._enter(uid, Entry(None, path, named_ns(uid) if born_ns is None else born_ns, self._present))
        else:
            entry.path = path

    def _enter(self, uid: bytes, entry: Entry) -> None:
        self._all[uid] = entry
        entry.lane.push(uid, entry)
        while len(self._present.waiting) > NEWEST:
            self._make_past(self._present.pop())

    def _make_past(self, uid: bytes) -> None:
        """It is of the present no longer: where it has a file, that is enough."""
        entry = self._all.get(uid)
        if entry is None or uid in self._flight:
            return
        self._advance(entry)
        if entry.path is None:
            self._past.push(uid, entry)
        else:
            self._forget(uid)
            self._pages.drop(entry.born_ns)

    def take(self, window: int, window_bytes: int, now: float, load: Load) -> list[tuple[bytes, bytes]]:
        """The next batch that the window has room for; what it returns counts as in flight."""
        batch: list[tuple[bytes, bytes]] = []
        room = MAX_BATCH
        for lane in (self._present, self._past):
            while len(batch) < MAX_PAIRS and self._has_room(lane, window):
                uid = self._next(lane)  # out of the heap before loading: a file put aside makes a report of its own
                if uid is None:
                    break
                if uid in self._flight:
                    continue
                entry = self._all.get(uid)
                body = None if entry is None else entry.body if entry.body is not None else load(uid, entry)
                if entry is None or body is None:
                    self._forget(uid)
                elif len(body) > min(room, self._bytes_left(lane, window_bytes)) and (batch or self._flight):
                    lane.push(uid, entry)
                    break
                else:
                    room -= len(body)
                    self._fly(uid, entry, len(body), now)
                    batch.append((uid, body))
        return batch

    def _has_room(self, lane: Lane, window: int) -> bool:
        return len(self._flight) < window and lane.flying < max(1, int(window * lane.share))

    def _bytes_left(self, lane: Lane, window_bytes: int) -> int:
        """Of the window, and of the lane's part of it."""
        flying = self._present.bytes + self._past.bytes
        return min(window_bytes - flying, int(window_bytes * lane.share) - lane.bytes)

    def _next(self, lane: Lane) -> bytes | None:
        if lane.waiting:
            return lane.pop()
        lying = self._pages.take() if lane is self._past else None
        while lying is not None and (lying.uid in self._all or lying.uid in self._recent):
            lying = self._pages.take()  # a later round finds it, if it still lies there
        if lying is None:
            return None
        path = f"{self._boxes[lying.box]}/new/{lying.uid.hex()}"
        self._all[lying.uid] = Entry(None, path, lying.born_ns, lane, lying)
        return lying.uid

    def _advance(self, entry: Entry) -> None:
        self.mark_ns = entry.born_ns if self.mark_ns is None else max(self.mark_ns, entry.born_ns)

    def _fly(self, uid: bytes, entry: Entry, size: int, now: float) -> None:
        if entry.lane is self._present:
            self._advance(entry)
        patience = min(ACK_LONGEST, ACK_AFTER * 2.0 ** min(entry.tries, 8))
        entry.resend_at = now + patience * self._chance.uniform(1 - JITTER, 1 + JITTER)
        entry.tries += 1
        entry.size = size
        entry.lane.flying += 1
        entry.lane.bytes += size
        self._flight[uid] = entry

    def expire(self, now: float) -> None:
        """What was not acknowledged in its time waits again."""
        for uid in [uid for uid, entry in self._flight.items() if entry.resend_at <= now]:
            self._wait_again(uid)

    def reset(self) -> None:
        """A fresh socket: all that was in flight goes again, the oldest first."""
        for uid, entry in list(self._flight.items()):
            entry.tries = 0
            self._wait_again(uid)

    def _wait_again(self, uid: bytes) -> None:
        self._land(uid)
        self._all[uid].lane.push(uid, self._all[uid])

    def settle(self, uid: bytes, *, stored: bool) -> Entry | None:
        """Acknowledged or refused; None when we did not know it."""
        entry = self._forget(uid)
        self._recent[uid] = stored
        self._recent.move_to_end(uid)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return entry

    def withdraw(self, uid: bytes) -> None:
        """It need not be sent any more, and was not promised to be."""
        self._forget(uid)

    def leave(self, entry: Entry) -> None:
        """Its file can be neither sent nor removed now."""
        if entry.lying is not None:
            self._pages.leave(entry.lying)

    def _forget(self, uid: bytes) -> Entry | None:
        self._land(uid)
        entry = self._all.pop(uid, None)
        if entry is not None and entry.body is not None:
            self._held -= len(entry.body)
        return entry

    def _land(self, uid: bytes) -> None:
        entry = self._flight.pop(uid, None)
        if entry is not None:
            entry.lane.flying -= 1
            entry.lane.bytes -= entry.size
