"""What is said between the bridge and its relays: whose each message is, its answer, and what it brings.

Who a report is from is said by the key that delivered it, never by its text; in plain text, which is taken on loopback
only, by the hello. Who sends too much is told so, and its connections end; what it still sends is dropped unread.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import zmq

from bridge.intake.admit import Unacceptable, inspect
from bridge.intake.arrivals import Arrival, Drained, Spoiled
from bridge.intake.attention import Attention
from bridge.intake.bounds import MOST_CONNECTIONS, Over
from bridge.intake.conduct import Conduct
from bridge.intake.enrolment import Enrolment
from bridge.intake.peers import Peers, PeerState
from bridge.intake.port import Port, checked_key
from bridge.intake.zap import Refusal, Refusals, guest
from bridge.wire import codec
from bridge.wire.keys import NAME, AllowList, Peer

HEAD: Final = 512
LONGEST_MESSAGE: Final = 2 * codec.MAX_PAIRS + 3
"""Frames of the longest message, with its connection in front."""
Stamp = Callable[[Mapping[str, Any]], int | None]

log = logging.getLogger("quorumbell.intake")


class Conversation:
    """`name` is the bridge's. `window`: how many reports each relay may have in flight; `standby`: why nothing is taken now."""

    def __init__(
        self,
        port: Port,
        peers: Peers,
        allowed: AllowList | None,
        enrolment: Enrolment | None,
        conduct: Conduct,
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
        self._enrolment = enrolment
        self._conduct = conduct
        self._refusals = refusals
        self._name = name
        self._clock = clock
        self._came_ns = 0
        self._attention = attention
        self._stamp = stamp
        self._dismissed: set[bytes] = set()
        self.window = codec.DEFAULT_WINDOW
        self.standby: codec.NotNow | None = None

    def hear(self, frames: list[zmq.Frame], drained: Drained) -> int:
        """Its size in bytes, for the limit."""
        route = frames[0].bytes
        if route in self._dismissed:
            return 0
        self._came_ns, now = self._clock(), time.monotonic()
        try:
            message = codec.decode([frame.bytes for frame in frames[1:]])
        except codec.Malformed as wrong:
            self._cannot_read(frames, route, wrong, now)
            return sum(len(frame) for frame in frames)
        if isinstance(message, codec.Join):
            self._join(checked_key(frames[0]), route, message, now)
            return 0
        peer = self._identify(frames[0], route, message)
        over = Over.BATCHES if isinstance(message, codec.Batch) else Over.WORDS
        if peer is None:
            self._dismiss(route, "it is not known who speaks")
        elif self._allows(route, peer, over, now):
            if isinstance(message, codec.Hello) and self._enrolment is not None:
                self._enrolment.heard(checked_key(frames[0]) or "", peer)
            return self._answer(route, peer, message, drained, now)
        return 0

    def _cannot_read(self, frames: list[zmq.Frame], route: bytes, wrong: codec.Malformed, now: float) -> None:
        peer = self._identify(frames[0], route, None)
        self._refusals.note(Refusal.GARBLED, str(peer or "a stranger"), str(wrong))
        if peer is None:
            self._dismiss(route, str(wrong))
        else:
            self._allows(route, peer, Over.UNREADABLE, now, 1 + len(frames) // LONGEST_MESSAGE)

    def _join(self, key: str | None, route: bytes, asked: codec.Join, now: float) -> None:
        """Also for who is on no list yet: an invitation's key may say this, and nothing else."""
        if key is None or self._enrolment is None or self._allowed is None:
            self._dismiss(route, "without keys there is nothing to join")
        elif self._allows(route, self._allowed.peers.get(key) or guest(key), Over.WORDS, now):
            self.reply(route, self._enrolment.join(key, asked))

    def _answer(self, route: bytes, peer: Peer, message: codec.Message, drained: Drained, now: float) -> int:
        if self.standby is not None and not isinstance(message, codec.Bye):
            self.reply(route, self.standby)
        elif isinstance(message, codec.Hello):
            self._greet(route, peer, message)
        elif self._peers.known(route) != peer:
            self._refusals.note(Refusal.NO_HELLO, f"{peer.node} of {peer.cluster}")
            self._conduct.spend(peer, Over.UNGREETED, now)
            self._dismiss(route, "say hello first")
        else:
            state = self._peers.hear(route, peer, now=self._attention.seconds, came_ns=self._came_ns)
            return self._serve(route, state, message, drained, now)
        return 0

    def _allows(self, route: bytes, peer: Peer, over: Over, now: float, amount: float = 1) -> bool:
        """Whether a message is within what its sender may send. If not, its connection ends."""
        if self._port.belongs(route, peer) and self._port.connections_of(peer) > MOST_CONNECTIONS:
            self._conduct.keep_out(peer, Over.CONNECTIONS, now)
        if self._conduct.keeps_out(peer, now) is None and self._conduct.spend(peer, over, now, amount):
            return True
        self._send_away(route, peer, now)
        return False

    def _send_away(self, route: bytes, peer: Peer, now: float) -> None:
        offence = self._conduct.keeps_out(peer, now)
        if offence is not None:
            self._dismiss(route, f"{offence.over.value}: this node is kept out for {offence.lasts:.0f} s")

    def _dismiss(self, route: bytes, why: str) -> None:
        """Told why, it ends; nothing that still comes from it is looked at."""
        if route not in self._dismissed:
            self._dismissed.add(route)
            self.reply(route, codec.NotNow(why))
            self._port.end(route)

    def keep_house(self, now: float) -> None:
        """Ends what is left of those who are kept out, and counts those who knock as heard."""
        for peer in self._conduct.offenders(now):
            for route in self._peers.routes(peer):
                self._send_away(route, peer, now)
        for peer in self._conduct.knocks():
            self._peers.knocked(peer, now=self._attention.seconds, came_ns=self._clock())
        # No longer: a peer may choose its route (zmq_setsockopt(3), ZMQ_ROUTING_ID), and come back with the same one.
        self._dismissed = {route for route in self._dismissed if self._port.knows(route)}

    def _identify(self, frame: zmq.Frame, route: bytes, message: codec.Message | None) -> Peer | None:
        """None when the connection is nobody's, or may no longer be."""
        if self._allowed is None:
            return _claimed(message) if isinstance(message, codec.Hello) else self._peers.known(route)
        key = checked_key(frame)
        if key is None:
            self._refusals.note(Refusal.UNCHECKED, "the port", "the authenticator does not answer: restart the bridge")
            return None
        peer = self._allowed.peers.get(key)
        if peer is None:  # taken off the list while it was connected
            self._refusals.note(Refusal.UNKNOWN_KEY, key)
        return peer

    def _greet(self, route: bytes, peer: Peer, hello: codec.Hello) -> None:
        if not hello.low <= codec.PROTO <= hello.high:
            self.reply(route, codec.NotNow(f"protocol {hello.low} to {hello.high} is not spoken here: upgrade the bridge"))
            return
        if self._peers.known(route) is None:
            log.info("relay of %s in %s (host %s, version %s) said hello", peer.node, peer.cluster, hello.node, hello.version)
        self._peers.greet(route, peer, hello, insecure=self._allowed is None, now=self._attention.seconds, came_ns=self._came_ns)
        self.reply(route, codec.Welcome(bridge=self._name, window=self.window, pictures=1))

    def _serve(self, route: bytes, state: PeerState, message: codec.Message, drained: Drained, now: float) -> int:
        if isinstance(message, codec.Batch):
            return sum(self._take(route, state, uid, body, drained, now) for uid, body in message.pairs)
        peer = Peer(state.cluster, state.node)
        if isinstance(message, codec.Ping):
            self._peers.ping(peer, message, came_ns=self._came_ns)
            self.reply(route, codec.Pong(message.token, self.window))
        elif isinstance(message, codec.Bye):
            log.info("relay of %s in %s stopped, in order", peer.node, peer.cluster)
            self._peers.stop(route, peer)
        return 0

    def _take(self, route: bytes, state: PeerState, uid: bytes, body: bytes, drained: Drained, now: float) -> int:
        try:
            fields = inspect(uid, body)
        except Unacceptable as wrong:
            drained.spoiled.append(self._spoiled(route, state, uid, body, wrong))
            self._conduct.spend(Peer(state.cluster, state.node), Over.REFUSED, now)
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
            # Gone: it will send all of it again, and be answered again. Or it does not read: then 2,000 answers wait for it.
            peer = self._peers.known(route)
            log.debug("no answer could be sent to %s: %s", peer, failed)
            if failed.errno == errno.EAGAIN and peer is not None:
                self._conduct.keep_out(peer, Over.ANSWERS, time.monotonic())

    def say(self, peer: Peer, message: codec.Message) -> bool:
        """To a relay that has not asked; False when none of that name is connected."""
        routes = self._peers.routes(peer)
        if routes:
            self.reply(routes[-1], message)
        return bool(routes)

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        by_route: dict[bytes, list[bytes]] = {}
        for arrival in arrivals:
            by_route.setdefault(arrival.peer, []).append(arrival.uid)
        for route, uids in by_route.items():
            self.reply(route, codec.Taken(tuple(uids), self.window))


def _claimed(hello: codec.Hello) -> Peer | None:
    """Plain text on loopback: the hello is believed."""
    claim = Peer(hello.cluster, hello.node)
    return claim if all(NAME.fullmatch(name) for name in claim) else None
