"""The whole line with a hand-moved clock: reports go in, receivers hear; a real config, a real ledger, no waiting."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bridge import receivers
from bridge.config.config import parse_config
from bridge.core.telling.notice import TryLater
from bridge.core.telling.planned import matchers_of
from bridge.core.world.event import Report
from bridge.ledger.ledger import Ledger
from bridge.serve.bells import Bells
from bridge.serve.digests import Digests
from bridge.serve.faults import Faults
from bridge.serve.recall import new_line, restore
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer, stored
from tests.timeline import hand_bell

BEGIN = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # a Tuesday
BELL = 'kind = "hand-bell"\n'


class Timeline:
    """`at(31)` moves the clock to so many seconds after the beginning, stopping wherever something is due."""

    def __init__(self, config, path):
        self.config = config
        self.path = path
        self.now = BEGIN
        self.poisoned = False
        """Some reports are meant not to be understood."""
        self._count = 0
        self._seen = {}
        self.open()

    def open(self):
        self.ledger = Ledger.open(self.path)
        self.line = new_line(self.config)
        restore(self.line, self.ledger, self.now)
        self._woken = threading.Semaphore(0)
        self.bells = Bells(self.config.receivers, self.ledger, Metrics(), self.now, self._woken.release)
        self.writer = Writer(self.ledger, self.line, [], Metrics(), self.bells.owed, lambda *_: None, Faults(Metrics()))
        self.digests = Digests(self.config.receivers, self.ledger, self.line.router, self.now)

    def close(self):
        self.bells.close(self.now)
        self.ledger.close()

    def restart(self):
        self.close()
        self.open()
        return self.turn()

    # --- time

    def at(self, seconds):
        return self.until(BEGIN + timedelta(seconds=seconds))

    def until(self, instant):
        while (due := self._next_due()) is not None and due < instant:
            self.now = max(self.now, due)
            self.turn()
        self.now = instant
        return self.turn()

    def _next_due(self):
        return min((at for at in (self.line.next_due(), self.bells.next_at) if at is not None), default=None)

    def turn(self):
        """What the bridge's loop does at one moment, until nothing is left to do then."""
        self.writer.pass_time(self.now)
        if self.digests.tell(self.now):
            self.bells.owed(self.now)
        while True:
            self.bells.hand_out(self.now)
            busy = [worker for worker in self.bells._deliveries._workers.values() if worker.handed_out]
            if not busy:
                return self
            assert self._woken.acquire(timeout=20)
            self.bells.hear(self.now)

    # --- what happens in the cluster

    def lost(self, node, seen_by):
        return self.report(*[(by, {"kind": "node", "node": node, "desc": "lost"}) for by in seen_by])

    def member(self, node, seen_by):
        return self.report(*[(by, {"kind": "node", "node": node, "desc": "member"}) for by in seen_by])

    def fails(self, *names, task="monitor", on="a"):
        return self.report(*[(on, action(name, on, task, rc="1", desc="error")) for name in names])

    def starts(self, *names, on="a"):
        return self.report(*[(on, action(name, on, "start", rc="0", desc="ok")) for name in names])

    def fenced(self, node, seen_by, *, rc="0", result="OK"):
        about = f"Operation reboot of {node} by {seen_by[0]} for pacemaker-controld.1@{seen_by[0]}: {result} (ref={self._count})"
        words = {"kind": "fencing", "node": node, "task": "st_notify_fence", "desc": about, "rc": rc}
        return self.report(*[(by, words) for by in seen_by])

    def fencing_fails(self, node, seen_by):
        return self.fenced(node, seen_by, rc="-62", result="Timer expired")

    def silence(self, matchers, seconds):
        until = int((self.now + timedelta(seconds=seconds)).timestamp() * 1_000_000)
        words = {"do": "silence", "silence": "s1", "matchers": matchers, "until_us": until, "author": "ann", "comment": "work"}
        self.writer.report("operator", "*", words, self.now)
        return self.turn()

    def plan(self, what, seconds):
        until = int((self.now + timedelta(seconds=seconds)).timestamp() * 1_000_000)
        words = {"do": "silence", "silence": "w1", "matchers": "\n".join(matchers_of("alpha", what)), "until_us": until}
        self.writer.report("operator", "*", {**words, "author": "ann (page)", "comment": "", "planned": what}, self.now)
        return self.turn()

    def acknowledge(self, number=1):
        key = self.ledger.incident(number).key
        words = {"do": "ack", "incident_key": key, "withdraw": False, "author": "ann", "comment": ""}
        self.writer.report("operator", "*", words, self.now)
        return self.turn()

    def report(self, *told):
        reports = []
        for by, words in told:
            self._count += 1
            body = {f"CRM_alert_{name}": value for name, value in words.items()}
            body["CRM_alert_node_sequence"] = str(self._count)
            body["CRM_alert_timestamp_epoch"] = str(int(self.now.timestamp()))
            body["CRM_alert_timestamp_usec"] = str(self.now.microsecond)
            uid = self._count.to_bytes(16)
            reports.append(Report(uid=uid, cluster="alpha", node=by, source="pacemaker", received_at=self.now, body=body))
        outcome = self.line.take(reports, self.now)
        assert self.poisoned or not outcome.unreadable, outcome.unreadable
        rows = [stored(report, json.dumps(report.body).encode(), outcome) for report in reports]
        self.writer._commit(rows, outcome, self.now)
        return self.turn()

    # --- what receivers hear

    def down(self, name, why="503", after=None):
        hand_bell.ANSWERS[name] = TryLater(why, after)
        return self

    def up(self, name):
        del hand_bell.ANSWERS[name]
        return self

    def heard(self, name):
        """What it was told since the last time."""
        everything = hand_bell.HEARD.get(name, [])
        new = everything[self._seen.get(name, 0) :]
        self._seen[name] = len(everything)
        return new

    def tried(self, name):
        return len(hand_bell.TRIED.get(name, []))

    def expect(self, name, *kinds):
        """Since the last time it was told this, in this order: `opened node-failure`, or only `digest`."""
        told = [str(one.kind) if one.kind.bundles else f"{one.kind} {one.incident.kind}" for one in self.heard(name)]
        assert told == list(kinds), (name, self.now, told)
        return self


def action(name, on, task, *, rc, desc):
    interval = "10000" if task == "monitor" else "0"
    words = {"kind": "resource", "rsc": name, "node": on, "task": task, "interval": interval, "rc": rc, "desc": desc}
    return words | {"target_rc": "0", "status": "0"}


@pytest.fixture
def timeline(tmp_path, monkeypatch):
    """`timeline('[receivers.noc]…')`: begins on a Tuesday at three in the morning, UTC."""
    monkeypatch.setitem(receivers.BUILT_IN, "hand-bell", "tests.timeline.hand_bell:HandBell")
    for kept in (hand_bell.ANSWERS, hand_bell.HEARD, hand_bell.TRIED):
        kept.clear()
    begun = []

    def begin(text):
        config = parse_config(text, tmp_path / "q.toml")
        begun.append(Timeline(config, f"sqlite:///{tmp_path}/ledger{len(begun)}.db"))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()
