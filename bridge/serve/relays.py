"""Relays that are not heard for a while: an event, and so is their return. Every few seconds all of them are written down."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bridge.core.world.event import from_ns
from bridge.intake.intake import Intake
from bridge.intake.peers import PeerState
from bridge.ledger.ledger import Commit, Edge
from bridge.serve.kept_out import KeptOut
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer

EVERY: Final = timedelta(seconds=5)
Place = tuple[str, str]
"""(cluster, node)"""


class Edges:
    def __init__(
        self,
        writer: Writer,
        intakes: Sequence[Intake],
        metrics: Metrics,
        silent_after: timedelta,
        now: datetime,
        heard: Callable[[Sequence[Edge], datetime, Collection[Place]], None],
    ) -> None:
        self._writer = writer
        self._intakes = intakes
        self._metrics = metrics
        self._silent_after = silent_after
        self._kept_out = KeptOut(writer, intakes, metrics)
        self._heard = heard
        self._started_at = now
        self._next_at = now
        self._silent = {(edge.cluster, edge.node): edge.silent for edge in writer.ledger.edges()}

    def look(self, now: datetime) -> bool:
        """Whether it was time to look."""
        if now < self._next_at:
            return False
        self._next_at = now + EVERY
        rows = []
        self._kept_out.look(now)
        for peer in self._writer.relays():
            silent = self._is_silent(peer, now)
            place = (peer.cluster, peer.node)
            known, self._silent[place] = self._silent.get(place, False), silent
            if silent is not known:
                self._writer.report("bridge", peer.cluster, {"node": peer.node, "silent": silent}, now)
            rows.append(_edge(peer, silent=silent))
        gone = self._drop(self._silent.keys() - {(row.cluster, row.node) for row in rows}, now)
        self._writer.patiently(partial(self._writer.ledger.commit, Commit(now=now, edges=rows, edges_gone=gone)), now)
        self._heard(rows, now, gone)
        self._metrics.set_edges(self._silent.values())
        return True

    def _drop(self, unknown: Collection[Place], now: datetime) -> list[Place]:
        """Nodes that are no longer enrolled: nobody waits for a word from them."""
        if not all(intake.knows_all for intake in self._intakes):
            return []
        for cluster, node in sorted(unknown):
            self._writer.report("bridge", cluster, {"node": node, "silent": False, "gone": True}, now)
            del self._silent[cluster, node]
        return sorted(unknown)

    def _is_silent(self, peer: PeerState, now: datetime) -> bool:
        heard_at = from_ns(peer.last_heard_ns) if peer.last_heard_ns else self._started_at
        return now - heard_at > self._silent_after


def _edge(peer: PeerState, *, silent: bool) -> Edge:
    return Edge(
        cluster=peer.cluster,
        node=peer.node,
        last_heard_at=from_ns(peer.last_heard_ns) if peer.last_heard_ns else None,
        silent=silent,
        offset=timedelta(microseconds=peer.offset_ns // 1000),
        backlog_count=peer.backlog,
        backlog_bytes=peer.backlog_bytes,
        oldest_at=from_ns(peer.oldest_ns) if peer.oldest_ns else None,
        version=peer.version,
        boot=peer.boot,
    )
