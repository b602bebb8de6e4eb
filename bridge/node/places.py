"""Whether the places that hooks write to can be used: looked at all the while, told when that changes. One of the feeds.

The relay goes on with what is left of them; a place that comes back is used again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Final

from bridge.node import folders
from bridge.node.feed import Body, edge
from bridge.node.folders import Lock
from bridge.node.process import tell_systemd
from bridge.node.spool import Spool
from bridge.wire.body import Moment

LOOK_EVERY: Final = 10.0
PROBE_EVERY: Final = 60.0
HURRIED_AFTER: Final = 1.0
"""Seconds between looks while things go wrong."""

Check = Callable[[bool], "list[str]"]
"""What is wrong with a place; with True it is tried, not only looked at."""

log = logging.getLogger("quorumbell.relay")


class Places:
    """`checks` by what they look after; the name of a spool is its folder. `looked` is called after each look."""

    def __init__(self, checks: Mapping[str, Check], spool: Spool, looked: Callable[[], None]) -> None:
        self._checks = checks
        self._spool = spool
        self._looked = looked
        self._since: dict[str, int] = {}
        self._why: dict[str, str] = {}
        self._doubts = 0
        self._look_at = self._probe_at = self._looked_at = 0.0

    def fileno(self) -> int:
        return -1

    def on_readable(self, _now: float, _moment: Moment) -> list[Body]:
        return []

    def on_tick(self, now: float, moment: Moment) -> list[Body]:
        doubted = not self._why and self._spool.doubts != self._doubts and now >= self._looked_at + HURRIED_AFTER
        if now < self._look_at and not doubted:
            return []
        self._doubts = self._spool.doubts
        self._looked_at, self._look_at = now, now + LOOK_EVERY
        tries = doubted or now >= self._probe_at or bool(self._why)
        self._probe_at = now + PROBE_EVERY if tries else self._probe_at
        told = [body for name, check in self._checks.items() for body in self._judge(name, check(tries), moment)]
        self._looked()
        return told

    def _judge(self, name: str, wrong: list[str], moment: Moment) -> list[Body]:
        before, why = self._why.pop(name, ""), "; ".join(wrong)
        self._spool.judge(name, well=not why)
        if why:
            self._why[name] = why
            self._since.setdefault(name, moment.wall_ns)
        if before == why:
            return []
        return [self._tell(name, why, moment)]

    def _tell(self, name: str, why: str, moment: Moment) -> Body:
        since = self._since[name] if why else self._since.pop(name)
        when = f"in trouble since {_utc(since)}"
        words = f"{name} is {when}: {why}" if why else f"{name} is well again; it was {when}"
        log.log(logging.ERROR if why else logging.WARNING, "%s", words)
        others = [f"{other} is in trouble since {_utc(self._since[other])}" for other in self._why if other != name]
        tell_systemd(f"STATUS={'; '.join(self._why.values()) or 'all places are well'}".encode())
        return edge("place", {"place": name, "over": not self._why, "why": "; ".join([words, *others])}, moment)


class SpoolCheck:
    """`lock`: of this spool, if it has one; `more` is what else may be wrong with it."""

    def __init__(self, top: str, lock: Lock | None = None, more: Callable[[], list[str]] = list) -> None:
        self._top = top
        self._lock = lock
        self._more = more
        self._was_mounted = False

    def __call__(self, tries: bool) -> list[str]:
        wrong = folders.prepare_spool(self._top) or self._more() or (self._lock.hold() if self._lock else [])
        return wrong or (folders.probe(self._top) if tries else []) or self._unmounted()

    def _unmounted(self) -> list[str]:
        """The folder below a file system is as good as any, but for what lies in the file system."""
        try:
            is_mounted = os.stat(self._top).st_dev != os.stat(os.path.dirname(self._top)).st_dev
        except OSError as failed:
            return [f"{self._top}: {failed.strerror}"]
        self._was_mounted |= is_mounted
        return [f"{self._top}: its file system is not mounted any more"] if self._was_mounted and not is_mounted else []


def _utc(at_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ns // 10**9))
