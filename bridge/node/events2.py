"""Lines of `drbdsetup events2` in, reports out: the first dump whole, then states that changed, and never numbers.

A resync alone would be ten lines in a second. Lines of one instant belong together and are one report. (drbdsetup(8), events2)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Union

from bridge.node.loops import Loops, Place
from bridge.node.progress import Progress
from bridge.wire.body import MAX_VALUE

MAX_LINES: Final = 100
MAX_TEXT: Final = 16 * 1024
"""Of the lines of one report; a report that had to be cut would show what is gone where nothing is."""

ACTIONS: Final = frozenset({"exists", "create", "change", "destroy", "rename", "call", "response"})
STATES: Final = {
    "resource": ("role", "suspended", "force-io-failures"),
    "connection": ("connection", "role"),
    "device": ("disk", "client", "quorum"),
    "peer-device": ("replication", "peer-disk", "peer-client", "resync-suspended", "stalled", "resynced"),
    "path": ("established",),
}
"""What is told of each object. `stalled` and `resynced` are said by us, see `progress.py`."""
BESIDE: Final = {"peer-device": ("out-of-sync",)}
"""Numbers that go along when a state changes, and are no reason to tell anything: KiB that differ now."""
IDENTITY: Final = ("name", "peer-node-id", "conn-name", "volume", "minor", "new_name", "helper", "status", "local", "peer")
ESCAPE: Final = "\x1b"
ARROW: Final = "->"

Fields = Mapping[str, Union[str, bool]]


class _Held(NamedTuple):
    """A line that is held back; without a state it is told as it is."""

    stamp: str
    name: str
    head: str
    state: Mapping[str, str] | None = None
    beside: Mapping[str, str] = {}


class Differences:
    """Lines in, reports out. `take` gives what is complete; `flush` what waits for more lines of its instant, or for quiet.

    `now` is in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self.dumped = False
        """Whether the first dump was read to its end."""
        self.strange = ""
        """The last line that is none of events2's: most likely what drbdsetup had to complain about."""
        self.foreign = False
        """It was called with colours or differences: no line can be trusted, and none is told."""
        self._dump: dict[str, list[str]] = {}
        self._known: dict[Place, dict[str, str]] = {}
        self._group: list[str] = []
        self._of: tuple[str, str] = ("", "")
        self._loops = Loops()
        self._progress = Progress()
        self._held: dict[Place, _Held] = {}

    def take(self, line: str, now: float) -> Iterator[Fields]:
        if self.foreign:
            return
        stamp, words = _stamp(line.split())
        self.foreign = is_foreign(line)
        if self.foreign or (words[:1] and (len(words) < 2 or words[0] not in ACTIONS or len(line) > MAX_VALUE)):
            self.strange = line.strip()[:200]
            words = []
        if not words:
            return
        if words[:2] == ["exists", "-"]:
            yield from self._end_of_dump(stamp)
            return
        if stamp != self._of[0]:
            yield from self.flush(now)
        name, told = self._told(stamp, words, now)
        if not told:
            return
        if self.dumped:
            yield from self._grouped(stamp, name, told)
        else:
            self._dump.setdefault(name, []).append(told)

    def flush(self, now: float) -> Iterator[Fields]:
        yield from self._after_loops(now)
        if self._group:
            yield _report(self._of[0], self._group)
        self._group = []

    def _grouped(self, stamp: str, name: str, told: str) -> Iterator[Fields]:
        if self._group and (self._of != (stamp, name) or not _fits([*self._group, told])):
            yield _report(self._of[0], self._group)
            self._group = []
        self._of = (stamp, name)
        self._group.append(told)

    def _after_loops(self, now: float) -> Iterator[Fields]:
        """The newest state of what went round in a loop, when it is time for it."""
        for place in self._loops.due(now):
            held = self._held.pop(place, None)
            if held is None:
                continue
            told = held.head if held.state is None else self._news(place, held.head, held.state, held.beside)
            if told:
                yield from self._grouped(held.stamp, held.name, told)

    def _end_of_dump(self, stamp: str) -> Iterator[Fields]:
        self.dumped = True
        for lines in self._dump.values():
            if _fits(lines):
                yield {"dump": True, **_report(stamp, lines)}
            else:  # too long for one report: then it shows what is there, and not what is gone
                yield from (_report(stamp, part) for part in _parts(lines))
        yield listing(self._dump)
        self._dump = {}

    def _told(self, stamp: str, words: list[str], now: float) -> tuple[str, str]:
        """The resource, and the line without what is no news; an empty line when nothing is left."""
        action, kind = words[:2]
        values = _values(words)
        name = values.get("name", "")
        identity = [f"{key}:{values[key]}" for key in IDENTITY if key in values]
        head = " ".join((action, kind, *identity))
        if not name or kind not in {*STATES, "helper"}:
            return name, ""
        if kind == "helper":
            place = (action, kind, *identity)
            return name, head if self._loops.passes(place, head, now) else self._hold(place, _Held(stamp, name, head))
        place = (kind, *identity)
        if action == "destroy":
            self._known.pop(place, None)
            self._held.pop(place, None)
            self._loops.forget(place)
        if action in {"destroy", "rename"}:
            return name, head
        return name, self._state(_Held(stamp, name, head), place, values, now)

    def _state(self, line: _Held, place: Place, values: Mapping[str, str], now: float) -> str:
        """The line of what an object is now; empty where nothing of it is news, or it goes round in a loop."""
        kind = place[0]
        if not line.head.startswith("change "):
            self._known.pop(place, None)
            self._held.pop(place, None)
        held = self._held.get(place)
        before = self._known.get(place, {}) if held is None else held.state or {}
        if kind == "peer-device":
            values = {**values, **self._progress.said(place, values, before, now)}
        state = {**before, **{key: values[key] for key in STATES[kind] if key in values}}
        if state == before:
            return ""
        beside = {key: values[key] for key in BESIDE.get(kind, ()) if key in values}
        if not self._loops.passes(place, frozenset(state.items()), now):
            return self._hold(place, line._replace(state=state, beside=beside))
        self._held.pop(place, None)
        return self._news(place, line.head, state, beside)

    def _hold(self, place: Place, held: _Held) -> str:
        self._held[place] = held
        return ""

    def _news(self, place: Place, head: str, state: Mapping[str, str], beside: Mapping[str, str]) -> str:
        """The line with what is not known yet."""
        known = self._known.get(place, {})
        new = {key: value for key, value in state.items() if known.get(key) != value}
        self._known[place] = {**known, **new}
        return " ".join((head, *(f"{key}:{value}" for key, value in {**new, **beside}.items()))) if new else ""


def _values(words: list[str]) -> dict[str, str]:
    return dict(word.split(":", 1) for word in words[2:] if ":" in word)


def is_foreign(line: str) -> bool:
    """Colours (`--color=always`) are escapes in the values; differences (`--diff`) are written old->new."""
    if ESCAPE in line:
        return True
    if ARROW not in line:
        return False
    _, words = _stamp(line.split())
    states = STATES.get(words[1], ()) if len(words) > 1 else ()
    return any(ARROW in value for key, value in _values(words).items() if key in states)


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
