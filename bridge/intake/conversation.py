"""What is said between the bridge and its relays: whose each message is, its answer, and what it brings.

Who a report is from is said by the key that delivered it, never by its text; in plain text, which is taken on loopback
only, by the hello.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import zmq

from bridge.intake.admit import Unacceptable, inspect
from bridge.intake.arrivals import Arrival, Drained, Spoiled
from bridge.intake.attention import Attention
from bridge.intake.peers import Peers, PeerState
from bridge.intake.port import Port, checked_key
from bridge.intake.zap import Refusal, Refusals
from bridge.wire import codec
from bridge.wire.keys import NAME, AllowList, Peer

HEAD: Final = 512
Stamp = Callable[[Mapping[str, Any]], int | None]

log = logging.getLogger("quorumbell.intake")


class Conversation:
    """`name` is the bridge's. `window`: how many reports each relay may have in flight; `standby`: why nothing is taken now."""

    def __init__(
        self,
        port: Port,
        peers: Peers,
        allowed: AllowList | None,
        refusals: Refusals,
        *,
        name: str,
        clock: Callable[[], int],
        attention: Attention,
        stamp: Stamp,
    ) -> None:
        self._port = port
        self._peers = peers
        self._allowed = allowed
        self._refusals = refusals
        self._name = name
        self._clock = clock
        self._came_ns = 0
        self._attention = attention
        self._stamp = stamp
        self.window = codec.DEFAULT_WINDOW
        self.standby: codec.NotNow | None = None

    def hear(self, frames: list[zmq.Frame], drained: Drained) -> int:
        """Its size in bytes, for the limit."""
        route = frames[0].bytes
        self._came_ns, now = self._clock(), self._attention.seconds
        try:
            message = codec.decode([frame.bytes for frame in frames[1:]])
        except codec.Malformed as wrong:
            self._refusals.note(Refusal.GARBLED, str(self._peers.known(route) or "a stranger"), str(wrong))
            return sum(len(frame) for frame in frames)
        peer = self._identify(frames[0], route, message)
        if peer is None:
            return 0
        if self.standby is not None and not isinstance(message, codec.Bye):
            self.reply(route, self.standby)
        elif isinstance(message, codec.Hello):
            self._greet(route, peer, message, now)
        elif self._peers.known(route) != peer:
            self._refusals.note(Refusal.NO_HELLO, f"{peer.node} of {peer.cluster}")
            self.reply(route, codec.NotNow("say hello first"))
        else:
            state = self._peers.hear(route, peer, now=now, came_ns=self._came_ns)
            return self._serve(route, state, message, drained)
        return 0

    def _identify(self, frame: zmq.Frame, route: bytes, message: codec.Message) -> Peer | None:
        if self._allowed is None:
            return _claimed(message) if isinstance(message, codec.Hello) else self._peers.known(route) or _STRANGER
        key = checked_key(frame)
        if key is None:
            self._refusals.note(Refusal.UNCHECKED, "the port", "the authenticator does not answer: restart the bridge")
            return None
        peer = self._allowed.peers.get(key)
        if peer is None:  # taken off the list while it was connected
            self._refusals.note(Refusal.UNKNOWN_KEY, key)
        return peer

    def _greet(self, route: bytes, peer: Peer, hello: codec.Hello, now: float) -> None:
        if not hello.low <= codec.PROTO <= hello.high:
            self.reply(route, codec.NotNow(f"protocol {hello.low} to {hello.high} is not spoken here: upgrade the bridge"))
            return
        if self._peers.known(route) is None:
            log.info("relay of %s in %s (host %s, version %s) said hello", peer.node, peer.cluster, hello.node, hello.version)
        self._peers.greet(route, peer, hello, insecure=self._allowed is None, now=now, came_ns=self._came_ns)
        self.reply(route, codec.Welcome(bridge=self._name, window=self.window))

    def _serve(self, route: bytes, state: PeerState, message: codec.Message, drained: Drained) -> int:
        if isinstance(message, codec.Batch):
            return sum(self._take(route, state, uid, body, drained) for uid, body in message.pairs)
        peer = Peer(state.cluster, state.node)
        if isinstance(message, codec.Ping):
            self._peers.ping(peer, message, came_ns=self._came_ns)
            self.reply(route, codec.Pong(message.token, self.window))
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
            drained.arrivals.append(self._arrival(route, state, uid, body, fields))
        return len(body)

    def _arrival(self, route: bytes, state: PeerState, uid: bytes, body: bytes, fields: dict[str, Any]) -> Arrival:
        peer = Peer(state.cluster, state.node)
        return Arrival(
            peer=route,
            uid=uid,
            body=body,
            cluster=state.cluster,
            node=state.node,
            received_ns=state.last_heard_ns or 0,
            offset_ns=self._peers.correction(peer, fields, self._stamp(fields), came_ns=self._came_ns),
            fields=fields,
        )

    def _spoiled(self, route: bytes, state: PeerState, uid: bytes, body: bytes, wrong: Unacceptable) -> Spoiled:
        log.warning("refused a report of %s in %s for ever: %s", state.node, state.cluster, wrong)
        self.reply(route, codec.Refused(uid, wrong.code, str(wrong)))
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

    def reply(self, route: bytes, message: codec.Message) -> None:
        try:
            self._port.send(route, codec.encode(message))
        except zmq.ZMQError as failed:
            # Gone, or not reading: it will send all of it again, and be answered again.
            log.debug("no answer could be sent to %s: %s", self._peers.known(route), failed)


_STRANGER: Final = Peer("", "")
"""In plain text, a connection that has not said hello: no such name can be enrolled or claimed."""


def _claimed(hello: codec.Hello) -> Peer | None:
    """Plain text on loopback: the hello is believed."""
    claim = Peer(hello.cluster, hello.node)
    return claim if all(NAME.fullmatch(name) for name in claim) else None
