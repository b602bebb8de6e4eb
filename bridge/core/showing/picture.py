"""What is true, as a board's objects show it: from conditions and silent relays to the state and words of each object.

Several subjects may stand behind one object; it then shows the worst of them. Pure, like everything in here.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, Subject, subject_name


class Target(NamedTuple):
    """An object of the board."""

    host: str
    service: str

    def __str__(self) -> str:
        return f"{self.service} on {self.host}"


class Shade(IntEnum):
    """The four states of a service, by the numbers that every monitoring plugin uses."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


SHADES: Final = {
    Severity.OK: Shade.OK,
    Severity.INFO: Shade.OK,
    Severity.WARNING: Shade.WARNING,
    Severity.CRITICAL: Shade.CRITICAL,
    Severity.UNKNOWN: Shade.UNKNOWN,
}
BADNESS: Final = (Shade.CRITICAL, Shade.WARNING, Shade.UNKNOWN, Shade.OK)
"""The worst first: what an object shows that stands for several subjects, and in which order changes are sent."""

ONE_SIDE: Final = ("drbd", "storage")
"""Of `KIND/NAME@NODE` only that node's own relay can tell: a disk has no other witness."""
MOST_NAMED: Final = 4


class Picture(msgspec.Struct, frozen=True):
    """What an object should show; `since` is the instant since when it is not well."""

    shade: Shade
    text: str
    since: datetime | None = None


class Show(msgspec.Struct, frozen=True):
    """A request: this is how it is. `bad_for` is how long it has not been well; None where nobody knows."""

    target: Target
    shade: Shade
    text: str
    bad_for: timedelta | None


class Mark(msgspec.Struct, frozen=True):
    """An acknowledgement on the board. `ours`: this bridge set it."""

    author: str
    comment: str
    ours: bool = False


class Downtime(msgspec.Struct, frozen=True):
    """A downtime that runs now; without an `end` nobody could say when it is over. `ours`: this bridge set it."""

    author: str
    comment: str
    end: datetime | None = None
    ours: bool = False


class Plan(NamedTuple):
    """What somebody has arranged for all that an object stands for, in words, and since when it is so."""

    words: str
    since: datetime


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How the board showed an object when it was read. A shade of None is a word that we do not know."""

    target: Target
    shade: Shade | None
    text: str = ""
    mark: Mark | None = None
    downtime: Downtime | None = None


class Scene:
    """All that a board's objects stand for. `place` says where a subject is shown; None leaves it out."""

    def __init__(self, place: Callable[[str, Subject], Target | None]) -> None:
        self._place = place
        self._conditions: dict[Target, dict[tuple[str, Subject], tuple[Condition, int | None]]] = {}
        self._of_cluster: dict[str, set[Target]] = {}
        self._edges: dict[str, dict[str, datetime | None]] = {}
        """cluster -> node -> since when its relay is silent; None when it is heard."""

    def learn(self, condition: Condition, number: int | None) -> Target | None:
        """How a subject is now, and the number of its incident. Gives the object that this changes."""
        target = self._place(condition.cluster, condition.subject)
        if target is not None and condition.gone:
            self._forget(target, condition.cluster, condition.subject)
        elif target is not None:
            self._conditions.setdefault(target, {})[condition.cluster, condition.subject] = condition, number
            self._of_cluster.setdefault(condition.cluster, set()).add(target)
        return target

    def _forget(self, target: Target, cluster: str, subject: Subject) -> None:
        known = self._conditions.get(target, {})
        known.pop((cluster, subject), None)
        if not known:
            self._conditions.pop(target, None)
        if not any(place[0] == cluster for place in known):
            self._of_cluster.get(cluster, set()).discard(target)

    def is_empty(self, target: Target) -> bool:
        """Whether there is nothing behind the object."""
        return target not in self._conditions

    def hear(self, cluster: str, node: str, silent_since: datetime | None) -> list[Target]:
        """A relay is silent since then, or (None) heard again. Gives the objects that this may change."""
        nodes = self._edges.setdefault(cluster, {})
        was_silent = nodes.get(node) is not None
        nodes[node] = silent_since
        return sorted(self._of_cluster.get(cluster, ())) if was_silent != (silent_since is not None) else []

    def subjects(self, target: Target) -> list[tuple[str, Subject]]:
        """(cluster, subject) of what the object stands for."""
        return sorted(self._conditions.get(target, {}))

    def stands_for_a_machine(self, target: Target) -> bool:
        """Whether something that it stands for is a machine, which has its host's name in the network, too."""
        return any(subject.startswith(("node/", "guest/", "relay/", "fencing/")) for _, subject in self.subjects(target))

    def troubled(self, target: Target) -> list[tuple[str, Subject]]:
        """Those of them that were not well at the last word."""
        known = self._conditions.get(target, {})
        return sorted(place for place, (condition, _) in known.items() if SHADES[Severity(condition.severity)] is not Shade.OK)

    def planned(self, target: Target) -> Plan | None:
        """None if it is not so of all that the object stands for: a downtime would hide the rest."""
        known = [condition for condition, _ in self._conditions.get(target, {}).values()]
        if not known or any(one.severity is not Severity.INFO or one.gone for one in known):
            return None
        return Plan(known[0].why, max(one.since for one in known))

    def picture(self, target: Target) -> Picture:
        known = self._conditions[target]
        return picture_of([self._face(condition, number, named=len(known) > 1) for condition, number in known.values()])

    def _face(self, condition: Condition, number: int | None, *, named: bool) -> Picture:
        """One subject's part. Nobody's fresh word is UNKNOWN, never green."""
        shade = SHADES[Severity(condition.severity)]
        well = shade is Shade.OK
        name = f"{subject_name(condition.subject)}: " if named else ""
        story = f"incident {number}, " if number is not None and not well else ""
        text = f"{name}{condition.why} ({story}since {condition.since:%Y-%m-%d %H:%M:%S} UTC)"
        silent, silent_since = self._nobody_speaks(condition.cluster, condition.subject)
        if silent:
            return Picture(Shade.UNKNOWN, f"{silent}; the last word was {shade.name}: {text}", silent_since)
        return Picture(shade, text, None if well else condition.since)

    def _nobody_speaks(self, cluster: str, subject: Subject) -> tuple[str, datetime | None]:
        """Why nobody's word about the subject is fresh, and since when. A relay's silence is the bridge's own, fresh word."""
        kind, _, name = subject.partition("/")
        nodes = self._edges.get(cluster, {})
        if kind == "relay" or not nodes:  # no relay known: the report that told of the subject came this very moment
            return "", None
        node = name.rpartition("@")[2] if kind in ONE_SIDE and "@" in name else ""
        if node in nodes:
            since = nodes[node]
            return (f"the relay of {node} is silent" if since else ""), since
        silences = [since for since in nodes.values() if since is not None]
        if len(silences) < len(nodes):
            return "", None
        return f"no relay of {cluster} is heard", max(silences)


def last_word(condition: Condition) -> Picture:
    """Of what is no more: nothing is wrong with it."""
    return Picture(Shade.OK, words(f"OK - {condition.why} (since {condition.since:%Y-%m-%d %H:%M:%S} UTC)"))


LONGEST_TEXT: Final = 3900
"""Bytes of UTF-8: with the performance data 4,000, which every way into Opsview takes whole (opsview-rest.md 2.6)."""


def picture_of(faces: list[Picture]) -> Picture:
    """What stands for several subjects: the worst state, and what is not well by name."""
    ordered = sorted(faces, key=lambda face: (BADNESS.index(face.shade), face.text))
    telling = [face for face in ordered if face.shade is not Shade.OK] or ordered
    worst = ordered[0].shade
    named = " / ".join(face.text for face in telling[:MOST_NAMED])
    more = f" / and {len(telling) - MOST_NAMED} more" if len(telling) > MOST_NAMED else ""
    return Picture(
        worst,
        words(f"{worst.name} - {named}{more}"),
        min((face.since for face in faces if face.since is not None), default=None),
    )


def words(text: str, limit: int = LONGEST_TEXT) -> str:
    """One line that a board takes: no line break, no pipe sign (performance data follows it), nothing beyond three bytes of
    UTF-8 a character, cut between characters (opsview-rest.md 1.1, 2.6)."""
    line = " ".join(text.replace("|", "/").split())
    if not (line.isascii() and line.isprintable()):  # most are
        line = "".join(char if char.isprintable() and ord(char) < 0x10000 else "?" for char in line)
    raw = line.encode(errors="replace")
    return line if len(raw) <= limit else raw[: limit - 3].decode(errors="ignore") + "..."
