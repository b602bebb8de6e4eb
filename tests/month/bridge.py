"""A bridge with a hand-moved clock: what came in is understood, it knows how far the relays are, and what it rings for is kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bridge.core.line import Line, Outcome
from bridge.core.telling.notice import Notice
from bridge.core.world.event import Report
from bridge.core.world.incident import Incident
from bridge.core.world.lag import PRESENT, Lags
from bridge.core.world.settings import Settings
from bridge.intake.arrivals import Arrival
from bridge.rehearse.rehearse import Rehearsal, bell
from bridge.serve.backlogs import Backlogs

TURN: Final = timedelta(milliseconds=250)
HOUR: Final = timedelta(hours=1)


class Bridge:
    def __init__(self) -> None:
        self.line = Line(Settings(), bell())
        self.incidents: dict[str, Incident] = {}
        self.rings: list[Notice] = []
        self._backlogs = Backlogs()
        self._lags = PRESENT
        self._now: datetime | None = None

    def play(self, reports: Sequence[Report]) -> "Bridge":
        """In the order in which they came; and an hour of quiet after them."""
        batch: list[Report] = []
        for report in reports:
            if batch and report.received_at - batch[0].received_at > TURN:
                self._take(batch)
                batch = []
            batch.append(report)
        self._take(batch)
        self._pass_time(reports[-1].received_at + HOUR)
        return self

    def _take(self, batch: Sequence[Report]) -> None:
        now = batch[-1].received_at
        self._pass_time(now)
        self._turn(batch, now)

    def _pass_time(self, until: datetime) -> None:
        while (due := self._next()) is not None and due <= until:
            self._turn([], due)

    def _next(self) -> datetime | None:
        """While it waits for the past it looks again soon whether that has come in."""
        again = self._now + TURN if self._now is not None and self._lags is not PRESENT else None
        return min((at for at in (self.line.next_due(self._lags), again) if at is not None), default=None)

    def _turn(self, batch: Sequence[Report], now: datetime) -> None:
        self._now = now
        self._backlogs.came(map(_arrival, batch), now)
        clusters = self._backlogs.look((), now)
        self._lags = Lags(clusters=clusters) if clusters else PRESENT
        self._keep(self.line.take(batch, now, self._lags) if batch else self.line.tick(now, self._lags))

    def _keep(self, outcome: Outcome) -> None:
        assert (outcome.faults, outcome.unreadable) == ([], {})
        self.incidents |= outcome.incidents
        self.rings += [one for one in outcome.notices if one.kind.rings]

    def still_open(self) -> list[Incident]:
        return [one for one in self.incidents.values() if one.closed_at is None and one.absorbed_into is None]


class Rehearsed(Bridge):
    """The same, as `quorumbell rehearse` has it: nobody says which relays are silent."""

    def play(self, reports: Sequence[Report]) -> "Rehearsed":
        rehearsal = Rehearsal(Settings(), bell())
        rehearsal.take(reports)
        self.incidents = rehearsal.incidents
        self.rings = [one for one in rehearsal.notices if one.kind.rings]
        return self


def about(notice: Notice) -> Iterable[Incident]:
    return notice.items or (notice.incident,)


def _arrival(report: Report) -> Arrival:
    """As the intake hands it over: its age is by the hook's own clock."""
    came_ns = int((report.received_at.timestamp()) * 1e9)
    return Arrival(
        peer=b"", uid=report.uid, body=b"", cluster=report.cluster, node=report.node, received_ns=came_ns, offset_ns=0,
        fields={"wall_ns": report.body.get("wall_ns", came_ns)},
    )  # fmt: skip
