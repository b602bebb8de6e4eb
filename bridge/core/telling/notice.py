"""A notice: who must be told, and why. And the verdict: how the telling went.

A notice is about one incident; a bundle is a notice about several, and stands for itself: no thread, nothing updated in place.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident


class Telling(StrEnum):
    """The kinds of notice. Three ring for one incident, two tell how it goes on; the last three are bundles."""

    OPENED = "opened"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    UPDATED = "updated"
    CLOSED = "closed"
    BRAKED = "braked"  # too many rings: what else happens is held back for a while
    SUMMARY = "summary"  # many at once: what was held back, or what a receiver missed
    DIGEST = "digest"  # once a day: what healed before anybody was rung, and planned work

    @property
    def rings(self) -> bool:
        """Whether it must come as something new, that makes a sound."""
        return self in {Telling.OPENED, Telling.ESCALATED, Telling.REMINDER, Telling.BRAKED, Telling.SUMMARY}

    @property
    def bundles(self) -> bool:
        """Whether it is about several incidents: a message of its own, belonging to no thread, never updated."""
        return self in {Telling.BRAKED, Telling.SUMMARY, Telling.DIGEST}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One word owed to one receiver. `incident` is the incident as it was when the word was decided on.

    A bundle has `items` instead, the gravest first; its `incident` is the first of them, and its `incident_id` is 0.
    """

    incident_id: int
    receiver: str
    kind: Telling
    reason: str
    at: datetime
    incident: Incident
    language: str = "en"
    thread: str = ""
    """The same for every notice of an incident to a receiver: mail threads and chat messages hang on it."""
    id: int = 0
    goes_on_as: int = 0
    """Of an incident that is part of another now: that one's number; the ledger fills it in."""
    items: tuple[Incident, ...] = ()
    numbers: tuple[int, ...] = ()
    """The incident numbers of `items`, in their order; the ledger fills them in."""
    left_out: int = 0
    """How many more there were than `items` shows."""
    since: datetime | None = None
    """Of a bundle: what it tells of began to wait, or ended, after this."""
    until: datetime | None = None
    """Of a braked notice: when it will be told what was held back. Of a digest: what ended before this."""
    drill: str = ""
    """Which drill it belongs to, and who asked for that: then nothing of what it tells has happened."""
    page: str = ""
    """The address that browsers know the page by, without a slash at its end; whoever hands the notice out fills it in."""

    @property
    def link(self) -> str:
        """Of its incident's page; nothing where there is none: of a bundle, a test, a drill, or without a page."""
        return self.link_to(self.goes_on_as or self.incident_id)

    def link_to(self, number: int) -> str:
        return f"{self.page}/incidents/{number}" if self.page and number and not self.drill else ""

    @property
    def moved(self) -> bool:
        """The last word in its thread, though nothing is over: the story goes on as another incident's."""
        return self.incident.absorbed_into is not None and not self.kind.bundles

    @property
    def urgent(self) -> bool:
        """Goes before all else, and does not wait for a receiver's circuit to close."""
        return self.kind.rings and self.incident.severity is Severity.CRITICAL


class Delivered(msgspec.Struct, frozen=True):
    """It is there. `remember` is handed back at the next notice of this incident (a chat message's id, say)."""

    why: str = "accepted"
    remember: dict[str, str] = {}


class TryLater(msgspec.Struct, frozen=True):
    """Not now. `after` is the receiver's own wish (Retry-After), if it had one."""

    why: str
    after: timedelta | None = None


class GiveUp(msgspec.Struct, frozen=True):
    """Never, in this form: a person must look."""

    why: str


Verdict = Delivered | TryLater | GiveUp
