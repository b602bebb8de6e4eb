"""A month of a three-node cluster, made from a seed: what its alert agents are called with, and what needs a person."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Final

import msgspec

from bridge.core.world.event import Report
from tests.month.alerts import Alerts
from tests.month.cluster import Away, Cluster
from tests.month.doings import QUIET, Doing, backup, rolling_reboot
from tests.month.troubles import BY_ATTRIBUTES, TROUBLES, Happens, Trouble

BEGINS_AT: Final = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
DAYS: Final = 30
DAY: Final = 86_400
AT_NIGHT: Final = 2 * 3600
ON_SUNDAYS: Final = 4 * 3600
BY_DAY: Final = tuple(hour * 3600 for hour in (7, 10, 13, 16, 19, 22))
"""Nothing takes longer than until the next of these begins."""


class Healed(msgspec.Struct, frozen=True):
    """What failed, and was well again within seconds. The instant is in seconds since 1970."""

    root: str
    began_at: float


class Month(msgspec.Struct, frozen=True):
    """The reports are as they came, when nothing was late."""

    reports: Sequence[Report]
    troubles: Sequence[Trouble]
    healed: Sequence[Healed]
    away: Sequence[Away]


@cache
def month(seed: int) -> Month:
    """Each second month is of a site that did not select attributes."""
    chance, attributes = Random(seed), seed % 2 == 1
    alerts = Alerts(seed, attributes=attributes)
    cluster = Cluster(alerts, BEGINS_AT)
    cluster.boot()
    troubles: list[Trouble] = []
    healed: list[Healed] = []
    for at, happens in _plan(chance, attributes=attributes):
        assert cluster.now < at, "one thing after the other"
        began_at = cluster.now = at + chance.uniform(0, 1200)
        what = happens(cluster, chance)
        if isinstance(what, str):
            healed.append(Healed(what, began_at))
        else:
            troubles += what or ()
    return Month(sorted(alerts.reports, key=lambda one: one.received_at), troubles, healed, cluster.away)


def _plan(chance: Random, *, attributes: bool) -> list[tuple[float, Doing | Happens]]:
    """Every kind of trouble once or twice, spread over the days; every kind of doing between them."""
    slots = [BEGINS_AT + day * DAY + hour for day in range(DAYS) for hour in BY_DAY]
    kinds = TROUBLES + (BY_ATTRIBUTES if attributes else ())
    deck = [*kinds, *chance.sample(kinds, len(kinds) // 2), *QUIET, *chance.choices(QUIET, k=60)]
    plan: list[tuple[float, Doing | Happens]] = [*zip(chance.sample(slots, len(deck)), deck, strict=True)]
    for day in range(DAYS):
        plan.append((BEGINS_AT + day * DAY + AT_NIGHT, backup))
        if day % 7 == 0:
            plan.append((BEGINS_AT + day * DAY + ON_SUNDAYS, rolling_reboot))
    return sorted(plan, key=lambda one: one[0])
