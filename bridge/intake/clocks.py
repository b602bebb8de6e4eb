"""How the clocks of a node stand to the bridge's time line.

Every message of a relay, and every report, carries two clocks: nanoseconds since the boot (CLOCK_BOOTTIME), which nobody can set,
and the wall clock, which NTP and people do set. So what happened when is computed from the boot clock, boot by boot. What an
event itself is stamped with (Pacemaker's epoch, the lines of events2) is the wall clock: it counts by what the boot clock showed
when the wall clock showed that. The wall clock alone is believed only where there is nothing else: of a boot that was never
heard, or that has no name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

SAMPLES: Final = 64
"""At a ping a second the last minute: the clocks of two machines drift apart."""
JUMP_NS: Final = 500_000_000
"""A boot clock stands still while its virtual machine is stopped. Less than this is drift, or the network."""
STEP_NS: Final = 250_000_000
"""Who reads both clocks does so within less; what the wall clock moves more against the boot clock, somebody has set it."""
SLACK_NS: Final = 100_000_000
LONGEST_NS: Final = 600 * 10**9
"""So long after its stamp an event may be written down, by a hook that waits for a processor or a relay that was stopped."""
NEVER: Final = -LONGEST_NS
"""Before every boot."""
BOOTS: Final = 4
PERIODS: Final = 32


class Lead:
    """How far the time line is ahead of a clock of the node.

    A message is never early: what it shows is the lead, or more. And its round trip says how late it was at the most, hence what
    the lead is at least. Words that contradict a newer one are forgotten.
    """

    def __init__(self) -> None:
        self._most: deque[int] = deque(maxlen=SAMPLES)
        self._least: deque[int] = deque(maxlen=SAMPLES)

    def learn(self, most: int) -> None:
        """A message came, and so much was the time line ahead of what the clock had shown in it."""
        self._least = deque((one for one in self._least if one <= most), SAMPLES)
        self._most.append(most)

    def prove(self, least: int) -> None:
        self._most = deque((one for one in self._most if one >= least), SAMPLES)
        self._least.append(least)

    @property
    def most(self) -> int:
        return min(self._most)

    @property
    def least(self) -> int | None:
        return max(self._least, default=None)

    @property
    def nanoseconds(self) -> int:
        """In the middle of what is possible; 0 when nothing is known."""
        if not self._most:
            return 0
        least = self.least
        return self.most if least is None else (self.most + least) // 2


class _Period:
    """A part of a boot in which its clock ran as the time line did: between two stops of one of the two machines."""

    def __init__(self, first_ns: int, lead: Lead) -> None:
        self.first_ns = first_ns
        self.last_ns = first_ns
        self.lead = lead

    def instant(self, boot_ns: int) -> int:
        return boot_ns + self.lead.nanoseconds


class _Setting(NamedTuple):
    """How far the wall clock was ahead of the boot clock, and the boot clock when that was first and last seen."""

    first_ns: int
    last_ns: int
    ahead: int


class _Boot:
    """One boot of the node."""

    def __init__(self) -> None:
        self._periods: list[_Period] = []
        self._settings: list[_Setting] = []
        self._latest_ns = 0

    @property
    def heard(self) -> bool:
        return bool(self._periods)

    @property
    def began_ns(self) -> int:
        """On the time line."""
        return self._periods[0].instant(0)

    def wall_offset(self) -> int:
        """What must be added to the wall clock as it is set now."""
        return self._periods[-1].lead.nanoseconds - self._settings[-1].ahead

    def learn(self, boot_ns: int, most: int) -> None:
        period = self._periods[-1] if self._periods else self._begin(boot_ns)
        if period.lead.least is not None and most < period.lead.least - JUMP_NS:
            period.last_ns = self._latest_ns
            period = self._begin(boot_ns)
        period.last_ns = max(period.first_ns, self._latest_ns)
        period.lead.learn(most)
        self._latest_ns = boot_ns

    def prove(self, boot_ns: int, most: int, round_trip_ns: int) -> None:
        """The message that was sent at `boot_ns` was under way for no longer than that."""
        period = self._periods[-1]
        if most - round_trip_ns > min(period.lead.most, most) + JUMP_NS:
            period = self._begin(boot_ns)
            period.lead.learn(most)
        period.lead.prove(most - round_trip_ns)

    def set_wall(self, boot_ns: int, wall_ns: int) -> int:
        """Both clocks, read at one moment. By how much the wall clock was set since they were last read; mostly 0."""
        ahead = wall_ns - boot_ns
        if not self._settings:
            self._settings.append(_Setting(boot_ns, boot_ns, ahead))
            return 0
        last = self._settings[-1]
        if abs(ahead - last.ahead) < STEP_NS:
            self._settings[-1] = _Setting(last.first_ns, boot_ns, ahead)
            return 0
        self._settings = [*self._settings[1 - PERIODS :], _Setting(boot_ns, boot_ns, ahead)]
        return ahead - last.ahead

    def instant(self, boot_ns: int) -> int:
        """When that was, on the time line. Between two periods nobody knows; but order is kept."""
        newer = self._periods[-1]
        for older in reversed(self._periods[:-1]):
            if boot_ns >= newer.first_ns:
                break
            if boot_ns > older.last_ns:
                return min(max(newer.instant(boot_ns), older.instant(older.last_ns)), newer.instant(newer.first_ns))
            newer = older
        return newer.instant(boot_ns)

    def stamped(self, stamp_ns: int, boot_ns: int, wall_ns: int) -> int:
        """What the boot clock showed at an event that was stamped so, by a report whose own clocks are these.

        Should no setting of the wall clock explain the stamp, the report's own moment stands for it.
        """
        for since, until, ahead in self._in_force(boot_ns, wall_ns - boot_ns):
            at = stamp_ns - ahead
            if max(since, boot_ns - LONGEST_NS) - SLACK_NS <= at <= until + SLACK_NS:
                return min(at, boot_ns)
        return boot_ns

    def _in_force(self, boot_ns: int, ahead: int) -> Iterator[tuple[int, int, int]]:
        """The settings of the wall clock up to a report, the newest first, and between which moments each may have begun and
        ended."""
        known = [one for one in self._settings if one.first_ns <= boot_ns]
        first_ns = known.pop().first_ns if known and abs(known[-1].ahead - ahead) < STEP_NS else boot_ns
        yield (known[-1].last_ns if known else NEVER), boot_ns, ahead
        while known:
            one = known.pop()
            yield (known[-1].last_ns if known else NEVER), first_ns, one.ahead
            first_ns = one.first_ns

    def _begin(self, boot_ns: int) -> _Period:
        self._periods = [*self._periods[1 - PERIODS :], _Period(boot_ns, Lead())]
        return self._periods[-1]


class Clocks:
    """Those of one node: its boots, and its wall clock."""

    def __init__(self) -> None:
        self._boots: dict[str, _Boot] = {}
        self._name = ""
        self._wall = Lead()
        self._awaited: tuple[str, int, int, int] | None = None
        self._set_by = 0

    def hear(self, boot: str, boot_ns: int, wall_ns: int, line_ns: int, token: str) -> None:
        """A message that was sent when the clocks showed that (0 when it does not say) came at `line_ns`. `token`: its name in an
        answer's round trip; "" when it cannot have one."""
        self._name = boot
        if wall_ns:
            self._wall.learn(line_ns - wall_ns)
        if boot and boot_ns and wall_ns:
            known = self._boots.setdefault(boot, _Boot())
            known.learn(boot_ns, line_ns - boot_ns)
            self._set_by += known.set_wall(boot_ns, wall_ns)
            while len(self._boots) > BOOTS:
                del self._boots[next(iter(self._boots))]
        if token:
            self._awaited = (token, boot_ns, wall_ns, line_ns)

    def prove(self, token: str, round_trip_ns: int) -> None:
        """So long after the message of that name was sent, its answer was there."""
        if self._awaited is None or self._awaited[0] != token or round_trip_ns <= 0:
            return
        _, boot_ns, wall_ns, line_ns = self._awaited
        if wall_ns:
            self._wall.prove(line_ns - wall_ns - round_trip_ns)
        if boot_ns and (known := self._boots.get(self._name)) is not None:
            known.prove(boot_ns, line_ns - boot_ns, round_trip_ns)

    def take_step(self) -> int:
        """By how much the wall clock was set since this was last asked."""
        by, self._set_by = self._set_by, 0
        return by

    @property
    def offset_ns(self) -> int:
        """What must be added to the node's wall clock, as it is now, to be on the time line."""
        known = self._boots.get(self._name)
        return known.wall_offset() if known is not None else self._wall.nanoseconds

    def correction(self, boot: str, boot_ns: int, wall_ns: int, stamp_ns: int | None, line_ns: int) -> int:
        """What must be added to the stamp of a report that came at `line_ns` (to its own wall clock, if it has no stamp)."""
        known = self._boots.get(boot)
        if known is None or not boot_ns:
            return self._by_wall(boot, wall_ns if stamp_ns is None else stamp_ns)
        at = known.instant(boot_ns if stamp_ns is None else known.stamped(stamp_ns, boot_ns, wall_ns))
        return min(at, line_ns) - (wall_ns if stamp_ns is None else stamp_ns)

    def _by_wall(self, boot: str, stamp_ns: int) -> int:
        """Of an earlier boot nobody knows how its wall clock was set: as it is now, or right; but it was before this boot."""
        known = self._boots.get(self._name)
        if known is None or not boot:
            return self.offset_ns
        fitting = (offset for offset in (self.offset_ns, 0) if stamp_ns + offset <= known.began_ns)
        return next(fitting, known.began_ns - stamp_ns)
