"""The socket that relays connect to: bound after its authenticator, with an eye on connections that come to nothing.

Knows frames and no messages. The thread that made it is the only one that may use it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.intake.zap import DOMAIN, Authenticator, Refusal, Refusals
from bridge.wire.endpoint import is_loopback
from bridge.wire.keys import AllowList, KeyPair

_MOST_HAPPENINGS: Final = 1024

log = logging.getLogger("quorumbell.intake")


class Port:
    """`keys` and `allowed` are both given, or both None: then every endpoint must be on loopback, and it is said loudly."""

    def __init__(self, bind: Sequence[str], keys: KeyPair | None, allowed: AllowList | None, refusals: Refusals) -> None:
        if (keys is None) != (allowed is None):
            raise ValueError("keys and an allow-list belong together: give both, or none for plain text on loopback")
        far = [endpoint for endpoint in bind if keys is None and not is_loopback(endpoint)]
        if far:
            raise ValueError(f"{', '.join(far)}: plain text is for loopback only: make keys with quorumbell setup keys")
        self._refusals = refusals
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = Authenticator(self._context, allowed, refusals) if allowed is not None else None
        if self._zap is not None:
            self._zap.start()
        self.socket = self._make_socket(keys)
        self._monitor = self.socket.get_monitor_socket(_FAILURES)
        try:
            self.endpoints = tuple(self._bind(endpoint) for endpoint in bind)
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
        try:
            self.socket.bind(endpoint)
        except zmq.ZMQError as wrong:
            cure = "is another bridge running, or the address not of this machine?"
            raise zmq.ZMQError(wrong.errno, f"{endpoint}: {wrong.strerror}: {cure}") from None
        return self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]

    def receive(self) -> list[zmq.Frame] | None:
        """The next message, its connection in front; None when nothing waits."""
        try:
            return self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return None

    def send(self, route: bytes, frames: Sequence[bytes]) -> None:
        """Raises ZMQError when the connection is gone, or does not read."""
        self.socket.send_multipart([route, *frames], zmq.DONTWAIT)

    def watch(self) -> None:
        """Failed handshakes are told nowhere else."""
        for _ in range(_MOST_HAPPENINGS):
            if not self._monitor.poll(0):
                return
            happened = recv_monitor_message(self._monitor, zmq.DONTWAIT)
            if int(happened["event"]) == zmq.EVENT_ACCEPT_FAILED:
                log.error("a connection could not be taken: too few file descriptors? Raise LimitNOFILE of the service")
                continue
            kind = _HANDSHAKES.get((int(happened["event"]), int(happened["value"])), Refusal.NOT_A_RELAY)
            if int(happened["event"]) != zmq.EVENT_HANDSHAKE_FAILED_AUTH:  # the authenticator has counted it
                self._refusals.note(kind, f"a connection to {os.fsdecode(happened['endpoint'])}", _CURES.get(kind, ""))

    def close(self) -> None:
        self.socket.disable_monitor()
        self._monitor.close(0)
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
_FAILURES: Final = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
_OPTIONS: Final = {
    zmq.LINGER: 0,
    zmq.SNDHWM: 2000,
    zmq.RCVHWM: 2000,
    zmq.HEARTBEAT_IVL: 1000,
    zmq.HEARTBEAT_TIMEOUT: 3000,
    zmq.HANDSHAKE_IVL: 5000,  # silent connections hold a file descriptor no longer than that
    zmq.MAXMSGSIZE: 1 << 20,
    zmq.ROUTER_MANDATORY: 1,  # an answer to nobody raises instead of vanishing
    zmq.TCP_KEEPALIVE: 1,
}
