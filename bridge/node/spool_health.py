"""The relay's word about its own spool: filling up, growing old, out of room. The first of the feeds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Final, NamedTuple

from bridge.node.feed import Body, edge
from bridge.node.spool import Spool
from bridge.wire.body import Moment

LEVELS: Final = (80, 50)
OLD_AFTER: Final = 300.0
LOOK_EVERY: Final = 10.0
HURRIED_AFTER: Final = 1.0
"""Seconds between looks while writes fail."""
HARDLY_ANY: Final = 1 << 20


class Backlog(NamedTuple):
    """What waits: how many reports, the bytes of their files, and when the oldest was made (the wall clock's ns; 0: none)."""

    files: int
    size: int
    oldest_ns: int


def fill(waiting: int, free: int) -> int:
    """How much of the room that reports can have is taken by reports, in percent. Other files of the disk count as no room."""
    return 100 if free < HARDLY_ANY else round(100 * waiting / (waiting + free))


def level(percent: int) -> int:
    return next((step for step in LEVELS if percent >= step), 0)


class Health:
    """`count` says what waits now."""

    def __init__(self, spool: Spool, ballast: int, count: Callable[[Moment], Backlog]) -> None:
        self._spool = spool
        self._ballast = Ballast(f"{spool.path}/ballast", ballast)
        self._count = count
        self._look_at = 0.0
        self._doubts = 0
        self._level = 0
        self._old = False

    def fileno(self) -> int:
        return -1

    def take_over(self, ballast: int) -> None:
        """What is held already stays as it is."""
        self._ballast.size = ballast

    def on_readable(self, _now: float, _moment: Moment) -> list[Body]:
        return []

    def on_tick(self, now: float, moment: Moment) -> list[Body]:
        doubted = self._spool.doubts != self._doubts and now >= self._look_at - LOOK_EVERY + HURRIED_AFTER
        if now < self._look_at and not doubted:
            return []
        self._doubts = self._spool.doubts
        self._look_at = now + LOOK_EVERY
        backlog = self._count(moment)
        return [*self._room(backlog, moment), *self._ageing(backlog, moment)]

    def _room(self, backlog: Backlog, moment: Moment) -> list[Body]:
        """Nothing when the spool is away: others say that."""
        try:
            free = _free(self._spool.path)
            return [*self._ballast.look(free, moment), *self._filling(backlog, free, moment)]
        except OSError:
            self._spool.doubt()
            return []

    def _filling(self, backlog: Backlog, free: int, moment: Moment) -> list[Body]:
        percent = fill(backlog.size, free)
        before, self._level = self._level, level(percent)
        if self._level == before:
            return []
        words = {"fill": percent, "waiting": backlog.files, "free_bytes": free, "level": self._level}
        return [edge("spool-fill", {**words, "why": f"the spool is {percent} % full: {backlog.files} reports wait"}, moment)]

    def _ageing(self, backlog: Backlog, moment: Moment) -> list[Body]:
        age = (moment.wall_ns - backlog.oldest_ns) / 1e9 if backlog.files else 0.0
        before, self._old = self._old, age > OLD_AFTER
        if self._old == before:
            return []
        why = f"the oldest report has waited for {age:.0f} s: no bridge takes it" if self._old else "no report waits any more"
        return [edge("spool-old", {"oldest_s": int(age), "waiting": backlog.files, "over": not self._old, "why": why}, moment)]


class Ballast:
    """Room that the relay holds while there is plenty, and gives to the hooks when there is none."""

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self.size = size
        self._thrown = False

    def look(self, free: int, moment: Moment) -> list[Body]:
        held = self._held()
        if held and free < HARDLY_ANY:
            os.truncate(self._path, 0)  # not removed: in the packaged spool the relay may not make files
            self._thrown = True
            return [
                edge(
                    "ballast",
                    {"why": f"the disk of the spool is full: {self.size >> 20} MiB given back", "free_bytes": free},
                    moment,
                )
            ]
        if not held and self.size and free > 4 * self.size:
            self._take()
            if self._thrown:
                self._thrown = False
                return [
                    edge("ballast", {"why": "the disk of the spool has room again", "over": True, "free_bytes": free}, moment)
                ]
        return []

    def _held(self) -> bool:
        try:
            return os.stat(self._path).st_size > 0
        except FileNotFoundError:
            return False

    def _take(self) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            os.posix_fallocate(handle, 0, self.size)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
        finally:
            os.close(handle)


def _free(path: str) -> int:
    seen = os.statvfs(path)
    return seen.f_bavail * seen.f_frsize
