"""A drawing of bounded size, in which everything is in its place, and which says what it leaves out."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.asked.story import Story
from bridge.core.drbd.events import Call, Change, HandlerCalled, StatesChanged
from bridge.core.world.event import Acknowledged, Action, AttributeSet, EdgeHeard, Fencing, NodeSeen, Outcome, Severity, Silenced
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.outage import Outage
from bridge.ledger.records import StoredReport
from bridge.page.story import marks as reading
from bridge.page.story.axis import CUT_TO, axis, ticks
from bridge.page.story.drawing import NARROW, WIDE, drawing
from bridge.page.story.marks import TOLD, Mark
from bridge.page.story.sorts import SORTS
from bridge.page.story.timeline import MOST_LANES, MOST_MARKS, Bar, Lane, Timeline, rows, timeline
from tests.conftest import examples

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def second(number):
    return AT + timedelta(seconds=number)


def incident(**given):
    filled = {"key": "k", "cluster": "alpha", "kind": Kind.NODE_FAILURE, "root": "node/n3", "state": State.OPEN}
    filled |= {"severity": Severity.CRITICAL, "peak": Severity.CRITICAL, "opened_at": AT, "changed_at": AT}
    return Incident(**(filled | given))


def lost(number, at, node="n3"):
    body = f'{{"CRM_alert_kind": "node", "CRM_alert_node": "{node}", "CRM_alert_desc": "lost", "CRM_alert_nodeid": "3"}}'
    uid = number.to_bytes(16)
    return number, StoredReport(
        uid=uid, cluster="alpha", node="n1", source="pacemaker", at=at, received_at=at, body=body.encode(), incident_key="k"
    )


def story(reports, left_out=0, **given):
    return Story(7, incident(**given), [], reports, left_out, [])


HEAD = {"uid": b"u", "witness": "n1", "at": AT}
ACTION = {"resource": "web", "instance": "web", "node": "n1", "interval_ms": 0, "rc": 0, "target_rc": 0, "status": 0}
FENCING = {"target": "n3", "executioner": "n1", "client": "c", "origin": "n1", "result": "", "ref": "r"}
STATES = {"resource": "r0", "node": "alpha"}


def action(task, outcome=Outcome.GOOD):
    return Action(**HEAD, **ACTION, task=task, outcome=outcome)


def states(*changes):
    return StatesChanged(**HEAD, **STATES, items=tuple(changes))


def change(thing, **named):
    return Change(action="change", object=thing, states=named)


@pytest.mark.parametrize(
    "event, lane, sort",
    [
        (NodeSeen(**HEAD, node="n3", member=False), "node/n3", "lost"),
        (NodeSeen(**HEAD, node="n3", member=True), "node/n3", "back"),
        (Fencing(**HEAD, **FENCING, action="reboot", rc=0), "node/n3", "fenced"),
        (Fencing(**HEAD, **FENCING, action="off", rc=-62), "node/n3", "fencing-failed"),
        (Fencing(**HEAD, **FENCING, action="on", rc=0), "node/n3", "back"),
        (action("start"), "resource/web", "started"),
        (action("stop"), "resource/web", "stopped"),
        (action("promote"), "resource/web", "promoted"),
        (action("migrate_from"), "resource/web", "moved"),
        (action("monitor"), "resource/web", "seen"),
        (action("stop", Outcome.FAILED), "resource/web", "failed"),
        (AttributeSet(**HEAD, node="n1", name="pingd", value="0"), "attribute/pingd@n1", "attribute"),
        (EdgeHeard(**HEAD, node="n1", silent=True), "relay/n1", "silent"),
        (EdgeHeard(**HEAD, node="n1", silent=False), "relay/n1", "heard"),
        (Acknowledged(**HEAD, incident_key="k", author="ann", comment=""), "people", "person"),
        (Silenced(**HEAD, silence_id="s", matchers=(), author="ann", comment="", until=AT), "", "seen"),
        (HandlerCalled(**HEAD, **STATES, call=Call(handler="split-brain")), "drbd/r0", "split"),
        (HandlerCalled(**HEAD, **STATES, call=Call(handler="local-io-error")), "drbd/r0", "failed"),
        (HandlerCalled(**HEAD, **STATES, call=Call(handler="before-resync-target")), "drbd/r0", "resync"),
        (states(change("connection", connection="Connecting")), "drbd/r0", "disconnected"),
        (states(change("connection", connection="Connected")), "drbd/r0", "connected"),
        (states(change("connection", connection="StandAlone")), "drbd/r0", "split"),
        (states(change("peer-device", replication="SyncTarget")), "drbd/r0", "resync"),
        (states(change("peer-device", replication="Established")), "drbd/r0", "in-sync"),
        (states(change("device", disk="Failed")), "drbd/r0", "failed"),
        (states(change("resource", role="Primary")), "drbd/r0", "promoted"),
        (states(change("connection", role="Primary")), "drbd/r0", "seen"),
    ],
)
def test_each_event_is_a_mark_on_the_lane_of_what_it_is_about(event, lane, sort):
    reader = reading.READERS.get(type(event), reading._seen)
    assert list(reader(event)) == [(lane, sort)]
    assert sort in SORTS


def test_a_node_that_was_lost_and_came_back_has_a_bar_between():
    body = b'{"CRM_alert_kind": "node", "CRM_alert_node": "n3", "CRM_alert_desc": "member", "CRM_alert_nodeid": "3"}'
    back = StoredReport(
        uid=b"b" * 16, cluster="alpha", node="n1", source="pacemaker", at=second(60), received_at=second(60), body=body
    )
    (lane,) = timeline(story([lost(1, AT), lost(2, second(5)), (3, back)]), second(90)).lanes
    assert lane.subject == "node/n3"
    assert [(mark.sort, mark.about) for mark in lane.marks] == [("lost", "r1"), ("lost", "r2"), ("back", "r3")]
    assert lane.bars == (Bar("lost", AT, second(60)),)


def test_outages_are_bars_also_of_whom_no_report_is_shown():
    outages = (Outage("guest/vm-a", AT, second(9)), Outage("guest/vm-b", AT))
    found = timeline(story([], outages=outages), second(20))
    assert [(lane.subject, lane.bars) for lane in found.lanes] == [
        ("guest/vm-a", (Bar("outage", AT, second(9)),)),
        ("guest/vm-b", (Bar("outage", AT, None),)),
    ]
    assert (found.goes_on, found.ended_at) == (True, second(20))


def test_a_resource_that_runs_a_guest_stands_on_the_lane_of_the_guest():
    assert reading._lane("resource/vm-a", {"guest/vm-a"}) == "guest/vm-a"
    assert reading._lane("resource/vm-a", {"resource/vm-a"}) == "resource/vm-a"


def test_very_many_reports_and_subjects_are_a_bounded_drawing_that_says_what_is_left_out():
    reports = [lost(number, second(3 * number), f"n{number % 40}") for number in range(1, 4000)]
    found = timeline(story(reports), second(20_000))
    drawn = sum(mark.many for lane in found.lanes for mark in lane.marks)
    assert len(found.lanes) == MOST_LANES
    assert found.lanes_left_out == 40 - MOST_LANES
    assert all(len(lane.marks) == MOST_MARKS for lane in found.lanes)
    on_lanes = sum(1 for _, report in reports for lane in found.lanes if f'"{lane.subject[5:]}"'.encode() in report.body)
    assert found.marks_left_out == on_lanes - drawn > 0
    for form in (WIDE, NARROW):
        picture = drawing(found, form, UTC_ZONE)
        shown = sum(mark.many for lane in picture.lanes for mark in lane.marks)
        assert picture.left_out == on_lanes - shown
        assert sum(len(lane.marks) for lane in picture.lanes) < 24 * (form.width / 15 + 2)


def test_the_table_tells_what_is_drawn():
    found = timeline(story([lost(1, AT)], outages=(Outage("resource/web", second(1), second(9), times=4),)), second(20))
    assert [(row.at, row.until, row.subject, row.word, row.about, row.many) for row in rows(found)] == [
        (AT, None, "node/n3", "mark_lost", "r1", 1),
        (second(1), second(9), "resource/web", "bar_outage", "", 4),
    ]


@examples(200)
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=40), st.sampled_from([WIDE, NARROW]), st.data())
def test_everything_lies_within_the_drawing_in_its_order(instants, form, data):
    sorts = st.sampled_from(sorted(SORTS))
    ordered = sorted(instants)
    marks = tuple(Mark(second(one), "node/n3", data.draw(sorts), "words", f"r{place}") for place, one in enumerate(ordered))
    bars = (Bar("outage", second(ordered[0]), second(ordered[-1])), Bar("outage", second(ordered[0]), None))
    told = Timeline(second(ordered[0]), second(ordered[-1]), True, (Lane("node/n3", bars, marks),))
    picture = drawing(told, form, UTC_ZONE)
    (lane,) = picture.lanes
    places = [mark.x for mark in lane.marks]
    assert places == sorted(places)
    assert all(after - before >= 14.9 for before, after in itertools.pairwise(places))
    assert all(0 <= x <= form.width for x in places)
    assert all(picture.left <= bar.x and bar.x + bar.width <= picture.right + 2.1 for bar in lane.bars)
    assert all(0 <= tick.x <= picture.right + 0.1 for tick in picture.ticks)
    assert sum(mark.many for mark in lane.marks) + picture.left_out == len(marks)


@examples(200)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_time_goes_to_the_right_and_no_quiet_span_takes_most_of_the_room(instants):
    along = axis([second(one) for one in instants], 10, 330)
    places = [along.x(second(one)) for one in sorted(instants)]
    assert places == sorted(places)
    assert along.x(second(-1)) == 10
    assert along.x(second(10**9 + 1)) == 330
    drawn = sum(right - left for left, right, _ in along.cuts)
    assert drawn <= 320 * CUT_TO * len(along.cuts) + 0.001


def test_a_span_of_days_between_seconds_is_cut_and_says_how_long_it_was():
    along = axis([AT, second(4), second(5), second(500_000), second(500_004)], 0, 100)
    assert [cut.length for cut in along.cuts] == [timedelta(seconds=499_995)]
    assert along.x(second(5)) > 40


def test_ticks_are_round_times_where_the_reader_is_and_midnight_is_a_day():
    along = axis([AT, *(AT + timedelta(hours=number) for number in range(60))], 0, 600)
    assert [tick.text for tick in ticks(along, ZoneInfo("Asia/Kathmandu"), 60)][:4] == ["08:45", "18:00", "11-25", "06:00"]


def test_reminders_do_not_take_the_room_of_what_happened():
    reminders = tuple(Mark(AT + timedelta(hours=4 * number), TOLD, "rung", "", f"n{number}") for number in range(1, 40))
    happened = tuple(
        Mark(second(number * 10), "node/n3", sort, "", "r1") for number, sort in enumerate(["lost", "fenced", "back"])
    )
    told = Timeline(AT, AT + timedelta(days=7), True, (Lane("node/n3", (), happened), Lane(TOLD, (), reminders)))
    picture = drawing(told, WIDE, UTC_ZONE)
    assert picture.lanes[0].marks[-1].x > picture.left + 0.8 * (picture.right - picture.left)
