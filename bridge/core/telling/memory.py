"""What each receiver was told of each incident, the last time; so that nothing is told twice for one reason."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from bridge.core.telling.away import away_at_a_ring
from bridge.core.telling.decide import Told, face, thread_of
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, State

MOST_ENDED: Final = 1000
"""Incidents of which it is known that they were told to be over: a late report may open them again."""


class Memory:
    """By incident and receiver. `languages` are the receivers' own."""

    def __init__(self, languages: Mapping[str, str]) -> None:
        self._languages = languages
        self._told: dict[str, dict[str, Told]] = {}
        self._ended: dict[str, dict[str, Told]] = {}
        """What was last told of those that were told to be over, the oldest first."""

    def of(self, key: str) -> Mapping[str, Told]:
        """Who was told of the incident, and what."""
        return self._told.get(key, {})

    def has_ended(self, key: str, receiver: str) -> bool:
        """Whether the last word to this receiver was that the incident is over."""
        return receiver in self._ended.get(key, ())

    def language(self, receiver: str) -> str:
        return self._languages.get(receiver, "en")

    def note(
        self,
        key: str,
        receiver: str,
        incident: Incident,
        kind: Telling,
        at: datetime,
        *,
        language: str | None = None,
        thread: str | None = None,
        bundled: bool = False,
    ) -> Told:
        """The receiver was told of the incident `key`, as it was then: usually the same one, else one that is part of it now."""
        known = self._told.setdefault(key, {})
        before = known.get(receiver)
        rung = incident if kind.rings or before is None else before
        first = before or self._ended.get(key, {}).pop(receiver, None)
        told = known[receiver] = Told(
            receiver=receiver,
            thread=first.thread if first else thread_of(key) if thread is None else thread,
            first_at=before.first_at if before else at,
            rung_at=at if kind.rings or before is None else before.rung_at,
            kind=rung.kind,
            root=rung.root,
            severity=rung.severity,
            alarms=rung.worsened if isinstance(rung, Incident) else rung.alarms,
            away=rung.away if isinstance(rung, Told) else away_at_a_ring(rung, before.away if before else frozenset()),
            all_away=rung.all_away if isinstance(rung, Told) else rung.more_away == 0,
            shown=face(incident),
            language=language or self.language(receiver),
            bundled=bundled and (first is None or first.bundled),
        )
        return told

    def recall(self, incident: Incident, notice: Notice) -> None:
        """After a restart: a notice about an incident (or about what is part of it now), in the order in which they were told."""
        if self._languages and notice.receiver not in self._languages:
            return  # it is no longer in the config
        if notice.kind in {Telling.DIGEST, Telling.BRAKED}:
            return
        then = next((item for item in notice.items if item.key == incident.key), incident if notice.items else notice.incident)
        if notice.kind is Telling.CLOSED or then.state is not State.OPEN:
            if then.key == incident.key and then.state is State.CLOSED:
                self.drop(incident.key, notice.receiver)
            if notice.receiver not in self.of(incident.key):
                return
        self.note(
            incident.key,
            notice.receiver,
            then,
            notice.kind,
            notice.at,
            language=notice.language,
            thread=None if notice.items else notice.thread,
            bundled=bool(notice.items),
        )

    def hand_over(self, key: str, into: str) -> list[Told]:
        """Who was told of an incident that is now part of another was told of that one. Gives what those were told who know
        both."""
        both: list[Told] = []
        self._ended.pop(key, None)
        for receiver, told in self._told.pop(key, {}).items():
            other = self._told.setdefault(into, {})
            if receiver not in other:
                other[receiver] = told
            else:
                both.append(told)
                other[receiver] = replace(other[receiver], away=other[receiver].away | told.away)
        return both

    def drop(self, key: str, receiver: str) -> None:
        """This receiver was told that the incident is over."""
        told = self._told.get(key, {}).pop(receiver, None)
        if told is not None:
            self._ended.setdefault(key, {})[receiver] = told
            while len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]

    def forget(self, key: str) -> None:
        self._told.pop(key, None)

    def clear(self) -> None:
        self._told.clear()
        self._ended.clear()
