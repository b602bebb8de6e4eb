"""Faults of Quorumbell itself, as the running bridge tells them: the first of a kind with its trace, the next ones as a number.

What raised was set aside, and the rest goes on; so nothing but these words and numbers says that something is wrong with us.
"""

import logging
import time
from datetime import datetime
from typing import Final

import msgspec

from bridge.core.world.fault import Fault, fault
from bridge.secret import redact
from bridge.serve.telemetry import Metrics

SAID_EVERY: Final = 60.0
"""Seconds between two lines of the log about one kind of fault."""
MOST_KINDS: Final = 100
"""A kind is a room and a line of our code; so many at the most are kept apart."""

log = logging.getLogger("quorumbell.bridge")


class Known(msgspec.Struct, kw_only=True):
    """A kind of fault: how often, and how it was met last: where, when, with which report."""

    where: str
    what: str
    count: int = 0
    last_at: datetime
    uid: str = ""


class Faults:
    """Belongs to the writer's thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._known: dict[tuple[str, str], Known] = {}
        self._said_at: dict[tuple[str, str], float] = {}

    def note(self, found: Fault, now: datetime) -> None:
        """Counts it, and writes it into the log: whole at the first time, later a line a minute."""
        kind = found.kind if len(self._known) < MOST_KINDS or found.kind in self._known else ("", "others")
        known = self._known.setdefault(kind, Known(where="", what="", last_at=now))
        known.count += 1
        known.where, known.what, known.last_at = found.place, redact(found.what), now
        known.uid = found.uid.hex() if found.uid else known.uid
        self._metrics.faults.labels(found.where.partition(" ")[0]).inc()
        about = f" (report {found.uid.hex()})" if found.uid else ""
        if known.count == 1:
            log.error("set aside while it was %s%s: this is an error of Quorumbell\n%s", found.place, about, redact(found.trace))
        elif time.monotonic() - self._said_at[kind] >= SAID_EVERY:
            log.error("set aside while it was %s%s, %d times by now: %s", found.place, about, known.count, known.what)
        else:
            return
        self._said_at[kind] = time.monotonic()

    def met(self, where: str, error: Exception, now: datetime) -> None:
        """Something raised outside of the core."""
        self.note(fault(where, error), now)

    def shown(self) -> list[dict[str, object]]:
        """For `status`, the most frequent first."""
        found = sorted(self._known.values(), key=lambda one: -one.count)
        return [
            {"where": one.where, "what": one.what, "count": one.count, "last_at": one.last_at.isoformat(), "report": one.uid}
            for one in found
        ]
