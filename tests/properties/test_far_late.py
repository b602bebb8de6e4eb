"""A node was cut off, its cluster goes on: what it brings comes behind more than can be understood again."""

from datetime import timedelta

import msgspec
import pytest

from bridge.core import cluster
from bridge.core.line import Line
from bridge.core.words import WORD
from bridge.core.world.incident import State
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell
from tests.properties.recordings import HOUR, REPORTS, SINGLE

pytestmark = pytest.mark.many

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
NEWER = 60
WITHOUT_IT = {
    ("10-two-nodes-fencing-dead", "master-1"): "that etcd ran on the node that died: told in time as a failure of its own",
    ("fencing-loop", "n3"): "the stops that failed, and so the loop: that the node is away was told in time",
    ("field-promoted-nowhere", "ora1"): "that mysql was promoted on the node that died: told in time as down",
    ("lab-remote-node", "n1"): "that the remote node was lost, and not only could not be fenced: that story was over in time",
    ("lab-takeover-fails-everywhere", "n3"): "that db ran on the node that died: told in time as down",
}
"""By recording and late node: what it alone knew. What the others told in time is as true as what would be told in order."""
CASES = [(name, node) for name in SINGLE for node in sorted({one.node for one in REPORTS[name]})]


@pytest.fixture
def short_reach(monkeypatch):
    monkeypatch.setattr(cluster, "REACH", 12)


def strangers(reports):
    """Reports of the same cluster about another matter, each an hour and more after the recording."""
    begin = max(one.received_at for one in reports) + HOUR
    for number in range(NEWER):
        at = begin + number * SECOND
        body = {"kind": "attribute", "node": "other", "attribute_name": "x", "attribute_value": str(number)}
        body |= {"node_sequence": str(number + 1), "timestamp_epoch": str(int(at.timestamp())), "timestamp_usec": "0"}
        named = {f"CRM_alert_{key}": value for key, value in body.items()}
        yield msgspec.structs.replace(reports[0], uid=b"stranger-%d" % number, node="other", received_at=at, body=named)


def told(line, batches):
    incidents, notices = {}, []
    for batch in batches:
        now = max(one.received_at for one in batch)
        outcome = line.take(batch, now)
        incidents |= outcome.incidents
        notices.append(outcome.notices)
    incidents |= line.tick(now + HOUR).incidents
    alone = [one for one in incidents.values() if one.absorbed_into is None]
    return alone, notices


def still(incidents):
    return sorted((one.kind, one.root) for one in incidents if one.state is not State.CLOSED)


def arriving(name, late):
    """In time, and then, in one go, what the late node has."""
    reports = REPORTS[name]
    newer = list(strangers(reports))
    tail = [msgspec.structs.replace(one, received_at=newer[-1].received_at) for one in reports if one.node == late]
    return [[one] for one in (*(one for one in reports if one.node != late), *newer)], tail


@pytest.mark.usefixtures("short_reach")
@pytest.mark.parametrize("name, late", [case for case in CASES if case not in WITHOUT_IT])
def test_what_is_open_in_the_end_is_what_would_be_open_in_order(name, late, monkeypatch):
    in_time, tail = arriving(name, late)
    behind, notices = told(Line(Settings(), bell()), [*in_time, tail])
    monkeypatch.setattr(cluster, "REACH", 5_000)
    in_order, _ = told(Line(Settings(), bell()), [[one] for one in REPORTS[name]] + [[one] for one in strangers(REPORTS[name])])
    assert still(behind) == still(in_order)
    rung = {(one.incident.kind, one.incident.root) for one in notices[-1] if one.kind.rings and not one.kind.bundles}
    assert rung <= set(still(in_order)) | {(one.kind, one.root) for one in behind if one.state is State.CLOSED}


@pytest.mark.usefixtures("short_reach")
@pytest.mark.parametrize("name", ["node-power-cut", "monitor-flapping", "stop-fail-fence"])
def test_gathered_and_a_piece_at_a_time_it_ends_the_same(name, monkeypatch):
    monkeypatch.setattr(cluster, "AT_ONCE", 5)
    late = REPORTS[name][-1].node
    in_time, tail = arriving(name, late)
    once, piecemeal = Line(Settings(), bell()), Line(Settings(), bell())
    expected, _ = told(once, [*in_time, tail])
    found = {}
    for batch in in_time:
        found |= piecemeal.take(batch, batch[0].received_at).incidents
    piecemeal.correlator.gathers = True
    now = tail[0].received_at
    for one in tail:
        found |= piecemeal.take([one], now).incidents
    assert piecemeal.correlator.waits_since()
    now += MINUTE
    while (due := piecemeal.correlator.behind_at()) is not None and due <= now:
        found |= piecemeal.catch_up(now, most=2).incidents
    found |= piecemeal.tick(tail[0].received_at + HOUR).incidents
    assert piecemeal.correlator.waits_since() == {}
    assert still(one for one in found.values() if one.absorbed_into is None) == still(expected)
    assert len([*piecemeal.correlator.incidents()]) == len([*once.correlator.incidents()])


@pytest.mark.usefixtures("short_reach")
def test_of_what_is_out_of_reach_the_last_words_are_kept_and_not_the_events():
    line = Line(Settings(), bell())
    told(line, [[one] for one in strangers(REPORTS["node-power-cut"])])
    (world,) = line.correlator.worlds()
    assert [key for key in world.facts if key[0] is WORD] == [(WORD, "attribute", "x", "other")]
