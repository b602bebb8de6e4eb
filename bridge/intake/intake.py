"""The bridge's side of the wire: lets known relays in, hands over what they bring, acknowledges what is committed.

One thread owns an Intake, the one that writes the ledger:

    for arrival in (drained := intake.drain()).arrivals: ...      # one transaction
    intake.acknowledge(drained.arrivals)                           # only after its commit

Hellos, heartbeats and goodbyes are answered inside `drain`, so it must be called when the socket is readable and at least
every second. Who a report is from is said by the key that delivered it, never by its text; in plain text, which is taken on
loopback only, by the hello.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.intake.admit import Unacceptable, inspect
from bridge.intake.peers import Peers, PeerState
from bridge.intake.zap import DOMAIN, Authenticator, Refusal, Refusals
from bridge.wire import codec
from bridge.wire.endpoint import is_loopback
from bridge.wire.keys import NAME, AllowList, KeyPair, Peer

HEAD: Final = 512
MOST_MESSAGES: Final = 1024
HOUSEKEEPING_EVERY: Final = 1.0

log = logging.getLogger("quorumbell.intake")


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it came in. `fields` is the body, parsed; `peer` is the connection that waits for its acknowledgement."""

    peer: bytes
    uid: bytes
    body: bytes
    cluster: str
    node: str
    received_ns: int
    offset_ns: int
    fields: dict[str, Any]


class Spoiled(msgspec.Struct, frozen=True, kw_only=True):
    """What was refused for ever: the relay keeps it in bad/, and the ledger keeps a small report about it."""

    peer: bytes
    uid: bytes
    code: codec.Code
    why: str
    head: bytes
    cluster: str
    node: str
    received_ns: int


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    arrivals: list[Arrival]
    spoiled: list[Spoiled]


class Intake:
    """`keys` and `allowed` are both given, or both None: then every endpoint must be on loopback, and it is said loudly."""

    def __init__(
        self,
        bind: Sequence[str],
        keys: KeyPair | None,
        allowed: AllowList | None,
        *,
        name: str = "",
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        if (keys is None) != (allowed is None):
            raise ValueError("keys and an allow-list belong together: give both, or none for plain text on loopback")
        far = [endpoint for endpoint in bind if keys is None and not is_loopback(endpoint)]
        if far:
            raise ValueError(f"{', '.join(far)}: plain text is for loopback only: make keys with quorumbell setup keys")
        self._allowed = allowed
        self._name = name or socket.gethostname()
        self._wall_ns = wall_ns
        self._window = codec.DEFAULT_WINDOW
        self._standby: codec.NotNow | None = None
        self._peers = Peers()
        self._refusals = Refusals()
        self._house_at = 0.0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = Authenticator(self._context, allowed, self._refusals) if allowed is not None else None
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

    # -- for the writer -------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return int(self.socket.fileno())

    def drain(self, limit_events: int = 256, limit_bytes: int = 1 << 20) -> Drained:
        """All that is there, up to the limits; a message that begins within them comes whole."""
        self._keep_house(time.monotonic())
        drained = Drained(arrivals=[], spoiled=[])
        size = 0
        for _ in range(MOST_MESSAGES):
            try:
                frames = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            size += self._hear(frames, drained)
            if len(drained.arrivals) >= limit_events or size >= limit_bytes:
                break
        return drained

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Only after the commit: the relays remove their copies now."""
        by_peer: dict[bytes, list[bytes]] = {}
        for arrival in arrivals:
            by_peer.setdefault(arrival.peer, []).append(arrival.uid)
        for peer, uids in by_peer.items():
            self._reply(peer, codec.Taken(tuple(uids), self._window))

    def refuse(self, arrival: Arrival, code: codec.Code, text: str) -> None:
        """For ever. The relay puts it into bad/ and sends a small report about it."""
        self._reply(arrival.peer, codec.Refused(arrival.uid, code, text))

    def set_window(self, number: int) -> None:
        """How many reports each relay may have in flight. 0: the database is down; relays hold, and hear it within a second."""
        self._window = max(0, min(number, 65535))

    def standby(self, reason: str | None, endpoints: Sequence[str] = ()) -> None:
        """With a reason every relay is sent away, to the next endpoint of its list; None takes reports again."""
        self._standby = None if reason is None else codec.NotNow(reason, tuple(endpoints))

    def peers(self) -> list[PeerState]:
        return list(self._peers.states(self._allowed.peers.values() if self._allowed else None))

    @property
    def knows_all(self) -> bool:
        """Whether peers() are all that there are: where there is no allow-list, or it cannot be read whole, nobody can tell."""
        return self._allowed is not None and self._allowed.whole

    @property
    def refusals(self) -> Mapping[str, int]:
        """How often something was not let in, by the plain words for why."""
        return self._refusals.counts()

    def close(self) -> None:
        self.socket.disable_monitor()
        self._monitor.close(0)
        self.socket.close(0)
        self._context.term()  # ends the authenticator, too
        if self._zap is not None:
            self._zap.join(5)

    # -- one message ----------------------------------------------------------------------------------------------------

    def _hear(self, frames: list[zmq.Frame], drained: Drained) -> int:
        """Its size in bytes, for the limit."""
        route = frames[0].bytes
        wall_ns, now = self._wall_ns(), time.monotonic()
        try:
            message = codec.decode([frame.bytes for frame in frames[1:]])
        except codec.Malformed as wrong:
            self._refusals.note(Refusal.GARBLED, str(self._peers.known(route) or "a stranger"), str(wrong))
            return sum(len(frame) for frame in frames)
        peer = self._identify(frames[0], route, message)
        if peer is None:
            return 0
        if self._standby is not None and not isinstance(message, codec.Bye):
            self._reply(route, self._standby)
        elif isinstance(message, codec.Hello):
            self._greet(route, peer, message, now, wall_ns)
        elif self._peers.known(route) != peer:
            self._refusals.note(Refusal.NO_HELLO, f"{peer.node} of {peer.cluster}")
            self._reply(route, codec.NotNow("say hello first"))
        else:
            state = self._peers.hear(route, peer, now=now, wall_ns=wall_ns)
            return self._serve(route, state, message, drained)
        return 0

    def _identify(self, frame: zmq.Frame, route: bytes, message: codec.Message) -> Peer | None:
        if self._allowed is None:
            return _claimed(message) if isinstance(message, codec.Hello) else self._peers.known(route) or _STRANGER
        key = _user_id(frame)
        if key is None:
            self._refusals.note(Refusal.UNCHECKED, "the port", "the authenticator does not answer: restart the bridge")
            return None
        peer = self._allowed.peers.get(key)
        if peer is None:  # taken off the list while it was connected
            self._refusals.note(Refusal.UNKNOWN_KEY, key)
        return peer

    def _greet(self, route: bytes, peer: Peer, hello: codec.Hello, now: float, wall_ns: int) -> None:
        if not hello.low <= codec.PROTO <= hello.high:
            self._reply(route, codec.NotNow(f"protocol {hello.low} to {hello.high} is not spoken here: upgrade the bridge"))
            return
        if self._peers.known(route) is None:
            log.info("relay of %s in %s (host %s, version %s) said hello", peer.node, peer.cluster, hello.node, hello.version)
        self._peers.greet(route, peer, hello, insecure=self._allowed is None, now=now, wall_ns=wall_ns)
        self._reply(route, codec.Welcome(bridge=self._name, window=self._window))

    def _serve(self, route: bytes, state: PeerState, message: codec.Message, drained: Drained) -> int:
        if isinstance(message, codec.Batch):
            return sum(self._take(route, state, uid, body, drained) for uid, body in message.pairs)
        peer = Peer(state.cluster, state.node)
        if isinstance(message, codec.Ping):
            self._peers.ping(peer, message, wall_ns=state.last_heard_ns or 0)
            self._reply(route, codec.Pong(message.token, self._window))
        elif isinstance(message, codec.Bye):
            log.info("relay of %s in %s stopped, in order", peer.node, peer.cluster)
            self._peers.stop(route, peer)
        return 0

    def _take(self, route: bytes, state: PeerState, uid: bytes, body: bytes, drained: Drained) -> int:
        try:
            fields = inspect(uid, body)
        except Unacceptable as wrong:
            drained.spoiled.append(self._spoiled(route, state, uid, body, wrong))
        else:
            drained.arrivals.append(
                Arrival(
                    peer=route,
                    uid=uid,
                    body=body,
                    cluster=state.cluster,
                    node=state.node,
                    received_ns=state.last_heard_ns or 0,
                    offset_ns=state.offset_ns,
                    fields=fields,
                )
            )
        return len(body)

    def _spoiled(self, route: bytes, state: PeerState, uid: bytes, body: bytes, wrong: Unacceptable) -> Spoiled:
        log.warning("refused a report of %s in %s for ever: %s", state.node, state.cluster, wrong)
        self._reply(route, codec.Refused(uid, wrong.code, str(wrong)))
        return Spoiled(
            peer=route,
            uid=uid,
            code=wrong.code,
            why=str(wrong),
            head=body[:HEAD],
            cluster=state.cluster,
            node=state.node,
            received_ns=state.last_heard_ns or 0,
        )

    def _reply(self, route: bytes, message: codec.Message) -> None:
        try:
            self.socket.send_multipart([route, *codec.encode(message)], zmq.DONTWAIT)
        except zmq.ZMQError as failed:
            # Gone, or not reading: it will send all of it again, and be answered again.
            log.debug("no answer could be sent to %s: %s", self._peers.known(route), failed)

    # -- housekeeping ---------------------------------------------------------------------------------------------------

    def _keep_house(self, now: float) -> None:
        if now < self._house_at:
            return
        self._house_at = now + HOUSEKEEPING_EVERY
        self._peers.prune(now)
        self._watch()
        for text in (self._allowed.refresh() if self._allowed else None) or ():
            log.error("allow-list: %s", text)

    def _watch(self) -> None:
        """Failed handshakes are told nowhere else."""
        for _ in range(MOST_MESSAGES):
            if not self._monitor.poll(0):
                return
            happened = recv_monitor_message(self._monitor, zmq.DONTWAIT)
            if int(happened["event"]) == zmq.EVENT_ACCEPT_FAILED:
                log.error("a connection could not be taken: too few file descriptors? Raise LimitNOFILE of the service")
                continue
            kind = _HANDSHAKES.get((int(happened["event"]), int(happened["value"])), Refusal.NOT_A_RELAY)
            if int(happened["event"]) != zmq.EVENT_HANDSHAKE_FAILED_AUTH:  # the authenticator has counted it
                self._refusals.note(kind, f"a connection to {_text(happened['endpoint'])}", _CURES.get(kind, ""))


_STRANGER: Final = Peer("", "")
"""In plain text, a connection that has not said hello: no such name can be enrolled or claimed."""


def _claimed(hello: codec.Hello) -> Peer | None:
    """Plain text on loopback: the hello is believed."""
    claim = Peer(hello.cluster, hello.node)
    return claim if all(NAME.fullmatch(name) for name in claim) else None


def _user_id(frame: zmq.Frame) -> str | None:
    try:
        return str(frame.get("User-Id")) or None
    except (zmq.ZMQError, KeyError):
        return None


def _text(value: bytes | str) -> str:
    return os.fsdecode(value)


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
