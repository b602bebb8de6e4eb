"""Lines of `drbdsetup events2` in, reports out: the first dump whole, then states that changed, and never numbers.

A resync alone would be ten lines in a second. Lines of one instant belong together and are one report. (drbdsetup(8), events2)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Union

from bridge.wire.body import MAX_VALUE

MAX_LINES: Final = 100
MAX_TEXT: Final = 16 * 1024
"""Of the lines of one report; a report that had to be cut would show what is gone where nothing is."""

ACTIONS: Final = frozenset({"exists", "create", "change", "destroy", "rename", "call", "response"})
STATES: Final = {
    "resource": ("role", "suspended", "force-io-failures"),
    "connection": ("connection", "role"),
    "device": ("disk", "client", "quorum"),
    "peer-device": ("replication", "peer-disk", "peer-client", "resync-suspended"),
}
BESIDE: Final = {"peer-device": ("out-of-sync",)}
"""Numbers that go along when a state changes, and are no reason to tell anything: KiB that differ now."""
IDENTITY: Final = ("name", "peer-node-id", "conn-name", "volume", "minor", "new_name", "helper", "status")

Fields = Mapping[str, Union[str, bool]]


class Differences:
    """Lines in, reports out. `take` gives what is complete; `flush` what waits for more lines of its instant."""

    def __init__(self) -> None:
        self.dumped = False
        """Whether the first dump was read to its end."""
        self.strange = ""
        """The last line that is none of events2's: most likely what drbdsetup had to complain about."""
        self._dump: dict[str, list[str]] = {}
        self._known: dict[tuple[str, ...], dict[str, str]] = {}
        self._group: list[str] = []
        self._of: tuple[str, str] = ("", "")

    def take(self, line: str) -> Iterator[Fields]:
        stamp, words = _stamp(line.split())
        if words[:1] and (len(words) < 2 or words[0] not in ACTIONS or len(line) > MAX_VALUE):
            self.strange = line.strip()[:200]
            words = []
        if not words:
            return
        if words[:2] == ["exists", "-"]:
            yield from self._end_of_dump(stamp)
            return
        name, told = self._told(words)
        if not told:
            return
        if not self.dumped:
            self._dump.setdefault(name, []).append(told)
            return
        if self._of != (stamp, name) or not _fits([*self._group, told]):
            yield from self.flush()
        self._of = (stamp, name)
        self._group.append(told)

    def flush(self) -> Iterator[Fields]:
        if self._group:
            yield _report(self._of[0], self._group)
        self._group = []

    def _end_of_dump(self, stamp: str) -> Iterator[Fields]:
        self.dumped = True
        for lines in self._dump.values():
            if _fits(lines):
                yield {"dump": True, **_report(stamp, lines)}
            else:  # too long for one report: then it shows what is there, and not what is gone
                yield from (_report(stamp, part) for part in _parts(lines))
        yield listing(self._dump)
        self._dump = {}

    def _told(self, words: list[str]) -> tuple[str, str]:
        """The resource, and the line without what is no news; an empty line when nothing is left."""
        action, kind = words[:2]
        values = dict(word.split(":", 1) for word in words[2:] if ":" in word)
        name = values.get("name", "")
        identity = [f"{key}:{values[key]}" for key in IDENTITY if key in values]
        head = " ".join((action, kind, *identity))
        if not name or kind not in {*STATES, "helper"}:
            return name, ""
        if kind == "helper" or action == "rename":
            return name, head
        place = (kind, *identity)
        if action == "destroy":
            self._known.pop(place, None)
            return name, head
        before = self._known.setdefault(place, {}) if action == "change" else {}
        new = {key: values[key] for key in STATES[kind] if key in values and before.get(key) != values[key]}
        self._known[place] = {**before, **new}
        beside = {key: values[key] for key in BESIDE.get(kind, ()) if key in values}
        return name, " ".join((head, *(f"{key}:{value}" for key, value in {**new, **beside}.items()))) if new else ""


def listing(names: Iterable[str]) -> Fields:
    """The report that ends a dump: every resource of this node, it has no other. What no field can hold goes on in the next."""
    fields = [""]
    for name in names:
        longer = f"{fields[-1]} {name}".lstrip()
        if len(longer) <= MAX_VALUE:
            fields[-1] = longer
        else:
            fields.append(name)
    return {"dump": True, "resources": fields[0], **{f"resources{number}": text for number, text in enumerate(fields[1:], 2)}}


def _stamp(words: list[str]) -> tuple[str, list[str]]:
    return (words[0], words[1:]) if words and words[0][:1].isdigit() else ("", words)


def _fits(lines: list[str]) -> bool:
    return len(lines) <= MAX_LINES and sum(map(len, lines)) <= MAX_TEXT


def _parts(lines: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for line in lines:
        if not _fits([*part, line]):
            yield part
            part = []
        part.append(line)
    yield part


def _report(stamp: str, lines: list[str]) -> dict[str, str | bool]:
    """The first line carries the instant of all."""
    first = f"{stamp} {lines[0]}".lstrip()
    return {f"line{number}": line for number, line in enumerate([first, *lines[1:]], 1)}
