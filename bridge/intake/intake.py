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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from bridge.intake.arrivals import Arrival, Drained
from bridge.intake.attention import Attention
from bridge.intake.bounds import ALLOWANCES, Allowance, Over
from bridge.intake.clocks import Line
from bridge.intake.conduct import Conduct
from bridge.intake.conversation import Conversation, Stamp
from bridge.intake.enrolment import Enrolment
from bridge.intake.peers import Peers, PeerState
from bridge.intake.port import Port
from bridge.intake.zap import Refusals
from bridge.wire import codec
from bridge.wire.keys import AllowList, KeyPair, Peer

MOST_MESSAGES: Final = 1024
HOUSEKEEPING_EVERY: Final = 1.0

log = logging.getLogger("quorumbell.intake")


class Intake:
    """`keys` and `allowed` are both given, or both None: plain text, see Port.

    `clock` is one that nobody can set, and `line` leads from it to the bridge's time line; without them the wall clock is both.
    `stamp`: what the body of a report says itself of when that happened, by its node's wall clock.
    """

    def __init__(
        self,
        bind: Sequence[str],
        keys: KeyPair | None,
        allowed: AllowList | None,
        *,
        name: str = "",
        clock: Callable[[], int] = time.time_ns,
        line: Line = lambda ns: ns,
        stamp: Stamp = lambda _: None,
        allowances: Mapping[Over, Allowance] = ALLOWANCES,
    ) -> None:
        self._clock = clock
        self._attention = Attention(clock())
        self._allowed = allowed
        self._line = line
        self._peers = Peers(line)
        self._refusals = Refusals()
        self._conduct = Conduct(allowances)
        self._house_at = 0.0
        self.enrolment = None if allowed is None else Enrolment(allowed, lambda: line(clock()))
        """None in plain text."""
        self.public = "" if keys is None else keys.public.decode()
        self._port = Port(bind, keys, allowed, self._conduct, self._refusals, self.enrolment)
        self.socket = self._port.socket
        self.endpoints = self._port.endpoints
        self._conversation = Conversation(
            self._port,
            self._peers,
            allowed,
            self.enrolment,
            self._conduct,
            self._refusals,
            name=name or socket.gethostname(),
            clock=clock,
            attention=self._attention,
            stamp=stamp,
        )

    def fileno(self) -> int:
        return int(self.socket.fileno())

    def drain(self, limit_events: int = 256, limit_bytes: int = 1 << 20) -> Drained:
        """All that is there, up to the limits; a message that begins within them comes whole."""
        self._attention.look(self._clock())
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

    def play(self, peer: Peer, drill: codec.Drill) -> bool:
        """Asks a relay to play a drill's story; False when it is not connected here."""
        return self._conversation.say(peer, drill)

    def set_window(self, number: int) -> None:
        """How many reports each relay may have in flight. 0: the database is down; relays hold, and hear it within a second."""
        self._conversation.window = max(0, min(number, 65535))

    def standby(self, reason: str | None, endpoints: Sequence[str] = ()) -> None:
        """With a reason every relay is sent away, to the next endpoint of its list; None takes reports again."""
        self._conversation.standby = None if reason is None else codec.NotNow(reason, tuple(endpoints))

    def peers(self) -> list[PeerState]:
        now, at_ns = time.monotonic(), self._line(self._clock())
        states = self._peers.states(self._allowed.peers.values() if self._allowed else None)
        return [self._with_offence(state, now, at_ns) for state in states]

    def _with_offence(self, state: PeerState, now: float, at_ns: int) -> PeerState:
        offence = self._conduct.offence(Peer(state.cluster, state.node), now)
        if offence is None:
            return state
        until_ns = at_ns + int((offence.until - now) * 1e9)
        return msgspec.structs.replace(state, kept_out=offence.over.value, kept_out_until_ns=until_ns)

    def silence(self, peer: PeerState) -> float:
        """For how many seconds the bridge has listened in vain."""
        return self._attention.seconds - (peer.last_heard or 0.0)

    def take_steps(self) -> dict[Peer, int]:
        """By how many nanoseconds which node's wall clock was set since this was last asked."""
        return self._peers.take_steps()

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
        self._peers.prune(self._attention.seconds)
        self._port.forget()
        self._conversation.keep_house(now)
        if self.enrolment is not None:
            self.enrolment.keep_house()
        for text in (self._allowed.refresh() if self._allowed else None) or ():
            log.error("allow-list: %s", text)

    def close(self) -> None:
        self._port.close()


def relays_of(intakes: Iterable[Intake]) -> list[PeerState]:
    """All that are known, as they are now."""
    return [state for intake in intakes for state in intake.peers()]


def know_all(intakes: Iterable[Intake]) -> bool:
    """Whether `relays_of` gives all that there are."""
    return all(intake.knows_all for intake in intakes)
