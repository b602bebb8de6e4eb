"""What a board is sent, when, and why: time is handed in, and the board of these tests is a dictionary."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.core.showing.board import Board
from bridge.core.showing.life import LIFE, Life, Step, advance
from bridge.core.showing.pace import Pace
from bridge.core.showing.picture import LONGEST_TEXT, SHADES, Seen, Shade, Target, words
from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.core.world.condition import Condition, gone
from bridge.core.world.event import Severity
from tests.conftest import examples

T0 = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OWN = Target("bell", "Quorumbell")
WEB = Target("ha1", "web")


def place(cluster, subject):
    kind, _, name = subject.partition("/")
    if kind == "attribute":
        return None
    return Target(cluster, "pair" if kind == "pair" else name or "Cluster")


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def condition(subject="resource/web", severity=Severity.CRITICAL, why="web runs nowhere", since=T0, key="k1", cluster="ha1"):
    return Condition(cluster=cluster, subject=subject, severity=severity, since=since, why=why, incident_key=key)


def board(**pace):
    return Board(place, OWN, Pace(**pace), name="noc")


def send(one, now, verdict=None, limit=100):
    shows = one.next(now, limit)
    for show in shows:
        one.answered(show, verdict or Delivered(), now)
    return shows


def echo(shows):
    return [Seen(target=show.target, shade=show.shade, text=show.text) for show in shows]


def life_of(one, target=WEB):
    return one._objects[target].life


# --- what is true


def test_an_object_says_what_why_since_when_and_in_which_incident():
    one = board()
    one.learn(condition(), at(90), number=7)
    (show,) = one.next(at(90), 10)
    assert show.target == WEB
    assert show.shade is Shade.CRITICAL
    assert show.text == "CRITICAL - web runs nowhere (incident 7, since 2026-11-24 03:00:00 UTC)"
    assert show.bad_for == timedelta(seconds=90)


@pytest.mark.parametrize(
    "severity,shade,bad_for",
    [
        (Severity.OK, Shade.OK, timedelta(0)),
        (Severity.INFO, Shade.OK, timedelta(0)),
        (Severity.WARNING, Shade.WARNING, timedelta(seconds=5)),
        (Severity.CRITICAL, Shade.CRITICAL, timedelta(seconds=5)),
        (Severity.UNKNOWN, Shade.UNKNOWN, None),
    ],
)
def test_severities(severity, shade, bad_for):
    one = board()
    one.learn(condition(severity=severity, key=None), at(5))
    (show,) = one.next(at(5), 10)
    assert (show.shade, show.bad_for) == (shade, bad_for)


def test_every_severity_has_a_state():
    assert set(SHADES) == set(Severity)


def test_an_object_of_several_subjects_shows_the_worst_and_names_what_is_not_well():
    one = board()
    one.learn(condition("pair/a", Severity.OK, "a is well"), T0)
    one.learn(condition("pair/b", Severity.WARNING, "b limps", key="kb"), T0)
    one.learn(condition("pair/c", Severity.CRITICAL, "c is gone", key="kc"), T0)
    (show,) = one.next(T0, 10)
    assert show.shade is Shade.CRITICAL
    assert show.text.startswith("CRITICAL - c: c is gone (since")
    assert "b: b limps" in show.text
    assert "a is well" not in show.text
    assert one.scene.troubled(show.target) == [("ha1", "pair/b"), ("ha1", "pair/c")]
    assert one.scene.subjects(show.target) == [("ha1", "pair/a"), ("ha1", "pair/b"), ("ha1", "pair/c")]


def test_a_subject_without_a_place_is_left_out():
    one = board()
    one.learn(condition("attribute/x@n1"), T0)
    assert one.next(T0, 10) == []


def test_never_green_because_nobody_spoke():
    one = board()
    one.learn(condition(severity=Severity.OK, why="web runs on n1", key=None), T0)
    one.learn(condition("relay/n1", Severity.WARNING, "the relay of n1 is silent", key="r"), T0)
    one.hear("ha1", "n1", None, T0)
    one.hear("ha1", "n2", None, T0)
    send(one, T0)
    one.hear("ha1", "n1", at(60), at(60))
    assert one.next(at(60), 10) == [], "n2 still speaks for the cluster"
    one.hear("ha1", "n2", at(70), at(70))
    (show,) = send(one, at(70))
    assert (show.target, show.shade, show.bad_for) == (WEB, Shade.UNKNOWN, None)
    assert show.text.startswith("UNKNOWN - no relay of ha1 is heard; the last word was OK: web runs on n1")
    one.hear("ha1", "n2", None, at(80))
    (show,) = send(one, at(80))
    assert show.shade is Shade.OK


def test_a_disk_has_one_witness_only():
    one = board()
    one.learn(condition("drbd/r0@n1", Severity.OK, "r0 is up to date", key=None), T0)
    one.learn(condition("drbd/r0", Severity.OK, "r0 is connected", key=None), T0)
    one.hear("ha1", "n1", None, T0)
    one.hear("ha1", "n2", None, T0)
    send(one, T0)
    one.hear("ha1", "n1", at(60), at(60))
    (show,) = send(one, at(60))
    assert show.target.service == "r0@n1"
    assert show.text.startswith("UNKNOWN - the relay of n1 is silent")


@pytest.mark.parametrize(
    "text,line",
    [
        ("a | b\nc\x07", "a / b c?"),
        ("schön \U0001f514", "schön ?"),
        ("x" * 5000, "x" * (LONGEST_TEXT - 3) + "..."),
        ("ü" * 3000, "ü" * ((LONGEST_TEXT - 3) // 2) + "..."),
        ("a\ud800", "a?"),
    ],
)
def test_one_line_that_every_board_takes(text, line):
    assert words(text) == line
    assert len(words(text).encode()) <= LONGEST_TEXT


# --- what is sent, and when


def test_only_the_newest_counts_and_one_request_an_object_is_under_way():
    one = board()
    for number in range(100):
        one.learn(condition(why=f"change {number}"), T0)
    (show,) = one.next(T0, 10)
    assert "change 99" in show.text
    one.learn(condition(why="newer"), T0)
    one.learn(condition(severity=Severity.OK, why="newest", key=None), T0)
    assert one.next(T0, 10) == []
    one.answered(show, Delivered(), at(1))
    (show,) = one.next(at(1), 10)
    assert (show.shade, life_of(one)) == (Shade.OK, Life.OWED)
    one.answered(show, Delivered(), at(2))
    assert life_of(one) is Life.TAKEN
    assert one.next(at(2), 10) == []


def test_the_bridges_own_word_goes_first_then_the_worst_then_refreshes():
    one = board(refresh=timedelta(seconds=100))
    one.learn(condition("resource/old", Severity.OK), T0)
    send(one, T0)
    one.learn(condition("resource/ok", Severity.OK), at(100))
    one.learn(condition("resource/warn", Severity.WARNING), at(100))
    one.learn(condition("resource/crit", Severity.CRITICAL), at(100))
    one.beat(Shade.OK, "OK - alive", at(100))
    assert [show.target.service for show in one.next(at(100), 10)] == ["Quorumbell", "crit", "warn", "ok", "old"]


def test_it_is_told_again_before_it_goes_stale_and_the_bridge_beats_each_minute():
    one = board()
    one.learn(condition(), T0)
    one.beat(Shade.OK, "OK - 1", T0)
    assert len(send(one, T0)) == 2
    sent = {OWN: 0, WEB: 0}
    for second in range(1, 3601):
        one.beat(Shade.OK, f"OK - {second}", at(second))
        for show in send(one, at(second)):
            sent[show.target] += 1
    assert sent == {OWN: 60, WEB: 6}


def test_what_the_bridge_says_of_itself_is_as_it_is_when_it_is_sent_and_a_new_state_does_not_wait():
    one = board()
    one.beat(Shade.OK, "OK - early", T0)
    one.beat(Shade.OK, "OK - late", T0)
    (show,) = send(one, T0)
    assert show.text == "OK - late"
    one.beat(Shade.WARNING, "WARNING - two objects are missing", at(1))
    (show,) = send(one, at(1))
    assert show.shade is Shade.WARNING


def test_a_board_that_fails_rests_then_one_request_tries():
    one = board()
    for name in "abcde":
        one.learn(condition(f"resource/{name}"), T0)
    first, *rest = one.next(T0, 3)
    one.answered(first, TryLater("503 from opsview"), T0)
    for show in rest:
        one.unsent(show)
    assert one.next(at(0.5), 10) == []
    assert one.next_at() == at(1)
    (probe,) = one.next(at(1), 10)
    assert probe.target != first.target, "one poisoned object must not hold the others"
    one.answered(probe, Delivered(), at(1))
    assert {show.target.service for show in send(one, at(2))} == set("abcde") - {probe.target.service}
    assert one.remarks == ["noc cannot be told: 503 from opsview", "noc answers again, after 1 failures"]


def test_failures_wait_longer_but_a_minute_at_most_and_a_wish_is_granted():
    one = board()
    one.learn(condition(), T0)
    now, waits = T0, []
    for _ in range(9):
        (show,) = one.next(now, 1)
        one.answered(show, TryLater("no answer"), now)
        waits.append((one.next_at() - now).total_seconds())
        now = one.next_at()
    assert waits == [1, 2, 5, 10, 20, 30, 60, 60, 60]
    (show,) = one.next(now, 1)
    one.answered(show, TryLater("429", after=timedelta(seconds=200)), now)
    assert one.next_at() == now + timedelta(seconds=200)


def test_a_hundred_thousand_changes_while_a_board_is_away_take_no_room():
    one = board()
    one.learn(condition(), T0)
    (show,) = one.next(T0, 1)
    one.answered(show, TryLater("no answer"), T0)
    for number in range(10_000):
        one.learn(condition(severity=(Severity.OK, Severity.WARNING, Severity.CRITICAL)[number % 3], why=str(number)), T0)
    assert len(one._queue) < 10
    (show,) = one.next(at(5), 10)
    assert "9999" in show.text


# --- reading back


def test_what_is_seen_is_true_and_what_is_not_is_told_again():
    one = board()
    one.learn(condition(), T0)
    shows = send(one, T0)
    assert one.look(at(29)) is None
    assert one.look(at(30)) == ["ha1"]
    one.seen([Seen(target=WEB, shade=Shade.OK, text="OK - old")], at(10), at(10))
    assert life_of(one) is Life.TAKEN, "results are queued: it may still come"
    one.seen([Seen(target=WEB, shade=Shade.OK, text="OK - old")], at(30), at(30))
    assert life_of(one) is Life.FALSE
    assert one.standing().untrue == (("ha1", "web", "false", "it shows OK: OK - old"),)
    assert send(one, at(30)) == [msgspec_replace(shows[0], bad_for=timedelta(seconds=30))]
    one.seen(echo(shows), at(60), at(60))
    assert life_of(one) is Life.TRUE
    assert one.standing().untrue == ()
    one.seen([Seen(target=WEB, shade=Shade.UNKNOWN, text="UNKNOWN: Service results are stale")], at(90), at(90))
    assert send(one, at(90)), "somebody or something changed it: it is told again"


def msgspec_replace(show, **changes):
    import msgspec

    return msgspec.structs.replace(show, **changes)


def test_words_that_a_filter_mends_are_sent_twice_not_for_ever():
    one = board()
    one.learn(condition(), T0)
    send(one, T0)
    mended, sent = Seen(target=WEB, shade=Shade.CRITICAL, text="CRITICAL - *** runs nowhere"), 0
    for minute in range(1, 9):
        one.seen([mended], at(60 * minute), at(60 * minute))
        sent += len(send(one, at(60 * minute)))
    assert (sent, life_of(one)) == (1, Life.TRUE)
    one.learn(condition(why="web still runs nowhere"), at(541))
    send(one, at(541))
    one.seen([mended], at(600), at(600))
    assert life_of(one) is Life.FALSE, "new words must be seen"


def test_an_object_that_is_not_there_is_told_once_and_sent_when_it_appears():
    one = board()
    one.learn(condition(), T0)
    send(one, T0, GiveUp("400 from opsview: No objects chosen"))
    assert life_of(one) is Life.REFUSED
    for minute in range(1, 15):
        one.seen([], at(60 * minute), at(60 * minute))
        assert send(one, at(60 * minute)) == []
    assert len(one.remarks) == 1
    one.learn(condition(severity=Severity.WARNING, why="better"), at(800))
    assert send(one, at(800)) == []
    one.seen([Seen(target=WEB, shade=Shade.OK)], at(850), at(850))
    (show,) = send(one, at(850))
    assert show.text.startswith("WARNING - better")
    assert life_of(one) is Life.TAKEN
    assert one.remarks[1:] == ["noc takes web on ha1 now"]


def test_a_server_that_takes_everything_is_not_believed():
    one = board()
    one.learn(condition(), T0)
    send(one, T0)
    one.seen([], at(30), at(30))
    assert life_of(one) is Life.REFUSED
    assert len(send(one, at(3630))) == 1
    assert life_of(one) is Life.REFUSED
    assert send(one, at(3631)) == []


def test_what_is_refused_though_it_is_there_is_tried_rarely():
    one = board()
    one.learn(condition(), T0)
    sent = 0
    for minute in range(60):
        sent += len(send(one, at(60 * minute), GiveUp("400: may not be touched")))
        one.seen([Seen(target=WEB, shade=Shade.OK)], at(60 * minute), at(60 * minute))
    assert sent == 5, "every quarter of an hour, and once when it is first seen there"
    assert len(one.remarks) == 1


def test_what_may_not_be_read_is_still_told():
    one = board()
    one.learn(condition(), T0)
    send(one, T0)
    for minute in range(1, 4):
        one.seen(GiveUp("403 from opsview: Access denied"), at(60 * minute), at(60 * minute))
    assert one.remarks == ["noc cannot be read back: 403 from opsview: Access denied"]
    one.learn(condition(severity=Severity.OK, key=None), at(200))
    assert len(send(one, at(200))) == 1
    assert "cannot be read back" in one.standing().last_word


def test_a_board_that_cannot_be_read_just_now_rests():
    one = board()
    one.learn(condition(), T0)
    one.seen(TryLater("no answer"), T0, T0)
    assert one.next(T0, 1) == []
    assert one.standing().failures == 1


def test_the_table_of_an_objects_life():
    for life, step in product(Life, Step):
        if (life, step) in LIFE:
            assert advance(life, step) is LIFE[life, step]
        else:
            with pytest.raises(ValueError, match="cannot"):
                advance(life, step)


class AnyBoard(RuleBasedStateMachine):
    """Whatever happens on both sides: one request an object at once, nothing old after something new, and it ends true."""

    def __init__(self):
        super().__init__()
        self.board = board(refresh=timedelta(seconds=300))
        self.now = T0
        self.flying = []
        self.truth = {}
        self.refused = set()
        self.there = {Target("ha1", name) for name in "abc"}
        self.shown = {}
        self.count = 0

    @rule(name=st.sampled_from("abcd"), severity=st.sampled_from([Severity.OK, Severity.WARNING, Severity.CRITICAL]))
    def change(self, name, severity):
        self.count += 1
        self.truth[Target("ha1", name)] = self.count
        self.board.learn(condition(f"resource/{name}", severity, f"<{self.count}>"), self.now)

    @rule(name=st.sampled_from("abcd"))
    def delete(self, name):
        self.count += 1
        self.truth[Target("ha1", name)] = self.count
        self.board.learn(gone("ha1", f"resource/{name}", (self.now, f"<{self.count}>")), self.now)

    @rule(silent=st.booleans())
    def relay(self, silent):
        self.board.hear("ha1", "n1", self.now if silent else None, self.now)

    @rule(limit=st.integers(1, 4))
    def hand_out(self, limit):
        shows = self.board.next(self.now, limit)
        assert not {show.target for show in shows} & {show.target for show in self.flying}
        self.flying += shows

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), how=st.sampled_from(["taken", "lost", "fails", "unsent"]))
    def answer(self, data, how):
        show = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        if how in {"taken", "lost"}:
            if show.target not in self.there:
                self.refused.add(show.target)
                self.board.answered(show, GiveUp("not there"), self.now)
                return
            old, new = self.shown.get(show.target, ""), show.text
            assert number(new) >= number(old), "an old state after a new one"
            self.shown[show.target] = new
        if how == "taken":
            self.board.answered(show, Delivered(), self.now)
        elif how == "unsent":
            self.board.unsent(show)
        else:
            self.board.answered(show, TryLater("no answer"), self.now)

    @rule(seconds=st.sampled_from([1, 5, 40, 400]))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule()
    def look(self):
        if self.board.look(self.now) is not None:
            self.read()

    @rule(name=st.sampled_from("abcd"))
    def reload(self, name):
        self.refused.add(Target("ha1", name))
        self.there ^= {Target("ha1", name)}

    def read(self):
        self.board.seen([self.row(target) for target in self.there], self.now, self.now)

    def row(self, target):
        text = self.shown.get(target, "")
        shade = Shade[text.partition(" ")[0]] if text else Shade.OK
        return Seen(target=target, shade=shade, text=text)

    @invariant()
    def it_can_say_how_it_is(self):
        standing = self.board.standing()
        assert standing.owed <= standing.objects

    def teardown(self):
        """From here on all goes well: soon everything that is there shows the newest."""
        self.board.hear("ha1", "n1", None, self.now)
        for show in self.flying:
            self.board.unsent(show)
        for _ in range(200):
            self.now += timedelta(seconds=5)
            for show in self.board.next(self.now, 10):
                if show.target in self.there:
                    self.shown[show.target] = show.text
                verdict = Delivered() if show.target in self.there else GiveUp("not there")
                self.board.answered(show, verdict, self.now)
            self.read()
        for target, count in self.truth.items():
            if target in self.there and (self.board.knows(target) or target not in self.refused):
                assert number(self.shown[target]) == count
            if target in self.there and self.board.knows(target):
                assert life_of(self.board, target) is Life.TRUE


def number(text):
    return int(text.partition("<")[2].partition(">")[0] or 0)


TestAnyBoard = AnyBoard.TestCase
TestAnyBoard.settings = examples(60, stateful_step_count=40)


def test_why_it_is_refused_is_said_also_after_it_changed():
    one = board()
    one.learn(condition(), T0)
    send(one, T0, GiveUp("400: no such service"))
    one.learn(condition(severity=Severity.WARNING, why="web limps"), at(1))
    ((_, _, life, why),) = one.standing().untrue
    assert (life, why) == ("refused", "400: no such service")


def test_what_was_refused_before_the_first_reading_is_sent_once_it_is_found():
    """The bridge was started, and Opsview reloaded, before anything was read."""
    one = board()
    one.learn(condition(), T0)
    shows = send(one, T0, GiveUp("400: no such service"))
    one.seen([Seen(target=WEB, shade=Shade.UNKNOWN, text="pending")], at(30), at(30))
    assert [show.target for show in send(one, at(30), GiveUp("403"))] == [shows[0].target]
    one.seen([Seen(target=WEB, shade=Shade.UNKNOWN, text="pending")], at(60), at(60))
    assert one.next(at(60), 10) == [], "found once is enough: it is refused for another reason"


# --- what is there no more


def farewell(subject="resource/web", cluster="ha1"):
    return gone(cluster, subject, (at(100), "deleted from the configuration"))


def test_what_is_gone_is_told_once_more_and_then_no_more():
    one = board()
    one.learn(condition(), T0)
    send(one, T0)
    one.learn(farewell(), at(100))
    (show,) = send(one, at(100))
    assert (show.target, show.shade) == (WEB, Shade.OK)
    assert show.text == "OK - deleted from the configuration (since 2026-11-24 03:01:40 UTC)"
    assert send(one, at(100_000)) == []
    assert not one.knows(WEB)
    assert one.lives() == {}


def test_it_is_told_again_as_long_as_the_board_shows_otherwise():
    one = board()
    one.learn(condition(), T0)
    was = send(one, T0)
    one.learn(farewell(), at(100))
    assert send(one, at(100), TryLater("busy")) != []
    last = send(one, at(1000))
    one.seen(echo(was), at(1100), at(1100))
    assert [show.text for show in send(one, at(1400))] == [show.text for show in last]
    one.seen(echo(last), at(1500), at(1500))
    assert send(one, at(100_000)) == []


def test_a_board_without_such_an_object_hears_no_more_of_it():
    one = board()
    one.learn(farewell(), T0)
    assert len(send(one, T0, GiveUp("no such service"))) == 1
    assert send(one, at(100_000)) == []
    assert one.standing().untrue == ()


def test_what_stands_for_several_shows_the_others():
    one = board()
    one.learn(condition("pair/a"), T0)
    one.learn(condition("pair/b", severity=Severity.OK, why="runs on n1"), T0)
    one.learn(farewell("pair/a"), at(100))
    (show,) = send(one, at(100))
    assert (show.shade, "runs on n1" in show.text) == (Shade.OK, True)
    assert len(send(one, at(100_000))) == 1


def test_what_comes_again_is_shown_again():
    one = board()
    one.learn(farewell(), T0)
    send(one, T0)
    one.learn(condition(), at(10))
    assert [show.shade for show in send(one, at(10))] == [Shade.CRITICAL]
    assert len(send(one, at(100_000))) == 1


def test_nobody_speaks_for_what_is_gone_and_that_does_not_matter():
    one = board()
    one.learn(condition(), T0)
    one.hear("ha1", "n1", None, T0)
    one.learn(farewell(), at(10))
    one.hear("ha1", "n1", at(20), at(20))
    assert [show.shade for show in send(one, at(20))] == [Shade.OK]
