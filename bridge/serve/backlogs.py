"""How far the relays are: the oldest of what waits at them is a watermark, and so is the age of what they hand over.

What is judged from absence (not fenced, runs nowhere, not back) waits until the backlogs of the relays that speak have passed
that moment, and not for longer than a minute.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from bridge.core.world.event import from_ns
from bridge.core.world.lag import LATE, Lag, Watermark
from bridge.intake.arrivals import Arrival
from bridge.intake.peers import PeerState

LATE_NS: Final = LATE // timedelta(microseconds=1) * 1000
SPEAKS: Final = timedelta(seconds=10)
"""A relay says each second what waits at it."""
NOTHING: Final[Mapping[str, datetime]] = {}


class Backlogs:
    """Of all clusters."""

    def __init__(self) -> None:
        self._watermark = Watermark()

    def came(self, arrivals: Iterable[Arrival], now: datetime) -> None:
        """What the relays hand over; its age is by the hook's own clock."""
        for arrival in arrivals:
            wall = arrival.fields.get("wall_ns")
            age_ns = arrival.received_ns - wall - arrival.offset_ns if isinstance(wall, int) else 0
            if LATE_NS < age_ns < arrival.received_ns:
                self._watermark.came(arrival.cluster, from_ns(arrival.received_ns - age_ns), now)

    def look(self, relays: Iterable[PeerState], now: datetime, gathered: Mapping[str, datetime] = NOTHING) -> dict[str, Lag]:
        """The clusters of which the past is on its way; or `gathered`: it has come, and is not understood, since then."""
        waiting = ((relay.cluster, _oldest(relay, now)) for relay in relays)
        here = ((cluster, at) for cluster, at in waiting if at is not None)
        return self._watermark.look(chain(gathered.items(), here), now)


def _oldest(relay: PeerState, now: datetime) -> datetime | None:
    """Since when its oldest report has waited; None when there is none that matters, or when it is not heard."""
    if not relay.backlog or not relay.oldest_ns or relay.last_heard_ns is None or relay.stopped:
        return None
    at = from_ns(relay.oldest_ns + relay.offset_ns)
    return at if now - at > LATE and now - from_ns(relay.last_heard_ns) < SPEAKS else None
