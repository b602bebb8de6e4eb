"""What people do at a board becomes a report, and what they do here is done there.

An acknowledgement or a downtime is one thing in two places. Each reading of the board is compared with what is so here, and
where the two differ, what both last agreed on says which side has changed. What this bridge set is signed, and never read as
somebody's word. A board's downtime is a silence here, about what its object stands for, for as long as it runs.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from bridge.core.showing.acknowledgements import Acknowledgements
from bridge.core.showing.downtimes import Downtimes
from bridge.core.showing.orders import Fields, Order, Orders, Story
from bridge.core.showing.picture import Seen, Target
from bridge.core.telling.notice import Verdict
from bridge.core.telling.quiet import Silence


class Feedback:
    """The memory of one board's feedback: little, and none of it is missed after a restart."""

    def __init__(self, name: str) -> None:
        self._orders = Orders(name)
        self._acknowledgements = Acknowledgements(name, self._orders)
        self._downtimes = Downtimes(name, self._orders)

    def compare(
        self,
        seen: Collection[Seen],
        story: Callable[[Target], Story],
        taken: Callable[[str], str],
        silences: Iterable[Silence],
        now: datetime,
    ) -> tuple[list[Fields], list[Order]]:
        """Reports to be made here, and orders for the board. `taken` says who acknowledged an incident, or ""."""
        reports: list[Fields] = []
        orders: list[Order] = []
        stories = {one.target: story(one.target) for one in seen}
        for one in seen:
            self._acknowledgements.compare(one, stories[one.target], taken, now, reports, orders)
        in_force = {silence.id: silence for silence in silences}
        reports += self._downtimes.reports(seen, stories, in_force, now)
        orders += self._downtimes.orders(seen, stories, in_force, now)
        return reports, orders

    def answered(self, order: Order, verdict: Verdict) -> str:
        """What the board said to an order; gives what a person must hear of, once."""
        return self._orders.answered(order, verdict)

    def shown(self, target: Target) -> None:
        """It was sent another state."""
        self._acknowledgements.shown(target)
