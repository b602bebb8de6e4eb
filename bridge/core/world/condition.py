"""How a subject is: a wound while something is wrong with it, and its condition, which boards show."""

from datetime import datetime

import msgspec

from bridge.core.world.event import Severity, Subject


class Wound(msgspec.Struct, frozen=True):
    """Why a subject is not well, since when; an incident recovers when its last wound is healed."""

    began_at: datetime
    severity: Severity
    why: str
    outage: bool


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How a subject is, since when and why; which incident knows more."""

    cluster: str
    subject: Subject
    severity: Severity
    since: datetime
    why: str
    uid: bytes | None = None
    incident_key: str | None = None
