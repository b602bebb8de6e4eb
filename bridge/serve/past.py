"""What of the past is still on its way: the bridge has not listened for long, or there are backlogs at the relays."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from bridge.core.world.lag import PRESENT, Lags
from bridge.intake.arrivals import Arrival
from bridge.intake.intake import Intake, know_all, relays_of
from bridge.serve.backlogs import NOTHING, Backlogs
from bridge.serve.listening import PAUSE, Listening

EVERY: Final = timedelta(milliseconds=250)


class Past:
    """In the writer's thread."""

    def __init__(self, intakes: Sequence[Intake]) -> None:
        self._intakes = intakes
        self._listening = Listening()
        self._backlogs = Backlogs()
        self._lags: Lags = PRESENT
        self._next_at: datetime | None = None

    def begin(self, since: datetime | None, now: datetime) -> None:
        """The bridge starts. `since` is when the last one of this ledger was there; a new ledger has all that waits before it."""
        if since is not None:
            self._listening.begin(since, now)
        elif know_all(self._intakes):
            self._listening.begin(now - 2 * PAUSE, now)

    def look(self, arrivals: Collection[Arrival], now: datetime, gathered: Mapping[str, datetime] = NOTHING) -> Lags:
        """Once a turn of the loop; what the relays say is looked at anew when there are reports, and else now and then.

        `gathered`: by cluster, when the oldest happened that has come, and is not understood yet."""
        self._listening.turn(now)
        self._backlogs.came(arrivals, now)
        if arrivals or self._next_at is None or now >= self._next_at:
            self._next_at = now + EVERY
            self._lags = self._look(now, gathered)
        return self._lags

    def _look(self, now: datetime, gathered: Mapping[str, datetime]) -> Lags:
        relays = relays_of(self._intakes)
        if know_all(self._intakes) and all(relay.last_heard is not None for relay in relays):
            self._listening.stop(now)
        lags = Lags(everywhere=self._listening.slept_at(now), clusters=self._backlogs.look(relays, now, gathered))
        return lags if lags.everywhere is not None or lags.clusters else PRESENT
