"""The bridge's time line: nobody sets it, it never goes back, and it goes on over a restart."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.line import Line
from bridge.core.world.event import from_ns
from bridge.core.world.settings import Settings
from bridge.ledger.ledger import Anchor, Commit, Edge, Ledger
from bridge.rehearse.rehearse import bell
from bridge.serve.clock import EARLIEST_NS, TimeLine
from bridge.serve.faults import Faults
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer
from tests.conftest import examples

S = 10**9
DAY = 86_400
THEN = EARLIEST_NS + 300 * DAY * S


class Machine:
    def __init__(self, wall=THEN, boot="this boot"):
        self.boot, self.boot_ns, self.wall_ns = boot, 50 * S, wall

    def read(self):
        return self.boot_ns, self.wall_ns

    def passes(self, seconds):
        self.boot_ns += round(seconds * S)
        self.wall_ns += round(seconds * S)

    def is_set(self, seconds):
        self.wall_ns += round(seconds * S)

    def line(self, anchor=None):
        return TimeLine(anchor, self.read, self.boot, lambda: self.boot_ns)


def walk(machine, line, seconds):
    """As the loop does, twice a second."""
    for _ in range(2 * seconds):
        machine.passes(0.5)
        line()


def test_while_nobody_sets_it_it_is_the_wall_clock():
    machine = Machine()
    line = machine.line()
    walk(machine, line, 100)
    assert line() == from_ns(machine.wall_ns)
    assert line.last_set is None


@pytest.mark.parametrize("by", [3600, -3600, 1, -1])
def test_what_is_due_in_a_minute_is_due_in_a_minute(by):
    machine = Machine()
    line = machine.line()
    due = line() + timedelta(seconds=60)
    machine.is_set(by)
    walk(machine, line, 59)
    assert line() < due
    walk(machine, line, 2)
    assert line() > due
    assert line.last_set is not None
    assert line.last_set.by == timedelta(seconds=by)


@pytest.mark.parametrize("by", [10, -10])
def test_it_follows_and_arrives(by):
    machine = Machine()
    line = machine.line()
    machine.is_set(by)
    walk(machine, line, 1990)
    assert line() != from_ns(machine.wall_ns)
    walk(machine, line, 20)
    assert line() == from_ns(machine.wall_ns)
    assert line.gap == timedelta(0)


def test_while_nothing_is_open_it_follows_by_half_of_the_time_that_passes():
    machine = Machine()
    line = machine.line()
    line.calm = True
    machine.is_set(10)
    walk(machine, line, 21)
    assert line() == from_ns(machine.wall_ns)


def test_one_reading_that_is_off_is_not_a_clock_that_was_set():
    """The process had to wait between the two readings."""
    machine = Machine()
    line = machine.line()
    machine.is_set(5)
    line()
    machine.is_set(-5)
    walk(machine, line, 10)
    assert line.last_set is None
    assert line() == from_ns(machine.wall_ns)


def test_a_machine_without_a_battery_begins_in_1970_and_jumps_once():
    machine = Machine(wall=40 * S)
    line = machine.line()
    assert line().year == 1970
    machine.is_set(THEN / S)
    line()
    assert line() == from_ns(machine.wall_ns)


@pytest.mark.parametrize("behind", [60, 0])
def test_a_machine_that_was_off_and_is_told_the_time_by_the_network(behind):
    """Its clock goes on from when it was switched off, or from a little before."""
    before = Machine(boot="before")
    anchor = before.line().anchor()
    machine = Machine(wall=THEN - behind * S)
    line = machine.line(anchor)
    walk(machine, line, 30)
    machine.is_set(8 * 3600)
    line()
    assert line() == from_ns(machine.wall_ns)
    machine.is_set(3600)
    line()
    assert line.gap > timedelta(minutes=59), "once; from now on it is as good as any"


def test_but_not_long_after_its_boot():
    anchor = Machine(boot="before").line().anchor()
    machine = Machine()
    line = machine.line(anchor)
    walk(machine, line, 600)
    machine.is_set(3600)
    walk(machine, line, 1)
    assert line.gap > timedelta(minutes=59)


def test_the_past_stays_where_it_was():
    machine = Machine()
    line = machine.line()
    walk(machine, line, 100)
    marks = [(machine.boot_ns, line.at(machine.boot_ns))]
    for by in (7200, -30, 5):
        machine.is_set(by)
        for _ in range(5):
            walk(machine, line, 20)
            marks.append((machine.boot_ns, line.at(machine.boot_ns)))
    assert [line.at(boot_ns) for boot_ns, _ in marks] == [at for _, at in marks]


@examples(100)
@given(st.lists(st.tuples(st.floats(0, 3600), st.floats(-90_000, 90_000), st.booleans()), max_size=20))
def test_it_never_goes_back_and_keeps_its_pace(doings):
    machine = Machine()
    line = machine.line()
    before_ns, before = machine.boot_ns, line.at(line.boot_ns())
    for passed, by, calm in doings:
        machine.passes(passed)
        machine.is_set(by)
        line.calm = calm
        line()
        now_ns, now = machine.boot_ns, line.at(line.boot_ns())
        assert abs((now - before) - (now_ns - before_ns)) <= (now_ns - before_ns) // 2 + 1
        assert now >= before
        before_ns, before = now_ns, now


# ---- over a restart


def kept(anchor, tmp_path):
    """As the ledger gives it back."""
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    ledger.commit(Commit(now=from_ns(THEN), edges=[Edge(cluster="alpha", node="n1"), anchor.row()]))
    found, edges = ledger.anchor(), ledger.edges()
    ledger.close()
    assert [edge.node for edge in edges] == ["n1"], "it is no relay"
    return found


@pytest.mark.parametrize("by", [3600, -3600])
@pytest.mark.parametrize("when", ["before", "while it was stopped"])
def test_a_restart_goes_on_where_it_was(by, when, tmp_path):
    machine = Machine()
    line = machine.line()
    if when == "before":
        machine.is_set(by)
    walk(machine, line, 10)
    was = line()
    anchor = kept(line.anchor(), tmp_path)
    if when != "before":
        machine.is_set(by)
    machine.passes(300)
    line = machine.line(anchor)
    assert abs(line() - was - timedelta(seconds=300)) < timedelta(seconds=300 / 200 + 0.001)


def test_in_another_boot_it_begins_with_the_wall_clock(tmp_path):
    machine = Machine()
    anchor = kept(machine.line().anchor(), tmp_path)
    later = Machine(wall=THEN + DAY * S, boot="next boot")
    assert later.line(anchor)() == from_ns(later.wall_ns)


def test_but_not_before_it_was(tmp_path, caplog):
    machine = Machine()
    line = machine.line()
    anchor = kept(line.anchor(), tmp_path)
    wrong = Machine(wall=THEN - 3600 * S, boot="next boot")
    begun = wrong.line(anchor)
    assert begun() >= line()
    assert "3600 s behind the ledger" in caplog.text
    walk(wrong, begun, 60)
    assert begun() > line() + timedelta(seconds=59)


def test_a_ledger_without_one_gives_none(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    assert ledger.anchor() is None
    ledger.close()
    assert Anchor("b", 5000, 7000).row().node == ""


def test_what_the_bridge_itself_reports_is_dated_by_its_own_time(tmp_path):
    ledger, metrics = Ledger.open(f"sqlite:///{tmp_path}/ledger.db"), Metrics()
    writer = Writer(ledger, Line(Settings(), bell()), [], metrics, lambda _: None, lambda *_: None, Faults(metrics))
    now = datetime.now(UTC) - timedelta(hours=1)  # the clock of this machine was just set on
    writer.report("bridge", "alpha", {"node": "n1", "silent": True}, now)
    ((_, report),) = ledger.reports()
    assert abs(report.at - now) < timedelta(seconds=1)
    ledger.close()
