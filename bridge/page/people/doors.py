"""How often somebody may try to come in. In memory, bounded, and pure: time is an argument.

After a few tries that failed each further one must wait, twice as long as the one before it: by the name that is tried, from
wherever, and by the address, whatever names it tries. Whoever has to wait is refused before anything is looked up.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, NamedTuple

FORGOTTEN_AFTER: Final = timedelta(hours=1)
MOST_KEPT: Final = 10_000
"""Of names and addresses each; the one that was tried least lately goes first."""
ZERO: Final = timedelta(0)


class Rule(NamedTuple):
    free: int
    """Failures before anybody has to wait: people mistype."""
    longest: timedelta


# A name waits less long: else whoever knows it could keep its owner out.
BY_NAME: Final = Rule(5, timedelta(minutes=5))
BY_ADDRESS: Final = Rule(20, timedelta(minutes=15))


class _Tries:
    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._failed: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failed)

    def wait(self, key: str, now: datetime) -> timedelta:
        times, last_at = self._failed.get(key, (0, now))
        over = times - self._rule.free
        if over < 0:
            return ZERO
        wait = min(timedelta(seconds=2 ** min(over, 20)), self._rule.longest)
        return max(ZERO, min(wait, last_at + wait - now))  # a clock that steps back keeps nobody out for longer

    def failed(self, key: str, now: datetime) -> None:
        times, last_at = self._failed.pop(key, (0, now))
        self._failed[key] = (1 if now - last_at > FORGOTTEN_AFTER else times + 1, now)
        if len(self._failed) > MOST_KEPT:
            self._failed.popitem(last=False)

    def forget(self, key: str) -> None:
        self._failed.pop(key, None)


class Doors:
    def __init__(self) -> None:
        self.names = _Tries(BY_NAME)
        self.addresses = _Tries(BY_ADDRESS)
        self.failed_in_all = 0
        self.refused_in_all = 0
        """Those that had to wait."""

    def wait(self, name: str, address: str, now: datetime) -> timedelta:
        """How long until the next try; zero: now. A program's token has no name."""
        wait = max(self.names.wait(name, now) if name else ZERO, self.addresses.wait(address, now))
        self.refused_in_all += wait > ZERO
        return wait

    def failed(self, name: str, address: str, now: datetime) -> None:
        self.failed_in_all += 1
        self.addresses.failed(address, now)
        if name:
            self.names.failed(name, now)

    def opened(self, name: str) -> None:
        """The address is not forgiven: with one account of its own it could go on trying others."""
        self.names.forget(name)
