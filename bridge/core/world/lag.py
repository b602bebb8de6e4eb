"""What of the past is still on its way. Absence is judged only as far as all who speak have told; and what began before is not
told one by one, for the next relay may know how it ended."""

from collections.abc import Mapping
from datetime import datetime
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
