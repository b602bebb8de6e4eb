"""The feeds in the poll loop: each is asked at every tick, and read when what it reads from has something.

One that raises costs its own words for a while, and nothing else: the spool goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import zmq

from bridge.node.complaint import Complaint
from bridge.node.feed import Body, Feed
from bridge.wire.body import Moment

RESTS: Final = 60.0
"""Seconds before one that raised is asked again."""

log = logging.getLogger("quorumbell.relay")


class _Kept:
    """A feed, what it was read from last, and until when it is left alone."""

    def __init__(self, feed: Feed) -> None:
        name = type(feed).__name__.lower()
        self.feed = feed
        self.handle = -1
        self.rests_until = 0.0
        self.trouble = Complaint(name, f"the relay's own {name} fails, please report that", f"the relay's own {name} works again")


class Feeds:
    """`tell` takes what the feeds have to report."""

    def __init__(self, feeds: Iterable[Feed], poller: zmq.Poller, tell: Callable[[Sequence[Body]], None]) -> None:
        self._feeds = [_Kept(feed) for feed in feeds]
        self._poller = poller
        self._tell = tell

    def replace(self, old: Sequence[Feed], new: Sequence[Feed]) -> None:
        for one in self._feeds:
            if one.feed in old:
                self._poll(one, -1)
        self._feeds = [one for one in self._feeds if one.feed not in old] + [_Kept(feed) for feed in new]

    def on_readable(self, handle: int, now: float, moment: Moment) -> None:
        """`handle` may be somebody else's."""
        for one in self._feeds:
            if one.handle == handle:
                self._ask(one, one.feed.on_readable, now, moment)

    def on_tick(self, now: float, moment: Moment) -> None:
        for one in self._feeds:
            if now >= one.rests_until:
                self._ask(one, one.feed.on_tick, now, moment)

    def _ask(self, one: _Kept, ask: Callable[[float, Moment], list[Body]], now: float, moment: Moment) -> None:
        try:
            told = ask(now, moment)
        except Exception as error:
            log.exception("%s", type(one.feed).__name__)
            one.rests_until = now + RESTS
            self._tell(one.trouble.told(f"{type(error).__name__}: {error}"[:300], moment))
            self._poll(one, -1)
            return
        self._tell(told)
        self._tell(one.trouble.over(moment))
        self._poll(one, one.feed.fileno())

    def _poll(self, one: _Kept, after: int) -> None:
        """What a feed reads from comes and goes: a child that ended, another that was started."""
        before, one.handle = one.handle, after
        if after == before:
            return
        if before >= 0:
            self._poller.unregister(before)
        if after >= 0:
            self._poller.register(after, zmq.POLLIN)
