"""What the page saw: the ledger at one moment, the bridge's word beside it, and which incidents are worth their whole story."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Self

import msgspec
from msgspec.structs import replace

from bridge.core.telling.match import BadMatcher, Compiled, all_hold, labels_of, parse
from bridge.core.world.event import EPOCH, Severity, from_us
from bridge.core.world.incident import Incident, State
from bridge.ledger.overview import Brief, Overview, Woken

NOBODY_YET: Final = "the page has only just started"
MOST_SHOWN: Final = 20
"""Incidents that need somebody, and of each other pile half as many, with their stories; the rest is counted."""
COLUMNS: Final = frozenset({"cluster", "kind", "severity", "peak", "root", "planned"})
"""Labels that need no story."""

NEEDS, TAKEN, SILENCED, WATCHED, PLANNED = "needs", "taken", "silenced", "watched", "planned"
PILES: Final = (NEEDS, TAKEN, SILENCED, WATCHED, PLANNED)
AT_ONCE: Final = 200


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is rung for what it describes. One that cannot be read holds nothing back."""

    id: str
    matchers: tuple[Compiled, ...]
    author: str
    comment: str
    until: datetime
    planned: str = ""
    """What is being worked on, like `node=n3`; "" when it is only to be silent."""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """As the bridge tells it; an end that no calendar reaches is none."""
        try:
            matchers = tuple(map(parse, said["matchers"]))
            until = from_us(said["until_us"])
        except (BadMatcher, OverflowError):
            matchers, until = (), EPOCH
        return cls(
            id=said["id"],
            matchers=matchers,
            author=said["author"],
            comment=said["comment"],
            until=until,
            planned=said.get("planned", ""),
        )

    def holds(self, labels: Mapping[str, tuple[str, ...]]) -> bool:
        return bool(self.matchers) and all_hold(self.matchers, labels)

    def holds_in(self, cluster: str) -> bool:
        """Whether it can hold for anything of the cluster."""
        return all(one.holds({"cluster": (cluster,)}) for one in self.matchers if one.matcher.label == "cluster")

    @property
    def is_short(self) -> bool:
        """Whether the columns say whether it holds."""
        return all(one.matcher.label in COLUMNS for one in self.matchers)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """`why`: that nobody knows how it is, and why; then there is no overview. `piles` are numbers, the gravest first."""

    number: int = 0
    why: str = ""
    at: datetime = EPOCH
    bridge: Mapping[str, Any] = {}
    silences: tuple[Silence, ...] = ()
    overview: Overview | None = None
    piles: Mapping[str, tuple[int, ...]] = {}
    silenced: Mapping[int, str] = {}
    stories: Mapping[int, Incident] = {}
    woken: tuple[Woken, ...] = ()
    sights: Mapping[str, Any] = {}
    """The same in words, by language (sight.py)."""

    @property
    def runs(self) -> bool:
        return bool(self.bridge.get("running"))

    @property
    def knows(self) -> bool:
        """Whether what the ledger holds is how it is: there is a bridge, and it can write down what it hears."""
        return self.runs and not self.bridge.get("ledger_away")

    @property
    def taken(self) -> Mapping[str, str]:
        """Who has taken which incident, by its key."""
        return dict(self.bridge.get("acknowledged") or {})

    @property
    def shown(self) -> list[int]:
        """Those whose stories are told."""
        return [
            number for pile in PILES for number in self.piles.get(pile, ())[: MOST_SHOWN if pile == NEEDS else MOST_SHOWN // 2]
        ]

    def with_stories(self, stories: Iterable[tuple[int, Incident]], woken: Iterable[Woken]) -> Self:
        return replace(self, stories=dict(stories), woken=tuple(woken))


def chosen(seen: Seen, at: datetime, read: Callable[[list[int]], Iterable[tuple[int, Incident]]]) -> Seen:
    """With all that is open in its pile. `read` gives stories, for silences that ask about more than columns."""
    briefs = seen.overview.briefs if seen.overview is not None else []
    taken = seen.taken
    silenced = _silenced(briefs, [one for one in seen.silences if at < one.until], read)
    piles: dict[str, list[Brief]] = {pile: [] for pile in PILES}
    for brief in briefs:
        piles[_pile(brief, taken, silenced)].append(brief)
    numbers = {pile: tuple(one.number for one in sorted(some, key=_gravity)) for pile, some in piles.items()}
    return replace(seen, at=at, piles=numbers, silenced=silenced)


def _silenced(
    briefs: list[Brief], silences: list[Silence], read: Callable[[list[int]], Iterable[tuple[int, Incident]]]
) -> dict[int, str]:
    """By number the silence that holds it back. Of ten thousand stories a few hundred are in memory at a time."""
    found: dict[int, str] = {}
    short = [one for one in silences if one.is_short]
    for brief in briefs if short else ():
        if (silence := _holding(short, _labels(brief))) is not None:
            found[brief.number] = silence
    long = [one for one in silences if not one.is_short]
    rest = [brief.number for brief in briefs if brief.number not in found] if long else []
    for start in range(0, len(rest), AT_ONCE):
        for number, incident in read(rest[start : start + AT_ONCE]):
            if (silence := _holding(long, labels_of(incident))) is not None:
                found[number] = silence
    return found


def _holding(silences: list[Silence], labels: Mapping[str, tuple[str, ...]]) -> str | None:
    return next((one.id for one in silences if one.holds(labels)), None)


def _pile(brief: Brief, taken: Mapping[str, str], silenced: Mapping[int, str]) -> str:
    if brief.state is not State.OPEN:
        return WATCHED
    if brief.planned or brief.severity.rank <= Severity.INFO.rank:
        return PLANNED
    if brief.key in taken:
        return TAKEN
    return SILENCED if brief.number in silenced else NEEDS


def _labels(brief: Brief) -> dict[str, tuple[str, ...]]:
    return {
        "cluster": (brief.cluster,),
        "kind": (brief.kind.value,),
        "severity": (brief.severity.value,),
        "peak": (brief.peak.value,),
        "root": (brief.root,),
        "planned": ("yes" if brief.planned else "no",),
    }


def _gravity(brief: Brief) -> tuple[int, datetime, int]:
    return -brief.severity.rank, brief.opened_at, brief.number
