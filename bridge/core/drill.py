"""A drill: a story that has not happened, in a world of its own.

Its reports come the whole way, marked (world/marked.py); the line of the real clusters leaves them alone. Here they are
understood and decided on by a line of the same settings and routes, whose time is the real one until the story is told; then it
is wound on to whatever is due next, so that nobody waits for hold times.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.line import Line, Outcome
from bridge.core.telling.match import all_hold, labels_of
from bridge.core.telling.notice import Notice
from bridge.core.world.event import Report
from bridge.core.world.incident import Incident, State
from bridge.core.world.marked import PLAYED, as_in_earnest

FARTHEST: Final = timedelta(hours=1)
"""So far time is wound on; a story that is not over by then does not end by itself."""


class Owed(msgspec.Struct, frozen=True):
    """A notice of the drill, and how long after its first report it would be sent in earnest."""

    notice: Notice
    after: timedelta


class Stage:
    """One drill. `line` is its own, and knows nothing yet."""

    def __init__(self, drill: str, author: str, line: Line) -> None:
        self.incidents: dict[str, Incident] = {}
        self.wrong: list[str] = []
        """What of it could not be understood."""
        self.said: dict[bytes, str] = {}
        """What each report was understood as."""
        self._drill = drill
        self._author = author
        self._line = line
        self._ahead = timedelta(0)
        self._first_at: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether something happened, and all of it is over."""
        return bool(self.incidents) and all(one.state is State.CLOSED for one in self.incidents.values())

    def play(self, report: Report, now: datetime) -> list[Owed]:
        """Understands a report of the story."""
        played = as_in_earnest(report)
        return self._settled(self._line.take([played], now + self._ahead), now) if played.source in PLAYED else []

    def wind_on(self, now: datetime) -> list[Owed] | None:
        """On to what is due next; None when nothing is, or not for long."""
        due = self._line.next_due()
        if due is None or due - now > FARTHEST:
            return None
        self._ahead = max(self._ahead, due - now)
        return self._settled(self._line.tick(now + self._ahead), now)

    def silenced_by(self, now: datetime) -> list[str]:
        """Who has silenced it, and in which silence."""
        quiet = self._line.router.quiet.silences(now)
        labels = [labels_of(one) for one in self.incidents.values()]
        return [f"silence {one.id} of {one.author}" for one in quiet if any(all_hold(one.matchers, some) for some in labels)]

    def _settled(self, outcome: Outcome, now: datetime) -> list[Owed]:
        self.incidents |= outcome.incidents
        self.said |= {uid: one.why for uid, one in outcome.decisions.items()}
        self.wrong += [*outcome.unreadable.values(), *(one.why for one in outcome.faults)]
        for event in outcome.events.values():
            self._first_at = min(event.at, self._first_at or event.at)
        return [self._owed(one, now) for one in outcome.notices]

    def _owed(self, notice: Notice, now: datetime) -> Owed:
        """It is sent now, whatever its time is; no other message hangs together with it."""
        after = notice.at - (self._first_at or notice.at)
        thread = f"drill-{self._drill}-{notice.thread}"
        return Owed(
            msgspec.structs.replace(notice, at=min(notice.at, now), thread=thread, drill=f"{self._drill} {self._author}"), after
        )
