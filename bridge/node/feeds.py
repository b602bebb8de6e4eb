"""The feeds in the poll loop: each is asked at every tick, and read when what it reads from has something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import zmq

from bridge.node.feed import Body, Feed
from bridge.wire.body import Moment


class Feeds:
    """`tell` takes what the feeds have to report."""

    def __init__(self, feeds: Iterable[Feed], poller: zmq.Poller, tell: Callable[[Sequence[Body]], None]) -> None:
        self._handles: dict[Feed, int] = dict.fromkeys(feeds, -1)
        self._poller = poller
        self._tell = tell

    def on_readable(self, handle: int, now: float, moment: Moment) -> None:
        """`handle` may be somebody else's."""
        for feed, its in self._handles.items():
            if its == handle:
                self._tell(feed.on_readable(now, moment))

    def on_tick(self, now: float, moment: Moment) -> None:
        for feed, before in self._handles.items():
            self._tell(feed.on_tick(now, moment))
            self._poll(feed, before)

    def _poll(self, feed: Feed, before: int) -> None:
        """What a feed reads from comes and goes: a child that ended, another that was started."""
        after = feed.fileno()
        if after == before:
            return
        self._handles[feed] = after
        if before >= 0:
            self._poller.unregister(before)
        if after >= 0:
            self._poller.register(after, zmq.POLLIN)
