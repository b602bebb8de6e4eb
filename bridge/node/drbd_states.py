"""DRBD's states, as the relay tells them: follows `drbdsetup events2` and reports differences.

The first dump is sent whole, one report for each resource and a last one that lists them; it is the truth about this node. When
the child ends it is started again, and its dump sent again: nothing is trusted to memory, so nothing that dies with the relay
leaves the bridge with a wrong picture.
"""

from __future__ import annotations

import errno
import logging
import os
import subprocess
from collections.abc import Iterable
from typing import Final

from bridge.node.events2 import Differences, Fields, listing
from bridge.node.feed import Body, edge
from bridge.node.settings import DRBDSETUP
from bridge.wire.body import Moment, make_body

ARGUMENTS: Final = ("events2", "--timestamps", "--statistics")
MODULE: Final = "/sys/module/drbd"
SOURCE: Final = "drbd-events"
LOOK_EVERY: Final = 5.0
"""Seconds between two looks for the module."""
RESTART_FIRST: Final = 2.0
RESTART_SLOWEST: Final = 60.0
"""What ends again and again is asked ever more rarely: each start sends a whole dump."""
SETTLED_AFTER: Final = 0.05
"""Lines of one instant are printed one after the other; so long after the last one there is no more."""
MAX_REST: Final = 1 << 20

log = logging.getLogger("quorumbell.relay")


class Follower:
    """The child process as a feed of the relay: `fileno` is its output, -1 while there is none.

    It is only started while the module is loaded: drbdsetup would load it, and to watch must change nothing.
    """

    def __init__(self, drbdsetup: str = DRBDSETUP, module: str = MODULE) -> None:
        self._command = (drbdsetup, *ARGUMENTS)
        self._module = module
        self._child: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._differences = Differences()
        self._start_at = self._started_at = self._read_at = 0.0
        self._pause = RESTART_FIRST
        self._told_ns = 0
        self._none_told = False
        self._fault = ""

    def fileno(self) -> int:
        return self._child.stdout.fileno() if self._child is not None and self._child.stdout is not None else -1

    def on_tick(self, now: float, moment: Moment) -> list[Body]:
        """Starts the child when it is time, and hands out lines whose instant is over."""
        if self._child is not None:
            return self._bodies(self._differences.flush(now), moment) if now - self._read_at >= SETTLED_AFTER else []
        if now < self._start_at:
            return []
        return self._start(now, moment) if os.path.isdir(self._module) else self._no_module(now, moment)

    def on_readable(self, now: float, moment: Moment) -> list[Body]:
        if self._child is None:
            return []
        try:
            data = os.read(self.fileno(), 65536)
        except BlockingIOError:
            return []
        if not data:
            return self._ended(now, moment)
        self._read_at = now
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[:MAX_REST]
        before = self._differences.dumped
        bodies = [body for line in lines for body in self._take(line, now, moment)]
        if self._differences.foreign:
            return bodies + self._misread(now, moment)
        return bodies if before or not self._differences.dumped else bodies + self._followed(moment)

    def close(self) -> int:
        """How the child ended; 0 when there was none."""
        if self._child is None:
            return 0
        self._child.kill()
        code = self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None
        return code

    def _take(self, line: bytes, now: float, moment: Moment) -> list[Body]:
        before = self._differences.strange
        bodies = self._bodies(self._differences.take(line.decode("utf-8", "replace"), now), moment)
        if self._differences.strange and not before and self._differences.dumped:
            log.warning("%s said what I do not understand: %s", " ".join(self._command[:2]), self._differences.strange)
        return bodies

    def _bodies(self, told: Iterable[Fields], moment: Moment) -> list[Body]:
        """Read at one moment, and yet one after the other: the bridge puts them in order by `boot_ns`."""
        bodies = []
        for fields in told:
            self._told_ns = max(self._told_ns + 1, moment.boot_ns)
            bodies.append(make_body(SOURCE, fields, moment._replace(boot_ns=self._told_ns)))
        return bodies

    def _no_module(self, now: float, moment: Moment) -> list[Body]:
        """No module, no resource: where DRBD is used at all this is said once, against what was true before a reboot."""
        self._start_at = now + LOOK_EVERY
        if self._none_told:
            return []
        self._none_told = True
        log.info("DRBD is followed as soon as its module is loaded")
        return self._bodies([listing(())], moment) if os.path.exists(self._command[0]) else []

    def _start(self, now: float, moment: Moment) -> list[Body]:
        self._rest, self._differences, self._started_at = b"", Differences(), now
        try:
            # Its complaints come as lines, too: they are none of events2's, and say why it ended.
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/"
            )
        except OSError as wrong:
            cure = "install drbd-utils" if wrong.errno == errno.ENOENT else "let the relay's user run it"
            self._start_at = now + RESTART_SLOWEST
            return self._not_followed(f"{os.strerror(wrong.errno or 0)}: {cure}, or set drbd = off", moment)
        os.set_blocking(self.fileno(), False)
        return []

    def _ended(self, now: float, moment: Moment) -> list[Body]:
        last, seen = self._bodies(self._differences.flush(now), moment), self._differences
        code = self.close()
        if now - self._started_at > RESTART_SLOWEST:
            self._pause = RESTART_FIRST
        self._start_at = now + self._pause
        self._pause = min(RESTART_SLOWEST, self._pause * 2)
        why = f"it ended ({code}){': ' if seen.strange else ''}{seen.strange}"
        if seen.dumped:
            log.warning("%s: %s; it is started again", " ".join(self._command[:2]), why)
            return last
        cure = "" if os.geteuid() == 0 else "; the relay does not run as root"
        return last if not os.path.isdir(self._module) else last + self._not_followed(why + cure, moment)

    def _misread(self, now: float, moment: Moment) -> list[Body]:
        """Colours or differences: whatever stands in the way of drbdsetup has to be asked for plain lines."""
        strange = self._differences.strange.replace("\x1b", "ESC")
        self.close()
        self._start_at = now + RESTART_SLOWEST
        return self._not_followed(f"it prints colours or differences, which cannot be read: {strange}", moment)

    def _not_followed(self, why: str, moment: Moment) -> list[Body]:
        """Said once, until it is another fault or none."""
        if why == self._fault:
            return []
        self._fault = why
        words = f"DRBD's states are not followed: {' '.join(self._command[:2])}: {why}"
        log.warning("%s", words)
        return [edge("drbd", {"why": words}, moment)]

    def _followed(self, moment: Moment) -> list[Body]:
        self._none_told = False
        log.info("DRBD's states are followed")
        if not self._fault:
            return []
        self._fault = ""
        return [edge("drbd", {"why": "DRBD's states are followed again", "over": True}, moment)]
