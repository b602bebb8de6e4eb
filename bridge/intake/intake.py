"""The bridge's side of the wire: lets known relays in, hands over what they bring, acknowledges what is committed.

One thread owns an Intake, the one that writes the ledger:

    for arrival in (drained := intake.drain()).arrivals: ...      # one transaction
    intake.acknowledge(drained.arrivals)                           # only after its commit

Hellos, heartbeats and goodbyes are answered inside `drain`, so it must be called when the socket is readable and at least
every second.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from bridge.intake.arrivals import Arrival, Drained
from bridge.intake.bounds import ALLOWANCES, Allowance, Over
from bridge.intake.conduct import Conduct
from bridge.intake.conversation import Conversation
from bridge.intake.peers import Peers, PeerState
from bridge.intake.port import Port
from bridge.intake.zap import Refusals
from bridge.wire import codec
from bridge.wire.keys import AllowList, KeyPair, Peer

MOST_MESSAGES: Final = 1024
HOUSEKEEPING_EVERY: Final = 1.0

log = logging.getLogger("quorumbell.intake")


class Intake:
    """`keys` and `allowed` are both given, or both None: plain text, see Port."""

    def __init__(
        self,
        bind: Sequence[str],
        keys: KeyPair | None,
        allowed: AllowList | None,
        *,
        name: str = "",
        wall_ns: Callable[[], int] = time.time_ns,
        allowances: Mapping[Over, Allowance] = ALLOWANCES,
    ) -> None:
        self._allowed = allowed
        self._peers = Peers()
        self._wall_ns = wall_ns
        self._refusals = Refusals()
        self._conduct = Conduct(allowances)
        self._house_at = 0.0
        self._port = Port(bind, keys, allowed, self._conduct, self._refusals)
        self.socket = self._port.socket
        self.endpoints = self._port.endpoints
        self._conversation = Conversation(
            self._port,
            self._peers,
            allowed,
            self._conduct,
            self._refusals,
            name=name or socket.gethostname(),
            wall_ns=wall_ns,
        )

    def fileno(self) -> int:
        return int(self.socket.fileno())

    def drain(self, limit_events: int = 256, limit_bytes: int = 1 << 20) -> Drained:
        """All that is there, up to the limits; a message that begins within them comes whole."""
        self._keep_house(time.monotonic())
        drained = Drained(arrivals=[], spoiled=[])
        size = 0
        for _ in range(MOST_MESSAGES):
            frames = self._port.receive()
            if frames is None:
                break
            size += self._conversation.hear(frames, drained)
            if len(drained.arrivals) >= limit_events or size >= limit_bytes:
                break
        return drained

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Only after the commit: the relays remove their copies now."""
        self._conversation.acknowledge(arrivals)

    def repeated(self, arrivals: Sequence[Arrival]) -> None:
        """These were in the ledger already. A relay may send what was lost on the way again, but not all of it for ever."""
        now = time.monotonic()
        for (cluster, node), number in Counter((arrival.cluster, arrival.node) for arrival in arrivals).items():
            self._conduct.spend(Peer(cluster, node), Over.AGAIN, now, number)

    def refuse(self, arrival: Arrival, code: codec.Code, text: str) -> None:
        """For ever. The relay puts it into bad/ and sends a small report about it."""
        self._conversation.reply(arrival.peer, codec.Refused(arrival.uid, code, text))

    def set_window(self, number: int) -> None:
        """How many reports each relay may have in flight. 0: the database is down; relays hold, and hear it within a second."""
        self._conversation.window = max(0, min(number, 65535))

    def standby(self, reason: str | None, endpoints: Sequence[str] = ()) -> None:
        """With a reason every relay is sent away, to the next endpoint of its list; None takes reports again."""
        self._conversation.standby = None if reason is None else codec.NotNow(reason, tuple(endpoints))

    def peers(self) -> list[PeerState]:
        now, wall_ns = time.monotonic(), self._wall_ns()
        states = self._peers.states(self._allowed.peers.values() if self._allowed else None)
        return [self._with_offence(state, now, wall_ns) for state in states]

    def _with_offence(self, state: PeerState, now: float, wall_ns: int) -> PeerState:
        offence = self._conduct.offence(Peer(state.cluster, state.node), now)
        if offence is None:
            return state
        until_ns = wall_ns + int((offence.until - now) * 1e9)
        return msgspec.structs.replace(state, kept_out=offence.over.value, kept_out_until_ns=until_ns)

    @property
    def knows_all(self) -> bool:
        """Whether peers() are all that there are: where there is no allow-list, or it cannot be read whole, nobody can tell."""
        return self._allowed is not None and self._allowed.whole

    @property
    def refusals(self) -> Mapping[str, int]:
        """How often something was not let in, by the plain words for why."""
        return self._refusals.counts()

    @property
    def offences(self) -> Mapping[str, int]:
        """How often a relay was sent away for a while, by the plain words for why."""
        return self._conduct.counts

    def _keep_house(self, now: float) -> None:
        if now < self._house_at:
            return
        self._house_at = now + HOUSEKEEPING_EVERY
        self._peers.prune(now)
        self._conversation.keep_house(now)
        self._port.forget()
        for text in (self._allowed.refresh() if self._allowed else None) or ():
            log.error("allow-list: %s", text)

    def close(self) -> None:
        self._port.close()
