"""Who is told what, and when: routes, groups, brakes, times of the week, escalation, silences and acknowledgements."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.telling.brake import Brake
from bridge.core.telling.holds import UNBRAKED
from bridge.core.telling.intervals import Calendar, Interval
from bridge.core.telling.match import Route, Step, parse
from bridge.core.telling.notice import Telling
from bridge.core.telling.quiet import Silence
from bridge.core.telling.route import Router
from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident, Kind, State
from tests.conftest import examples

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NIGHT_OFF = Calendar(only=(Interval(times=((8 * 60, 18 * 60),)),))
"""UTC: the tests' night is at 03:00."""


def told(notices):
    return [(one.receiver, str(one.kind)) for one in notices]


def pass_time(router, now, until):
    """As the bridge does: it looks at each moment at which something is due."""
    notices = []
    while (due := router.next_due()) is not None and due <= until:
        now = max(now, due)
        notices += router.review([], now)
    return notices + router.review([], until)


def test_a_route_that_is_shut_waits_and_tells_what_is_still_open(make):
    router = Router((Route(receivers=("noc",), calendar=NIGHT_OFF),))
    lasting, short = make.open("web"), make.open("db")
    assert router.review([lasting, short], make.now) == []
    router.review([make.closed(short)], make.now + HOUR)
    notices = pass_time(router, make.now + HOUR, make.now + 6 * HOUR)
    assert told(notices) == [("noc", "opened")]
    assert (notices[0].incident.root, notices[0].at.hour) == ("resource/web", 8)


def test_who_was_told_in_time_hears_the_end_at_any_time_but_no_reminder(make):
    router = Router((Route(receivers=("noc",), calendar=NIGHT_OFF),))
    afternoon = make.now.replace(hour=17)
    incident = make.open(at=afternoon)
    assert told(router.review([incident], afternoon)) == [("noc", "opened")]
    assert pass_time(router, afternoon, afternoon + 10 * HOUR) == []
    assert told(router.review([make.closed(incident)], afternoon + 10 * HOUR)) == [("noc", "closed")]


@pytest.mark.parametrize("kind", sorted(UNBRAKED))
def test_data_in_danger_rings_at_any_time_unless_the_route_says_otherwise(make, kind):
    usual = Route(receivers=("noc",), calendar=NIGHT_OFF, hold=HOUR, group=HOUR)
    assert told(Router((usual,)).review([make.open(kind=kind)], make.now)) == [("noc", "opened")]
    strict = replace(usual, anytime=frozenset())
    assert Router((strict,)).review([make.open(kind=kind)], make.now) == []


def test_a_route_may_let_critical_ones_ring_at_any_time(make):
    router = Router((Route(receivers=("noc",), calendar=NIGHT_OFF, anytime_critical=True),))
    critical, warning = make.open("web"), make.open("db", severity=Severity.WARNING)
    assert [one.incident.root for one in router.review([critical, warning], make.now)] == ["resource/web"]


def test_nobody_acknowledges_so_somebody_else_is_told(make):
    route = Route(
        receivers=("noc",),
        escalate=(Step(after=15 * MINUTE, receivers=("lead",)), Step(after=HOUR, receivers=("boss",))),
    )
    router = Router((route,))
    incident = make.open()
    assert told(router.review([incident], make.now)) == [("noc", "opened")]
    assert pass_time(router, make.now, make.now + 14 * MINUTE) == []
    (notice,) = pass_time(router, make.now, make.now + 15 * MINUTE)
    assert told([notice]) == [("lead", "opened")]
    assert "nobody acknowledged it for 15 min" in notice.reason
    assert router.acknowledge(incident.key, "ann", withdrawn=False, now=make.now + 16 * MINUTE) == []
    assert pass_time(router, make.now, make.now + 3 * HOUR) == [], "somebody has it: nobody further"
    assert told(router.acknowledge(incident.key, "ann", withdrawn=True, now=make.now + 3 * HOUR)) == [("boss", "opened")]
    ended = router.review([make.closed(incident)], make.now + 4 * HOUR)
    assert sorted(told(ended)) == [("boss", "closed"), ("lead", "closed"), ("noc", "closed")]


def test_an_acknowledged_incident_rings_when_it_gets_worse_and_only_then(make):
    router = Router((Route(receivers=("noc",)),))
    incident = make.open()
    router.review([incident], make.now)
    router.acknowledge(incident.key, "ann", withdrawn=False, now=make.now)
    assert pass_time(router, make.now, make.now + 9 * HOUR) == []
    worse = replace(incident, alarms=("now the database is gone too",))
    (notice,) = router.review([worse], make.now + 9 * HOUR)
    assert (notice.kind, notice.reason) == (Telling.ESCALATED, "now the database is gone too")


def test_an_end_during_a_silence_is_told_to_who_heard_the_beginning(make):
    router = Router((Route(receivers=("noc",)),))
    known, unknown = make.open("web"), make.open("db", at=make.now + MINUTE)
    router.review([known], make.now)
    silence = Silence(id="1", matchers=(parse("cluster=alpha"),), author="ann", comment="work", until=make.now + HOUR)
    assert router.silence(silence, make.now) == []
    assert router.review([unknown, replace(known, alarms=("worse",))], make.now + MINUTE) == []
    ended = router.review([make.closed(known), make.closed(unknown)], make.now + 2 * MINUTE)
    assert [(one.kind, one.incident.root) for one in ended] == [(Telling.CLOSED, "resource/web")]


def test_who_heard_the_beginning_hears_the_end_though_another_route_fits_now(make):
    critical = Route(matchers=(parse("severity=critical"),), receivers=("oncall",))
    router = Router((critical, Route(receivers=("noc",))))
    incident = make.open(severity=Severity.WARNING, kind=Kind.RESOURCE_FAILURE, at=make.now - HOUR)
    assert told(router.review([incident], make.now)) == [("noc", "opened")]
    assert told(router.review([replace(incident, severity=Severity.CRITICAL)], make.now)) == [("oncall", "opened")]
    assert sorted(told(router.review([make.closed(incident)], make.now + MINUTE))) == [("noc", "closed"), ("oncall", "closed")]


def test_a_group_tells_the_first_at_once_and_the_others_together(make):
    router = Router((Route(receivers=("noc",), group=MINUTE, repeat=None),))
    many = [make.open(f"vm{number}") for number in range(5)]
    stranger = make.open("other", cluster="beta")
    first = router.review([*many, stranger], make.now)
    assert [(one.kind, one.incident.root) for one in first] == [
        (Telling.OPENED, "resource/vm0"),
        (Telling.OPENED, "resource/other"),
    ]
    (summary,) = pass_time(router, make.now, make.now + MINUTE)
    assert summary.kind is Telling.SUMMARY
    assert [one.root for one in summary.items] == [f"resource/vm{number}" for number in range(1, 5)]
    assert router.review([], make.now + 2 * MINUTE) == []
    ends = router.review([make.closed(one) for one in many], make.now + 3 * MINUTE)
    assert told(ends) == [("noc", "closed")], "who had a message of his own hears it at once"
    (ends_of_others,) = pass_time(router, make.now, make.now + 4 * MINUTE)
    assert (ends_of_others.kind, len(ends_of_others.items)) == (Telling.SUMMARY, 4)
    assert pass_time(router, make.now, make.now + 9 * HOUR) == []


def test_one_that_waited_alone_is_told_as_always(make):
    router = Router((Route(receivers=("noc",), group=MINUTE),))
    assert len(router.review([make.open("web"), make.open("db")], make.now)) == 1
    (late,) = pass_time(router, make.now, make.now + MINUTE)
    assert (late.kind, late.incident.root) == (Telling.OPENED, "resource/db")


def test_a_brake_says_so_once_and_tells_later_what_it_held_back(make):
    router = Router((Route(receivers=("noc",), repeat=None),), brakes={"noc": Brake(count=3, window=10 * MINUTE)})
    storm = [make.open(f"vm{number:02}") for number in range(20)]
    notices = router.review(storm, make.now)
    assert [str(one.kind) for one in notices] == ["opened", "opened", "opened", "braked"]
    assert notices[-1].until == make.now + 10 * MINUTE
    gone = [make.closed(one) for one in storm[5:10]]
    assert router.review(gone, make.now + MINUTE) == []
    split = make.open("r0", kind=Kind.REPLICA_SPLIT_BRAIN, at=make.now + MINUTE)
    assert told(router.review([split], make.now + MINUTE)) == [("noc", "opened")], "a split brain is never braked"
    (summary,) = pass_time(router, make.now, make.now + 10 * MINUTE)
    assert (summary.kind, len(summary.items)) == (Telling.SUMMARY, 17)
    assert [one.state for one in summary.items[-5:]] == [State.CLOSED] * 5, "what is over comes last"
    assert summary.since == make.now
    assert told(router.review([make.open("later")], make.now + 11 * MINUTE)) == [("noc", "opened")], "the brake is off"


def test_silenced_while_braked_is_told_when_the_silence_ends(make):
    router = Router((Route(receivers=("noc",), repeat=None),), brakes={"noc": Brake(count=1, window=MINUTE)})
    assert len(router.review([make.open("a"), make.open("b"), make.open("c")], make.now)) == 2
    silence = Silence(id="1", matchers=(parse("root=resource/b"),), author="ann", comment="", until=make.now + HOUR)
    router.silence(silence, make.now)
    (one,) = pass_time(router, make.now, make.now + 2 * MINUTE)
    assert one.incident.root == "resource/c"
    (other,) = pass_time(router, make.now, make.now + HOUR)
    assert (other.kind, other.incident.root) == (Telling.OPENED, "resource/b")


def test_a_restart_neither_forgets_the_brake_nor_says_again_that_it_is_on(make):
    def new():
        return Router((Route(receivers=("noc",), repeat=None),), brakes={"noc": Brake(count=2, window=10 * MINUTE)})

    router, storm = new(), [make.open(f"vm{number}") for number in range(6)]
    before = router.review(storm, make.now)
    later, again = make.now + MINUTE, new()
    for notice in before:
        again.remember_ring(notice, later)
        if not notice.kind.bundles:
            again.remember(notice.incident, notice)
    for incident in storm:
        again.watch(incident, later)
    assert pass_time(again, later, later + MINUTE) == []
    (summary,) = pass_time(again, later, make.now + 10 * MINUTE)
    assert (summary.kind, len(summary.items)) == (Telling.SUMMARY, 4)


def test_the_ends_of_a_summary_that_come_one_after_the_other_are_told_together(make):
    router = Router((Route(receivers=("noc",), group=MINUTE, repeat=None),))
    many = [make.open(f"vm{number}") for number in range(3)]
    router.review(many, make.now)
    pass_time(router, make.now, make.now + MINUTE)
    for seconds, one in enumerate(many[1:], 1):
        at = make.now + 2 * MINUTE + seconds * make.second
        assert router.review([make.closed(one, at)], at) == []
    (ends,) = pass_time(router, at, at + 2 * MINUTE)
    assert (ends.kind, len(ends.items)) == (Telling.SUMMARY, 2)


def test_where_a_story_goes_on_nobody_waits_longer_for_who_is_next(make):
    router = Router((Route(receivers=("noc",), repeat=None, escalate=(Step(after=15 * MINUTE, receivers=("lead",)),)),))
    first, second = make.open("web"), make.open("db", at=make.now + MINUTE)
    router.review([first], make.now)
    router.review([replace(first, absorbed_into=second.key), second], make.now + MINUTE)
    (notice,) = pass_time(router, make.now + MINUTE, make.now + 15 * MINUTE)
    assert (notice.receiver, notice.incident.key, notice.at) == ("lead", second.key, make.now + 15 * MINUTE)


def test_each_of_several_that_become_part_of_one_says_where_it_goes_on(make):
    router = Router((Route(receivers=("noc",)),), in_place=frozenset({"noc"}))
    parts, whole = [make.open("web"), make.open("db")], make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2")
    threads = {one.thread for one in router.review([whole, *parts], make.now)[1:]}
    notices = router.review([*(replace(one, absorbed_into=whole.key) for one in parts), whole], make.now + MINUTE)
    assert len(threads) == 2
    assert threads <= {one.thread for one in notices}


def test_of_two_routes_that_tell_somebody_further_both_do(make):
    def route(minutes, whom):
        return Route(receivers=("noc",), goes_on=True, repeat=None, escalate=(Step(after=minutes * MINUTE, receivers=(whom,)),))

    router = Router((route(5, "lead"), route(10, "boss")))
    first, second = make.open("web"), make.open("db", at=make.now + MINUTE)
    router.review([first], make.now)
    router.review([replace(first, absorbed_into=second.key), second], make.now + MINUTE)
    further = pass_time(router, make.now + MINUTE, make.now + 10 * MINUTE)
    assert [(one.receiver, one.at) for one in further] == [("lead", make.now + 5 * MINUTE), ("boss", make.now + 10 * MINUTE)]


def test_what_nobody_was_told_of_ends_without_a_fault(make):
    router = Router((Route(receivers=("noc",), hold=HOUR),))
    short, part = make.open("web"), make.open("db")
    assert router.review([replace(part, absorbed_into=short.key), short], make.now) == []
    assert router.review([make.closed(short)], make.now + MINUTE) == []
    assert router.faults == []
    assert router.is_calm(make.now + MINUTE)


def test_a_silence_that_is_running_is_told_and_is_no_calm(make):
    router = Router((Route(receivers=("noc",)),))
    silence = Silence(id="1", matchers=(parse("cluster=alpha"),), author="ann", comment="work", until=make.now + HOUR)
    router.silence(silence, make.now)
    assert router.silences(make.now) == [silence]
    assert not router.is_calm(make.now)
    assert router.silences(make.now + HOUR) == []
    assert router.is_calm(make.now + HOUR)


# --- properties ------------------------------------------------------------------------------------------------------

COUNT, WINDOW, REPEAT = 3, timedelta(minutes=10), HOUR
START = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
KINDS = [Kind.RESOURCE_DOWN, Kind.RESOURCE_FAILURE, Kind.GUEST_FAILURE, Kind.REPLICA_SPLIT_BRAIN, Kind.FENCING_LOOP]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(0, 5400)),
        st.tuples(st.just("back"), st.integers(0, 900)),
        st.tuples(st.just("open"), st.sampled_from(KINDS)),
        st.tuples(st.just("worse"), st.integers(0, 30)),
        st.tuples(st.just("close"), st.integers(0, 30)),
        st.tuples(st.just("ack"), st.integers(0, 30)),
        st.tuples(st.just("again"), st.just(0)),
    ),
    max_size=40,
)
routes = st.builds(
    Route,
    receivers=st.just(("noc",)),
    hold=st.sampled_from([None, timedelta(0), MINUTE]),
    group=st.sampled_from([None, MINUTE]),
    repeat=st.sampled_from([None, REPEAT]),
    escalate=st.sampled_from([(), (Step(after=15 * MINUTE, receivers=("boss",)),)]),
    calendar=st.sampled_from([Calendar(), NIGHT_OFF]),
)


class Story:
    """Drives a router, and counts what may be told at most."""

    def __init__(self, route, brakes):
        self.router = Router((route,), brakes=brakes)
        self.now = self.latest = START
        self.incidents: list[Incident] = []
        self.notices = []
        self.transitions = 0

    def do(self, what, value):
        if what == "wait":
            self.to(self.now + timedelta(seconds=value))
        elif what == "back":
            before = len(self.notices)
            self.now -= timedelta(seconds=value)
            self.notices += self.router.review(self.incidents, self.now)
            assert len(self.notices) == before, "time that steps back tells nothing"
        elif what == "again":
            before = len(self.notices)
            self.notices += self.router.review(self.incidents, self.now)
            assert len(self.notices) == before, "what was told is not told again"
        elif what == "open":
            self.change(
                Incident(
                    key=f"i{len(self.incidents)}",
                    cluster="alpha",
                    kind=value,
                    root="resource/x",
                    state=State.OPEN,
                    severity=Severity.CRITICAL,
                    peak=Severity.CRITICAL,
                    opened_at=self.now,
                    changed_at=self.now,
                    reason="down",
                )
            )
        elif self.incidents:
            incident = self.incidents[value % len(self.incidents)]
            if what == "ack":
                self.notices += self.router.acknowledge(incident.key, "ann", withdrawn=False, now=self.now)
            elif incident.state is State.OPEN and what == "worse":
                self.change(replace(incident, alarms=(*incident.alarms, f"worse {len(incident.alarms)}")))
            elif incident.state is State.OPEN:
                self.change(replace(incident, state=State.CLOSED, severity=Severity.OK, closed_at=self.now))

    def change(self, incident):
        self.transitions += 1
        self.incidents = [one for one in self.incidents if one.key != incident.key] + [incident]
        self.notices += self.router.review([incident], self.now)

    def to(self, until):
        while (due := self.router.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            self.notices += self.router.review([], self.now)
        self.now = until
        self.notices += self.router.review([], until)


@examples(400)
@given(routes, steps)
def test_no_storm_whatever_happens(route, played):
    story = Story(route, {"noc": Brake(count=COUNT, window=WINDOW)})
    for what, value in played:
        story.do(what, value)
    story.to(max(story.now, START) + timedelta(days=1))
    of_noc = [one for one in story.notices if one.receiver == "noc"]
    spent = (story.now - START) / REPEAT + 1
    repeats = len(story.incidents) * int(spent) if route.repeat else 0
    single = [one for one in of_noc if not one.kind.bundles]
    assert len(single) <= story.transitions + repeats
    assert all(one.reason for one in story.notices)
    assert not [one for one in story.notices for item in one.items if item.kind in UNBRAKED], "never bundled"
    if not any(what == "back" for what, _ in played):
        rings = [one.at for one in of_noc if one.kind.rings and one.incident.kind not in UNBRAKED]
        for at in rings:
            assert sum(at <= other < at + WINDOW for other in rings) <= COUNT + 1
    for incident in story.incidents:
        if incident.state is State.OPEN:
            heard = [one for one in of_noc if incident.key in {one.incident.key, *(item.key for item in one.items)}]
            acknowledged = ("ack", incident.key) in [(what, f"i{value}") for what, value in played] or any(
                w == "ack" for w, _ in played
            )
            assert heard or acknowledged, "a critical incident that lasts is told"


@examples(200)
@given(steps)
def test_each_beginning_that_was_told_has_its_end(played):
    story = Story(Route(receivers=("noc",), repeat=None), {"noc": Brake(count=COUNT, window=WINDOW)})
    for what, value in played:
        story.do(what, value)
    for number, incident in enumerate(list(story.incidents)):
        if incident.state is State.OPEN:
            story.do("close", [one.key for one in story.incidents].index(incident.key))
        assert number >= 0
    story.to(max(story.now, START) + timedelta(hours=2))
    for incident in story.incidents:
        begun = [one for one in story.notices if one.kind is Telling.OPENED and one.incident.key == incident.key]
        ended = [one for one in story.notices if one.kind is Telling.CLOSED and one.incident.key == incident.key]
        listed = [
            item.state for one in story.notices if one.kind is Telling.SUMMARY for item in one.items if item.key == incident.key
        ]
        assert len(begun) <= 1
        assert len(ended) <= 1
        if begun:
            assert ended or State.CLOSED in listed
        if State.OPEN in listed:
            assert ended or listed[-1] is State.CLOSED
