"""What one receiver is not told at once: what a storm brake or a group holds back, until it is told together.

    rung ── the times of the last rings; no more than `count` within `window`
    held ── incidents with a word that waits, as they are now
    due  ── when all that waits is told, in one summary

Who may not be held back (UNBRAKED) never gets here.
"""

from collections import deque
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import msgspec

from bridge.core.world.incident import Incident

GATHER: Final = timedelta(minutes=1)
"""Ends of incidents that were told of in a summary only are gathered so long, and told in one, too."""


class Brake(msgspec.Struct, frozen=True, kw_only=True):
    """At most `count` rings within `window`."""

    count: int = 10
    window: timedelta = timedelta(minutes=10)


class Admission(Enum):
    RING = "tell it now"
    HOLD = "it waits"
    BRAKE = "it waits, and somebody must be told that it does"


class Desk:
    """One receiver's."""

    def __init__(self, brake: Brake | None) -> None:
        self._brake = brake
        self._rung: deque[datetime] = deque()
        self._groups: dict[str, tuple[datetime, timedelta]] = {}
        self.held: dict[str, Incident] = {}
        self.since: datetime | None = None
        """When the first of what is held began to wait."""
        self.due: datetime | None = None
        self.braked_until: datetime | None = None

    def admit(self, incident: Incident, now: datetime, group: timedelta | None) -> Admission:
        """Whether a ring for this incident may be told now. What may not is held, and told at `due`."""
        self._heed_the_clock(now)
        if self.braked_until is not None:
            self.hold(incident, now, self.braked_until)
            return Admission.HOLD
        if self._brake is not None and len(self._rung) >= self._brake.count:
            self.braked_until = now + self._brake.window
            self.hold(incident, now, self.braked_until)
            return Admission.BRAKE
        if group and incident.cluster in self._groups and now < self._groups[incident.cluster][0] <= now + group:
            self.hold(incident, now, self._groups[incident.cluster][0])
            return Admission.HOLD
        if group:
            self._groups[incident.cluster] = (now + group, group)
        self.rang(now)
        return Admission.RING

    def hold(self, incident: Incident, now: datetime, until: datetime) -> None:
        """While the brake is on, all that waits waits for its end."""
        self.held[incident.key] = incident
        self.since = self.since or now
        self.due = self.braked_until or min(self.due or until, until)

    def rang(self, at: datetime) -> None:
        if self._brake is not None:
            self._rung.append(at)

    def braked(self, until: datetime, now: datetime) -> None:
        """After a restart: a brake that was told of and is still on."""
        if now < until:
            self.braked_until = self.due = until

    def refresh(self, incident: Incident) -> None:
        """What is held is told as it is then, not as it was."""
        if incident.key in self.held:
            self.held[incident.key] = incident

    def drop(self, key: str) -> None:
        self.held.pop(key, None)

    def take(self, now: datetime) -> list[Incident]:
        """What was held, when it is time; a brake that was on is off then, and a group begins anew."""
        if self.due is None or now < self.due:
            return []
        found = list(self.held.values())
        told = {incident.cluster for incident in found}
        self._groups = {
            cluster: (now + group, group) if cluster in told else (until, group)
            for cluster, (until, group) in self._groups.items()
            if cluster in told or now < until
        }
        self.held, self.since, self.due, self.braked_until = {}, None, None, None
        return found

    def _heed_the_clock(self, now: datetime) -> None:
        """Old rings count no more. A clock that was set back must not hold anything for longer than a window."""
        if self._brake is None:
            return
        window = self._brake.window
        self._rung = deque(min(at, now) for at in self._rung if now - at < window)
        if self.braked_until is not None and self.braked_until > now + window:
            self.braked_until = self.due = now + window
