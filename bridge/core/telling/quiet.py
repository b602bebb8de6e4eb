"""What people asked for: who has taken an incident, and what is silenced."""

from datetime import datetime

import msgspec

from bridge.core.telling.match import Compiled, all_hold, labels_of
from bridge.core.world.incident import Incident


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is rung for what it describes, until it ends. Made by a person, with a reason."""

    id: str
    matchers: tuple[Compiled, ...]
    author: str
    comment: str
    until: datetime
    planned: str = ""
    """What is being worked on (bridge/core/telling/planned.py); "" when it is only to be silent."""


class Quiet:
    """Acknowledgements by the incident's key, silences by their number."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}
        self._silences: dict[str, Silence] = {}

    def take(self, key: str, author: str) -> None:
        self._taken[key] = author

    def give_back(self, key: str) -> None:
        self._taken.pop(key, None)

    def hand_over(self, key: str, into: str) -> None:
        """The incident is part of another now, which somebody may have taken already."""
        if key in self._taken:
            self._taken.setdefault(into, self._taken.pop(key))

    def is_taken(self, key: str) -> bool:
        return key in self._taken

    def who_has(self, key: str) -> str:
        """Who acknowledged the incident, or ""."""
        return self._taken.get(key, "")

    def taken(self) -> dict[str, str]:
        """Who has taken which incident, by its key."""
        return dict(self._taken)

    def silence(self, silence: Silence) -> None:
        """A new one, or an old one changed; one with an end in the past is over."""
        self._silences[silence.id] = silence

    def silences(self, now: datetime) -> list[Silence]:
        return [silence for silence in self._silences.values() if now < silence.until]

    def is_silenced(self, incident: Incident, now: datetime) -> bool:
        in_force = self.silences(now)
        labels = labels_of(incident) if in_force else {}
        return any(all_hold(silence.matchers, labels) for silence in in_force)
