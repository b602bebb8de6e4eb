"""The bridge: one writer that receives, understands, commits, and only then acknowledges.

    relays -> intake -> line (normalise, correlate, route) -> ledger -> acknowledge
                                                              ledger -> deliveries -> receivers

`build` wires everything in one straight function; `Bridge.run` is the loop. Only here, in `clock` and `storing` clocks are read.
"""

import faulthandler
import gc
import logging
import signal
import sys
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import zmq

from bridge.config.config import Config
from bridge.core.normalise import EVERYWHERE, stamp_ns
from bridge.intake.intake import Intake
from bridge.ledger.ledger import LedgerError, LedgerGone, Queue
from bridge.serve.bells import Bells
from bridge.serve.boards import Boards
from bridge.serve.clock import TimeLine
from bridge.serve.digests import Digests
from bridge.serve.drills import Drills
from bridge.serve.faults import Faults
from bridge.serve.orders import Orders
from bridge.serve.patience import Patience
from bridge.serve.process import Waker, calm_the_collector, raise_file_limit
from bridge.serve.relays import Edges
from bridge.serve.reload import Reload
from bridge.serve.storing import said
from bridge.serve.systemd import Pulse, sd_notify
from bridge.serve.telemetry import Metrics, MetricsServer
from bridge.serve.waiting import Waiting, remember
from bridge.serve.watch import Watch
from bridge.serve.writer import Writer
from bridge.texts import take_broken
from bridge.wire.keys import AllowList, load_secret

LONGEST_WAIT_MS: Final = 500

log = logging.getLogger("quorumbell.bridge")


def serve(config: Config) -> None:
    """Runs until SIGTERM or SIGINT. Raises LedgerError, Mistakes or ControlError when it cannot begin."""
    faulthandler.enable()  # what the watchdog kills says where it was
    raise_file_limit()
    gc.disable()  # hundreds of thousands of facts come to stay: to walk over them again and again takes a fifth of the start
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, partial(_leave, asked))  # until there is a loop: the start may wait for ever
    changed: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _: changed.append(number))
    bridge = build(config)
    signal.signal(signal.SIGHUP, lambda *_: bridge.reload())
    if changed:  # after it was read
        bridge.reload()
    calm_the_collector()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: bridge.stop())
    if asked:  # while something was being freed: there Python swallows what is raised
        bridge.stop()
    try:
        bridge.run()
    except LedgerGone as error:
        bridge.lose(error)
        raise
    finally:
        bridge.close()


def _leave(asked: list[int], number: int, _: object) -> None:
    asked.append(number)
    sys.exit(0)


def build(config: Config) -> "Bridge":
    """Opens what can refuse to open, in the order in which a mistake is best told."""
    metrics = Metrics()
    watch = Watch(config, metrics)
    pulse = Pulse(watch.storing.turned)
    pulse.beat()
    try:
        return _build(config, pulse, metrics, watch)
    except BaseException:
        watch.close()
        raise


def _build(config: Config, pulse: Pulse, metrics: Metrics, watch: Watch) -> "Bridge":
    waiting = Waiting(watch, pulse, partial(open_intakes, config, TimeLine()))
    patience = Patience(pulse)
    patience.hold = waiting.hold
    ledger, clock, was_at, line = waiting.until(partial(remember, config, pulse.beat, patience))
    now = clock()
    intakes = open_intakes(config, clock)
    watch.begin()
    faults = Faults(metrics)
    server = MetricsServer(metrics, config.bridge.metrics) if config.bridge.metrics else None
    waker = Waker()
    watch.desk.wake = waker.wake
    bells = Bells(config.receivers, ledger, metrics, now, waker.wake, config.page.links_to)
    boards = Boards(config.receivers, ledger, line, metrics, now, waker.wake)
    writer = Writer(ledger, line, intakes, metrics, bells.owed, boards.committed, faults, pulse.beat, watch.storing)
    patience.hold = writer.hold
    writer.past.begin(was_at, now)
    writer.lay_out(now)
    digests = Digests(config.receivers, ledger, line.router, now)
    edges = Edges(writer, intakes, metrics, config.correlation.edge_silent_after, clock, boards.hear)
    reload = Reload(config, writer, bells, boards, digests, edges, watch, pulse.beat)
    drills = Drills(lambda: reload.config, intakes, bells, boards, lambda: writer.line.router.silences(clock()), clock, faults)
    writer.drilled = drills.hear
    orders = Orders(watch.desk, writer, bells, edges, clock, config.bridge.name, watch.lost_at, reload, drills)
    return Bridge(
        writer, bells, digests, boards, edges, orders, drills, reload, intakes, watch, waker, metrics, server, clock, pulse
    )


def open_intakes(config: Config, clock: TimeLine) -> list[Intake]:
    """One for CURVE, one for plain text on loopback, as the config asks for. Raises Mistakes."""
    settings = config.bridge
    intakes = []
    if settings.listen:
        keys = load_secret(str(settings.keys / "bridge.secret"))
        allowed = AllowList(str(settings.allowed), str(settings.joined))
        intakes.append(
            Intake(settings.listen, keys, allowed, name=settings.name, clock=clock.boot_ns, line=clock.at, stamp=stamp_ns)
        )
    if settings.listen_plain:
        intakes.append(
            Intake(settings.listen_plain, None, None, name=settings.name, clock=clock.boot_ns, line=clock.at, stamp=stamp_ns)
        )
    return intakes


class Bridge:
    """The loop. Everything here runs in one thread; workers of deliveries only hand verdicts back."""

    def __init__(
        self,
        writer: Writer,
        bells: Bells,
        digests: Digests,
        boards: Boards,
        edges: Edges,
        orders: Orders,
        drills: Drills,
        reload: Reload,
        intakes: list[Intake],
        watch: Watch,
        waker: Waker,
        metrics: Metrics,
        server: MetricsServer | None,
        clock: TimeLine,
        pulse: Pulse,
    ) -> None:
        self._writer = writer
        self._bells = bells
        self._digests = digests
        self._boards = boards
        self._edges = edges
        self._orders = orders
        self._drills = drills
        self._reload = reload
        self._intakes = intakes
        self._watch = watch
        self._waker = waker
        self._metrics = metrics
        self._server = server
        self._clock = clock
        self._pulse = pulse
        self._stopping = False
        self._rests = False
        """Something raised: what was due stays due, and must not be tried without a pause."""
        writer.meanwhile = self._learn
        self._poller = zmq.Poller()
        for waiting in (*(intake.socket for intake in intakes), waker.fd):
            self._poller.register(waiting, zmq.POLLIN)

    def stop(self) -> None:
        self._stopping = self._writer.stopping = True
        self._waker.wake()

    def reload(self) -> None:
        """The config is to be read again."""
        self._reload.ask()
        self._waker.wake()

    def run(self) -> None:
        """Receive, decide, commit, acknowledge; and let time pass."""
        for intake in self._intakes:
            log.info("listening on %s", ", ".join(intake.endpoints))
        self._pulse.ready()
        while not self._stopping:
            self._wait()
            try:
                self.turn(self._clock())
            except LedgerGone:  # it ends the bridge with a word of its own
                raise
            except LedgerError as error:  # only while stopping: else it is waited for
                log.warning("stopped while nothing could be stored; relays keep what was not acknowledged: %s", error)
            self._pulse.beat()

    def turn(self, now: datetime) -> None:
        """Everything once. What is done here with the ledger waits for it, and can be done again from its beginning."""
        for where, part in (
            ("received", self._writer.receive),
            ("caught up", self._writer.catch_up),
            ("asked", self._orders.listen),
            ("read again", self._reload.read_again),
            ("heard", self._hear),
            ("drilled", self._drills.turn),
            ("looked at", self._look),
            ("waited for", self._writer.pass_time),
            ("digested", self._digest),
            ("handed out", self._hand_out),
            ("shown", self._show),
        ):
            try:
                part(now)
            except LedgerGone:
                raise
            except Exception as error:  # one part in trouble must not stop the others
                if self._stopping and isinstance(error, LedgerError):
                    raise
                self._writer.faults.met(where, error, now)
                self._rests = True
        for found in take_broken():
            self._writer.faults.note(found, now)

    def _hear(self, now: datetime) -> None:
        self._writer.patiently(partial(self._bells.hear, now), now)

    def _look(self, now: datetime) -> None:
        if self._edges.look(now):
            self._clock.calm = self._writer.line.is_calm(now)
            self._writer.patiently(partial(self._measure, now), now)
            self._learn()

    def _learn(self) -> None:
        """What can be told without the ledger, also while it is waited for."""
        writer = self._writer
        incidents = list(writer.line.correlator.incidents().values())
        self._watch.memory.learn(incidents, writer.relays(), len(writer.backlog), self._orders.introduction(self._clock()))

    def _digest(self, now: datetime) -> None:
        if self._writer.patiently(partial(self._digests.tell, now), now):
            self._bells.owed(now)

    def _hand_out(self, now: datetime) -> None:
        self._writer.patiently(partial(self._bells.hand_out, now), now)

    def _show(self, now: datetime) -> None:
        for doing in self._boards.turn(now):
            self._writer.report("opsview", EVERYWHERE, doing, now)

    def lose(self, error: LedgerGone) -> None:
        """The last word: whoever is started next opens another ledger, and says so."""
        self._watch.lose(said(str(error)))

    def close(self) -> None:
        """What was begun ends; what was decided is in the ledger."""
        sd_notify("STOPPING=1")
        self._drills.close()
        self._bells.close(self._clock())
        self._boards.close(self._clock())
        self._watch.close()
        for intake in self._intakes:
            intake.close()
        if self._server is not None:
            self._server.close()
        self._writer.ledger.close()
        self._waker.close()

    def _wait(self) -> None:
        if self._writer.backlog:
            return
        now = self._clock()
        times = (
            self._writer.next_due(),
            self._writer.behind_at(),
            self._bells.next_at,
            self._boards.next_at(),
            self._drills.next_at(),
        )
        due = [at for at in times if at is not None]
        wait, rests, self._rests = LONGEST_WAIT_MS, self._rests, False
        if due and not rests:
            wait = max(0, min(wait, int((min(due) - now) / timedelta(milliseconds=1)) + 1))
        if self._waker.fd in dict(self._poller.poll(wait)):
            self._waker.clear()

    def _measure(self, now: datetime) -> None:
        if self._server is None:
            return
        counts = self._writer.ledger.counts()
        self._metrics.set_open(self._writer.ledger.open_kinds())
        self._metrics.set_queue(
            counts.get("pending_notices", 0), counts.get("oldest_pending_at"), counts.get("given_up_notices", 0), now=now
        )
        queues, held = self._writer.ledger.queues(), self._writer.line.router.held()
        for name, health in self._bells.health.items():
            queue = queues.get(name, Queue())
            self._metrics.set_receiver(name, health, queue.pending, queue.oldest_at, held.get(name, 0), now=now)
