"""Whether the places that hooks write to can be used: looked at all the while, told when that changes. One of the feeds.

The relay goes on with what is left of them; a place that comes back is used again.
"""

from __future__ import annotations

import logging
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
        words = (
            f"{name} cannot be used since {_utc(since)}: {why}"
            if why
            else f"{name} can be used again; it was not since {_utc(since)}"
        )
        log.log(logging.ERROR if why else logging.WARNING, "%s", words)
        others = [f"{other} cannot be used since {_utc(self._since[other])}" for other in self._why if other != name]
        tell_systemd(f"STATUS={'; '.join(self._why.values()) or 'all places can be used'}".encode())
        return edge("place", {"place": name, "over": not self._why, "why": "; ".join([words, *others])}, moment)


def check_spool(top: str, lock: Lock | None, more: Callable[[], list[str]] = list) -> Check:
    """`more` is what else may be wrong with this one."""
    return lambda tries: (
        folders.prepare_spool(top) or more() or (lock.hold() if lock else []) or (folders.probe(top) if tries else [])
    )


def _utc(at_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ns // 10**9))
