"""What of the past is still on its way. Absence is judged only as far as all who speak have told; and what began before is not
told one by one, for the next relay may know how it ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.world.incident import Incident


class Lag(msgspec.Struct, frozen=True):
    """Of one cluster. Up to `until` everything has come in; what began at `since` or later is the present, and told at once."""

    until: datetime
    since: datetime


class Lags(msgspec.Struct, frozen=True):
    """`everywhere`: the bridge was away or asleep, and only listens; up to then everything is judged, and nobody is told."""

    everywhere: datetime | None = None
    clusters: Mapping[str, Lag] = {}

    def judged(self, cluster: str, now: datetime) -> datetime:
        """Up to when time has passed for the cluster's timers."""
        lag = self.clusters.get(cluster)
        return min(now, self.everywhere or now, lag.until if lag else now)

    def is_past(self, incident: Incident) -> bool:
        """Whether what still comes may tell this story otherwise."""
        lag = self.clusters.get(incident.cluster)
        return self.everywhere is not None or (lag is not None and incident.opened_at < lag.since)


PRESENT: Final = Lags()
LATE: Final = timedelta(seconds=5)
"""What has waited for less is on its way, as everything is."""
LONGEST: Final = timedelta(minutes=1)
HANDS_OVER: Final = timedelta(seconds=2)
"""Who handed over something old so lately has more of it."""


class Watermark:
    """Of all clusters: what old reports were handed over a moment ago, and since when each has been catching up.

    What is judged from absence waits until the past has come in, and a minute at the most: then it is judged by what there is,
    until all have caught up once."""

    def __init__(self) -> None:
        self._began: dict[str, datetime] = {}
        self._old: dict[str, tuple[datetime, datetime]] = {}
        """By cluster: when something old was handed over last, and how old the oldest was."""

    def came(self, cluster: str, at: datetime, now: datetime) -> None:
        """A report that has waited since then."""
        self._old[cluster] = (now, min(at, self._old.get(cluster, (now, at))[1]))

    def look(self, waiting: Iterable[tuple[str, datetime]], now: datetime) -> dict[str, Lag]:
        """The clusters of which the past is still on its way; `waiting` are those that say so, with how old their oldest is."""
        self._old = {cluster: old for cluster, old in self._old.items() if now - old[0] < HANDS_OVER}
        oldest = {cluster: at for cluster, (_, at) in self._old.items()}
        for cluster, at in waiting:
            oldest[cluster] = min(at, oldest.get(cluster, at))
        self._began = {cluster: self._began.get(cluster, now) for cluster in oldest}
        return {
            cluster: Lag(until=at, since=self._began[cluster] - LATE)
            for cluster, at in oldest.items()
            if now - self._began[cluster] < LONGEST
        }
