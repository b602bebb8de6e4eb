"""A bridge that was away, stopped, suspended or held up listens before it judges.

What only the passing of time says (not fenced, runs nowhere, not back) may be contradicted by what waits at the relays, and what
was opened so would ring. So for some seconds after a pause reports are understood, stored and shown as ever, but time does not
pass, and nobody is told. It is no more than ten seconds in each minute: a bridge that is held up all the time still tells. After
a start it ends when all relays have been heard. After a pause they had all been heard before it, and what is read first lay in
the socket all the while.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.world.event import EPOCH

PAUSE: Final = timedelta(seconds=10)
LISTEN_FIRST: Final = timedelta(seconds=10)
"""A relay that gave the bridge up is back within some seconds, and hands over what waits."""
ONCE_IN: Final = timedelta(minutes=1)


class Listening:
    def __init__(self) -> None:
        self._turned_at: datetime | None = None
        self._slept_at = self._until = self._again_at = EPOCH
        self._may_stop = False

    def begin(self, since: datetime, now: datetime) -> None:
        """The bridge starts; `since` is when the last one was there."""
        self._turned_at = since
        self.turn(now)
        self._may_stop = True

    def stop(self, now: datetime) -> None:
        """All have been heard since the bridge started."""
        if self._may_stop:
            self._until = min(self._until, now)

    def turn(self, now: datetime) -> None:
        """The loop is at its beginning, as it is several times a second."""
        if self._turned_at is not None and now - self._turned_at > PAUSE and now >= self._again_at:
            self._slept_at, self._until, self._again_at = self._turned_at, now + LISTEN_FIRST, now + ONCE_IN
            self._may_stop = False
        self._turned_at = now

    def slept_at(self, now: datetime) -> datetime | None:
        """While the bridge listens: when it began to be away. Up to then absence may be judged."""
        return self._slept_at if now < self._until else None
