"""The relays that a bridge knows: which connection is whose, when each was last heard, how far its clock is off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from bridge.intake.clocks import Clocks, Line
from bridge.wire.codec import Hello, Ping
from bridge.wire.keys import Peer

HELLO: Final = "hello"
"""The name of a hello in the first ping after it, which says how long its answer took."""
FORGET_ROUTE_AFTER: Final = 60.0
_LARGEST: Final = 2**63 - 1


class PeerState(msgspec.Struct, frozen=True, kw_only=True):
    """One node's relay. `last_heard` is in seconds of listening, `last_heard_ns` on the bridge's time line; both None for one
    that never spoke.

    `offset_ns` is what must be added to the node's wall clock to get the bridge's time. `stopped`: it said that it goes.
    `looked_ms`: how long before its last ping it looked at the cluster, 0 when it does not. `drills`: it plays their stories.
    `kept_out`: what it sent too much of; it is let in again at `kept_out_until_ns` (of that time), and watched for a while.
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
    looked_ms: int = 0
    drills: bool = False
    version: str = ""
    boot: str = ""
    instance: str = ""
    host: str = ""
    insecure: bool = False
    kept_out: str = ""
    kept_out_until_ns: int = 0


def _nanoseconds(value: Any) -> int:
    """0 when it is no number, or none that a clock shows."""
    return value if isinstance(value, int) and 0 <= value <= _LARGEST else 0


class Peers:
    """Messages come in the bridge's boot clock; `line` leads from there to its time line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._routes: dict[bytes, tuple[Peer, float]] = {}
        self._states: dict[Peer, PeerState] = {}
        self._clocks: dict[Peer, Clocks] = {}

    def greet(self, route: bytes, peer: Peer, hello: Hello, *, insecure: bool, now: float, came_ns: int) -> None:
        clocks = self._clocks.setdefault(peer, Clocks(self._line))
        # A hello is said again until it is answered: its round trip is that of the first.
        clocks.hear(hello.boot, hello.boot_ns, hello.wall_ns, came_ns, "" if route in self._routes else HELLO)
        self._routes[route] = (peer, now)
        self._states[peer] = PeerState(
            cluster=peer.cluster,
            node=peer.node,
            last_heard=now,
            last_heard_ns=self._line(came_ns),
            offset_ns=clocks.offset_ns,
            backlog=hello.backlog,
            backlog_bytes=hello.backlog_bytes,
            oldest_ns=hello.oldest_ns,
            drills=hello.drills > 0,
            version=hello.version,
            boot=hello.boot,
            instance=hello.instance,
            host=hello.node,
            insecure=insecure,
        )

    def routes(self, peer: Peer) -> list[bytes]:
        """The one it was heard by last comes last."""
        found = [(heard, route) for route, (whose, heard) in self._routes.items() if whose == peer]
        return [route for _, route in sorted(found)]

    def knocked(self, peer: Peer, *, now: float, came_ns: int) -> None:
        """It was turned away before it could say anything: who knocks is not silent."""
        state = self._states.get(peer) or PeerState(cluster=peer.cluster, node=peer.node)
        self._states[peer] = msgspec.structs.replace(state, last_heard=now, last_heard_ns=self._line(came_ns))

    def known(self, route: bytes) -> Peer | None:
        found = self._routes.get(route)
        return found[0] if found else None

    def hear(self, route: bytes, peer: Peer, *, now: float, came_ns: int) -> PeerState:
        self._routes[route] = (peer, now)
        state = msgspec.structs.replace(self._states[peer], last_heard=now, last_heard_ns=self._line(came_ns), stopped=False)
        self._states[peer] = state
        return state

    def ping(self, peer: Peer, ping: Ping, *, came_ns: int) -> None:
        clocks = self._clocks[peer]
        clocks.prove(ping.answered, ping.round_trip_ns)
        clocks.hear(self._states[peer].boot, ping.boot_ns, ping.wall_ns, came_ns, ping.token.hex())
        self._states[peer] = msgspec.structs.replace(
            self._states[peer],
            offset_ns=clocks.offset_ns,
            round_trip_ns=ping.round_trip_ns,
            backlog=ping.backlog,
            backlog_bytes=ping.backlog_bytes,
            oldest_ns=ping.oldest_ns,
            looked_ms=ping.looked_ms,
        )

    def correction(self, peer: Peer, fields: Mapping[str, Any], stamp_ns: int | None, *, came_ns: int) -> int:
        """What must be added to the stamp of a report (to its own wall clock, when it has none) to be on the time line."""
        boot = fields.get("boot")
        boot_ns, wall_ns = _nanoseconds(fields.get("boot_ns")), _nanoseconds(fields.get("wall_ns"))
        return self._clocks[peer].correction(boot if isinstance(boot, str) else "", boot_ns, wall_ns, stamp_ns, came_ns)

    def take_steps(self) -> dict[Peer, int]:
        """By how many nanoseconds which node's wall clock was set since this was last asked."""
        return {peer: by for peer, clocks in self._clocks.items() if (by := clocks.take_step())}

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
