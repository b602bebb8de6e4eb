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
    gone: bool = False
    """There is no such subject any more: these are the last words about it."""


def gone(cluster: str, subject: Subject, told: tuple[datetime, str]) -> Condition:
    """The last words about what is no more: since when, and why."""
    return Condition(cluster=cluster, subject=subject, severity=Severity.INFO, since=told[0], why=told[1], gone=True)
