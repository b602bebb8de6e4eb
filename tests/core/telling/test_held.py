"""What a group or a brake holds back: for how long, and what becomes of it meanwhile."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.brake import Brake
from bridge.core.telling.match import Route, Step
from bridge.core.telling.notice import Telling
from bridge.core.telling.route import Router
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

MINUTE = timedelta(minutes=1)


def told(notices):
    return [(str(one.kind), [item.root for item in one.items] or one.incident.root) for one in notices]


@pytest.fixture
def grouped():
    return Router((Route(receivers=("noc",), group=MINUTE, repeat=None),), in_place=frozenset({"noc"}))


def test_with_a_summary_a_group_begins_anew(make, grouped):
    grouped.review([make.open(name) for name in ("a", "b", "c")], make.now)
    assert told(grouped.review([], make.now + MINUTE)) == [("summary", ["resource/b", "resource/c"])]
    assert grouped.review([make.open("d"), make.open("e")], make.now + 1.5 * MINUTE) == []
    assert told(grouped.review([], make.now + 2 * MINUTE)) == [("summary", ["resource/d", "resource/e"])]
    assert told(grouped.review([make.open("f")], make.now + 4 * MINUTE)) == [("opened", "resource/f")], "nothing came for long"


def test_a_summary_of_one_cluster_leaves_another_clusters_group(make, grouped):
    grouped.review([make.open("a"), make.open("b"), make.open("c")], make.now)
    grouped.review([make.open("x", cluster="beta")], make.now + 0.5 * MINUTE)
    grouped.review([], make.now + MINUTE)
    assert grouped.review([make.open("y", cluster="beta")], make.now + 1.25 * MINUTE) == []
    assert told(grouped.review([], make.now + 1.5 * MINUTE)) == [("opened", "resource/y")]


def test_only_a_beginning_waits_for_its_group(make, grouped):
    first, second = make.open("a"), make.open("b", cluster="beta")
    grouped.review([first, second], make.now)
    worse = replace(first, alarms=("worse",))
    assert told(grouped.review([worse], make.now + 0.5 * MINUTE)) == [("escalated", "resource/a")]


def test_what_waits_and_becomes_part_of_another_is_told_as_that(make, grouped):
    first, second = make.open("a"), make.open("b")
    whole = make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2")
    grouped.review([first, second, whole], make.now)
    grouped.review([replace(second, absorbed_into=whole.key)], make.now + 0.5 * MINUTE)
    assert told(grouped.review([], make.now + MINUTE)) == [("opened", "node/n2")]


def test_what_waits_is_told_as_it_is_then(make, grouped):
    first, second = make.open("a"), make.open("b")
    grouped.review([first, second], make.now)
    grouped.review([replace(second, reason="b is still down")], make.now + 0.5 * MINUTE)
    (notice,) = grouped.review([], make.now + MINUTE)
    assert notice.incident.reason == "b is still down"


def test_what_stood_in_a_summary_only_is_not_shown_in_place(make, grouped):
    many = [make.open(name) for name in ("a", "b", "c")]
    grouped.review(many, make.now)
    grouped.review([], make.now + MINUTE)
    changed = [replace(one, subjects=("resource/x",)) for one in many]
    assert told(grouped.review(changed, make.now + 5 * MINUTE)) == [("updated", "resource/a")]


def test_who_cannot_change_what_it_showed_hears_no_update(make):
    router = Router((Route(receivers=("noc",)),))
    incident = make.open()
    router.review([incident], make.now)
    assert router.review([replace(incident, subjects=("resource/x",))], make.now + MINUTE) == []


def test_what_was_told_together_is_reminded_of_and_has_its_ends_told_together(make):
    router = Router((Route(receivers=("noc",), group=MINUTE, repeat=60 * MINUTE),))
    many = [make.open(name) for name in ("a", "b", "c")]
    router.review(many, make.now)
    router.review([], make.now + MINUTE)
    reminded = [one for minute in range(2, 64) for one in router.review([], make.now + minute * MINUTE)]
    assert [one.incident.root for one in reminded] == ["resource/a", "resource/b", "resource/c"]
    assert {one.kind for one in reminded} == {Telling.REMINDER}


@pytest.fixture
def braked():
    return Router((Route(receivers=("noc",), group=MINUTE, repeat=None),), brakes={"noc": Brake(count=2, window=10 * MINUTE)})


def test_a_summary_is_a_ring_for_the_brake(make, braked):
    braked.review([make.open(name) for name in ("a", "b", "c")], make.now)
    assert [one.kind for one in braked.review([], make.now + MINUTE)] == [Telling.SUMMARY]
    (notice,) = braked.review([make.open("d", cluster="beta")], make.now + 2 * MINUTE)
    assert (notice.kind, notice.since) == (Telling.BRAKED, make.now + 2 * MINUTE)
    assert notice.reason == "too many rings: what follows is held back"


def test_so_is_the_only_one_that_waited(make, braked):
    braked.review([make.open("a"), make.open("b")], make.now)
    assert told(braked.review([], make.now + MINUTE)) == [("opened", "resource/b")]
    assert [one.kind for one in braked.review([make.open("d", cluster="beta")], make.now + 2 * MINUTE)] == [Telling.BRAKED]


def test_a_clock_that_is_set_back_holds_nothing_for_longer_than_a_window(make, braked):
    braked.review([make.open(name, cluster=name) for name in ("a", "b", "c")], make.now)
    back = make.now - 600 * MINUTE
    assert braked.review([make.open("d", cluster="d", at=back)], back) == []
    assert told(braked.review([], back + 10 * MINUTE)) == [("opened", "resource/d")], "c has not begun yet, by this clock"


@pytest.mark.parametrize("kind", [Kind.REPLICA_SPLIT_BRAIN, Kind.RESOURCE_DOWN])
def test_after_a_restart_rings_count_for_the_brake_as_before(make, braked, kind):
    """What may not be held back does not count."""
    for name in ("a", "b"):
        (notice,) = Router((Route(receivers=("noc",)),)).review([make.open(name, kind=kind)], make.now)
        braked.remember_ring(notice, make.now + MINUTE)
    (notice,) = braked.review([make.open("c")], make.now + MINUTE)
    assert notice.kind is (Telling.OPENED if kind is Kind.REPLICA_SPLIT_BRAIN else Telling.BRAKED)


def test_after_a_restart_a_summary_was_one_ring(make, braked):
    for _ in range(2):
        router = Router((Route(receivers=("noc",), group=MINUTE),))
        router.review([make.open(name) for name in ("a", "b", "c")], make.now)
        (summary,) = router.review([], make.now + MINUTE)
        braked.remember_ring(summary, make.now + MINUTE)
    assert [one.kind for one in braked.review([make.open("d")], make.now + 2 * MINUTE)] == [Telling.BRAKED]


def test_whose_end_stood_in_a_summary_was_told_of_it(make, grouped):
    many = [make.open(name) for name in ("a", "b", "c")]
    grouped.review(many, make.now)
    grouped.review([], make.now + MINUTE)
    grouped.review([make.closed(one) for one in many[1:]], make.now + 3 * MINUTE)
    grouped.review([], make.now + 4 * MINUTE)
    assert [grouped.was_told(one.key) for one in many] == [True, False, False]


@pytest.mark.parametrize(
    "kind, severity, seconds",
    [
        (Kind.GUEST_FAILURE, Severity.CRITICAL, 0),
        (Kind.GUEST_FAILURE, Severity.WARNING, 30),
        (Kind.REPLICA_FENCING, Severity.CRITICAL, 0),
        (Kind.REPLICA_FENCING, Severity.WARNING, None),
        (Kind.RESOURCE_FAILURE, Severity.WARNING, 30),
    ],
)
def test_what_is_being_mended_has_time_and_what_is_not_rings_at_once(make, kind, severity, seconds):
    router = Router((Route(receivers=("noc",), repeat=None),))
    heard = []
    for second in range(40):
        at = make.now + second * make.second
        given = [make.open(kind=kind, severity=severity)] if second == 0 else []
        heard += [second for one in router.review(given, at) if one.kind.rings]
    assert heard == ([] if seconds is None else [seconds])


@pytest.mark.parametrize(
    "kind, seconds", [(Kind.RESOURCE_FAILURE, 5), (Kind.REPLICA_SPLIT_BRAIN, 0), (Kind.NODE_FENCED_BY_ADMIN, None)]
)
def test_a_routes_own_hold_is_for_all_that_may_wait(make, kind, seconds):
    """What nobody may be made to wait for rings at once, and what nobody is rung for is not rung for."""
    assert Route(hold=5 * make.second).hold_for(kind, Severity.WARNING) == (None if seconds is None else seconds * make.second)


def test_the_gravest_of_what_is_open_is_told_first(make, grouped):
    """Above what began earlier, and above what is over."""
    first, light = make.open("a"), make.open("light", severity=Severity.WARNING)
    over, grave = make.open("over"), make.open("grave", at=make.now + make.second)
    grouped.review([first, light, over], make.now)
    grouped.review([grave, make.closed(over)], make.now + make.second)
    (summary,) = grouped.review([], make.now + MINUTE)
    assert [one.root for one in summary.items] == ["resource/grave", "resource/light", "resource/over"]
    assert summary.reason == "what was held back"


def test_who_was_told_of_both_hears_where_the_story_goes_on(make):
    router = Router((Route(receivers=("noc",), repeat=None),), in_place=frozenset({"noc"}))
    small, whole = make.open("a"), make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2")
    threads = {one.incident.key: one.thread for one in router.review([small, whole], make.now)}
    (notice,) = router.review([replace(small, absorbed_into=whole.key)], make.now + MINUTE)
    assert (notice.kind, notice.thread) == (Telling.UPDATED, threads[small.key])
    assert "part of another incident" in notice.reason


def test_each_step_of_an_escalation_has_its_time(make):
    steps = (Step(after=30 * MINUTE, receivers=("boss",)), Step(after=10 * MINUTE, receivers=("lead",)))
    router = Router((Route(receivers=("noc",), repeat=None, escalate=steps),))
    router.review([make.open("a")], make.now)
    heard = []
    while (due := router.next_due()) is not None and due <= make.now + 90 * MINUTE:
        heard += [(one.receiver, (due - make.now) // MINUTE) for one in router.review([], due)]
    assert heard == [("lead", 10), ("boss", 30)]


def test_nobody_further_is_told_of_what_is_over(make):
    router = Router((Route(receivers=("noc",), repeat=None, escalate=(Step(after=MINUTE, receivers=("boss",)),)),))
    incident = make.open("a")
    router.review([incident], make.now)
    assert told(router.review([make.closed(incident)], make.now + MINUTE)) == [("closed", "resource/a")]
