"""The relays that a bridge knows: which connection is whose, when each was last heard, how far its clock is off."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from bridge.wire.codec import Hello, Ping
from bridge.wire.keys import Peer

SAMPLES: Final = 64
FORGET_ROUTE_AFTER: Final = 60.0


class PeerState(msgspec.Struct, frozen=True, kw_only=True):
    """One node's relay. `last_heard` is monotonic, `last_heard_ns` is of the calendar; both None for one that never spoke.

    `offset_ns` is what must be added to the node's clock to get the bridge's. `stopped`: it said that it goes, in order.
    `kept_out`: what it sent too much of; it is let in again at `kept_out_until_ns` (of the calendar), and watched for a while.
    """

    cluster: str
    node: str
    last_heard: float | None = None
    last_heard_ns: int | None = None
    stopped: bool = False
    offset_ns: int = 0
    round_trip_ns: int = 0
    backlog: int = 0
    backlog_bytes: int = 0
    oldest_ns: int = 0
    version: str = ""
    boot: str = ""
    instance: str = ""
    host: str = ""
    insecure: bool = False
    kept_out: str = ""
    kept_out_until_ns: int = 0


class Offset:
    """The smallest one-way difference of the last minute, less half of the fastest round trip.

    A message is never early: whatever makes it late only makes the difference larger, so the smallest is nearest to the truth.
    """

    def __init__(self) -> None:
        self._differences: deque[int] = deque(maxlen=SAMPLES)
        self._round_trips: deque[int] = deque(maxlen=SAMPLES)

    def learn(self, sent_ns: int, received_ns: int, round_trip_ns: int = 0) -> None:
        if sent_ns:
            self._differences.append(received_ns - sent_ns)
        if round_trip_ns:
            self._round_trips.append(round_trip_ns)

    @property
    def nanoseconds(self) -> int:
        if not self._differences:
            return 0
        return min(self._differences) - min(self._round_trips, default=0) // 2


class Peers:
    def __init__(self) -> None:
        self._routes: dict[bytes, tuple[Peer, float]] = {}
        self._states: dict[Peer, PeerState] = {}
        self._offsets: dict[Peer, Offset] = {}

    def greet(self, route: bytes, peer: Peer, hello: Hello, *, insecure: bool, now: float, wall_ns: int) -> None:
        offset = self._offsets.setdefault(peer, Offset())
        offset.learn(hello.wall_ns, wall_ns)
        self._routes[route] = (peer, now)
        self._states[peer] = PeerState(
            cluster=peer.cluster,
            node=peer.node,
            last_heard=now,
            last_heard_ns=wall_ns,
            offset_ns=offset.nanoseconds,
            backlog=hello.backlog,
            backlog_bytes=hello.backlog_bytes,
            oldest_ns=hello.oldest_ns,
            version=hello.version,
            boot=hello.boot,
            instance=hello.instance,
            host=hello.node,
            insecure=insecure,
        )

    def routes(self, peer: Peer) -> list[bytes]:
        return [route for route, (whose, _) in self._routes.items() if whose == peer]

    def knocked(self, peer: Peer, *, now: float, wall_ns: int) -> None:
        """It was turned away before it could say anything: who knocks is not silent."""
        state = self._states.get(peer) or PeerState(cluster=peer.cluster, node=peer.node)
        self._states[peer] = msgspec.structs.replace(state, last_heard=now, last_heard_ns=wall_ns)

    def known(self, route: bytes) -> Peer | None:
        found = self._routes.get(route)
        return found[0] if found else None

    def hear(self, route: bytes, peer: Peer, *, now: float, wall_ns: int) -> PeerState:
        self._routes[route] = (peer, now)
        state = msgspec.structs.replace(self._states[peer], last_heard=now, last_heard_ns=wall_ns, stopped=False)
        self._states[peer] = state
        return state

    def ping(self, peer: Peer, ping: Ping, *, wall_ns: int) -> None:
        offset = self._offsets[peer]
        offset.learn(ping.wall_ns, wall_ns, ping.round_trip_ns)
        self._states[peer] = msgspec.structs.replace(
            self._states[peer],
            offset_ns=offset.nanoseconds,
            round_trip_ns=ping.round_trip_ns,
            backlog=ping.backlog,
            backlog_bytes=ping.backlog_bytes,
            oldest_ns=ping.oldest_ns,
        )

    def stop(self, route: bytes, peer: Peer) -> None:
        self._routes.pop(route, None)
        self._states[peer] = msgspec.structs.replace(self._states[peer], stopped=True)

    def prune(self, now: float) -> None:
        """A ROUTER is not told that a connection ended; a live relay pings every second."""
        for route in [route for route, (_, heard) in self._routes.items() if now - heard > FORGET_ROUTE_AFTER]:
            del self._routes[route]

    def states(self, enrolled: Iterable[Peer] | None) -> Iterator[PeerState]:
        """Those that are enrolled, whether they spoke or not; where nobody is (None), all that spoke."""
        for peer in sorted(set(self._states if enrolled is None else enrolled)):
            yield self._states.get(peer) or PeerState(cluster=peer.cluster, node=peer.node)
