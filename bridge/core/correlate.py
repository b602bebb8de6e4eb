"""Events in, changes out: each cluster understands its own (cluster.py, by the rules of rulebook.py), one after the other."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from bridge.core import checkpoint
from bridge.core.cluster import Changes, Cluster
from bridge.core.normalise import normalise
from bridge.core.strand import Place, placed
from bridge.core.world.condition import Condition, gone
from bridge.core.world.event import Event, Report, Subject
from bridge.core.world.incident import Incident
from bridge.core.world.lag import PRESENT, Lags
from bridge.core.world.laid import Laid
from bridge.core.world.settings import Settings
from bridge.core.world.tables import CONDITION, GONE, INCIDENT
from bridge.core.world.world import World

PIECE: Final = 500
"""Events that are understood before what is new is looked at again: a tenth of a second, about."""


class Restored(NamedTuple):
    """Of a cluster that was written down: what happened since the horizon must be fed again, and of before that these reports."""

    horizon: Place = ()
    waits: frozenset[bytes] = frozenset()

    @property
    def since(self) -> datetime | None:
        return self.horizon[0] if self.horizon else None

    def is_known(self, report: Report) -> bool:
        """Whether it is of the very moment of the horizon, and on the other side of it."""
        event = normalise(report)
        return isinstance(event, Event) and event.at == self.since and placed(event).place < self.horizon


class Correlator:
    """All clusters. One writer owns it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gathers = False
        """Whether what is late waits for `catch_up`, so that it never holds up what is not."""
        self._clusters: dict[str, Cluster] = {}

    def feed(self, events: Iterable[tuple[str, Event]], now: datetime, lags: Lags = PRESENT) -> Changes:
        """Understands a batch of (cluster, event), then lets time pass until `now`, or as far as the past has come in."""
        batches: dict[str, list[Event]] = {}
        for cluster, event in events:
            batches.setdefault(cluster, []).append(event)
        for name, batch in batches.items():
            self.cluster(name).feed(batch, now if self.gathers else None)
        return self.tick(now, lags)

    def catch_up(self, now: datetime, lags: Lags = PRESENT, most: int | None = PIECE) -> Changes:
        """Understands a piece of what was gathered, of each cluster where it is time; with `most` None all there is, now."""
        for cluster in self._clusters.values():
            due = cluster.behind_at()
            while due is not None and (due <= now or most is None):
                cluster.catch_up(most)
                due = cluster.behind_at() if most is None else None
        return self.tick(now, lags)

    def behind_at(self) -> datetime | None:
        """When `catch_up` has something to do; None: nothing is gathered."""
        return min((due for one in self._clusters.values() if (due := one.behind_at()) is not None), default=None)

    def waits_since(self) -> dict[str, datetime]:
        """Of each cluster of which reports are gathered, when the oldest of them happened."""
        return {name: at for name, one in self._clusters.items() if (at := one.waits_since()) is not None}

    def tick(self, now: datetime, lags: Lags = PRESENT) -> Changes:
        changes = Changes()
        for name, cluster in self._clusters.items():
            cluster.tick(lags.judged(name, now))
            part = cluster.take()
            changes.incidents |= part.incidents
            changes.gone |= part.gone
            changes.conditions += part.conditions
            changes.layout += part.layout
            changes.decisions |= part.decisions
            changes.faults += part.faults
        return changes

    def cluster(self, name: str) -> Cluster:
        if name not in self._clusters:
            self._clusters[name] = Cluster(name, self.settings)
        return self._clusters[name]

    def worlds(self) -> list[World]:
        return [cluster.world for cluster in self._clusters.values()]

    def checkpoint(self) -> bytes | None:
        """The worlds at their horizons, when one of these has moved far enough; None when it is not worth writing down."""
        if not any(cluster.worth_writing for cluster in self._clusters.values()):
            return None
        return checkpoint.write(cluster.page() for cluster in self._clusters.values())

    def restore(self, data: bytes) -> dict[str, Restored]:
        """Begins from a checkpoint; gives for each cluster what must be fed again."""
        found: dict[str, Restored] = {}
        for page in checkpoint.read(data):
            self.cluster(page.cluster).turn_to(page.horizon, page.facts)
            found[page.cluster] = Restored(page.horizon, frozenset(bytes.fromhex(uid) for uid in page.waits))
        return found

    def layout(self) -> list[Laid]:
        """How all clusters lie now."""
        return [one for cluster in self._clusters.values() for one in cluster.layout()]

    def incidents(self) -> dict[str, Incident]:
        """All that are in memory, by key."""
        return {
            value.key: value
            for cluster in self._clusters.values()
            for key, value in cluster.world.facts.items()
            if key[0] is INCIDENT
        }

    def gone(self) -> list[Condition]:
        """The last words about what there was a day ago, and is no more."""
        return [
            gone(world.cluster, Subject(name[0]), told)
            for world in self.worlds()
            for (table, *name), told in world.facts.items()
            if table is GONE and (CONDITION, *name) not in world.facts
        ]

    def holder(self, cluster: str, subject: Subject) -> Incident | None:
        """The incident, not over, that the subject is drawn into."""
        known = self._clusters.get(cluster)
        return known.world.holder(subject) if known else None

    def next_due(self, lags: Lags = PRESENT) -> datetime | None:
        """When the next timer wants a tick."""
        timers = ((name, due) for name, cluster in self._clusters.items() if (due := cluster.world.next_timer()))
        return min((due for name, due in timers if lags.judged(name, due) == due), default=None)
