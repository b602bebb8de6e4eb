"""The one writer beside a database that answers when it likes: nothing is acknowledged that is not stored, and nothing is lost."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from bridge.config.config import parse_config
from bridge.intake.arrivals import Arrival, Drained
from bridge.ledger.ledger import Commit, Ledger, LedgerError, LedgerGone
from bridge.serve import writer as writing
from bridge.serve.faults import Faults
from bridge.serve.recall import new_line
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer
from bridge.wire.codec import DEFAULT_WINDOW

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
CONFIG = '[receivers.x]\nkind = "mail"\nhost = "h"\nfrom = "a@b.c"\nto = ["a@b.c"]\n'
STOP = {
    "kind": "resource",
    "node": "n1",
    "task": "stop",
    "interval": "0",
    "rc": "1",
    "target_rc": "0",
    "status": "0",
    "desc": "e",
}


class Wire:
    """An intake as the writer sees it; `log` is what it was told to do, in order."""

    knows_all = True

    def __init__(self, log):
        self.log = log
        self.waiting = []
        self._end, self._other = os.pipe()

    def close(self):
        os.close(self._end)
        os.close(self._other)

    def fileno(self):
        return self._end

    def peers(self):
        return []

    def drain(self):
        arrivals, self.waiting = self.waiting, []
        return Drained(arrivals=arrivals, spoiled=[])

    def acknowledge(self, arrivals):
        self.log += [("acknowledged", one.uid[-1]) for one in arrivals]

    def repeated(self, arrivals):
        self.log += [("repeated", one.uid[-1]) for one in arrivals]

    def refuse(self, arrival, code, why):
        self.log.append(("refused", arrival.uid[-1]))

    def set_window(self, size):
        self.log.append(("window", size))


class Moody:
    """A ledger that raises what it is given before it answers."""

    def __init__(self, ledger, log):
        self._ledger, self._log = ledger, log
        self.raises = []

    def commit(self, commit: Commit):
        if self.raises:
            raise self.raises.pop(0)
        self._log += [("stored", one.uid[-1]) for one in commit.reports]
        return self._ledger.commit(commit)

    def __getattr__(self, name):
        return getattr(self._ledger, name)


class Site:
    def __init__(self, tmp_path):
        self.log, self.owed, self.committed, self.beats = [], [], [], 0
        self.ledger = Moody(Ledger.open(f"sqlite:///{tmp_path}/ledger.db"), self.log)
        self.wires = [Wire(self.log), Wire(self.log)]
        self.metrics = Metrics()
        line = new_line(parse_config(CONFIG, tmp_path / "q.toml"))
        committed = lambda commit, numbers: self.committed.append((commit, numbers))  # noqa: E731
        faults = Faults(self.metrics)
        self.writer = Writer(self.ledger, line, self.wires, self.metrics, self.owed.append, committed, faults, self._beat)

    def _beat(self):
        self.beats += 1

    def arrives(self, number, wire=0, source="pacemaker", **fields):
        body = {"v": 1, "src": source, "wall_ns": int(NOW.timestamp() * 1e9)}
        body |= {f"CRM_alert_{name}": value for name, value in (STOP | {"rsc": f"r{number}"} | fields).items()}
        made = Arrival(
            peer=b"p", uid=number.to_bytes(16), body=json.dumps(body).encode(), cluster="alpha", node="n1",
            received_ns=int(NOW.timestamp() * 1e9), offset_ns=0, fields=body,
        )  # fmt: skip
        self.wires[wire].waiting.append(made)

    def stored(self):
        return {one.uid[-1] for _, one in self.ledger.reports()}

    def count(self, name, **labels):
        return self.metrics.registry.get_sample_value(f"quorumbell_{name}_total", labels)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "RETRY_COMMIT_AFTER", 0.02)
    made = Site(tmp_path)
    yield made
    made.ledger.close()
    for wire in made.wires:
        wire.close()


def test_it_is_stored_and_then_acknowledged_by_the_way_it_came(site):
    site.arrives(1)
    site.arrives(2, wire=1)
    site.writer.receive(NOW)
    assert site.log == [("stored", 1), ("stored", 2), ("acknowledged", 1), ("acknowledged", 2)]
    assert site.owed == [NOW], "there is a notice in it"
    ((commit, numbers),) = site.committed
    assert set(numbers) == {one.key for one in commit.incidents} != set()


def test_what_is_there_already_is_acknowledged_again_and_not_stored_again(site):
    for _ in range(2):
        site.arrives(1)
    site.writer.receive(NOW)
    site.arrives(1)
    site.writer.receive(LATER)
    assert [what for what, _ in site.log] == ["repeated", "stored", "acknowledged", "acknowledged", "repeated", "acknowledged"]
    assert site.count("reports_duplicate") == 2


def test_while_nothing_can_be_stored_relays_hold_and_nothing_is_acknowledged(site):
    site.ledger.raises = [LedgerError("away"), LedgerError("away")]
    before = []

    def meanwhile():
        before.append([*site.log])
        site.arrives(2, wire=1)

    site.writer.meanwhile = meanwhile
    site.arrives(1)
    site.writer.receive(NOW)
    assert len(before) == 2, "the bridge goes on with what needs no database"
    assert ("window", 0) in before[0]
    assert {what for what, _ in before[-1]} == {"window"}
    assert [size for what, size in site.log if what == "window"][-1] == DEFAULT_WINDOW
    assert site.beats >= 2, "nobody takes it for stuck"
    assert [one for one in site.log if one[0] != "window"] == [("stored", 1), ("acknowledged", 1)]
    assert site.owed.count(NOW) == 3, "what was owed before the trouble is looked up after it"
    site.writer.receive(LATER)
    assert site.stored() == {1, 2}


def test_what_comes_while_it_waits_has_bounds(site, monkeypatch):
    monkeypatch.setattr(writing, "MOST_HELD", 3 * (writing.BESIDE + 400))
    for number in range(2, 40):
        site.arrives(number, wire=1)
    site.arrives(1)
    (first,) = site.wires[0].drain().arrivals
    site.ledger.raises = [LedgerError("away")]
    site.writer.patiently(lambda: site.ledger.commit(Commit(now=NOW)), NOW)
    site.writer.take([(site.wires[0], first)], NOW)
    assert [one.uid[-1] for _, one in site.writer.backlog] in ([2, 3], [2, 3, 4]), "the relay has the rest, and sends it again"


def test_a_backlog_is_taken_in_pieces_with_what_is_new_in_each(site, monkeypatch):
    monkeypatch.setattr(writing, "MOST_AT_ONCE", 2)
    for number in range(1, 6):
        site.arrives(number)
    site.writer.backlog = [(site.wires[0], one) for one in site.wires[0].drain().arrivals]
    site.arrives(9, wire=1)
    site.writer.receive(NOW)
    assert site.stored() == {1, 2, 9}
    site.writer.receive(LATER)
    site.writer.receive(LATER)
    assert site.stored() == {1, 2, 3, 4, 5, 9}
    assert [number for what, number in site.log if what == "acknowledged"] == [1, 2, 9, 3, 4, 5]


@pytest.mark.parametrize("why", ["gone", "stopping"])
def test_it_waits_no_longer_when_the_bridge_must_end(site, why):
    error = LedgerGone("another process has it") if why == "gone" else LedgerError("away")
    site.writer.stopping = why == "stopping"
    site.ledger.raises = [error]
    site.arrives(1)
    with pytest.raises(type(error)):
        site.writer.receive(NOW)
    assert site.log == []
    assert site.writer.hold() is (why == "gone")


def test_what_the_line_cannot_bear_is_stored_and_says_so(site, monkeypatch):
    def breaks(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(site.writer.line, "take", breaks)
    site.arrives(1)
    site.writer.receive(NOW)
    ((_, report),) = site.ledger.reports()
    assert "a mistake of ours" in report.unreadable
    assert site.log[-1] == ("acknowledged", 1)
    assert [one["where"] for one in site.writer.faults.shown()] == ["understood"]
    assert site.count("reports_unreadable") == 1


def test_without_a_checkpoint_all_else_is_stored(site, monkeypatch):
    def breaks():
        raise RuntimeError("too deep")

    monkeypatch.setattr(site.writer.line.correlator, "checkpoint", breaks)
    site.arrives(1)
    site.writer.receive(NOW)
    assert site.stored() == {1}
    assert [one["where"] for one in site.writer.faults.shown()] == ["written down for the next start"]


def test_reports_are_counted_by_their_source_and_what_is_none_of_ours_together(site):
    for number, source in enumerate(("pacemaker", "pacemaker", "x" * 40, "bridge"), 1):
        site.arrives(number, source=source)
    site.writer.receive(NOW)
    assert (site.count("reports", source="pacemaker"), site.count("reports", source="other")) == (2, 2)
    assert site.count("commits") == 1


def test_the_bridges_own_word_is_a_report_like_any_other(site):
    site.writer.report("operator", "alpha", {"do": "ack", "incident": "nothing", "author": "ann"}, NOW)
    ((_, report),) = site.ledger.reports()
    assert (report.source, report.cluster, report.node, report.received_at) == ("operator", "alpha", "", NOW)
    assert json.loads(report.body)["author"] == "ann"


def test_a_hold_ends_without_any_report(site):
    """A failed monitor rings after half a minute, when nobody has said that it is well."""
    site.arrives(1, task="monitor", interval="10000", rc="1")
    site.writer.receive(NOW)
    for seconds in range(30):
        site.writer.pass_time(NOW + timedelta(seconds=seconds))
    assert site.owed == []
    for seconds in range(30, 40):
        site.writer.pass_time(NOW + timedelta(seconds=seconds))
    assert len(site.owed) == 1
