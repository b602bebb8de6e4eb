"""The bridge's own time: a line that nobody can set.

All that the bridge decides, stores and waits for is on this line. It begins with the wall clock and goes on with the boot clock,
which nobody can set and which counts while the machine sleeps; over a restart, too. Where the wall clock says otherwise, because
somebody set it, the line follows so slowly that no timer notices: by a two-hundredth of the time that passes; by half of it
while nothing is open, when there is nothing that it could falsify. It never goes back.

Only of a machine that has just booted, or that is behind the ledger, the clock is probably or certainly wrong: its first step on
is followed at once, and the bridge takes that for a time in which it slept.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.core.world.event import from_ns
from bridge.ledger.ledger import Anchor
from bridge.wire.body import boot_id, moment

SLOWLY: Final = 200
CALMLY: Final = 2
NEAR_NS: Final = 1_000_000
STEP_NS: Final = 250_000_000
"""Who reads both clocks does so within less; what moves more, and stays there, was set."""
EARLIEST_NS: Final = 1_767_225_600 * 10**9
"""2026. A machine without a battery begins in 1970, and nothing that is dated so is worth keeping in its place."""
FRESH_BOOT_NS: Final = 600 * 10**9
"""So soon after a boot, time is set by the network for the first time."""
NEVER_NS: Final = 2**63
BENDS: Final = 64

log = logging.getLogger("quorumbell.bridge")


class WasSet(NamedTuple):
    """Somebody set a wall clock, on or back."""

    at: datetime
    by: timedelta


class _Bend(NamedTuple):
    """From here the line goes with the boot clock, and by a `slowness`-th of it towards a wall clock that is `gap_ns` ahead."""

    boot_ns: int
    line_ns: int
    gap_ns: int
    slowness: int

    def at(self, boot_ns: int) -> int:
        passed = boot_ns - self.boot_ns
        return self.line_ns + passed + self.followed(passed)

    def followed(self, passed: int) -> int:
        if not self.gap_ns:
            return 0
        most = max(0, passed) // self.slowness
        return max(-most, min(most, self.gap_ns))


def since_boot() -> int:
    """The boot clock, in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def read_clocks() -> tuple[int, int]:
    """The boot clock and the wall clock, in nanoseconds, as of one moment."""
    _, boot_ns, wall_ns = moment("")
    return boot_ns, wall_ns


class TimeLine:
    """Belongs to the writer's thread. `anchor` is where the last bridge of this ledger was; `boot_ns` is the boot clock, now."""

    def __init__(
        self,
        anchor: Anchor | None = None,
        read: Callable[[], tuple[int, int]] = read_clocks,
        boot: str | None = None,
        boot_ns: Callable[[], int] = since_boot,
    ) -> None:
        self._read = read
        self.boot_ns = boot_ns
        self._boot = boot_id() if boot is None else boot
        self._boot_ns, self._wall_ns = read()
        self._ahead_ns = self._doubt_ns = self._wall_ns - self._boot_ns
        self._proved_ns = 0
        """Until the boot clock shows that, a step on is the first true word of a wall clock that was wrong."""
        self._bends = [self._begin(anchor)]
        self.calm = False
        """Nothing is open and nothing silenced: the wall clock is followed faster."""
        self.last_set: WasSet | None = None

    def __call__(self) -> datetime:
        """Now. The wall clock is looked at, too."""
        self._boot_ns, self._wall_ns = self._read()
        self._steer()
        if abs(self._wall_ns - self._boot_ns - self._ahead_ns) >= STEP_NS:
            self._notice()
        return from_ns(self.at(self._boot_ns))

    def at(self, boot_ns: int) -> int:
        """The line, in nanoseconds since 1970, where the boot clock showed that."""
        bend = self._bends[-1]
        if boot_ns < bend.boot_ns:
            bend = next((one for one in reversed(self._bends) if one.boot_ns <= boot_ns), self._bends[0])
        return bend.at(boot_ns)

    @property
    def gap(self) -> timedelta:
        """What must be added to a time of the line to get the machine's wall clock, when it was last read."""
        return timedelta(microseconds=(self._wall_ns - self.at(self._boot_ns)) // 1000)

    def anchor(self) -> Anchor:
        """Where the line was when it was last read: what a restart needs."""
        return Anchor(self._boot, self._boot_ns, self.at(self._boot_ns))

    def _begin(self, anchor: Anchor | None) -> _Bend:
        """In the same boot the line goes on; in another it begins with the wall clock, but not before it was."""
        boot_ns, wall_ns = self._boot_ns, self._wall_ns
        if anchor is None:
            return _Bend(boot_ns, wall_ns, 0, SLOWLY)
        if self._boot and anchor.boot == self._boot and anchor.boot_ns <= boot_ns:
            gap_ns = wall_ns - anchor.line_ns - (boot_ns - anchor.boot_ns)
            return _Bend(anchor.boot_ns, anchor.line_ns, gap_ns, SLOWLY)
        self._proved_ns = FRESH_BOOT_NS if anchor.line_ns <= wall_ns else NEVER_NS
        if anchor.line_ns > wall_ns:
            log.warning(
                "the clock of this machine is %.0f s behind the ledger: Quorumbell's own time goes on from there",
                (anchor.line_ns - wall_ns) / 1e9,
            )
        line_ns = max(anchor.line_ns, wall_ns)
        return _Bend(boot_ns, line_ns, wall_ns - line_ns, SLOWLY)

    def _steer(self) -> None:
        """A new bend, when the wall clock is not where the last one leads, or may be followed at another pace."""
        bend = self._bends[-1]
        passed = self._boot_ns - bend.boot_ns
        followed = bend.followed(passed)
        line_ns, left = bend.line_ns + passed + followed, bend.gap_ns - followed
        gap_ns = self._wall_ns - line_ns
        slowness = CALMLY if self.calm else SLOWLY
        if abs(gap_ns - left) < NEAR_NS and (slowness == bend.slowness or not left):
            return
        if line_ns < EARLIEST_NS or (self._boot_ns < self._proved_ns and gap_ns >= STEP_NS):
            line_ns += max(0, gap_ns)
            self._proved_ns = 0
        self._bends = [*self._bends[1 - BENDS :], _Bend(self._boot_ns, line_ns, self._wall_ns - line_ns, slowness)]

    def _notice(self) -> None:
        """The wall clock moved against the boot clock. Once is no proof: we may have had to wait between the two readings."""
        ahead_ns = self._wall_ns - self._boot_ns
        if abs(ahead_ns - self._doubt_ns) >= STEP_NS:
            self._doubt_ns = ahead_ns
            return
        by_ns, self._ahead_ns = ahead_ns - self._ahead_ns, ahead_ns
        self.last_set = WasSet(from_ns(self.at(self._boot_ns)), timedelta(microseconds=by_ns // 1000))
        log.warning("the clock of this machine was set by %+.3f s: Quorumbell's own time follows it slowly", by_ns / 1e9)
