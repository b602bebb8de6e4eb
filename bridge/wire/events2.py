"""DRBD's states, as the relay tells them: follows `drbdsetup events2` and reports differences. Standard library only, Python 3.9.

The first dump is sent whole, one report for each resource and a last one that lists them; it is the truth about this node.
After it only states that changed are sent, never numbers: a resync alone would be ten lines in a second. Lines of one instant
belong together and are one report. When the child ends it is started again, and its dump sent again: nothing is trusted to
memory. (drbdsetup(8), events2)
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator, Mapping
from typing import Final

COMMAND: Final = ("/usr/sbin/drbdsetup", "events2", "--timestamps", "--statistics")
RESTART_AFTER: Final = 2.0
NO_DRBD_AFTER: Final = 60.0
"""A node without the module or the tool: ask again, rarely."""
MAX_LINES: Final = 100
MAX_PENDING: Final = 1 << 20

STATES: Final = {
    "resource": ("role", "suspended", "force-io-failures"),
    "connection": ("connection", "role"),
    "device": ("disk", "client", "quorum"),
    "peer-device": ("replication", "peer-disk", "peer-client", "resync-suspended"),
}
IDENTITY: Final = ("name", "peer-node-id", "conn-name", "volume", "minor", "new_name", "helper", "status")

Fields = Mapping[str, str | bool]


class Differences:
    """Lines in, reports out. `take` gives what is complete; `flush` what waits for more lines of its instant."""

    def __init__(self) -> None:
        self._dumping = True
        self._dump: dict[str, list[str]] = {}
        self._known: dict[tuple[str, ...], dict[str, str]] = {}
        self._group: list[str] = []
        self._of: tuple[str, str] = ("", "")

    def take(self, line: str) -> Iterator[Fields]:
        stamp, words = _stamp(line.split())
        if len(words) < 2:
            return
        if words[:2] == ["exists", "-"]:
            yield from self._end_of_dump(stamp)
            return
        name, told = self._told(words)
        if not told:
            return
        if self._dumping:
            self._dump.setdefault(name, []).append(told)
            return
        if self._of != (stamp, name) or len(self._group) >= MAX_LINES:
            yield from self.flush()
        self._of = (stamp, name)
        self._group.append(told)

    def flush(self) -> Iterator[Fields]:
        if self._group:
            yield _report(self._of[0], self._group)
        self._group = []

    def _end_of_dump(self, stamp: str) -> Iterator[Fields]:
        self._dumping = False
        for lines in self._dump.values():
            if len(lines) <= MAX_LINES:
                yield {"dump": True, **_report(stamp, lines)}
            else:  # too long for one report: then it shows what is there, and not what is gone
                yield from (_report(stamp, lines[start : start + MAX_LINES]) for start in range(0, len(lines), MAX_LINES))
        yield {"dump": True, "resources": " ".join(self._dump)}
        self._dump = {}

    def _told(self, words: list[str]) -> tuple[str, str]:
        """The resource, and the line without what is no news; an empty line when nothing is left."""
        action, kind = words[:2]
        values = dict(word.split(":", 1) for word in words[2:] if ":" in word)
        name = values.get("name", "")
        identity = [f"{key}:{values[key]}" for key in IDENTITY if key in values]
        head = " ".join((action, kind, *identity))
        if kind == "helper" or action == "rename":
            return name, head
        if kind not in STATES:
            return name, ""
        place = (kind, *identity)
        if action == "destroy":
            self._known.pop(place, None)
            return name, head
        before = self._known.setdefault(place, {}) if action == "change" else {}
        new = {key: values[key] for key in STATES[kind] if key in values and before.get(key) != values[key]}
        self._known[place] = {**before, **new}
        return name, " ".join((head, *(f"{key}:{value}" for key, value in new.items()))) if new else ""


def _stamp(words: list[str]) -> tuple[str, list[str]]:
    return (words[0], words[1:]) if words and words[0][:1].isdigit() else ("", words)


def _report(stamp: str, lines: list[str]) -> dict[str, str | bool]:
    """The first line carries the instant of all."""
    first = f"{stamp} {lines[0]}".lstrip()
    return {f"line{number}": line for number, line in enumerate([first, *lines[1:]], 1)}


class Follower:
    """The child process and its output, for a loop that polls `fileno` (-1: nothing to poll now) and calls `read` and `tick`."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._differences = Differences()
        self._start_at = 0.0
        self.trouble = ""
        """Why nothing is followed, for the log and the heartbeat; empty when all is well."""

    def fileno(self) -> int:
        return self._child.stdout.fileno() if self._child is not None and self._child.stdout is not None else -1

    def tick(self, now: float) -> list[Fields]:
        """To be called now and then: starts the child, and hands out lines whose instant is surely over. `now` is monotonic."""
        if self._child is None and now >= self._start_at:
            self._start(now)
        return list(self._differences.flush())

    def read(self, now: float) -> list[Fields]:
        """After `fileno` became readable."""
        if self._child is None:
            return []
        try:
            data = os.read(self.fileno(), 65536)
        except BlockingIOError:
            return []
        if not data:
            return self._ended(now)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[:MAX_PENDING]
        return [fields for line in lines for fields in self._differences.take(line.decode("utf-8", "replace"))]

    def close(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None

    def _start(self, now: float) -> None:
        self._rest, self._differences = b"", Differences()
        try:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as wrong:
            cure = "install drbd-utils" if wrong.errno == errno.ENOENT else "let the relay run as root"
            self.trouble = f"{self._command[0]}: {os.strerror(wrong.errno or 0)}; {cure}"
            self._start_at = now + NO_DRBD_AFTER
            return
        self.trouble = ""
        os.set_blocking(self.fileno(), False)

    def _ended(self, now: float) -> list[Fields]:
        last = list(self._differences.flush())
        child = self._child
        assert child is not None
        self.close()
        code = child.returncode
        self.trouble = f"{' '.join(self._command)} ended ({code}); is the module drbd loaded?"
        self._start_at = now + (RESTART_AFTER if code == 0 or last else NO_DRBD_AFTER)
        return last


__all__ = ["COMMAND", "Differences", "Fields", "Follower"]
