"""Watches the connections of a port while the bridge works: a thread of its own, which needs nothing of the writer.

It ends a connection that nothing came by for a while (its machine is dead, or frozen: a relay's libzmq speaks every second),
one that was opened and not used, and one by which more comes than anybody takes. So the port needs no high-water mark, which is
what libzmq 4.3.5 dies of: a peer that hangs up while its input is stopped there, with a heartbeat of its own among what
was read, or one of ours that falls due, ends the process (`Assertion failed: !_io_error`, stream_engine_base.cpp).

It is also the one that hears what libzmq's monitor says; unheard, the monitor would stop libzmq's own thread.
"""

from __future__ import annotations

import logging
import os
import resource
import threading
import time
from typing import Any, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.intake.bounds import MOST_BYTES, Over
from bridge.intake.conduct import Conduct
from bridge.intake.connections import Connection, Connections
from bridge.intake.zap import Refusal, Refusals

LOOK_EVERY: Final = 0.25
QUIET_FOR: Final = 20.0
"""Seconds without a byte."""
FIRST_WORD_WITHIN: Final = 30.0
MOST_BYTES_OF_A_STRANGER: Final = 256 * 1024
"""Before its hello was heard."""
MOST_STRANGERS: Final = 1_000
"""Connections that have said nothing yet."""
SPARE: Final = 256
"""File descriptors for all that is not a connection."""
SAY_EVERY: Final = 60.0

log = logging.getLogger("quorumbell.intake")


class Doorman(threading.Thread):
    """`socket` is the ROUTER; the monitor is this thread's alone from start() on."""

    def __init__(self, socket: zmq.Socket[Any], connections: Connections, conduct: Conduct, refusals: Refusals) -> None:
        super().__init__(name="quorumbell-doorman", daemon=True)
        self._monitor = socket.get_monitor_socket(_HAPPENINGS)
        self._connections = connections
        self._conduct = conduct
        self._refusals = refusals
        self._stopped = threading.Event()
        self._look_at = 0.0
        self._said_at = -SAY_EVERY
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most_strangers = min(MOST_STRANGERS, max(64, (files - SPARE) // 2))
        self.dry = 0
        """Counted up by the writer's thread whenever nothing waited for it."""

    def stop(self) -> None:
        """After the socket gave up its monitor."""
        self._stopped.set()
        self.join(5)

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._watch()
            except Exception:  # noqa: BLE001 - it is told; nobody would hear the monitor if this thread ended
                self._complain("a look at the connections failed", time.monotonic(), trace=True)
                self._stopped.wait(LOOK_EVERY)
        self._monitor.close(0)

    def _watch(self) -> None:
        if self._monitor.poll(int(LOOK_EVERY * 1000)):
            self._hear(time.monotonic())
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self._look(now)

    def _hear(self, now: float) -> None:
        happened = recv_monitor_message(self._monitor, zmq.DONTWAIT)
        event, value = int(happened["event"]), int(happened["value"])
        if event == zmq.EVENT_ACCEPTED:
            self._connections.add(value, now)
            self._mind_the_crowd()
        elif event == zmq.EVENT_DISCONNECTED:
            self._connections.remove(value)
        elif event == zmq.EVENT_ACCEPT_FAILED:
            self._complain("a connection could not be taken: too few file descriptors? Raise LimitNOFILE of the service", now)
        elif event in _FAILURES and event != zmq.EVENT_HANDSHAKE_FAILED_AUTH:  # the authenticator has counted that
            kind = _HANDSHAKES.get((event, value), Refusal.NOT_A_RELAY)
            self._refusals.note(kind, f"a connection to {os.fsdecode(happened['endpoint'])}", _CURES.get(kind, ""))

    def _mind_the_crowd(self) -> None:
        """So many may have said nothing yet; then those go that have been silent for longest."""
        if len(self._connections) <= self._most_strangers:
            return
        strangers = [one for one in self._connections.all() if one.peer is None and not one.gone]
        if len(strangers) > self._most_strangers:
            for one in strangers[: len(strangers) // 4]:
                self._refuse(one, Refusal.CROWD)

    def _complain(self, words: str, now: float, *, trace: bool = False) -> None:
        if now - self._said_at >= SAY_EVERY:
            self._said_at = now
            log.error(words, exc_info=trace)

    def _look(self, now: float) -> None:
        dry = self.dry
        for one in self._connections.all():
            if not one.gone:
                self._judge(one, dry, now)

    def _judge(self, one: Connection, dry: int, now: float) -> None:
        seen = one.look()
        if seen is None:
            one.gone = True
            return
        if one.end_at is not None and now >= one.end_at:
            one.end()
        elif seen.quiet > QUIET_FOR:
            log.info("nothing came from %s for %.0f s: its connection is ended", _name(one), QUIET_FOR)
            one.end()
        elif one.peer is None and now - one.since > FIRST_WORD_WITHIN:
            self._refuse(one, Refusal.NO_WORD)
        elif one.waiting(seen.received, dry) > (MOST_BYTES if one.peer else MOST_BYTES_OF_A_STRANGER):
            self._overfull(one, now)

    def _overfull(self, one: Connection, now: float) -> None:
        if one.peer is not None:
            self._conduct.keep_out(one.peer, Over.BYTES, now)
        self._refuse(one, Refusal.FLOOD)

    def _refuse(self, one: Connection, kind: Refusal) -> None:
        self._refusals.note(kind, _name(one))
        one.end()


def _name(one: Connection) -> str:
    if one.peer is not None:
        return f"{one.peer.node} of {one.peer.cluster}"
    return one.address[0] if one.address else "somebody"


_FAILURES: Final = frozenset(
    {zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL}
)
_HAPPENINGS: Final = sum(_FAILURES) | zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_ACCEPT_FAILED
_CRYPTOGRAPHIC: Final = 0x11000001  # ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC
_MECHANISM: Final = 0x11000002  # ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
_HANDSHAKES: Final = {
    (int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL), _CRYPTOGRAPHIC): Refusal.WRONG_BRIDGE_KEY,
    (int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL), _MECHANISM): Refusal.NO_KEY,
}
_CURES: Final = {
    Refusal.WRONG_BRIDGE_KEY: "copy bridge.public to that node again, as its bridge_key",
    Refusal.NO_KEY: "give that relay `key` and `bridge_key`",
}
