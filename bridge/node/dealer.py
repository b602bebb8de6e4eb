"""The socket of the relay's line: a fresh one for each attempt, in the poller while it is open.

A reconnect inside libzmq is never trusted: a peer that was refused once does not try again, and what was queued for the old
connection is gone.
"""

from __future__ import annotations

from typing import Any, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.node.settings import Settings
from bridge.wire import codec

KEPT_OUT: Final = 500
"""The status that a bridge's authenticator gives to a key which it knows, and does not let in now (RFC 27)."""
HANDSHAKES: Final = {
    int(zmq.EVENT_HANDSHAKE_FAILED_AUTH): (
        "the bridge at {endpoint} does not know this node's key {public}: "
        "bring node.public to the bridge and enrol it there (quorumbell setup keys)"
    ),
    int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL): (
        "what answers at {endpoint} does not speak as we do (one side with keys, one without?): "
        "check `bridge`, `key` and `bridge_key`"
    ),
    int(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL): (
        "the bridge at {endpoint} hung up during the handshake; most likely bridge_key is not its key: "
        "copy bridge.public from the bridge again"
    ),
    KEPT_OUT: (
        "the bridge at {endpoint} keeps this node out for a while, since it sent too much: "
        "`quorumbell status` on the bridge says what"
    ),
}


class Dealer:
    def __init__(self, settings: Settings, context: zmq.Context[Any], poller: zmq.Poller) -> None:
        self.take_over(settings)
        self._context = context
        self._poller = poller
        self.socket: zmq.Socket[bytes] | None = None
        self.monitor: zmq.Socket[bytes] | None = None

    def take_over(self, settings: Settings) -> None:
        """These keys from the next socket on."""
        self._keys = settings.keys
        self._bridge_key = settings.bridge_key

    def open(self, endpoint: str, *, ipv6: bool) -> None:
        self.socket = self._make_socket()
        self.socket.setsockopt(zmq.IPV6, int(ipv6))
        self.monitor = self.socket.get_monitor_socket()
        self.socket.connect(endpoint)
        self._poller.register(self.socket, zmq.POLLIN)
        self._poller.register(self.monitor, zmq.POLLIN)

    def _make_socket(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        if self._keys is not None and self._bridge_key is not None:
            socket.curve_publickey = self._keys.public
            socket.curve_secretkey = self._keys.secret
            socket.curve_serverkey = self._bridge_key
        return socket

    def send(self, frames: list[bytes]) -> bool:
        """False when libzmq would have to queue it for nobody."""
        if self.socket is None:
            return False
        try:
            self.socket.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def receive(self) -> list[bytes] | None:
        """The next message; None when nothing waits, or nothing is open."""
        if self.socket is None:
            return None
        try:
            return self.socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return None

    def happened(self) -> int | None:
        """The next event that libzmq saw of the connection, or KEPT_OUT."""
        if self.monitor is None or not self.monitor.poll(0):
            return None
        happened = recv_monitor_message(self.monitor, zmq.DONTWAIT)
        event, value = int(happened["event"]), int(happened["value"])
        return KEPT_OUT if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH and value == KEPT_OUT else event

    def why(self, happened: int, endpoint: str) -> str:
        """A failed handshake, in words with a cure."""
        if self._keys is None:  # a port with keys resets us, sometimes before it has said why
            happened = int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
        return HANDSHAKES[happened].format(endpoint=endpoint, public=self._keys.public.decode() if self._keys else "(none)")

    def close(self, linger_ms: int) -> None:
        if self.socket is None or self.monitor is None:
            return
        self._poller.unregister(self.socket)
        self._poller.unregister(self.monitor)
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(linger_ms)
        self.socket = self.monitor = None


_OPTIONS: Final = {
    zmq.LINGER: 0,  # the spool is the memory; the default hangs at exit
    zmq.IMMEDIATE: 1,  # no queue for a peer that is not there
    zmq.SNDHWM: 1000,
    zmq.RCVHWM: 1000,  # far above MOST_IN_FLIGHT: a bridge that hangs up while we are held there would end this process
    zmq.RECONNECT_IVL: 50,
    zmq.RECONNECT_IVL_MAX: 2000,
    zmq.CONNECT_TIMEOUT: 3000,
    zmq.HEARTBEAT_IVL: 1000,
    zmq.HEARTBEAT_TIMEOUT: 3000,
    zmq.HEARTBEAT_TTL: 6000,  # the bridge may drop us when it hears nothing for so long
    zmq.HANDSHAKE_IVL: 5000,
    zmq.MAXMSGSIZE: codec.MAX_EVENT,
    zmq.TCP_KEEPALIVE: 1,
}
