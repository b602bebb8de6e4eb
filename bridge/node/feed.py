"""Feeds: what the relay itself has to say, beside what lies in the spool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Union

from bridge.wire.body import Moment, make_body

Words = Mapping[str, Union[str, int, bool]]
Body = tuple[bytes, bytes]


class Feed(Protocol):
    """Something in the relay's poll loop that has reports of its own to make. fileno() < 0: only the clock wakes it."""

    def fileno(self) -> int: ...

    def on_readable(self, now: float, moment: Moment) -> list[Body]: ...

    def on_tick(self, now: float, moment: Moment) -> list[Body]: ...


def edge(what: str, words: Words, now: Moment) -> Body:
    """A report of the relay about itself: `edge` says what, `why` says it in words."""
    return make_body("edge", {"edge": what, **words}, now)
