"""How far the relays are: the oldest of what waits at them is a watermark, and so is the age of what they hand over.

What is judged from absence (not fenced, runs nowhere, not back) waits until the backlogs of the relays that speak have passed
that moment. It waits a minute, at the most: then the bridge judges by what it has, until all have caught up once.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from bridge.core.world.event import from_ns
from bridge.core.world.lag import Lag
from bridge.intake.arrivals import Arrival
from bridge.intake.peers import PeerState

LATE: Final = timedelta(seconds=5)
"""What has waited for less is on its way, as everything is."""
LATE_NS: Final = LATE // timedelta(microseconds=1) * 1000
LONGEST: Final = timedelta(minutes=1)
SPEAKS: Final = timedelta(seconds=10)
"""A relay says each second what waits at it."""
HANDS_OVER: Final = timedelta(seconds=2)
"""Who handed over something old so lately has more of it."""
NOTHING: Final[Mapping[str, datetime]] = {}


class Backlogs:
    """Of all clusters: since when each of them has been catching up."""

    def __init__(self) -> None:
        self._began: dict[str, datetime] = {}
        self._old: dict[str, tuple[datetime, datetime]] = {}
        """By cluster: when something old was handed over last, and how old the oldest was."""

    def came(self, arrivals: Iterable[Arrival], now: datetime) -> None:
        """What the relays hand over; its age is by the hook's own clock."""
        for arrival in arrivals:
            wall = arrival.fields.get("wall_ns")
            age_ns = arrival.received_ns - wall - arrival.offset_ns if isinstance(wall, int) else 0
            if LATE_NS < age_ns < arrival.received_ns:
                at = from_ns(arrival.received_ns - age_ns)
                self._old[arrival.cluster] = (now, min(at, self._old.get(arrival.cluster, (now, at))[1]))

    def look(self, relays: Iterable[PeerState], now: datetime, gathered: Mapping[str, datetime] = NOTHING) -> dict[str, Lag]:
        """The clusters of which the past is on its way; or `gathered`: it has come, and is not understood, since then."""
        self._old = {cluster: old for cluster, old in self._old.items() if now - old[0] < HANDS_OVER}
        oldest = {cluster: at for cluster, (_, at) in self._old.items()}
        for cluster, since in gathered.items():
            oldest[cluster] = min(since, oldest.get(cluster, since))
        for relay in relays:
            at = _oldest(relay, now)
            if at is not None:
                oldest[relay.cluster] = min(at, oldest.get(relay.cluster, at))
        self._began = {cluster: self._began.get(cluster, now) for cluster in oldest}
        return {
            cluster: Lag(until=at, since=self._began[cluster] - LATE)
            for cluster, at in oldest.items()
            if now - self._began[cluster] < LONGEST
        }


def _oldest(relay: PeerState, now: datetime) -> datetime | None:
    """Since when its oldest report has waited; None when there is none that matters, or when it is not heard."""
    if not relay.backlog or not relay.oldest_ns or relay.last_heard_ns is None or relay.stopped:
        return None
    at = from_ns(relay.oldest_ns + relay.offset_ns)
    return at if now - at > LATE and now - from_ns(relay.last_heard_ns) < SPEAKS else None
