"""The one writer: what has come is understood, committed, and only then acknowledged."""

import logging
import select
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from bridge.core.line import Line, Outcome
from bridge.core.world.event import Report, from_ns
from bridge.core.world.fault import fault
from bridge.core.world.lag import PRESENT, Lags
from bridge.core.world.laid import Laid
from bridge.core.world.marked import is_marked
from bridge.core.world.reading import holdable
from bridge.intake.arrivals import Arrival
from bridge.intake.intake import Intake, relays_of
from bridge.intake.peers import PeerState
from bridge.ledger.ledger import Commit, Ledger, LedgerError, LedgerGone, StoredReport, Unstorable
from bridge.serve.faults import Faults
from bridge.serve.past import Past
from bridge.serve.storing import Storing
from bridge.serve.telemetry import Metrics
from bridge.wire import codec
from bridge.wire.body import boot_id, make_body, moment
from bridge.wire.drill import SOURCE as DRILL

MOST_HELD: Final = 64 << 20
"""Bytes of reports that are kept while the database does not answer. Relays send again what is beyond."""
BESIDE: Final = 2048
"""Bytes that a report takes in memory beside its text, about."""
MOST_AT_ONCE: Final = 256
"""Reports that waited, in one transaction: what comes now must not wait for all of them."""
RETRY_COMMIT_AFTER: Final = 0.5
"""Seconds between two tries when the database does not take a commit."""
SAY_EVERY: Final = 60.0
"""Seconds between two lines of the log while it lasts."""
OWN: Final = frozenset({"bridge", "operator", "opsview"})
"""Sources that only the bridge itself may use: a relay that claims one is not believed."""
LONGEST_SOURCE: Final = 60
SOURCES: Final = frozenset(
    {"pacemaker", "clustermon", "crm_mon", "drbd", "drbd-events", "edge", "bridge", "operator", "opsview", DRILL}
)

Fields = dict[str, str | int | bool]
R = TypeVar("R")

log = logging.getLogger("quorumbell.bridge")


class Writer:
    """Owns the ledger and the line. `owed` is called when a commit has notices in it, `committed` after each, with the numbers of
    its incidents. `beat` is called while the database is waited for."""

    def __init__(
        self,
        ledger: Ledger,
        line: Line,
        intakes: Sequence[Intake],
        metrics: Metrics,
        owed: Callable[[datetime], None],
        committed: Callable[[Commit, Mapping[str, int]], None],
        faults: Faults,
        beat: Callable[[], None] = lambda: None,
        storing: Storing | None = None,
    ) -> None:
        self.ledger = ledger
        self.line = line
        self._intakes = intakes
        self._metrics = metrics
        self._owed = owed
        self._committed = committed
        self.past = Past(intakes)
        self._lags: Lags = PRESENT
        self.faults = faults
        self.storing = storing or Storing()
        self._beat = beat
        self.meanwhile: Callable[[], None] = lambda: None
        """Called while the ledger is waited for."""
        self.drilled: Callable[[Sequence[Report]], None] = lambda _: None
        """Called with what belongs to a drill, once it is committed."""
        self._said_at = 0.0
        self._boot = boot_id()
        self.backlog: list[tuple[Intake, Arrival]] = []
        """What came while the database did not answer."""
        self.stopping = False
        """Nobody waits for the database any more; also set from a signal's handler."""

    def patiently(self, do: Callable[[], R], now: datetime) -> R:
        """Does it, and does it again, however long the database does not answer or is broken: it must bear being repeated.

        Meanwhile relays hold, heartbeats are answered, nothing is acknowledged. Raises only when the bridge is to stop, or must
        (LedgerGone), or when rows are to blame (Unstorable). What was owed before the trouble is looked up after it.
        """
        while True:
            try:
                return do()
            except LedgerError as error:
                if self.stopping or isinstance(error, LedgerGone | Unstorable):
                    raise
                self._hold(error)
                self.meanwhile()
                self._owed(now)

    def hold(self) -> bool:
        """While a statement is not answered: whether it is still waited for."""
        self._take_in()
        self.meanwhile()
        return not self.stopping

    def store(self, commit: Commit, now: datetime) -> dict[str, int]:
        """Commits it, however long that takes; gives the numbers of its incidents. Raises Unstorable."""
        numbers = self.patiently(partial(self.ledger.commit, commit), now)
        self.storing.stored()
        return numbers

    def receive(self, now: datetime) -> None:
        """Takes what has come in one transaction; acknowledges after it, and only then."""
        arrivals = self._arrivals()
        self._lags = self.past.look([arrival for _, arrival in arrivals], now, self.line.correlator.waits_since())
        if not arrivals:
            return
        refused = self.take(arrivals, now)
        for intake, arrival in arrivals:
            if arrival.uid in refused:
                intake.refuse(arrival, codec.Code.MALFORMED, "the database cannot store it")
        for intake in self._intakes:
            intake.acknowledge([arrival for one, arrival in arrivals if one is intake and arrival.uid not in refused])

    def take(self, arrivals: Sequence[tuple[Intake, Arrival]], now: datetime) -> set[bytes]:
        """Understands and stores; gives the reports that no database takes."""
        known = self.patiently(partial(self.ledger.known, [arrival.uid for _, arrival in arrivals]), now)
        fresh = {arrival.uid: arrival for _, arrival in arrivals if arrival.uid not in known}
        self._metrics.duplicates.inc(len(arrivals) - len(fresh))
        for intake in self._intakes:
            intake.repeated([arrival for one, arrival in arrivals if one is intake and fresh.get(arrival.uid) is not arrival])
        reports = [to_report(arrival) for arrival in fresh.values()]
        outcome = self._understand(reports, now)
        refused = self._commit([stored(report, fresh[report.uid].body, outcome) for report in reports], outcome, now)
        if drilled := [report for report in outcome.drilled if report.uid not in refused]:
            self.drilled(drilled)
        return refused

    def relays(self) -> list[PeerState]:
        return relays_of(self._intakes)

    def report(self, source: str, cluster: str, fields: Fields, now: datetime) -> None:
        """The bridge's own word, and a person's, go the same way as everybody's."""
        here = moment(self._boot)
        uid, body = make_body(source, fields, here)
        report = Report(
            uid=uid,
            cluster=cluster,
            node="",
            source=source,
            received_at=now,
            body=msgspec.json.decode(body, type=dict[str, Any]),
            offset=now - from_ns(here.wall_ns),
        )
        outcome = self._understand([report], now)
        self._commit([stored(report, body, outcome)], outcome, now)

    def lay_out(self, now: datetime) -> None:
        """How all clusters lie: what a start or another config has changed of it is stored, most often nothing."""
        stored = {(one.cluster, one.name): one for one in self.patiently(self.ledger.layout, now)}
        found = {(one.cluster, one.name): one for one in self.line.correlator.layout()}
        changed = [one for place, one in found.items() if stored.get(place) != one]
        gone = [Laid(*place, None) for place in stored.keys() - found.keys()]
        if changed or gone:
            self.store(Commit(now=now, layout=[*changed, *gone]), now)

    def next_due(self) -> datetime | None:
        """When time must pass, if nothing comes in before; None while the bridge only listens."""
        return self.line.next_due(self._lags)

    def behind_at(self) -> datetime | None:
        """When there is a piece of what was gathered to be understood."""
        return self.line.correlator.behind_at()

    def catch_up(self, now: datetime) -> None:
        """Understands a piece of what is stored, and late: what is new is looked at before the next one."""
        due = self.behind_at()
        if due is not None and due <= now:
            self._commit([], self.line.catch_up(now, self._lags), now)

    def understand_all(self, now: datetime) -> None:
        """All that is gathered, before the line that gathered it goes."""
        self._commit([], self.line.catch_up(now, self._lags, most=None), now)

    def pass_time(self, now: datetime) -> None:
        """What is due without a report."""
        due = self.next_due()
        if due is not None and due <= now:
            self._commit([], self.line.tick(now, self._lags), now)

    def _understand(self, reports: Sequence[Report], now: datetime) -> Outcome:
        """What the line makes of them. Should the line itself raise, they are stored all the same, and say so."""
        if not reports:
            return Outcome()
        try:
            return self.line.take(reports, now, self._lags)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
            faults = [fault("understood", error, report.uid) for report in reports]
            return Outcome(faults=faults, unreadable={report.uid: one.why for report, one in zip(reports, faults, strict=True)})

    def _checkpoint(self, now: datetime) -> bytes | None:
        try:
            return self.line.correlator.checkpoint()
        except Exception as error:  # noqa: BLE001 - without it, the next start reads more
            self.faults.met("written down for the next start", error, now)
            return None

    def _arrivals(self) -> list[tuple[Intake, Arrival]]:
        arrivals, self.backlog = self.backlog[:MOST_AT_ONCE], self.backlog[MOST_AT_ONCE:]
        for intake in self._intakes:
            drained = intake.drain()
            arrivals += [(intake, arrival) for arrival in drained.arrivals]
            self._metrics.refused.inc(len(drained.spoiled))
        return arrivals

    def _commit(self, reports: list[StoredReport], outcome: Outcome, now: datetime) -> set[bytes]:
        """Commits, however long the database needs; meanwhile relays hold. Gives the reports that no database takes."""
        for found in outcome.faults:
            self.faults.note(found, now)
        commit = commit_of(reports, outcome, now, self._checkpoint(now))
        changed = (commit.incidents, commit.notices, commit.conditions, commit.layout)
        if not any((commit.reports, commit.redecided, *changed, commit.checkpoint)):
            return set()
        refused: set[bytes] = set()
        while True:
            try:
                numbers = self.store(commit, now)
                break
            except Unstorable as error:
                self.faults.met("stored", error, now)
                refused |= error.refused
                error.leave_out(commit)
        self._tell_of(commit, outcome)
        self._committed(commit, numbers)
        return refused

    def _hold(self, error: LedgerError) -> None:
        """Half a second of holding."""
        if self.storing.failed(error) or time.monotonic() - self._said_at >= SAY_EVERY:
            self._said_at = time.monotonic()
            log.error("nothing can be stored, relays hold their reports: %s", error)
        until = time.monotonic() + RETRY_COMMIT_AFTER
        while (left := until - time.monotonic()) > 0:
            self._beat()
            select.select([intake.fileno() for intake in self._intakes], [], [], left)
            self._take_in()

    def _take_in(self) -> None:
        """What comes while nothing can be stored; who sends it hears that relays must hold."""
        for intake in self._intakes:
            intake.set_window(0)
            self._keep(intake, intake.drain().arrivals)
            intake.set_window(codec.DEFAULT_WINDOW)

    def _keep(self, intake: Intake, arrivals: Sequence[Arrival]) -> None:
        held = sum(BESIDE + len(arrival.body) for _, arrival in self.backlog) if arrivals else 0
        for arrival in arrivals:
            held += BESIDE + len(arrival.body)
            if held <= MOST_HELD:
                self.backlog.append((intake, arrival))

    def _tell_of(self, commit: Commit, outcome: Outcome) -> None:
        """The log and the counters."""
        self._metrics.commits.inc()
        self._metrics.unreadable.inc(len(outcome.unreadable))
        for report in commit.reports:
            self._metrics.reports.labels(report.source if report.source in SOURCES else "other").inc()
        ours = {found.uid for found in outcome.faults}
        for uid, why in outcome.unreadable.items():
            if uid in ours:
                continue
            log.warning("report %s is kept, but cannot be understood: %s", uid.hex(), why)
        for incident in commit.incidents:
            log.info(
                "incident %s: %s %s, %s: %s", incident.key, incident.kind, incident.state, incident.severity, incident.reason
            )
        if commit.notices:
            self._owed(commit.now)


def to_report(arrival: Arrival) -> Report:
    source = DRILL if is_marked(arrival.fields) else holdable(str(arrival.fields.get("src", ""))[:LONGEST_SOURCE])
    return Report(
        uid=arrival.uid,
        cluster=arrival.cluster,
        node=arrival.node,
        source=f"{source}, claimed by a relay" if source in OWN else source,
        received_at=from_ns(arrival.received_ns),
        body=arrival.fields,
        offset=timedelta(microseconds=arrival.offset_ns // 1000),
    )


def commit_of(reports: list[StoredReport], outcome: Outcome, now: datetime, checkpoint: bytes | None) -> Commit:
    """All that a batch led to, as one transaction: its reports, and what is now thought of earlier ones."""
    own = {report.uid for report in reports}
    return Commit(
        now=now,
        reports=reports,
        redecided=[(one.uid, one.incident_key, one.why) for one in outcome.decisions.values() if one.uid not in own],
        incidents=list(outcome.incidents.values()),
        notices=outcome.notices,
        conditions=outcome.conditions,
        layout=outcome.layout,
        checkpoint=checkpoint,
    )


def stored(report: Report, body: bytes, outcome: Outcome) -> StoredReport:
    """A report with what was made of it, as the ledger keeps it."""
    decision = outcome.decisions.get(report.uid)
    event = outcome.events.get(report.uid)
    return StoredReport(
        uid=report.uid,
        cluster=report.cluster,
        node=report.node,
        source=report.source,
        at=event.at if event else report.received_at,
        received_at=report.received_at,
        offset=report.offset,
        body=body,
        unreadable=outcome.unreadable.get(report.uid),
        incident_key=decision.incident_key if decision else None,
        decision=decision.why if decision else outcome.unreadable.get(report.uid, ""),
    )
