"""Opsview, a board: results in, what it shows out, acknowledgements both ways. One request after another, one object in each."""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from bridge.core.showing.pace import Pace
from bridge.core.showing.picture import Seen, Show, Target, words
from bridge.core.telling.notice import GiveUp, TryLater, Verdict
from bridge.core.world.event import Subject, to_us
from bridge.receivers.opsview.api import Api
from bridge.receivers.opsview.provider import Provider
from bridge.receivers.opsview.reading import Reading
from bridge.receivers.opsview.results import Results
from bridge.receivers.opsview.settings import Settings
from bridge.receivers.opsview.targets import SIGNED, compared, pair

__all__ = ["Opsview", "Settings"]

LONGEST_COMMENT: Final = 250

log = logging.getLogger(__name__)


class Opsview:
    board = True

    def __init__(self, name: str, settings: Settings) -> None:
        self.own = settings.own()
        self.drill = settings.drill()
        self.pace = Pace(refresh=settings.refresh, look_every=settings.look_every)
        self.feedback = settings.feedback
        self.provides = settings.create
        self._names = settings.placing()
        self._api = Api(settings.account())
        self._results = Results(self._api, settings.submit)
        self._reading = Reading(self._api, feedback=settings.feedback)
        self._provider = Provider(self._api, settings)
        if settings.insecure:
            log.warning("receiver %s: the certificate of %s is NOT checked (insecure = true)", name, settings.url)

    def place(self, cluster: str, subject: Subject) -> Target | None:
        return self._names.place(cluster, subject)

    def show(self, show: Show) -> Verdict:
        return self._results.show(show)

    def look(self, hosts: Collection[str]) -> list[Seen] | TryLater | GiveUp:
        return self._reading.look(hosts)

    def acknowledge(self, target: Target, comment: str) -> Verdict:
        """Sticky: it is ours to withdraw when the state changes, not Opsview's."""
        told = {"comment": words(f"{SIGNED}{comment}", LONGEST_COMMENT), "sticky": "1", "notify": "0"}
        return compared(self._api.post("/acknowledge", [pair(target)], told), target).verdict()

    def withdraw(self, target: Target) -> Verdict:
        """Whoever made it. Opsview 4 cannot (opsview-rest.md 8)."""
        return compared(self._api.call("DELETE", "/acknowledge", [pair(target)]), target).verdict()

    def begin_downtime(self, target: Target, end: datetime, comment: str) -> Verdict:
        """From now on; the times are Opsview's, by its own clock (opsview-rest.md 3.2)."""
        told = {
            "starttime": "now",
            "endtime": str(to_us(end) // 1_000_000),
            "comment": words(f"{SIGNED}{comment}", LONGEST_COMMENT),
        }
        return compared(self._api.post("/downtime", [pair(target)], told), target).verdict()

    def end_downtime(self, target: Target, comment: str) -> Verdict:
        """Of this comment only, word for word as it is stored: those of other people go on."""
        return compared(self._api.call("DELETE", "/downtime", [pair(target), ("comment", comment)]), target).verdict()

    def provide(self, missing: Mapping[Target, bool], now: datetime) -> Verdict:
        return self._provider.provide(missing, now)

    def close(self) -> None:
        self._api.close()
