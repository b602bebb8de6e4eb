"""Two sides, one acknowledgement: every difference has one reading."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from msgspec.structs import replace

from bridge.core.showing.acknowledgements import MERGE
from bridge.core.showing.feedback import Feedback
from bridge.core.showing.orders import Act, Order, Story
from bridge.core.showing.picture import Downtime, Mark, Plan, Seen, Shade, Target
from bridge.core.telling.match import parse
from bridge.core.telling.notice import Delivered, GiveUp
from bridge.core.telling.planned import matchers_of
from bridge.core.telling.quiet import Silence
from bridge.core.world.event import Severity, Subject
from bridge.core.world.incident import Incident, Kind, State
from bridge.wire.body import MAX_VALUE

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
A, B = Target("ha1", "A"), Target("ha1", "B")
MINE = Mark("bell", "Quorumbell: acknowledged by ann", ours=True)
THEIRS = Mark("bob", "mine", ours=False)


def incident(key="k", subject="resource/a"):
    return Incident(
        key=key, cluster="ha1", kind=Kind.RESOURCE_DOWN, root=Subject(subject), state=State.OPEN, severity=Severity.CRITICAL,
        peak=Severity.CRITICAL, opened_at=NOW, changed_at=NOW, subjects=(Subject(subject),),
    )  # fmt: skip


STORY = Story((("ha1", Subject("resource/a")),), (incident(),))


def row(target=A, mark=None, shade=Shade.CRITICAL, downtime=None):
    return Seen(target=target, shade=shade, mark=mark, downtime=downtime)


def compare(one, *seen, here="", at=0, silences=(), story=STORY):
    now = NOW + timedelta(seconds=at)
    return one.compare(seen, lambda _: story, lambda _: here, silences, now)


def test_every_pair_of_sides_has_an_answer():
    for both in product((True, False), (True, False), (True, False, None)):
        assert isinstance(MERGE[both], Act)


@pytest.mark.parametrize(
    "mark,here,acts,reports",
    [
        (None, "", [], []),
        (THEIRS, "bob (noc)", [], []),
        (THEIRS, "", [], ["bob (noc)"]),
        (MINE, "", [Act.WITHDRAW], []),
        (None, "ann", [Act.ACKNOWLEDGE], []),
    ],
)
def test_the_first_reading(mark, here, acts, reports):
    told, orders = compare(Feedback("noc"), row(mark=mark), here=here)
    assert [order.act for order in orders] == acts
    assert [fields["author"] for fields in told] == reports


@pytest.mark.parametrize(
    "before,mark,here,acts,withdrawn",
    [
        (True, None, "ann", [], [True]),
        (True, MINE, "", [Act.WITHDRAW], []),
        (False, THEIRS, "", [], [False]),
        (False, None, "ann", [Act.ACKNOWLEDGE], []),
    ],
)
def test_what_changed_since_both_agreed(before, mark, here, acts, withdrawn):
    one = Feedback("noc")
    assert compare(one, row(mark=MINE if before else None), here="ann" if before else "") == ([], [])
    told, orders = compare(one, row(mark=mark), here=here, at=30)
    assert [order.act for order in orders] == acts
    assert [fields["withdraw"] for fields in told] == withdrawn


def test_what_was_asked_of_the_board_is_asked_again_only_after_a_while():
    one = Feedback("noc")
    asked = [bool(compare(one, row(), here="ann", at=at)[1]) for at in (0, 30, 59, 60, 90)]
    assert asked == [True, False, False, True, False]


def test_what_is_refused_is_told_once_and_asked_rarely():
    one = Feedback("noc")
    (order,) = compare(one, row(), here="ann")[1]
    assert "is refused: no" in one.answered(order, GiveUp("no"))
    assert one.answered(order, GiveUp("no")) == ""
    assert compare(one, row(), here="ann", at=600)[1] == []
    assert compare(one, row(), here="ann", at=1800)[1] == [order]
    assert one.answered(order, Delivered()) == ""
    assert order == Order(Act.ACKNOWLEDGE, A, "acknowledged by ann")


@pytest.mark.parametrize("shade", [Shade.OK, None])
def test_a_well_object_has_nothing_to_acknowledge(shade):
    assert compare(Feedback("noc"), row(shade=shade), here="ann") == ([], [])


def test_a_state_that_was_sent_may_drop_it_there_and_that_is_nobodys_wish():
    one = Feedback("noc")
    compare(one, row(mark=MINE), here="ann")
    one.shown(A)
    told, orders = compare(one, row(), here="ann", at=30)
    assert (told, [order.act for order in orders]) == ([], [Act.ACKNOWLEDGE])


def test_strange_words_from_there_become_one_short_line():
    told, _ = compare(Feedback("noc"), row(mark=Mark("bo\nb\x1b", "x" * 9000)))
    assert told[0]["author"] == "bo b? (noc)"
    assert len(told[0]["comment"]) == 500


def test_a_downtime_without_a_known_end_is_a_silence_by_lease():
    one = Feedback("noc")
    told, _ = compare(one, row(downtime=Downtime("bob", "work")))
    assert told[0]["until_us"] == int((NOW + timedelta(hours=1)).timestamp() * 1e6)


def test_a_host_with_thousands_of_services_fits_into_reports():
    subjects = tuple(("ha1", Subject(f"resource/{'x' * 40}-{number}")) for number in range(1000))
    downtime = Downtime("bob", "work", NOW + timedelta(hours=2))
    told, _ = compare(Feedback("noc"), row(downtime=downtime), story=Story(subjects, ()))
    assert len({fields["silence"] for fields in told}) == len(told) > 5
    for fields in told:
        assert len(str(fields["matchers"]).encode()) <= MAX_VALUE
    roots = [parse(str(fields["matchers"]).split("\n")[1]) for fields in told]
    assert all(any(one.holds({"root": (subject,)}) for one in roots) for _, subject in subjects)


def planned(words="in standby", hours=0):
    return STORY._replace(incidents=(), planned=Plan(words, NOW - timedelta(hours=hours)))


def ours(words="in standby"):
    return Downtime("bell", f"Service 'A': Quorumbell: planned work: {words}", NOW + timedelta(days=1), ours=True)


def test_what_is_planned_is_a_downtime_there_as_long_as_it_is_so():
    one = Feedback("noc")
    ((begin,), (end,)) = (compare(one, row(), story=planned())[1], compare(one, row(downtime=ours()), at=90)[1])
    assert begin == Order(Act.BEGIN_DOWNTIME, A, "planned work: in standby", NOW + timedelta(days=1))
    assert end == Order(Act.END_DOWNTIME, A, ours().comment)
    assert compare(one, row(), at=91)[1] == []


def test_other_words_are_the_same_work():
    one = Feedback("noc")
    compare(one, row(), story=planned())
    assert compare(one, row(downtime=ours()), at=60, story=planned("in maintenance"))[1] == []


def test_who_ends_it_there_is_not_contradicted():
    one = Feedback("noc")
    compare(one, row(), story=planned())
    compare(one, row(downtime=ours()), at=60, story=planned())
    assert compare(one, row(), at=600, story=planned())[1] == []
    assert compare(one, row(), at=660)[1] == []
    assert [order.act for order in compare(one, row(), at=720, story=planned())[1]] == [Act.BEGIN_DOWNTIME], "the next time"


def test_what_has_been_so_for_a_day_needs_none():
    assert compare(Feedback("noc"), row(), story=planned(hours=24))[1] == []


def test_their_own_downtime_for_the_same_work_is_theirs():
    told, orders = compare(
        Feedback("noc"), row(downtime=Downtime("bob", "planned work: x", NOW + timedelta(hours=1))), story=planned()
    )
    assert (len(told), orders) == (1, [])


def work(what, seconds=3600, number="w1"):
    matchers = tuple(map(parse, matchers_of("ha1", what)))
    until = NOW + timedelta(seconds=seconds)
    return Silence(id=number, matchers=matchers, author="ann (page)", comment="new memory", until=until, planned=what)


WELL = Story((("ha1", Subject("node/n3")), ("ha1", Subject("relay/n3"))), ())


def test_planned_work_is_a_downtime_there_before_anything_has_happened():
    _, orders = compare(Feedback("noc"), row(), story=WELL, silences=[work("node=n3")])
    assert orders == [
        Order(Act.BEGIN_DOWNTIME, A, "silence w1 by ann (page): new memory", NOW + timedelta(hours=1)),
    ]
    assert compare(Feedback("noc"), row(), story=WELL, silences=[work("node=n4")])[1] == []
    both = WELL._replace(subjects=(*WELL.subjects, ("ha1", Subject("resource/web"))))
    assert compare(Feedback("noc"), row(), story=both, silences=[work("node=n3")])[1] == [], "it would hide the rest"


def test_planned_work_and_its_downtime_end_together():
    one = Feedback("noc")
    there = Downtime("bell", "Service 'A': Quorumbell: silence w1 by ann (page): new memory", NOW + timedelta(hours=1), ours=True)
    assert compare(one, row(downtime=there), story=WELL, silences=[work("node=n3")]) == ([], [])
    assert compare(one, row(downtime=there), at=60, story=WELL)[1] == [Order(Act.END_DOWNTIME, A, there.comment)]


def test_a_plain_silence_is_no_downtime_of_what_is_well():
    plain = replace(work("node=n3"), planned="")
    assert compare(Feedback("noc"), row(), story=WELL, silences=[plain])[1] == []
