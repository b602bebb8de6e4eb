"""How receivers answer: a verdict changes it, and it counts as soon as the ledger has it."""

import logging
import random
from collections.abc import Iterable
from datetime import datetime

from bridge.core.telling.circuit import OPENS_AFTER, Health, after
from bridge.core.telling.notice import Verdict
from bridge.ledger.ledger import Ledger

log = logging.getLogger("quorumbell.bridge")


class Healths:
    """`of` has each receiver's, as the ledger has it."""

    def __init__(self, names: Iterable[str], ledger: Ledger) -> None:
        self.of: dict[str, Health] = {}
        self._ledger = ledger
        self._back: set[str] = set()
        self.take_over(names)

    def take_over(self, names: Iterable[str]) -> None:
        """These receivers from now on; of a new one, as an earlier process left it."""
        known = self._ledger.healths()
        self.of = {name: self.of.get(name) or known.get(name, Health()) for name in names}

    def has_missed(self, name: str) -> bool:
        """Whether it fails, or has just answered again: much may wait for it that is no longer so."""
        return bool(self.of[name].failures) or name in self._back

    def caught_up(self, name: str) -> None:
        self._back.discard(name)

    def examine(self, receiver: str, verdict: Verdict, now: datetime) -> Health | None:
        """The receiver's health with this verdict; when it answers again, what waits for a next try is due now."""
        old = self.of.get(receiver)
        if old is None:
            return None
        new = after(old, verdict, now, random.random())  # noqa: S311 - jitter is no secret
        if old.failures and not new.failures:
            self._back.add(receiver)
            self._ledger.hurry(receiver, now)
        return new

    def accept(self, receiver: str, new: Health | None) -> None:
        """The ledger has it: only then it counts, so that a verdict that has to be written down twice counts once."""
        if new is None:
            return
        old, self.of[receiver] = self.of[receiver], new
        if old.failures < OPENS_AFTER <= new.failures:
            log.warning("receiver %s failed %d times in a row: only what is urgent is tried at once", receiver, new.failures)
        elif new.failures < OPENS_AFTER <= old.failures:
            log.warning("receiver %s answers again", receiver)
