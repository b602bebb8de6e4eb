"""A notice: who must be told, and why. And the verdict: how the telling went."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bridge.core.incident import Incident


class Telling(StrEnum):
    """The kinds of notice. The first three ring; the others update what was told before."""

    OPENED = "opened"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    UPDATED = "updated"
    CLOSED = "closed"

    @property
    def rings(self) -> bool:
        return self in {Telling.OPENED, Telling.ESCALATED, Telling.REMINDER}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One word owed to one receiver. `incident` is the incident as it was when the word was decided on."""

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
