"""Relays that are not heard for a while: an event, and so is their return, and that a node's clock was set. Every few seconds all
relays are written down, and where the bridge's own time line is."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from bridge.core.world.event import from_ns, subject_name
from bridge.intake.intake import Intake, know_all
from bridge.intake.peers import PeerState
from bridge.ledger.ledger import Commit, Edge
from bridge.serve.clock import TimeLine, WasSet
from bridge.serve.kept_out import KeptOut
from bridge.serve.telemetry import Metrics
from bridge.serve.versions import Versions
from bridge.serve.writer import Writer

EVERY: Final = timedelta(seconds=5)
TOLD_EVERY: Final = timedelta(minutes=1)
"""A clock that is set again and again is a line a minute."""
LEAST_NS: Final = 250_000_000
Place = tuple[str, str]
"""(cluster, node)"""


class Edges:
    def __init__(
        self,
        writer: Writer,
        intakes: Sequence[Intake],
        metrics: Metrics,
        silent_after: timedelta,
        clock: TimeLine,
        heard: Callable[[Sequence[Edge], datetime, Collection[Place]], None],
    ) -> None:
        self._writer = writer
        self.intakes = intakes
        self._metrics = metrics
        self.silent_after = silent_after
        self._clock = clock
        relays = [one for one in writer.ledger.conditions() if one.subject.startswith("relay/")]
        shown = {(one.cluster, subject_name(one.subject)): one.why for one in relays}
        self._kept_out = KeptOut(writer, intakes, metrics, shown)
        self._versions = Versions(writer, shown)
        self._heard = heard
        self._next_at = clock()
        self._silent = {(edge.cluster, edge.node): edge.silent for edge in writer.ledger.edges()}
        self._steps: dict[Place, int] = {}
        self.clocks_set: dict[Place, WasSet] = {}
        """The last time that each node's clock was set."""

    def look(self, now: datetime) -> bool:
        """Whether it was time to look."""
        if now < self._next_at:
            return False
        self._next_at = now + EVERY
        rows = []
        self._kept_out.look(now)
        self._versions.look(now)
        for intake, peer in [(one, state) for one in self.intakes for state in one.peers()]:
            place = (peer.cluster, peer.node)
            known = self._silent.get(place, False)
            silent = self._silent[place] = self._is_silent(peer, intake.silence(peer), known=known)
            if silent is not known:
                heard = {"heard_us": peer.last_heard_ns // 1000} if silent and peer.last_heard_ns else {}
                self._writer.report("bridge", peer.cluster, {"node": peer.node, "silent": silent, **heard}, now)
            rows.append(self._edge(peer, silent=silent))
        self._tell_of_clocks(now)
        gone = self._drop(self._silent.keys() - {(row.cluster, row.node) for row in rows}, now)
        self._writer.store(Commit(now=now, edges=[*rows, self._clock.anchor().row()], edges_gone=gone), now)
        self._heard(rows, now, gone)
        self._metrics.set_edges(self._silent.values())
        return True

    def _drop(self, unknown: Collection[Place], now: datetime) -> list[Place]:
        """Nodes that are no longer enrolled: nobody waits for a word from them."""
        if not know_all(self.intakes):
            return []
        for cluster, node in sorted(unknown):
            self._writer.report("bridge", cluster, {"node": node, "silent": False, "gone": True}, now)
            del self._silent[cluster, node]
        return sorted(unknown)

    def _is_silent(self, peer: PeerState, silence: float, *, known: bool) -> bool:
        """Whoever was silent when the bridge was stopped is so until it speaks."""
        return silence > self.silent_after / timedelta(seconds=1) or (known and peer.last_heard is None)

    def _tell_of_clocks(self, now: datetime) -> None:
        for peer, by_ns in [step for intake in self.intakes for step in intake.take_steps().items()]:
            self._steps[peer] = self._steps.get(peer, 0) + by_ns
        for place, by_ns in list(self._steps.items()):
            told = self.clocks_set.get(place)
            if told is not None and now - told.at < TOLD_EVERY:
                continue
            del self._steps[place]
            if abs(by_ns) >= LEAST_NS:
                self.clocks_set[place] = WasSet(now, timedelta(microseconds=by_ns // 1000))
                cluster, node = place
                self._writer.report("bridge", cluster, {"node": node, "clock_set_ms": round(by_ns / 1_000_000)}, now)

    def _edge(self, peer: PeerState, *, silent: bool) -> Edge:
        """Its offset is for people: to the wall clock of this machine."""
        return Edge(
            cluster=peer.cluster,
            node=peer.node,
            last_heard_at=from_ns(peer.last_heard_ns) if peer.last_heard_ns else None,
            silent=silent,
            offset=timedelta(microseconds=peer.offset_ns // 1000) + (self._clock.gap if peer.last_heard_ns else timedelta(0)),
            backlog_count=peer.backlog,
            backlog_bytes=peer.backlog_bytes,
            oldest_at=from_ns(peer.oldest_ns + peer.offset_ns) if peer.oldest_ns else None,
            version=peer.version,
            boot=peer.boot,
        )
