"""What the running bridge says about itself: logs, readiness for systemd, counters for Prometheus."""

import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import datetime
from typing import Any, Final, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from bridge.core.showing.life import Life
from bridge.core.telling.circuit import Circuit, Health
from bridge.core.world.incident import Kind
from bridge.secret import redact

START_STEP: Final = 60.0
"""Seconds that one step of the start may take."""
# sd-daemon(3): the level in front of a line, for what systemd reads from stderr.
_LEVELS: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def set_up_logs(level: str = "info", style: str = "text", *, to: TextIO | None = None) -> None:
    """structlog and stdlib loggers go the same way to stderr; the last step blanks out every secret."""
    stream = to or sys.stderr
    journal = read_by_journal(stream)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    if not journal:  # the journal has its own clock
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    last = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _without_secrets,
        _renderer(style),
        _Last(journal=journal),
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("urllib3", "alembic", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _renderer(style: str) -> Any:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    return structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "logger", "event"], drop_missing=True, bool_as_flag=False
    )


def _without_secrets(_logger: Any, _name: str, words: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Before the renderer escapes anything: a secret with a quote in it would not be recognised afterwards."""
    return {name: value if isinstance(value, int | float | None) else redact(str(value)) for name, value in words.items()}


class _Last:
    """Redaction and the journal's prefix, on the finished line: nothing is added behind it."""

    def __init__(self, *, journal: bool) -> None:
        self._journal = journal

    def __call__(self, _logger: Any, name: str, line: Any) -> str:
        text = _printable(redact(str(line)))
        if not self._journal:
            return text
        prefix = f"<{_LEVELS.get(name, 6)}>"
        return "\n".join(prefix + part for part in text.split("\n"))


def _printable(text: str) -> str:
    """Names out of reports may hold anything: what moves a cursor is written out, or the journal hides the line as a blob."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)


def read_by_journal(stream: TextIO) -> bool:
    """Whether this very stream goes to the journal: systemd names its device and inode in JOURNAL_STREAM. (systemd.exec(5))"""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        seen = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(seen.st_dev), str(seen.st_ino))


def sd_notify(*words: str) -> bool:
    """READY=1, STATUS=…, WATCHDOG=1, STOPPING=1, EXTEND_TIMEOUT_USEC=…; False when nobody asked to be told. (sd_notify(3))"""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return False
    address = "\0" + place[1:] if place[0] == "@" else place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.sendto("\n".join(words).encode(), address)
        except OSError as error:
            structlog.get_logger(__name__).warning("systemd does not listen", place=place, why=str(error))
            return False
    return True


def watchdog_seconds() -> float | None:
    """What systemd allows between two WATCHDOG=1, if it watches this process. (sd_watchdog_enabled(3))"""
    allowed, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not allowed.isdigit() or (process and process != str(os.getpid())):
        return None
    return int(allowed) / 1_000_000


class Pulse:
    """Tells systemd that there is progress: while starting, so that it waits, and then, so that it does not restart us.

    Whatever may take long calls `beat` at each step of its own; what is stuck calls nothing, and that is the point. `also` is
    called at each beat.
    """

    def __init__(self, also: Callable[[], None] = lambda: None) -> None:
        self._also = also
        self._word = f"EXTEND_TIMEOUT_USEC={int(START_STEP * 1_000_000)}"
        self._every = START_STEP / 4
        self._at = 0.0
        self._is_ready = False

    def beat(self) -> None:
        self._also()
        self.lives()

    def lives(self) -> None:
        """It is not the process that is stuck."""
        now = time.monotonic()
        if now >= self._at:
            self._at = now + self._every
            sd_notify(self._word)

    def ready(self) -> None:
        """The start is over, or it only waits for the ledger; from now on it is the watchdog that waits for beats."""
        if self._is_ready:
            return
        self._is_ready = True
        sd_notify("READY=1")
        allowed = watchdog_seconds()
        self._word, self._every, self._at = "WATCHDOG=1", allowed / 4 if allowed else float("inf"), 0.0


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
