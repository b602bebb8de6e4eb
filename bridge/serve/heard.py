"""Which relays speak, as the boards show it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge import __version__
from bridge.ledger.ledger import Edge

GRACE: Final = timedelta(minutes=1)
"""For relays to come back after a start of the bridge."""


class Change(NamedTuple):
    """A relay fell silent, or (`silent_since` is None) speaks."""

    cluster: str
    node: str
    silent_since: datetime | None


class Heard:
    def __init__(self, started_at: datetime) -> None:
        self._started_at = started_at
        self._silent: dict[tuple[str, str], bool] = {}

    def learn(self, edges: Collection[Edge], now: datetime, gone: Collection[tuple[str, str]] = ()) -> list[Change]:
        """What is news of it. A relay that was known and is not among `edges` any more does not speak either; one that is `gone`
        is no longer enrolled, and nobody expects it to."""
        news: list[Change] = []
        for place in gone:
            news += self._news(*place, now)
            self._silent.pop(place, None)
        for edge in edges:
            news += self._news(edge.cluster, edge.node, (edge.last_heard_at or now) if edge.silent else None)
        if now - self._started_at > GRACE:
            for place in self._silent.keys() - {(edge.cluster, edge.node) for edge in edges}:
                news += self._news(*place, now)
        return news

    def _news(self, cluster: str, node: str, silent_since: datetime | None) -> list[Change]:
        silent = silent_since is not None
        if self._silent.get((cluster, node)) is silent:
            return []
        self._silent[cluster, node] = silent
        return [Change(cluster, node, silent_since)]

    def __str__(self) -> str:
        speaking = len(self._silent) - sum(self._silent.values())
        return f"Quorumbell {__version__}: {speaking} of {len(self._silent)} relays heard"
