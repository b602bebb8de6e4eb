"""In which order, and how late, the reports of a month reach the bridge; and what it says itself of relays that it does not hear."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec.structs import replace

from bridge.core.world.event import EPOCH, Report, to_us
from tests.month.cluster import NODES, Away
from tests.month.month import Month

LONGEST: Final = 50 * 60
SILENT_AFTER: Final = 60
"""Seconds without a word from a relay."""
APART: Final = 0.01
"""Seconds between what a relay hands over when it is back."""


def instant(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def seconds(at: datetime) -> float:
    return (at - EPOCH) / timedelta(seconds=1)


def doubled(reports: Iterable[Report]) -> list[Report]:
    """The alert has two recipients: each event comes twice."""
    return [copy for one in reports for copy in (one, replace(one, uid=one.uid + b"2"))]


def shuffled(reports: Iterable[Report], chance: Random, within: float) -> list[Report]:
    """Each comes up to so many seconds later."""
    later = [replace(one, received_at=one.received_at + timedelta(seconds=chance.uniform(0, within))) for one in reports]
    return sorted(later, key=_came_at)


def cuts(month: Month, chance: Random) -> list[Away]:
    """One relay after the other is cut off for up to 50 minutes, most of them when something happens."""
    begins = sorted([one.began_at for one in month.troubles] + [chance.uniform(*_ends(month)) for _ in range(40)])
    found: list[Away] = []
    for begin in begins:
        since = begin - chance.uniform(-5, 1200)
        if not found or since > found[-1].until + 900:
            found.append(Away(chance.choice(NODES), since, since + chance.uniform(60, LONGEST)))
    return found


def cut_off(reports: Iterable[Report], cut: Sequence[Away], chance: Random) -> list[Report]:
    """What the nodes wrote down meanwhile comes when they are heard again, in any order."""
    reports = list(reports)
    waiting = [[one for one in reports if _is_in(one, away)] for away in cut]
    held = {one.uid for those in waiting for one in those}
    found = [one for one in reports if one.uid not in held]
    for away, those in zip(cut, waiting, strict=True):
        chance.shuffle(those)
        found += [replace(one, received_at=instant(away.until + APART * place)) for place, one in enumerate(those)]
    return sorted(found, key=_came_at)


def silences(away: Iterable[Away]) -> list[Report]:
    """The bridge's own words about relays that are silent, because they are cut off or their nodes are down."""
    found = []
    for one in _joined(away):
        if one.until - one.since > SILENT_AFTER:
            found.append(_word(one.node, one.since + SILENT_AFTER, silent=True, heard_us=to_us(instant(one.since))))
            found.append(_word(one.node, one.until + 2, silent=False))
    return found


def _joined(away: Iterable[Away]) -> list[Away]:
    """Down and cut off at one time is one silence."""
    found: list[Away] = []
    for one in sorted(away):
        if found and found[-1].node == one.node and one.since < found[-1].until + 5:
            found[-1] = found[-1]._replace(until=max(one.until, found[-1].until))
        else:
            found.append(one)
    return found


def _word(node: str, at: float, **words: object) -> Report:
    uid = f"{node} {at}".encode()
    return Report(uid=uid, cluster="alpha", node="", source="bridge", received_at=instant(at), body={"node": node, **words})


def _is_in(report: Report, away: Away) -> bool:
    return report.node == away.node and away.since <= seconds(report.received_at) < away.until


def _ends(month: Month) -> tuple[float, float]:
    return seconds(month.reports[0].received_at) + 3600, seconds(month.reports[-1].received_at)


def _came_at(report: Report) -> datetime:
    return report.received_at
