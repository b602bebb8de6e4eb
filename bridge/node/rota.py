"""Which bridge is tried next, and after what pause: through the whole list quickly, then with a back-off."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from bridge.wire.endpoint import families

NEXT_ONE: Final = 0.05
RETRY_FIRST: Final = 0.5
RETRY_SLOWEST: Final = 5.0


class Rota:
    def __init__(self, bridges: Sequence[str], chance: random.Random) -> None:
        self._ways = [(endpoint, ipv6) for endpoint in bridges for ipv6 in families(endpoint)]
        self._chance = chance
        self._at = -1
        self._tries = 0

    def replace(self, bridges: Sequence[str]) -> bool:
        """Others from now on; whether the present one is among them."""
        way = self._ways[self._at]
        self._ways = [(endpoint, ipv6) for endpoint in bridges for ipv6 in families(endpoint)]
        self._at = self._ways.index(way) if way in self._ways else -1
        self._tries = 0
        return self._at >= 0

    @property
    def endpoint(self) -> str:
        return self._ways[self._at][0]

    @property
    def ipv6(self) -> bool:
        """Whether it is reached with libzmq's IPV6 on."""
        return self._ways[self._at][1]

    def turn(self) -> None:
        self._at = (self._at + 1) % len(self._ways)

    def welcomed(self) -> None:
        self._tries = 0

    def failed(self, *, was_active: bool) -> float:
        """Seconds until the next is tried."""
        round_of_list = self._tries // len(self._ways)
        self._tries += 1
        if not was_active and (self._at + 1) % len(self._ways):
            return NEXT_ONE
        longest: float = min(RETRY_SLOWEST, RETRY_FIRST * 2.0 ** min(round_of_list, 8))
        return longest * self._chance.uniform(0.8, 1.2)
