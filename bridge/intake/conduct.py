"""How relays behave: who sent too much is kept out for a minute, and for twice as long each time it does so again soon.

Asked by the writer's thread, by the authenticator's and by the doorman's.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from bridge.intake.bounds import ALLOWANCES, Allowance, Over, Purse
from bridge.wire.keys import Peer

FIRST_FOR: Final = 60.0
LONGEST_FOR: Final = 960.0
WATCHED_FOR: Final = 60.0
"""Seconds that it must behave afterwards."""

log = logging.getLogger("quorumbell.intake")


class Offence(msgspec.Struct, frozen=True):
    """`until`: monotonic; from then on it is let in again, and watched for a while."""

    over: Over
    until: float
    lasts: float


class Conduct:
    def __init__(self, allowances: Mapping[Over, Allowance] = ALLOWANCES) -> None:
        self._allowances = allowances
        self._lock = threading.Lock()
        self._purses: dict[tuple[Peer, Over], Purse] = {}
        self._offences: dict[Peer, Offence] = {}
        self._counts: Counter[Over] = Counter()
        self._knocks: dict[Peer, float] = {}

    def spend(self, peer: Peer, over: Over, now: float, amount: float = 1) -> bool:
        """False when that was too much: it is kept out from now on."""
        with self._lock:
            purse = self._purses.get((peer, over))
            if purse is None:
                purse = self._purses[peer, over] = Purse(self._allowances[over], now)
            if purse.spend(amount, now):
                return True
        self.keep_out(peer, over, now)
        return False

    def keep_out(self, peer: Peer, over: Over, now: float) -> None:
        with self._lock:
            last = self._offences.get(peer)
            if last is not None and now < last.until:
                return
            again = last is not None and now < last.until + LONGEST_FOR
            lasts = min(LONGEST_FOR, last.lasts * 2) if last is not None and again else FIRST_FOR
            self._offences[peer] = Offence(over, now + lasts, lasts)
            self._counts[over] += 1
        log.warning("the relay of %s in %s is kept out for %.0f s: %s", peer.node, peer.cluster, lasts, over.value)

    def keeps_out(self, peer: Peer, now: float) -> Offence | None:
        """Why it is not let in now."""
        offence = self._offences.get(peer)
        return offence if offence is not None and now < offence.until else None

    def offence(self, peer: Peer, now: float) -> Offence | None:
        """The same, until it has behaved for a while."""
        offence = self._offences.get(peer)
        return offence if offence is not None and now < offence.until + WATCHED_FOR else None

    def offenders(self, now: float) -> list[Peer]:
        """Who is kept out now."""
        with self._lock:
            return [peer for peer, offence in self._offences.items() if now < offence.until]

    def knock(self, peer: Peer, now: float) -> None:
        """It was turned away at the door: not let in, but not silent."""
        with self._lock:
            self._knocks[peer] = now

    def knocks(self) -> list[Peer]:
        """Who knocked since this was asked last."""
        with self._lock:
            knocked = list(self._knocks)
            self._knocks.clear()
        return knocked

    @property
    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return {over.value: number for over, number in self._counts.items()}
