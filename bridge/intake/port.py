"""The socket that relays connect to: bound after its authenticator, with a doorman who watches its connections.

Knows frames and no messages. The thread that made it is the only one that may use it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

import zmq

from bridge.intake.conduct import Conduct
from bridge.intake.connections import Connection, Connections
from bridge.intake.doorman import Doorman
from bridge.intake.enrolment import Enrolment
from bridge.intake.zap import DOMAIN, Authenticator, Refusals
from bridge.wire.endpoint import families, is_loopback
from bridge.wire.keys import AllowList, KeyPair, Peer

END_AFTER: Final = 0.25
"""Seconds for the last answer to leave."""

log = logging.getLogger("quorumbell.intake")


class Port:
    """`keys` and `allowed` are both given, or both None: then every endpoint must be on loopback, and it is said loudly."""

    def __init__(
        self,
        bind: Sequence[str],
        keys: KeyPair | None,
        allowed: AllowList | None,
        conduct: Conduct,
        refusals: Refusals,
        enrolment: Enrolment | None = None,
    ) -> None:
        if (keys is None) != (allowed is None):
            raise ValueError("keys and an allow-list belong together: give both, or none for plain text on loopback")
        far = [endpoint for endpoint in bind if keys is None and not is_loopback(endpoint)]
        if far:
            raise ValueError(f"{', '.join(far)}: plain text is for loopback only: make keys with quorumbell setup keys")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = Authenticator(self._context, allowed, enrolment, conduct, refusals) if allowed is not None else None
        if self._zap is not None:
            self._zap.start()
        self._sizes = _PLAIN if keys is None else _CURVE
        self._routes: dict[bytes, Connection] = {}
        self._connections = Connections()
        self.socket = self._make_socket(keys)
        self._doorman = Doorman(self.socket, self._connections, conduct, refusals)
        self._doorman.start()
        try:
            self.endpoints = tuple(self._bind(endpoint) for endpoint in bind)
            self._connections.ports = frozenset(int(endpoint.rpartition(":")[2]) for endpoint in self.endpoints)
        except zmq.ZMQError:
            self.close()
            raise
        if keys is None:
            log.warning("PLAIN TEXT on %s: no keys; whoever is on this machine can forge reports", ", ".join(self.endpoints))

    def _make_socket(self, keys: KeyPair | None) -> zmq.Socket[bytes]:
        router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        for option, value in _OPTIONS.items():
            router.setsockopt(option, value)
        if keys is not None:
            router.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
            router.curve_server = True
            router.curve_secretkey = keys.secret
        return router

    def _bind(self, endpoint: str) -> str:
        self.socket.setsockopt(zmq.IPV6, int(families(endpoint)[0]))  # `*` hears both; libzmq does without if the kernel does
        try:
            self.socket.bind(endpoint)
        except zmq.ZMQError as wrong:
            cure = "is another bridge running, or the address not of this machine?"
            raise zmq.ZMQError(wrong.errno, f"{endpoint}: {wrong.strerror}: {cure}") from None
        return self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]

    def receive(self) -> list[zmq.Frame] | None:
        """The next message, its connection in front; None when nothing waits."""
        try:
            frames = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
        except zmq.Again:
            self._doorman.dry += 1
            return None
        self._connection(frames[0]).taken += sum(_on_the_wire(len(frame), self._sizes) for frame in frames[1:])
        return frames

    def _connection(self, route: zmq.Frame) -> Connection:
        connection = self._routes.get(route.bytes)
        if connection is None:
            connection = self._routes[route.bytes] = self._connections.at(_descriptor(route), time.monotonic())
        return connection

    def belongs(self, route: bytes, peer: Peer) -> bool:
        """It is known now whose connection that is; whether it was not."""
        connection = self._routes[route]
        before, connection.peer = connection.peer, peer
        return before != peer

    def knows(self, route: bytes) -> bool:
        """Whether it is open, or may have left something behind."""
        return route in self._routes

    def connections_of(self, peer: Peer) -> int:
        return self._connections.of(peer)

    def end(self, route: bytes) -> None:
        """In a moment, so that what was answered arrives."""
        connection = self._routes.get(route)
        if connection is not None:
            connection.end_at = time.monotonic() + END_AFTER

    def forget(self) -> None:
        """Connections that are gone, once all is received that they left behind."""
        dry = self._doorman.dry
        for route in [route for route, connection in self._routes.items() if connection.left_nothing(dry)]:
            del self._routes[route]

    def send(self, route: bytes, frames: Sequence[bytes]) -> None:
        """Raises ZMQError: EHOSTUNREACH when the connection is gone, EAGAIN when its peer does not read."""
        self.socket.send_multipart([route, *frames], zmq.DONTWAIT)

    def close(self) -> None:
        self.socket.disable_monitor()
        self._doorman.stop()
        self.socket.close(0)
        self._context.term()  # ends the authenticator, too
        if self._zap is not None:
            self._zap.join(5)


def checked_key(frame: zmq.Frame) -> str | None:
    """The public key of the connection that a frame came by; None when no authenticator looked at it."""
    try:
        return str(frame.get("User-Id")) or None
    except (zmq.ZMQError, KeyError):
        return None


def _descriptor(frame: zmq.Frame) -> int:
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:  # a libzmq that does not tell any more
        return -1


_PLAIN: Final = (2, 9, 255)
_CURVE: Final = (35, 42, 222)
"""What a frame takes on the wire beside its content: a short one, a long one, and the longest of the short ones (ZMTP 3.1: a
size of one or eight bytes behind the flags; RFC 26: 33 bytes around each message)."""


def _on_the_wire(size: int, sizes: tuple[int, int, int]) -> int:
    short, long, longest = sizes
    return size + (short if size <= longest else long)


_OPTIONS: Final = {
    zmq.LINGER: 0,
    zmq.SNDHWM: 2000,
    zmq.RCVHWM: 0,  # a peer that hangs up while it is held at a mark ends the process; the doorman bounds what waits
    # No HEARTBEAT_IVL, for the same reason. Who is dead is told by what comes: the doorman ends a connection that is quiet.
    zmq.HANDSHAKE_IVL: 5000,  # silent connections hold a file descriptor no longer than that
    zmq.MAXMSGSIZE: 1 << 20,
    zmq.ROUTER_MANDATORY: 1,  # an answer to nobody raises instead of vanishing
    zmq.TCP_KEEPALIVE: 1,
}
