"""The whole first sight: one sentence, each cluster, each incident that somebody may have to look at."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from bridge.core.world.event import subject_name
from bridge.core.world.incident import Incident, State
from bridge.ledger.overview import Brief, Overview, Woken
from bridge.ledger.records import Standing
from bridge.page.sight.clusters import picture
from bridge.page.sight.seen import MOST_SHOWN, NEEDS, PILES, PLANNED, SILENCED, TAKEN, WATCHED, Seen
from bridge.page.sight.shapes import OF_SEVERITY, WORST_FIRST, ClusterPicture, worst
from bridge.page.sight.shapes import State as Shown
from bridge.texts import summary

Key = tuple[str, Mapping[str, Any]]
"""A word of the page, and what is filled into it."""
MOST_AWAY: Final = 8


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """What is away, since when, or was for so long; `lasted` counts the absences that are over."""

    name: str
    since: datetime | None
    lasted: timedelta


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver that was rung, and when it had it; `at` None: it has not arrived yet, `failed`: it never will."""

    receiver: str
    at: datetime | None
    failed: bool
    times: int


class Story(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    cluster: str
    root: str
    sentence: str
    state: Shown
    life: State
    opened_at: datetime
    over_at: datetime | None
    """When all was well again, while it waits for quiet."""
    taken_by: str
    silenced_by: str
    """The silence that holds it back, and who made it."""
    away: tuple[Away, ...]
    more_away: int
    rung: tuple[Rung, ...]


class Pile(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents of one kind of attention: those that are told, and how many there are in all."""

    name: str
    stories: tuple[Story, ...]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.stories)


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """`number` is what was seen; `beside` are sentences that somebody should read, too."""

    number: int
    state: Shown
    sentence: Key
    beside: tuple[Key, ...]
    since: datetime | None
    at: datetime
    failover: tuple[str, int, datetime] | None
    """Of all clusters the last one: in which, its incident, and when."""
    clusters: tuple[ClusterPicture, ...]
    piles: tuple[Pile, ...]
    from_memory: tuple[Mapping[str, Any], ...] = ()
    """While the ledger cannot be read or written: what the bridge knows without it."""

    @property
    def is_known(self) -> bool:
        return self.sentence[0] not in {"ledger_unread", "bridge_away", "nothing_stored"}

    def pile(self, name: str) -> Pile | None:
        return next((one for one in self.piles if one.name == name and one.count), None)


def sight(seen: Seen, language: str) -> Sight:
    if seen.overview is None:
        return _blind(seen)
    overview = seen.overview
    memory = () if seen.knows or not seen.runs else _memory(seen)
    piles = () if memory else tuple(_pile(name, seen, overview, language) for name in PILES)
    clusters = _clusters(overview, seen)
    state, sentence = _verdict(seen, piles, clusters, overview)
    last = max(((at, name, number) for name, (number, at) in overview.failovers.items()), default=None)
    return Sight(
        number=seen.number,
        state=state,
        sentence=sentence,
        beside=tuple(_beside(seen, clusters, sentence[0])),
        since=_since(seen, overview, state) if seen.knows else overview.last_report,
        at=seen.at,
        failover=None if last is None else (last[1], last[2], last[0]),
        clusters=clusters,
        piles=piles,
        from_memory=memory,
    )


def _memory(seen: Seen) -> tuple[Mapping[str, Any], ...]:
    return tuple(seen.bridge.get("gravest") or ())


def _blind(seen: Seen) -> Sight:
    """Nothing is known from the ledger: nothing is shown as it was."""
    return Sight(
        number=seen.number,
        state="unknown",
        sentence=("ledger_unread", {"why": seen.why}),
        beside=() if seen.runs else (("bridge_away_too", {"why": seen.bridge.get("why", "")}),),
        since=None,
        at=seen.at,
        failover=None,
        clusters=(),
        piles=(),
        from_memory=_memory(seen),
    )


# --- the sentence --------------------------------------------------------------------------------------------------------


def _verdict(seen: Seen, piles: tuple[Pile, ...], clusters: tuple[ClusterPicture, ...], overview: Overview) -> tuple[Shown, Key]:
    counts = {pile.name: pile.count for pile in piles}
    if not seen.runs:
        return "unknown", ("bridge_away", {"why": seen.bridge.get("why", "")})
    if not seen.knows:
        return "unknown", ("nothing_stored", {"why": seen.bridge["ledger_away"].get("why", "")})
    if counts[NEEDS]:
        needing = set(seen.piles[NEEDS])
        severities = [OF_SEVERITY[one.severity] for one in overview.briefs if one.number in needing]
        return worst(severities), (_counted("need", counts[NEEDS]), {"count": counts[NEEDS]})
    if not clusters:
        return "unknown", ("no_reports", {})
    unknown = [one.name for one in clusters if one.state == "unknown"]
    if unknown:
        return "unknown", (_counted("unknown", len(unknown)), {"count": len(unknown), "names": ", ".join(unknown[:3])})
    looked_after = counts[TAKEN] + counts[SILENCED]
    if looked_after:
        return "warning", (_counted("taken", looked_after), {"count": looked_after})
    odd = [one.name for one in clusters if one.state in {"warning", "critical"}]
    if counts[WATCHED]:
        state = worst([one.state for one in clusters if one.name in odd])
        return state, (_counted("watched", counts[WATCHED]), {"count": counts[WATCHED]})
    if odd:
        state = worst([one.state for one in clusters])
        return state, (_counted("odd", len(odd)), {"count": len(odd), "names": ", ".join(odd[:3])})
    return "ok", (_counted("well", len(clusters)), {"count": len(clusters)})


def _counted(key: str, count: int) -> str:
    return f"{key}_one" if count == 1 else f"{key}_many"


def _beside(seen: Seen, clusters: Iterable[ClusterPicture], sentence: str) -> Iterable[Key]:
    """What else somebody should know of the watch itself."""
    if not seen.knows:
        return
    unknown = [one.name for one in clusters if one.state == "unknown"]
    if unknown and not sentence.startswith("unknown"):
        yield _counted("unknown", len(unknown)), {"count": len(unknown), "names": ", ".join(unknown[:3])}
    for relay in seen.bridge.get("kept_out") or ():
        yield "kept_out", {"node": relay["node"], "cluster": relay["cluster"], "why": relay["why"]}
    if (seen.bridge.get("config") or {}).get("mistakes"):
        yield "config_refused", {}
    if seen.bridge.get("faults"):
        yield "faults", {"count": sum(one["count"] for one in seen.bridge["faults"])}


def _since(seen: Seen, overview: Overview, state: Shown) -> datetime | None:
    """Well since the last incident ended; else bad since the first of those that need somebody, or are open at all, began."""
    if state == "ok":
        return overview.last_end
    needed = set(seen.piles[NEEDS]) or {number for name in (TAKEN, SILENCED, WATCHED) for number in seen.piles[name]}
    return min((one.opened_at for one in overview.briefs if one.number in needed), default=None)


# --- clusters ------------------------------------------------------------------------------------------------------------


def _clusters(overview: Overview, seen: Seen) -> tuple[ClusterPicture, ...]:
    """The worst first. While no bridge writes down what it hears, nobody knows how anything is."""
    names = {one.cluster for one in overview.conditions} | {one.cluster for one in overview.edges}
    found = [
        picture(
            name,
            [one for one in overview.conditions if one.cluster == name],
            [one for one in overview.layout if one.cluster == name],
            [one for one in overview.edges if one.cluster == name],
            [one for one in overview.briefs if one.cluster == name],
            seen.at,
            overview.failovers.get(name),
            works=seen.silences,
            unwell=overview.unwell.get(name, 0),
            heard=seen.knows,
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda one: (WORST_FIRST.index(one.state), one.name)))


# --- incidents -----------------------------------------------------------------------------------------------------------


def _pile(name: str, seen: Seen, overview: Overview, language: str) -> Pile:
    briefs = {one.number: one for one in overview.briefs}
    numbers = seen.piles.get(name, ())
    told = [number for number in numbers[: MOST_SHOWN if name == NEEDS else MOST_SHOWN // 2] if number in seen.stories]
    woken: dict[int, list[Woken]] = {}
    for one in seen.woken:
        woken.setdefault(one.number, []).append(one)
    stories = tuple(_story(briefs[number], seen, woken.get(number, []), language) for number in told)
    return Pile(name=name, stories=stories, count=len(numbers))


def _story(brief: Brief, seen: Seen, woken: list[Woken], language: str) -> Story:
    incident = seen.stories[brief.number]
    away = _away(incident)
    silence = next((one for one in seen.silences if one.id == seen.silenced.get(brief.number)), None)
    return Story(
        number=brief.number,
        cluster=brief.cluster,
        root=brief.root,
        sentence=summary(incident, language),
        state=OF_SEVERITY[brief.severity],
        life=brief.state,
        opened_at=brief.opened_at,
        over_at=_recovered_at(incident) if brief.state is State.CLEARING else None,
        taken_by=seen.taken.get(brief.key, ""),
        silenced_by="" if silence is None else silence.author,
        away=away[:MOST_AWAY],
        more_away=len(away) - len(away[:MOST_AWAY]) + incident.more_away,
        rung=_rung(woken),
    )


def _recovered_at(incident: Incident) -> datetime | None:
    try:
        return datetime.fromisoformat(incident.facts.get("recovered_at", ""))
    except ValueError:
        return None


def _away(incident: Incident) -> tuple[Away, ...]:
    """Those that still are first, the longest of them before."""
    found: dict[str, Away] = {}
    for one in incident.outages:
        known = found.get(one.subject) or Away(name=subject_name(one.subject), since=None, lasted=timedelta(0))
        if one.ended_at is None:
            found[one.subject] = msgspec.structs.replace(known, since=one.began_at)
        else:
            found[one.subject] = msgspec.structs.replace(known, lasted=known.lasted + one.lasted(one.began_at))
    still = sorted((one for one in found.values() if one.since is not None), key=lambda one: (one.since, one.name))
    back = sorted((one for one in found.values() if one.since is None), key=lambda one: (-one.lasted, one.name))
    return (*still, *back)


def _rung(woken: Iterable[Woken]) -> tuple[Rung, ...]:
    by_receiver: dict[str, list[Woken]] = {}
    for one in woken:
        by_receiver.setdefault(one.receiver, []).append(one)
    return tuple(
        Rung(
            receiver=name,
            at=min((one.delivered_at for one in some if one.delivered_at is not None), default=None),
            failed=all(one.state is Standing.GIVEN_UP for one in some),
            times=sum(one.delivered_at is not None for one in some),
        )
        for name, some in by_receiver.items()
    )


__all__ = ["PLANNED", "Pile", "Sight", "Story", "sight"]
