"""The bridge's own time: a line that nobody can set.

All that the bridge decides, stores and waits for is on this line. It begins with the wall clock and goes on with the boot clock,
which nobody can set and which counts while the machine sleeps; over a restart, too. Where the wall clock says otherwise, because
somebody set it, the line follows so slowly that no timer notices: by a two-hundredth of the time that passes, by a twentieth
while nothing is open. It never goes back.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.core.world.event import from_ns
from bridge.ledger.ledger import Anchor
from bridge.wire.body import boot_id

SLOWLY: Final = 200
CALMLY: Final = 20
STEP_NS: Final = 250_000_000
"""Who reads both clocks does so within less; what moves more, and stays there, was set."""
EARLIEST_NS: Final = 1_767_225_600 * 10**9
"""2026. A machine without a battery begins in 1970, and nothing that is dated so is worth keeping in its place."""

log = logging.getLogger("quorumbell.bridge")


class WasSet(NamedTuple):
    """Somebody set a wall clock, on or back."""

    at: datetime
    by: timedelta


def read_clocks() -> tuple[int, int]:
    """The boot clock and the wall clock, in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()


class TimeLine:
    """Belongs to the writer's thread. `anchor` is where the last bridge of this ledger was."""

    def __init__(
        self, anchor: Anchor | None = None, read: Callable[[], tuple[int, int]] = read_clocks, boot: str | None = None
    ) -> None:
        self._read = read
        self._boot = boot_id() if boot is None else boot
        self._boot_ns, wall_ns = read()
        self._ahead_ns = self._doubt_ns = wall_ns - self._boot_ns
        self._line_ns = wall_ns
        self.calm = False
        """Nothing is open and nothing silenced: the wall clock is followed faster."""
        self.last_set: WasSet | None = None
        self.gap_ns = 0
        """How far the wall clock was ahead when the line was last read."""
        if anchor is not None:
            self._go_on(anchor, wall_ns)
        self.ns()

    def __call__(self) -> datetime:
        return from_ns(self.ns())

    def ns(self) -> int:
        """Now, in nanoseconds since 1970."""
        boot_ns, wall_ns = self._read()
        passed = boot_ns - self._boot_ns
        gap_ns = wall_ns - self._line_ns - passed
        most = passed // (CALMLY if self.calm else SLOWLY)
        follow = max(-most, min(most, gap_ns)) if self._line_ns > EARLIEST_NS else max(-most, gap_ns)
        self._boot_ns, self._line_ns, self.gap_ns = boot_ns, self._line_ns + passed + follow, gap_ns - follow
        if abs(wall_ns - boot_ns - self._ahead_ns) >= STEP_NS:
            self._notice(wall_ns - boot_ns)
        return self._line_ns

    @property
    def gap(self) -> timedelta:
        """What must be added to a time of the line to get the machine's wall clock."""
        return timedelta(microseconds=self.gap_ns // 1000)

    def anchor(self) -> Anchor:
        """As it was last read: what a restart needs."""
        return Anchor(self._boot, self._boot_ns, self._line_ns)

    def _go_on(self, anchor: Anchor, wall_ns: int) -> None:
        """In the same boot the line goes on; in another it begins with the wall clock, but not before it was."""
        if self._boot and anchor.boot == self._boot and anchor.boot_ns <= self._boot_ns:
            self._boot_ns, self._line_ns = anchor.boot_ns, anchor.line_ns
        elif anchor.line_ns > wall_ns:
            self._line_ns = anchor.line_ns
            behind = (anchor.line_ns - wall_ns) / 1e9
            log.warning("the clock of this machine is %.0f s behind the ledger: Quorumbell's own time goes on from there", behind)

    def _notice(self, ahead_ns: int) -> None:
        """The wall clock moved against the boot clock. Once is no proof: we may have had to wait between the two readings."""
        if abs(ahead_ns - self._doubt_ns) >= STEP_NS:
            self._doubt_ns = ahead_ns
            return
        by_ns, self._ahead_ns = ahead_ns - self._ahead_ns, ahead_ns
        self.last_set = WasSet(from_ns(self._line_ns), timedelta(microseconds=by_ns // 1000))
        log.warning("the clock of this machine was set by %+.3f s: Quorumbell's own time follows it slowly", by_ns / 1e9)
