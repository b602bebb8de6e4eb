"""What the running bridge says about itself: counters for Prometheus."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from bridge.core.showing.life import Life
from bridge.core.telling.circuit import Circuit, Health
from bridge.core.world.incident import Kind


class Metrics:
    """Labels are kinds, sources and configured names: never an incident, a host or a text, of which there is no end."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reports = Counter("quorumbell_reports", "Reports committed, by source", ["source"], registry=self.registry)
        self.unreadable = Counter("quorumbell_reports_unreadable", "Reports stored that make no sense", registry=self.registry)
        self.duplicates = Counter(
            "quorumbell_reports_duplicate", "Reports that were in the ledger already", registry=self.registry
        )
        self.refused = Counter("quorumbell_reports_refused", "Reports refused for ever", registry=self.registry)
        self.faults = Counter(
            "quorumbell_faults", "Errors of Quorumbell itself, each set aside, by where it was", ["where"], registry=self.registry
        )
        self.ledger_away = Gauge(
            "quorumbell_ledger_away_seconds", "For how long nothing could be stored; 0 when it can", registry=self.registry
        )
        self.commits = Counter("quorumbell_commits", "Transactions of the writer", registry=self.registry)
        self.notices = Counter(
            "quorumbell_notices", "Attempts to tell, by receiver and verdict", ["receiver", "verdict"], registry=self.registry
        )
        self.open = Gauge("quorumbell_incidents_open", "Incidents that are not over, by kind", ["kind"], registry=self.registry)
        self.pending = Gauge("quorumbell_notices_pending", "Notices that are owed", registry=self.registry)
        self.oldest = Gauge("quorumbell_queue_oldest_seconds", "Age of the oldest notice that is owed", registry=self.registry)
        self.given_up = Gauge("quorumbell_notices_given_up", "Notices that need a person", registry=self.registry)
        self.silent = Gauge(
            "quorumbell_edges_silent", "Relays that were heard once and are not heard now", registry=self.registry
        )
        self.kept_out = Gauge(
            "quorumbell_edges_kept_out",
            "Relays that are kept out, or watched, because they sent too much",
            registry=self.registry,
        )
        self.offences = Counter(
            "quorumbell_edge_offences",
            "How often a relay was kept out for a while, by what was too much",
            ["why"],
            registry=self.registry,
        )
        self.turned_away = Counter(
            "quorumbell_turned_away", "Connections and messages that were not let in, by why", ["why"], registry=self.registry
        )
        self.edges = Gauge("quorumbell_edges", "Relays that were ever heard", registry=self.registry)
        self.board = Gauge(
            "quorumbell_board_services",
            "Services of a board, by how far they are: owed, taken, true, false, refused",
            ["receiver", "state"],
            registry=self.registry,
        )
        self.failures = self._of_receiver("failures", "Failed attempts in a row")
        self.circuit = self._of_receiver("circuit_open", "1 while only urgent notices are tried")
        self.queue = self._of_receiver("pending", "Notices that are owed to it")
        self.waiting = self._of_receiver("oldest_seconds", "Age of the oldest notice that is owed to it")
        self.held = self._of_receiver("held_back", "Incidents that its brake, or a group, holds back now")
        self.success = self._of_receiver("last_success_timestamp_seconds", "When it last took a notice; 0 for never")
        self.failure = self._of_receiver("last_failure_timestamp_seconds", "When it last refused one; 0 for never")
        for kind in Kind:
            self.open.labels(kind.value)

    def _of_receiver(self, name: str, words: str) -> Gauge:
        return Gauge(f"quorumbell_receiver_{name}", words, ["receiver"], registry=self.registry)

    def set_receiver(
        self, name: str, health: Health, pending: int, oldest_at: datetime | None, held: int, *, now: datetime
    ) -> None:
        self.failures.labels(name).set(health.failures)
        self.circuit.labels(name).set(health.circuit(now) is Circuit.OPEN)
        self.queue.labels(name).set(pending)
        self.waiting.labels(name).set(_age(oldest_at, now))
        self.held.labels(name).set(held)
        self.success.labels(name).set(health.success_at.timestamp() if health.success_at else 0)
        self.failure.labels(name).set(health.failure_at.timestamp() if health.failure_at else 0)

    def forget_receiver(self, name: str) -> None:
        """It is no longer in the config: what was last measured of it is true no more. What was counted stays."""
        for gauge in (self.failures, self.circuit, self.queue, self.waiting, self.held, self.success, self.failure):
            with contextlib.suppress(KeyError):
                gauge.remove(name)
        for life in Life:
            with contextlib.suppress(KeyError):
                self.board.remove(name, life.value)

    def set_open(self, kinds: Mapping[str, int]) -> None:
        for kind in Kind:
            self.open.labels(kind.value).set(kinds.get(kind, 0))

    def set_queue(self, pending: int, oldest_at: datetime | None, given_up: int, *, now: datetime) -> None:
        self.pending.set(pending)
        self.given_up.set(given_up)
        self.oldest.set(_age(oldest_at, now))

    def set_board(self, receiver: str, lives: Mapping[Life, int]) -> None:
        for life in Life:
            self.board.labels(receiver, life.value).set(lives.get(life, 0))

    def set_edges(self, silent: Iterable[bool]) -> None:
        states = list(silent)
        self.edges.set(len(states))
        self.silent.set(sum(states))


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


class MetricsServer:
    """prometheus-client's own server, on a thread of its own."""

    def __init__(self, metrics: Metrics, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._server, self._thread = start_http_server(int(port), host.strip("[]"), registry=metrics.registry)
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        with contextlib.suppress(OSError):
            self._server.server_close()
