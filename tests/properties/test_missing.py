"""One node's reports are missing, or come an hour late: nothing false is told, nothing over is rung, nothing is left out."""

from datetime import timedelta
from functools import cache

import pytest
from msgspec.structs import replace

from bridge.core.world.event import Severity
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell
from tests.judge.judge import faults_of_order
from tests.properties.recordings import HOUR, REPORTS, SINGLE, Checked

pytestmark = pytest.mark.many

MOMENT = timedelta(milliseconds=10)


class Remembered(Checked):
    """A rehearsal that remembers who said that a subject is well, and what each report was decided to be."""

    def __init__(self):
        super().__init__(Settings(), bell())
        self.decisions = {}
        self.good_words = {}
        self._witness = {}

    def take(self, reports):
        self._witness |= {report.uid: report.node for report in reports}
        super().take(reports)
        return self

    def take_late(self, reports, now):
        """All at once, after an hour of silence about them."""
        self._pass_time(now)
        self._keep(self._line.take(reports, now))
        self._pass_time(now + HOUR)

    def _keep(self, outcome):
        super()._keep(outcome)
        self.decisions |= outcome.decisions
        for one in outcome.conditions:
            if one.severity in {Severity.OK, Severity.INFO} and one.uid is not None:
                self.good_words.setdefault(one.subject, set()).add(self._witness.get(one.uid))

    def told(self):
        return [row for row in self.result()["incidents"] if not row["planned"] and row["peak"] not in {"ok", "info"}]

    def story(self, uid):
        """The incident that a report belongs to in the end, and None if to none."""
        key = self.decisions[uid].incident_key
        return None if key is None else self._final(key)


@cache
def whole(name):
    return Remembered().take(REPORTS[name])


def order_of(notices):
    """What is wrong with the order of the words in one thread."""
    closed = notices[-1].kind == "closed"
    return [*faults_of_order([notice.kind.value for notice in notices], closed=closed, reopens=True)]


CASES = [(name, node) for name in SINGLE for node in sorted({report.node for report in REPORTS[name]})]


def without(name, node):
    return [report for report in REPORTS[name] if report.node != node]


def rung(row):
    return any(notice["kind"] in {"opened", "escalated"} for notice in row["notices"])


def untold_good_word(name, node, row):
    """Whether the missing node alone could have said that all is well again with something in the incident."""
    words = whole(name).good_words
    return any(node in words.get(subject, ()) for subject in row["subjects"])


@pytest.mark.parametrize("name, node", CASES)
def test_without_one_nodes_reports_nothing_false_is_told(name, node):
    """Each incident is one of the whole recording, though less may be understood. It is worse, rings or stays open where that
    one does not only if the missing node would have had to say that it is over."""
    rest = without(name, node)
    if not rest:
        return
    for row in Remembered().take(rest).told():
        real = [one for one in whole(name).told() if row["root"] in one["subjects"]]
        assert real, f"{row['kind']} {row['root']} never was"
        if not untold_good_word(name, node, row):
            assert row["peak"] != "critical" or any(one["peak"] == "critical" for one in real)
            assert not rung(row) or any(rung(one) for one in real)
            assert row["state"] == "closed" or any(one["state"] != "closed" for one in real)


@pytest.mark.parametrize("name, node", CASES)
def test_one_nodes_reports_an_hour_late_ring_nothing_that_is_over_and_are_all_understood(name, node):
    first, late = without(name, node), [report for report in REPORTS[name] if report.node == node]
    if not first:
        return
    told = Remembered().take(first)
    before = len(told.notices)
    told.take_late(late, first[-1].received_at + 2 * HOUR)
    rung_before = {(notice.incident.kind, notice.incident.root) for notice in told.notices[:before] if notice.kind == "opened"}
    for notice in told.notices[before:]:
        assert notice.kind != "opened" or (notice.incident.kind, notice.incident.root) not in rung_before, notice.reason
        assert not notice.kind.rings or told.incidents[told._final(notice.incident.key)].state != "closed", notice.reason
    for report in REPORTS[name]:
        assert told.story(report.uid) == whole(name).story(report.uid)
    for thread in {notice.thread for notice in told.notices}:
        assert order_of([notice for notice in told.notices if notice.thread == thread]) == []


@pytest.mark.parametrize("name, node", CASES)
def test_what_a_node_hands_over_an_hour_later_is_rehearsed_as_a_bridge_hears_it(name, node):
    """One after the other, as they come: nobody is rung for what the next of them ends."""
    rest, late = without(name, node), [report for report in REPORTS[name] if report.node == node]
    back = REPORTS[name][-1].received_at + HOUR
    handed_over = [replace(one, received_at=back + place * MOMENT) for place, one in enumerate(late)]
    told = Remembered().take([*rest, *handed_over])
    rung_before = {(notice.incident.kind, notice.incident.root) for notice in told.notices if notice.at < back}
    for notice in told.notices:
        for one in (notice.items or (notice.incident,)) if notice.at >= back and notice.kind.rings else ():
            assert notice.kind == "escalated" or (one.kind, one.root) not in rung_before, f"{one.root} again: {notice.reason}"
            assert one.state == "closed" or told.incidents[told._final(one.key)].state != "closed", notice.reason
