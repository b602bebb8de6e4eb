"""How the clocks of a node stand to the bridge's.

Every message of a relay, and every report, carries two clocks: nanoseconds since the boot (CLOCK_BOOTTIME), which nobody can set,
and the wall clock, which NTP and people do set. So what happened when is computed from the boot clock, boot by boot. What an
event itself is stamped with (Pacemaker's epoch, the lines of events2) is the wall clock: it counts by what the boot clock showed
when the wall clock showed that. The wall clock alone is believed only where there is nothing else: of a boot that was never
heard, or that has no name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

SAMPLES: Final = 64
"""At a ping a second the last minute: the clocks of two machines drift apart."""
JUMP_NS: Final = 500_000_000
"""A boot clock stands still while its virtual machine is stopped. Less than this is drift, or the network."""
STEADY_NS: Final = 2_000_000
"""So much better a word must be before it counts."""
STEP_NS: Final = 250_000_000
"""Who reads both clocks does so within less; what the wall clock moves more against the boot clock, somebody has set it."""
SLACK_NS: Final = 100_000_000
LONGEST_NS: Final = 600 * 10**9
"""So long after its stamp an event may be written down, by a hook that waits for a processor or a relay that was stopped."""
NEVER: Final = -LONGEST_NS
"""Before every boot."""
BOOTS: Final = 4
PIECES: Final = 32

Line = Callable[[int], int]
"""From the bridge's boot clock to its time line."""


class Lead:
    """How far the bridge's boot clock is ahead of a clock of the node.

    A message is never early: what it shows is the lead, or more. And its round trip says how late it was at the most, hence what
    the lead is at least. Words that contradict a newer one are forgotten.
    """

    def __init__(self) -> None:
        self._most: deque[int] = deque(maxlen=SAMPLES)
        self._least: deque[int] = deque(maxlen=SAMPLES)
        self.nanoseconds = 0
        """In the middle of what is possible; 0 when nothing is known."""

    def learn(self, most: int) -> bool:
        """A message came when the bridge's clock was so much ahead of what the node's had shown in it. Whether that is a jump."""
        least = max(self._least, default=most)
        if most < least:
            self._least = deque((one for one in self._least if one <= most), SAMPLES)
        self._most.append(most)
        self._settle()
        return most < least - JUMP_NS

    def prove(self, least: int) -> bool:
        """It cannot be less. Whether that is a jump."""
        most = min(self._most, default=least)
        if least > most:
            self._most = deque((one for one in self._most if one >= least), SAMPLES)
        self._least.append(least)
        self._settle()
        return least > most + JUMP_NS

    def _settle(self) -> None:
        most = min(self._most, default=0)
        self.nanoseconds = (most + max(self._least)) // 2 if self._least and self._most else most


class _Piece(NamedTuple):
    """The lead from a moment of the node's boot clock on."""

    since_ns: int
    lead: int


class _Setting(NamedTuple):
    """How far the wall clock was ahead of the boot clock, and what that showed when this was first and last seen."""

    first_ns: int
    last_ns: int
    ahead: int


class _Boot:
    """One boot of the node. Times in and out are of its boot clock, `instant` gives the bridge's."""

    def __init__(self) -> None:
        self._lead = Lead()
        self._pieces: list[_Piece] = []
        self._settings: list[_Setting] = []
        self._heard_ns = 0
        self._dated_ns = 0

    def learn(self, boot_ns: int, most: int) -> int:
        """Gives the moment of the message before."""
        before_ns, self._heard_ns = self._heard_ns, boot_ns
        if self._lead.learn(most):
            self._begin(before_ns)
        return before_ns

    def prove(self, least: int, before_ns: int) -> None:
        """What a message proves, and the moment of the one before it."""
        if self._lead.prove(least):
            self._begin(before_ns)

    def set_wall(self, boot_ns: int, wall_ns: int) -> int:
        """Both clocks, read at one moment. By how much the wall clock was set since they were last read; mostly 0."""
        ahead = wall_ns - boot_ns
        last = self._settings[-1] if self._settings else _Setting(boot_ns, boot_ns, ahead)
        by = ahead - last.ahead
        if abs(by) < STEP_NS:
            self._settings[-1:] = [_Setting(last.first_ns, boot_ns, last.ahead if abs(by) < STEADY_NS else ahead)]
            return 0
        self._settings = [*self._settings[1 - PIECES :], _Setting(boot_ns, boot_ns, ahead)]
        return by

    @property
    def wall(self) -> tuple[int, int]:
        """What the bridge's boot clock and the node's wall clock showed when it was last heard."""
        return self.instant(self._heard_ns), self._heard_ns + self._settings[-1].ahead

    def date(self, boot_ns: int, came_ns: int) -> int:
        """The instant of what came then: nothing happens after it was heard."""
        at = self.instant(boot_ns)
        if at > came_ns:
            return came_ns
        self._dated_ns = max(self._dated_ns, boot_ns)
        return at

    def instant(self, boot_ns: int) -> int:
        """What the bridge's boot clock showed then. The order of moments is kept, whatever was learned between two."""
        if not self._pieces or abs(self._lead.nanoseconds - self._pieces[-1].lead) > STEADY_NS:
            self._begin(self._heard_ns)
        for number in range(len(self._pieces) - 1, 0, -1):
            since_ns, lead = self._pieces[number]
            if boot_ns > since_ns:
                return max(boot_ns + lead, since_ns + self._pieces[number - 1].lead)
        return boot_ns + self._pieces[0].lead

    def stamped(self, stamp_ns: int, boot_ns: int, wall_ns: int) -> int:
        """What the boot clock showed at an event that was stamped so, by a report whose own clocks are these.

        If two settings of the wall clock explain the stamp, it is the one with the shorter way from event to report; if none
        does, the report's own moment stands for the event's.
        """
        last = self._settings[-1]
        at = stamp_ns - last.ahead
        if max(last.first_ns + SLACK_NS, boot_ns - LONGEST_NS) < at <= boot_ns and abs(wall_ns - boot_ns - last.ahead) < STEP_NS:
            return at  # the usual case
        fitting = [
            stamp_ns - ahead
            for since, until, ahead in self._in_force(boot_ns, wall_ns - boot_ns)
            if max(since, boot_ns - LONGEST_NS) - SLACK_NS <= stamp_ns - ahead <= until + SLACK_NS
        ]
        return min(max(fitting, default=boot_ns), boot_ns)

    def _in_force(self, boot_ns: int, ahead: int) -> Iterator[tuple[int, int, int]]:
        """The settings of the wall clock up to a report, and between which moments each may have begun and ended."""
        known = [one for one in self._settings if one.first_ns <= boot_ns]
        first_ns = boot_ns
        if known and abs(known[-1].ahead - ahead) < STEP_NS:
            first_ns, _, ahead = known.pop()
        yield (known[-1].last_ns if known else NEVER), boot_ns, ahead
        while known:
            one = known.pop()
            yield (known[-1].last_ns if known else NEVER), first_ns, one.ahead
            first_ns = one.first_ns

    def _begin(self, since_ns: int) -> None:
        """What was before that, or is dated already, stays where it is."""
        first = max(since_ns, self._dated_ns) if self._pieces else NEVER
        self._pieces = [*self._pieces[1 - PIECES :], _Piece(first, self._lead.nanoseconds)]


class _Message(NamedTuple):
    """The one whose round trip is waited for: its name, the node's clocks in it, the bridge's when it came, and the node's boot
    clock in the message before."""

    token: str
    boot_ns: int
    wall_ns: int
    came_ns: int
    before_ns: int


class Clocks:
    """Those of one node. `line` leads from the bridge's boot clock, in which messages come, to its time line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._boots: dict[str, _Boot] = {}
        self._name = ""
        self._wall = Lead()
        self._awaited = _Message("", 0, 0, 0, 0)
        self._set_by = 0

    def hear(self, boot: str, boot_ns: int, wall_ns: int, came_ns: int, token: str) -> None:
        """A message that was sent when its clocks showed that (0: it does not say). `token`: its name in the round trip that is
        told of it later; "" when none will be."""
        self._name = boot
        if wall_ns:
            self._wall.learn(came_ns - wall_ns)
        before_ns = 0
        if boot and boot_ns and wall_ns:
            known = self._boots.setdefault(boot, _Boot())
            before_ns = known.learn(boot_ns, came_ns - boot_ns)
            self._set_by += known.set_wall(boot_ns, wall_ns)
            while len(self._boots) > BOOTS:
                del self._boots[next(iter(self._boots))]
        if token:
            self._awaited = _Message(token, boot_ns, wall_ns, came_ns, before_ns)

    def prove(self, token: str, round_trip_ns: int) -> None:
        """So long after the message of that name was sent, its answer was there."""
        sent = self._awaited
        if sent.token != token or round_trip_ns <= 0:
            return
        if sent.wall_ns:
            self._wall.prove(sent.came_ns - sent.wall_ns - round_trip_ns)
        if self._name in self._boots:
            self._boots[self._name].prove(sent.came_ns - sent.boot_ns - round_trip_ns, sent.before_ns)

    def take_step(self) -> int:
        """By how much the wall clock was set since this was last asked."""
        by, self._set_by = self._set_by, 0
        return by

    @property
    def offset_ns(self) -> int:
        """What must be added to the node's wall clock, as it is set now, to be on the time line."""
        known = self._boots.get(self._name)
        if known is not None:
            at, wall_ns = known.wall
            return self._line(at) - wall_ns
        wall_ns = self._awaited.wall_ns
        return self._line(wall_ns + self._wall.nanoseconds) - wall_ns if wall_ns else 0

    def correction(self, boot: str, boot_ns: int, wall_ns: int, stamp_ns: int | None, came_ns: int) -> int:
        """What must be added to the stamp of a report (to its own wall clock, if it has none) to be on the time line."""
        known = self._boots.get(boot)
        stamp_or_wall = wall_ns if stamp_ns is None else stamp_ns
        if known is None or not boot_ns:
            return self._by_wall(boot, stamp_or_wall)
        at = known.date(boot_ns if stamp_ns is None else known.stamped(stamp_ns, boot_ns, wall_ns), came_ns)
        return self._line(at) - stamp_or_wall

    def _by_wall(self, boot: str, stamp_ns: int) -> int:
        """Of a boot that was never heard nobody knows how its wall clock was set: as it is now, or right. But it was before this
        one."""
        known = self._boots.get(self._name)
        if known is None or not boot:
            return self.offset_ns
        began_ns = self._line(known.instant(0))
        fitting = (offset for offset in (self.offset_ns, 0) if stamp_ns + offset <= began_ns)
        return next(fitting, began_ns - stamp_ns)
