"""Events in, changes out: each cluster understands its own (cluster.py, by the rules of rulebook.py), one after the other."""

from collections.abc import Iterable
from datetime import datetime

from bridge.core import checkpoint
from bridge.core.cluster import Changes, Cluster
from bridge.core.world.event import Event, Subject
from bridge.core.world.incident import Incident
from bridge.core.world.lag import PRESENT, Lags
from bridge.core.world.settings import Settings
from bridge.core.world.tables import INCIDENT
from bridge.core.world.world import World


class Correlator:
    """All clusters. One writer owns it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._clusters: dict[str, Cluster] = {}

    def feed(self, events: Iterable[tuple[str, Event]], now: datetime, lags: Lags = PRESENT) -> Changes:
        """Understands a batch of (cluster, event), then lets time pass until `now`, or as far as the past has come in."""
        batches: dict[str, list[Event]] = {}
        for cluster, event in events:
            batches.setdefault(cluster, []).append(event)
        for name, batch in batches.items():
            self.cluster(name).feed(batch)
        return self.tick(now, lags)

    def tick(self, now: datetime, lags: Lags = PRESENT) -> Changes:
        changes = Changes()
        for name, cluster in self._clusters.items():
            cluster.tick(lags.judged(name, now))
            part = cluster.take()
            changes.incidents |= part.incidents
            changes.gone |= part.gone
            changes.conditions += part.conditions
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

    def restore(self, data: bytes) -> dict[str, datetime | None]:
        """Begins from a checkpoint; gives for each cluster the time from which its reports must be fed again."""
        since: dict[str, datetime | None] = {}
        for name, horizon, facts in checkpoint.read(data):
            self.cluster(name).turn_to(horizon, facts)
            since[name] = horizon[0] if horizon else None
        return since

    def incidents(self) -> dict[str, Incident]:
        """All that are in memory, by key."""
        return {
            value.key: value
            for cluster in self._clusters.values()
            for key, value in cluster.world.facts.items()
            if key[0] is INCIDENT
        }

    def holder(self, cluster: str, subject: Subject) -> Incident | None:
        """The incident, not over, that the subject is drawn into."""
        known = self._clusters.get(cluster)
        return known.world.holder(subject) if known else None

    def next_due(self, lags: Lags = PRESENT) -> datetime | None:
        """When the next timer wants a tick."""
        timers = ((name, due) for name, cluster in self._clusters.items() if (due := cluster.world.next_timer()))
        return min((due for name, due in timers if lags.judged(name, due) == due), default=None)
