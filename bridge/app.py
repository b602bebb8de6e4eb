"""The bridge: one writer that receives, understands, commits, and only then acknowledges.

    relays -> intake -> line (normalise, correlate, route) -> ledger -> acknowledge
                                                              ledger -> deliveries -> receivers

`build` wires everything in one straight function; `Bridge.run` is the loop. Only here is the clock read.
"""

import gc
import logging
import os
import random
import select
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import zmq

from bridge import __version__, control
from bridge.config import Config
from bridge.core.correlate import Correlator
from bridge.core.event import Report, Severity, Subject, from_ns, to_us
from bridge.core.incident import Incident, Kind, State
from bridge.core.normalise import EVERYWHERE
from bridge.core.notice import Delivered, Notice, Telling, Verdict
from bridge.core.route import Told, face
from bridge.core.verdict import next_attempt, settled
from bridge.deliver import Deliveries
from bridge.ledger.ledger import BadRows, Commit, Edge, Ledger, LedgerAway, StoredReport
from bridge.ledger.rows import VERDICTS
from bridge.line import Line, Outcome
from bridge.spool import boot_id, make_body, moment
from bridge.telemetry import Metrics, MetricsServer, sd_notify, watchdog_seconds
from bridge.wire import codec
from bridge.wire.intake import Arrival, Intake
from bridge.wire.keys import AllowList, load_secret
from bridge.wire.peers import PeerState

LEASE: Final = timedelta(minutes=5)
LONGEST_WAIT_MS: Final = 500
EDGES_EVERY: Final = timedelta(seconds=5)
RETRY_COMMIT_AFTER: Final = 0.5
OWN: Final = frozenset({"bridge", "operator"})
"""Sources that only the bridge itself may use: a relay that claims one is not believed."""

log = logging.getLogger("quorumbell.bridge")
Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    return datetime.now(UTC)


def serve(config: Config) -> None:
    """Runs until SIGTERM or SIGINT. Raises LedgerError, Mistakes or ControlError when it cannot begin."""
    bridge = build(config, wall_clock)
    calm_the_collector()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: bridge.stop())
    try:
        bridge.run()
    finally:
        bridge.close()


def calm_the_collector() -> None:
    """What is in memory now stays: the collector need not walk over ten thousand incidents again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def build(config: Config, clock: Clock) -> "Bridge":
    """Opens what can refuse to open, in the order in which a mistake is best told."""
    ledger = Ledger.open(config.bridge.ledger_url)
    for remark in ledger.remarks:
        log.warning("ledger: %s", remark)
    line = new_line(config)
    restore(line, ledger)
    intakes = open_intakes(config)
    asked = control.Control(config.bridge.control)
    metrics = Metrics()
    server = MetricsServer(metrics, config.bridge.metrics) if config.bridge.metrics else None
    return Bridge(config, ledger, line, intakes, asked, metrics, server, clock)


def new_line(config: Config) -> Line:
    languages = {name: receiver.language for name, receiver in config.receivers.items()}
    in_place = frozenset(name for name, receiver in config.receivers.items() if getattr(receiver.factory, "in_place", False))
    return Line(config.correlation.core(), config.routes, languages, in_place)


def open_intakes(config: Config) -> list[Intake]:
    """One for CURVE, one for plain text on loopback, as the config asks for. Raises Mistakes."""
    settings = config.bridge
    intakes = []
    if settings.listen:
        keys = load_secret(str(settings.keys / "bridge.secret"))
        intakes.append(Intake(settings.listen, keys, AllowList(str(settings.allowed)), name=settings.name))
    if settings.listen_plain:
        intakes.append(Intake(settings.listen_plain, None, None, name=settings.name))
    return intakes


# --- memory ----------------------------------------------------------------------------------------------------------


def to_report(stored: StoredReport) -> Report:
    """A stored report, for the line. What cannot be parsed has no fields, and is Unreadable again."""
    try:
        body = msgspec.json.decode(stored.body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        body = {}
    return Report(
        uid=stored.uid,
        cluster=stored.cluster,
        node=stored.node,
        source=stored.source,
        received_at=stored.received_at,
        body=body,
        offset=stored.offset,
    )


def restore(line: Line, ledger: Ledger) -> None:
    """Fills the memory from the ledger: the worlds at their horizons, the reports since, and what was told."""
    since: dict[str, datetime | None] = {}
    checkpoint = ledger.latest_checkpoint()
    if checkpoint is not None:
        try:
            since = line.correlator.restore(checkpoint.data)
        except (msgspec.MsgspecError, KeyError):
            log.warning("the checkpoint was written by another version: understanding all reports again")
            line.correlator = Correlator(line.correlator.settings)
    margin = timedelta(hours=1)
    for cluster, horizon in since.items():
        begin = horizon - margin if horizon else None
        _feed(line, (report for _, report in ledger.reports(cluster=cluster, since=begin)))
    # What the checkpoint does not know began after it.
    after = checkpoint.seq if since and checkpoint is not None else 0
    _feed(line, (report for _, report in ledger.reports(after) if report.cluster not in since))
    _recall(line, ledger)


def _feed(line: Line, stored: Iterable[StoredReport]) -> None:
    batch: list[Report] = []
    for one in stored:
        batch.append(to_report(one))
        if len(batch) == 1000:
            line.take(batch, batch[-1].received_at)
            batch = []
    if batch:
        line.take(batch, batch[-1].received_at)


def _recall(line: Line, ledger: Ledger) -> None:
    """What each receiver was told of incidents that are not over, by its notices: the router's memory."""
    router = line.router
    router.told.clear()
    numbers = {row.incident_id: row.incident_key for row in ledger.told()}
    live = line.correlator.incidents()
    for number, key in numbers.items():
        for row in ledger.notices(number):
            notice = row.notice
            holder = live.get(key)
            while holder is not None and holder.absorbed_into is not None:
                holder = live.get(holder.absorbed_into)
            if holder is None or (notice.kind is Telling.CLOSED and holder.key == key):
                continue
            before = router.told.get(holder.key, {}).get(notice.receiver)
            told = Told(
                receiver=notice.receiver,
                thread=before.thread if before else notice.thread,
                rung_at=notice.at if notice.kind.rings or before is None else before.rung_at,
                severity=notice.incident.severity,
                alarms=len(notice.incident.alarms),
                shown=face(notice.incident),
                language=notice.language,
            )
            router.remember(holder.key, told, holder)
    now = max((incident.changed_at for incident in live.values()), default=None)
    for incident in live.values():
        if now is not None and (incident.state is not State.CLOSED or incident.key in router.told):
            router.watch(incident, now)


def replay(config: Config) -> dict[str, int]:
    """Makes all derived state anew from the reports, with the present config. Touches no notice and no delivery."""
    ledger = Ledger.open(config.bridge.ledger_url)
    try:
        with ledger.rebuild():
            return _replayed(ledger, new_line(config))
    finally:
        ledger.close()


def _replayed(ledger: Ledger, line: Line) -> dict[str, int]:
    keys: set[str] = set()
    count = 0
    for batch in _batches(ledger, 256):
        now = max(report.received_at for report in batch)
        outcome = line.take(batch, now)
        count += len(batch)
        keys |= _rewrite(ledger, outcome, now)
    now = wall_clock()
    keys |= _rewrite(ledger, line.tick(now), now)
    return {"reports": count, "incidents": len(keys)}


def _batches(ledger: Ledger, size: int) -> Iterable[list[Report]]:
    batch: list[Report] = []
    for _, stored in ledger.reports():
        batch.append(to_report(stored))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _rewrite(ledger: Ledger, outcome: Outcome, now: datetime) -> set[str]:
    decided = [(one.uid, one.incident_key, one.why) for one in outcome.decisions.values()]
    incidents = list(outcome.incidents.values())
    ledger.commit(Commit(now=now, redecided=decided, incidents=incidents, conditions=outcome.conditions))
    return set(outcome.incidents)


# --- the bridge ------------------------------------------------------------------------------------------------------


class Bridge:
    """The writer. Everything here runs in one thread; workers of deliveries only hand verdicts back."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        line: Line,
        intakes: list[Intake],
        asked: control.Control,
        metrics: Metrics,
        server: MetricsServer | None,
        clock: Clock,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._line = line
        self._intakes = intakes
        self._asked = asked
        self._metrics = metrics
        self._server = server
        self._clock = clock
        self._boot = boot_id()
        self._started_at = clock()
        self._stopping = False
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        bells = {name: receiver.make() for name, receiver in config.receivers.items() if not receiver.board}
        self._deliveries = Deliveries(bells, self._wake)
        self._attempts: dict[int, tuple[str, int]] = {}
        self._deliver_at: datetime | None = self._started_at
        self._tests: dict[int, _Test] = {}
        self._silent = {(edge.cluster, edge.node): edge.silent for edge in ledger.edges()}
        self._edges_at = self._started_at
        self._backlog: list[tuple[Intake, Arrival]] = []
        self._poller = zmq.Poller()
        for waiting in (*(intake.socket for intake in intakes), asked.fileno(), self._wake_out):
            self._poller.register(waiting, zmq.POLLIN)

    def stop(self) -> None:
        self._stopping = True
        self._wake()

    def run(self) -> None:
        """Receive, decide, commit, acknowledge; and let time pass."""
        for intake in self._intakes:
            log.info("listening on %s", ", ".join(intake.endpoints))
        sd_notify("READY=1")
        pulse, beat_at = watchdog_seconds(), 0.0
        while not self._stopping:
            self._wait()
            now = self._clock()
            self._take(self._arrivals(), now)
            self._listen(now)
            self._hear_verdicts(now)
            self._look_at_edges(now)
            self._pass_time(now)
            self._hand_out(now)
            if pulse and time.monotonic() - beat_at > pulse / 2:
                beat_at = time.monotonic()
                sd_notify("WATCHDOG=1")

    def close(self) -> None:
        """What was begun ends; what was decided is in the ledger."""
        sd_notify("STOPPING=1")
        now = self._clock()
        for told in self._deliveries.close():
            self._record(told.notice_id, told.verdict, now)
        self._asked.close()
        for intake in self._intakes:
            intake.close()
        if self._server is not None:
            self._server.close()
        self._ledger.close()
        os.close(self._wake_in)
        os.close(self._wake_out)

    def _wake(self) -> None:
        try:
            os.write(self._wake_in, b"!")
        except BlockingIOError:
            log.debug("awake already")

    def _wait(self) -> None:
        if self._backlog:
            return
        due = [at for at in (self._line.next_due(), self._deliver_at) if at is not None]
        wait = LONGEST_WAIT_MS
        if due:
            wait = max(0, min(wait, int((min(due) - self._clock()) / timedelta(milliseconds=1)) + 1))
        ready = dict(self._poller.poll(wait))
        if self._wake_out in ready:
            os.read(self._wake_out, 4096)

    # --- reports -----------------------------------------------------------------------------------------------------

    def _arrivals(self) -> list[tuple[Intake, Arrival]]:
        arrivals, self._backlog = self._backlog, []
        for intake in self._intakes:
            drained = intake.drain()
            arrivals += [(intake, arrival) for arrival in drained.arrivals]
            self._metrics.refused.inc(len(drained.spoiled))
        return arrivals

    def _take(self, arrivals: Sequence[tuple[Intake, Arrival]], now: datetime) -> None:
        """One transaction for all that came; acknowledged after it, and only then."""
        if not arrivals:
            return
        known = self._ledger.known([arrival.uid for _, arrival in arrivals])
        fresh = {arrival.uid: arrival for _, arrival in arrivals if arrival.uid not in known}
        self._metrics.duplicates.inc(len(arrivals) - len(fresh))
        reports = [_report(arrival) for arrival in fresh.values()]
        outcome = self._line.take(reports, now) if reports else Outcome()
        stored = [_stored(report, fresh[report.uid].body, outcome) for report in reports]
        refused = self._commit(stored, outcome, now)
        for intake, arrival in arrivals:
            if arrival.uid in refused:
                intake.refuse(arrival, codec.Code.MALFORMED, "the database cannot store it")
        for intake in self._intakes:
            intake.acknowledge([arrival for one, arrival in arrivals if one is intake and arrival.uid not in refused])

    def _own_report(self, source: str, cluster: str, fields: dict[str, str | int | bool], now: datetime) -> None:
        """The bridge's own word, and a person's, go the same way as everybody's."""
        uid, body = make_body(source, fields, moment(self._boot))
        report = Report(
            uid=uid,
            cluster=cluster,
            node="",
            source=source,
            received_at=now,
            body=msgspec.json.decode(body, type=dict[str, Any]),
        )
        outcome = self._line.take([report], now)
        self._commit([_stored(report, body, outcome)], outcome, now)

    def _commit(self, stored: list[StoredReport], outcome: Outcome, now: datetime) -> set[bytes]:
        """Commits, however long the database needs; meanwhile relays hold. Gives the reports that no database takes."""
        own = {report.uid for report in stored}
        commit = Commit(
            now=now,
            reports=stored,
            redecided=[(one.uid, one.incident_key, one.why) for one in outcome.decisions.values() if one.uid not in own],
            incidents=list(outcome.incidents.values()),
            notices=outcome.notices,
            conditions=outcome.conditions,
            checkpoint=self._line.correlator.checkpoint(),
        )
        if not any((commit.reports, commit.redecided, commit.incidents, commit.notices, commit.conditions, commit.checkpoint)):
            return set()
        refused: set[bytes] = set()
        while True:
            try:
                self._ledger.commit(commit)
                break
            except BadRows as error:
                log.error("%s", error)  # noqa: TRY400 - the text says all
                refused |= error.uids
                commit.reports = [report for report in commit.reports if report.uid not in error.uids]
            except LedgerAway as error:
                self._hold(error)
        self._count(commit, outcome)
        return refused

    def _hold(self, error: LedgerAway) -> None:
        """The database does not take it: relays are told to hold, heartbeats are answered, nothing is acknowledged."""
        log.error("the ledger does not answer, relays hold their reports: %s", error)
        for intake in self._intakes:
            intake.set_window(0)
        until = time.monotonic() + RETRY_COMMIT_AFTER
        while (left := until - time.monotonic()) > 0:
            select.select([intake.fileno() for intake in self._intakes], [], [], left)
            for intake in self._intakes:
                self._backlog += [(intake, arrival) for arrival in intake.drain().arrivals]
        for intake in self._intakes:
            intake.set_window(codec.DEFAULT_WINDOW)

    def _count(self, commit: Commit, outcome: Outcome) -> None:
        self._metrics.commits.inc()
        self._metrics.unreadable.inc(len(outcome.unreadable))
        for report in commit.reports:
            self._metrics.reports.labels(report.source if report.source in SOURCES else "other").inc()
        for uid, why in outcome.unreadable.items():
            log.warning("report %s is kept, but cannot be understood: %s", uid.hex(), why)
        for incident in commit.incidents:
            log.info(
                "incident %s: %s %s, %s: %s", incident.key, incident.kind, incident.state, incident.severity, incident.reason
            )
        if commit.notices:
            self._deliver_at = commit.now

    def _pass_time(self, now: datetime) -> None:
        due = self._line.next_due()
        if due is not None and due <= now:
            self._commit([], self._line.tick(now), now)

    # --- telling -----------------------------------------------------------------------------------------------------

    def _hand_out(self, now: datetime) -> None:
        if self._deliver_at is None or self._deliver_at > now:
            return
        idle = self._deliveries.free()
        for name in idle:
            claimed = self._ledger.claim(name, now, LEASE)
            for notice, attempts, _ in claimed:
                self._attempts[notice.id] = (name, attempts + 1)
            self._deliveries.hand_out(name, claimed)
        free = self._deliveries.free()
        self._deliver_at = self._ledger.next_due(now + timedelta(milliseconds=100), free) if free else None

    def _hear_verdicts(self, now: datetime) -> None:
        for told in self._deliveries.verdicts():
            if told.notice_id in self._tests:
                self._answer_test(told.notice_id, told.verdict)
            elif told.notice_id > 0:  # a late word about a test was answered already
                self._record(told.notice_id, told.verdict, now)
            self._deliver_at = now

    def _record(self, notice_id: int, verdict: Verdict, now: datetime) -> None:
        receiver, attempts = self._attempts.get(notice_id, ("", 1))
        final = settled(verdict, attempts)
        next_at = next_attempt(verdict, attempts, now, random.random())  # noqa: S311 - jitter is no secret
        self._ledger.record(notice_id, final, now, next_at)
        self._metrics.notices.labels(receiver, VERDICTS[type(final)]).inc()
        level = logging.INFO if isinstance(final, Delivered) else logging.WARNING
        log.log(level, "notice %d to %s, attempt %d: %s: %s", notice_id, receiver, attempts, VERDICTS[type(final)], final.why)

    # --- relays ------------------------------------------------------------------------------------------------------

    def _look_at_edges(self, now: datetime) -> None:
        """A relay that is not heard for a while is an event, and so is its return."""
        if now < self._edges_at:
            return
        self._edges_at = now + EDGES_EVERY
        rows = []
        for peer in (state for intake in self._intakes for state in intake.peers()):
            silent = self._is_silent(peer, now)
            place = (peer.cluster, peer.node)
            if silent != self._silent.get(place, False):
                self._silent[place] = silent
                self._own_report("bridge", peer.cluster, {"node": peer.node, "silent": silent}, now)
            rows.append(_edge(peer, silent=silent))
        self._ledger.commit(Commit(now=now, edges=rows))
        self._measure(now)

    def _is_silent(self, peer: PeerState, now: datetime) -> bool:
        heard_at = from_ns(peer.last_heard_ns) if peer.last_heard_ns else self._started_at
        return now - heard_at > self._config.correlation.edge_silent_after

    def _measure(self, now: datetime) -> None:
        if self._server is None:
            return
        counts = self._ledger.counts()
        kinds: dict[str, int] = {}
        for _, incident in self._ledger.incidents([State.WATCHING, State.OPEN, State.CLEARING]):
            kinds[incident.kind] = kinds.get(incident.kind, 0) + 1
        self._metrics.set_open(kinds)
        self._metrics.set_queue(
            counts.get("pending_notices", 0), counts.get("oldest_pending_at"), counts.get("given_up_notices", 0), now=now
        )
        self._metrics.set_edges(self._silent.values())

    # --- people ------------------------------------------------------------------------------------------------------

    def _listen(self, now: datetime) -> None:
        for request, answer in self._asked.handle():
            try:
                self._obey(request, answer, now)
            except LedgerAway as error:
                answer(why=f"the ledger does not answer: {error}")

    def _obey(self, request: control.Asked, answer: control.Answer, now: datetime) -> None:
        if isinstance(request, control.Ack):
            self._acknowledge(request, answer, now)
        elif isinstance(request, control.Silence):
            number = os.urandom(4).hex()
            self._silence(number, "\n".join(request.matchers), request.author, request.comment, request.until_us, now)
            answer(id=number, until_us=request.until_us)
        elif isinstance(request, control.EndSilence):
            found = next((one for one in self._line.router.silences(now) if one.id == request.id), None)
            if found is None:
                answer(why=f"there is no silence {request.id!r} in force; see quorumbell silence list")
                return
            matchers = "\n".join(map(str, found.matchers))
            self._silence(found.id, matchers, request.author, "ended", to_us(now), now)
            answer(id=found.id)
        elif isinstance(request, control.Silences):
            answer(silences=[_shown(one) for one in self._line.router.silences(now)])
        elif isinstance(request, control.Ring):
            self._ring(request.receivers, answer, now)
        else:
            answer(name=self._config.bridge.name, version=__version__, pid=os.getpid(), since_us=to_us(self._started_at))

    def _acknowledge(self, request: control.Ack, answer: control.Answer, now: datetime) -> None:
        incident = self._ledger.incident(request.incident)
        if incident is None:
            answer(why=f"there is no incident {request.incident}; see quorumbell incidents")
        elif incident.state is State.CLOSED:
            answer(why=f"incident {request.incident} is over: nobody is reminded of it any more")
        else:
            words: dict[str, str | int | bool] = {"do": "ack", "incident_key": incident.key, "withdraw": request.withdraw}
            self._own_report("operator", EVERYWHERE, {**words, "author": request.author, "comment": request.comment}, now)
            answer(incident=request.incident)

    def _silence(self, number: str, matchers: str, author: str, comment: str, until_us: int, now: datetime) -> None:
        words: dict[str, str | int | bool] = {"do": "silence", "silence": number, "matchers": matchers, "until_us": until_us}
        self._own_report("operator", EVERYWHERE, {**words, "author": author, "comment": comment}, now)

    def _ring(self, names: tuple[str, ...], answer: control.Answer, now: datetime) -> None:
        """A test notice, past the ledger: the verdicts are the answer."""
        bells = {name for name, receiver in self._config.receivers.items() if not receiver.board}
        wanted = list(names) or sorted(bells)
        unknown = [name for name in wanted if name not in bells]
        if unknown or not wanted:
            answer(why=f"there is no bell {', '.join(unknown)}; known are {', '.join(sorted(bells)) or 'none'}")
            return
        verdicts: list[dict[str, str]] = []
        base = min(self._tests, default=0) - 1
        for place, name in enumerate(wanted):
            number = base - place
            self._tests[number] = _Test(name, answer, verdicts, len(wanted))
            notice = _test_notice(number, name, self._config.receivers[name].language, now)
            self._deliveries.hand_out(name, [(notice, 0, {})])

    def _answer_test(self, number: int, verdict: Verdict) -> None:
        test = self._tests.pop(number)
        test.verdicts.append({"receiver": test.receiver, "verdict": VERDICTS[type(verdict)], "why": verdict.why})
        if len(test.verdicts) == test.of:
            test.answer(verdicts=test.verdicts)


class _Test(NamedTuple):
    """A test notice under way; the last verdict answers for all."""

    receiver: str
    answer: control.Answer
    verdicts: list[dict[str, str]]
    of: int


SOURCES: Final = frozenset({"pacemaker", "clustermon", "drbd", "drbd-events", "edge", "bridge", "operator"})


def _report(arrival: Arrival) -> Report:
    source = str(arrival.fields.get("src", ""))
    return Report(
        uid=arrival.uid,
        cluster=arrival.cluster,
        node=arrival.node,
        source=f"{source}, claimed by a relay" if source in OWN else source,
        received_at=from_ns(arrival.received_ns),
        body=arrival.fields,
        offset=timedelta(microseconds=arrival.offset_ns // 1000),
    )


def _stored(report: Report, body: bytes, outcome: Outcome) -> StoredReport:
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


def _edge(peer: PeerState, *, silent: bool) -> Edge:
    return Edge(
        cluster=peer.cluster,
        node=peer.node,
        last_heard_at=from_ns(peer.last_heard_ns) if peer.last_heard_ns else None,
        silent=silent,
        offset=timedelta(microseconds=peer.offset_ns // 1000),
        backlog_count=peer.backlog,
        backlog_bytes=peer.backlog_bytes,
        oldest_at=from_ns(peer.oldest_ns) if peer.oldest_ns else None,
        version=peer.version,
        boot=peer.boot,
    )


def _shown(silence: Any) -> dict[str, Any]:
    return {
        "id": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "author": silence.author,
        "comment": silence.comment,
        "until_us": to_us(silence.until),
    }


def _test_notice(number: int, receiver: str, language: str, now: datetime) -> Notice:
    incident = Incident(
        key=f"test@{now.isoformat()}",
        cluster="TEST",
        kind=Kind.RESOURCE_FAILURE,
        root=Subject("resource/test-of-the-bell"),
        state=State.OPEN,
        severity=Severity.WARNING,
        peak=Severity.WARNING,
        opened_at=now,
        changed_at=now,
        reason="a test, asked for by `quorumbell ring`: nothing is wrong",
    )
    return Notice(
        incident_id=0,
        receiver=receiver,
        kind=Telling.OPENED,
        reason=incident.reason,
        at=now,
        incident=incident,
        language=language,
        thread=f"test-{to_us(now)}-{-number}",
        id=number,
    )
