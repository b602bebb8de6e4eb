"""The one writer beside a database that answers when it likes: nothing is acknowledged that is not stored, and nothing is lost."""

import json
from datetime import timedelta

import msgspec
import pytest

from bridge.core.cluster import Decision
from bridge.core.line import Outcome
from bridge.ledger.ledger import Commit, LedgerError, LedgerGone
from bridge.serve import writer as writing
from bridge.serve.writer import commit_of, stored, to_report
from bridge.wire.codec import DEFAULT_WINDOW
from tests.serve.moody import NOW, Site

LATER = NOW + timedelta(minutes=1)


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


def test_what_came_by_two_ways_is_acknowledged_on_both(site):
    site.arrives(1)
    site.arrives(1, wire=1)
    site.writer.receive(NOW)
    assert site.stored() == {1}
    assert sorted(site.wires[0].answered + site.wires[1].answered) == [("acknowledged", 1), ("acknowledged", 1), ("repeated", 1)]
    assert ("acknowledged", 1) in site.wires[0].answered
    assert ("acknowledged", 1) in site.wires[1].answered


def test_only_the_way_on_which_it_came_twice_hears_so(site):
    site.arrives(1)
    site.writer.receive(NOW)
    site.arrives(1, wire=1)
    site.arrives(2)
    site.writer.receive(LATER)
    assert ("repeated", 1) in site.wires[1].answered
    assert ("repeated", 1) not in site.wires[0].answered
    assert ("repeated", 2) not in site.wires[0].answered


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


def test_a_statement_that_is_not_answered_is_waited_for_with_the_relays_on_hold(site):
    meanwhile = []
    site.writer.meanwhile = lambda: meanwhile.append(1)
    site.arrives(1)
    assert site.writer.hold()
    assert (len(meanwhile), [one.uid[-1] for _, one in site.writer.backlog]) == (1, [1])
    assert site.log[0] == ("window", 0)
    site.writer.stopping = True
    assert not site.writer.hold()


def test_that_nothing_can_be_stored_is_said_at_once_and_then_rarely(site, caplog):
    site.ledger.raises = [LedgerError("away")] * 4
    site.arrives(1)
    site.writer.receive(NOW)
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == [
        "nothing can be stored, relays hold their reports: away"
    ]


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


def test_what_waits_already_counts_when_more_comes(site, monkeypatch):
    monkeypatch.setattr(writing, "MOST_HELD", 2 * (writing.BESIDE + 400))
    for number in range(1, 9):
        site.arrives(number)
        assert site.writer.hold()
    assert 1 < len(site.writer.backlog) < 4


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


def test_what_is_late_is_understood_when_it_is_time_and_stored(site, monkeypatch):
    asked = []
    monkeypatch.setattr(site.writer.line, "catch_up", lambda now, _: asked.append(now) or Outcome())
    for due in (None, LATER):
        monkeypatch.setattr(site.writer.line.correlator, "behind_at", lambda due=due: due)
        site.writer.catch_up(NOW)
    assert asked == []
    site.writer.catch_up(LATER)
    assert asked == [LATER]


def test_what_was_refused_for_ever_is_counted(site):
    site.wires[0].spoiled = [object(), object()]
    site.writer.receive(NOW)
    assert site.count("reports_refused") == 2


def test_what_is_now_thought_of_earlier_reports_is_stored_beside_the_new_ones(site):
    site.arrives(1)
    (arrival,) = site.wires[0].drain().arrivals
    report = to_report(msgspec.structs.replace(arrival, offset_ns=-1_500_000))
    assert report.offset == timedelta(milliseconds=-1.5)
    old, new = (2).to_bytes(16), report.uid
    decisions = {uid: Decision(uid, "db@1", f"word on {uid[-1]}") for uid in (old, new)}
    outcome = Outcome(decisions=decisions)
    row = stored(report, arrival.body, outcome)
    commit = commit_of([row], outcome, NOW, b"checkpoint")
    assert commit.redecided == [(old, "db@1", "word on 2")]
    assert commit.checkpoint == b"checkpoint"
    assert (row.offset, row.incident_key, row.decision) == (report.offset, "db@1", "word on 1")


def test_a_report_is_as_old_as_what_it_tells_of_or_else_as_its_arrival(site):
    site.arrives(1)
    (arrival,) = site.wires[0].drain().arrivals
    report = to_report(arrival)
    event = site.writer.line.take([report], NOW).events[report.uid]
    told = msgspec.structs.replace(event, at=NOW - timedelta(hours=1))
    assert stored(report, arrival.body, Outcome(events={report.uid: told})).at == NOW - timedelta(hours=1)
    assert stored(report, arrival.body, Outcome()).at == report.received_at


def test_an_arrival_without_a_source_has_none(site):
    site.arrives(1)
    (arrival,) = site.wires[0].drain().arrivals
    assert to_report(msgspec.structs.replace(arrival, fields={})).source == ""
