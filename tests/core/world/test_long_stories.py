"""A story that goes on for days: what it costs does not depend on how long it has lasted, and what is told of it stays exact."""

import gc
import sys
from datetime import timedelta
from random import Random
from types import FunctionType, ModuleType

import msgspec
import pytest

from bridge.core import checkpoint, cluster
from bridge.core.correlate import Correlator
from bridge.core.pacemaker.alerts import outcome
from bridge.core.telling.route import Router
from bridge.core.world import lists
from bridge.core.world.event import Action, Severity
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import MOST_TOGETHER, circle
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell
from tests.core.conftest import BEGIN

EVERY = timedelta(seconds=5)
AT_ONCE = timedelta(milliseconds=100)
"""So quick that all of a story lies within the window in which failures are counted as a series."""
TURN = (("web", "monitor", 7), ("db", "stop", 0), ("web", "stop", 0), ("web", "start", 0), ("db", "start", 0))


def told(number, every=EVERY):
    """The number-th thing that is told while web fails again and again, and db, which needs it, is stopped with it."""
    turn, step = divmod(number, len(TURN))
    resource, task, rc = TURN[step]
    at = BEGIN + turn * every + step * min(every / 10, timedelta(milliseconds=100))
    return action(number, at, "n1", resource, task, rc)


def action(number, at, node, resource, task, rc=0):
    interval = 10_000 if task == "monitor" else 0
    return Action(
        uid=number.to_bytes(8, "big"),
        witness=node,
        at=at,
        order=("sequence", number + 1),
        resource=resource,
        instance=resource,
        node=node,
        task=task,
        interval_ms=interval,
        rc=rc,
        target_rc=0,
        status=0,
        outcome=outcome(rc, 0, 0, probe=False),
    )


class Story:
    """A correlator and a router that hear of one failure after another."""

    def __init__(self, every=EVERY):
        self.every = every
        self.correlator = Correlator(Settings())
        self.router = Router(bell(), in_place=frozenset({"bell"}))
        self.incidents = {}
        self.notices = 0
        self.told = 0

    def until(self, number):
        for event in (told(one, self.every) for one in range(self.told, number)):
            changes = self.correlator.feed([("prod", event)], event.at)
            self.incidents |= changes.incidents
            self.notices += len(self.router.review(changes.incidents.values(), event.at))
        self.told = number
        return self

    @property
    def incident(self):
        (one,) = [one for one in self.incidents.values() if one.absorbed_into is None]
        return one


def objects_in(root):
    """How many objects are kept alive by it, and the bytes of these."""
    gc.collect()
    seen, todo, size = set(), [root], 0
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        size += sys.getsizeof(one)
        todo += gc.get_referents(one)
    return len(seen), size


def calls_in(work):
    """Calls and steps of generators: work, which no other process on the machine makes more or less."""
    count = 0

    def counted(_frame, what, _argument):
        nonlocal count
        count += what in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture
def short_reach(monkeypatch):
    monkeypatch.setattr(cluster, "REACH", 100)


@pytest.mark.usefixtures("short_reach")
@pytest.mark.parametrize("every, few", [(EVERY, 500), (AT_ONCE, 300)], ids=["for a day", "at once"])
def test_after_ten_times_as_many_failures_a_story_is_as_large_and_the_next_failure_costs_as_much(every, few):
    def measured(failures):
        story.until(5 * failures)
        return objects_in(story), calls_in(lambda: story.until(5 * (failures + 40))), len(msgspec.json.encode(story.incident))

    story = Story(every)
    short, long = measured(few), measured(10 * few)
    assert story.incident.facts["failures"] == str(10 * few + 40)
    assert long[0][0] <= short[0][0] * 1.1
    assert long[0][1] <= short[0][1] * 1.1
    assert long[1] <= short[1] * 1.1
    assert long[2] <= short[2] * 1.1
    assert story.notices < 40, "each doubling is worth a word, not each failure"


def test_the_sum_the_number_and_the_longest_are_exact():
    story = Story().until(5 * 400)
    away = {}
    for one in story.incident.outages:
        times, length = away.get(one.subject, (0, timedelta(0)))
        away[one.subject] = (times + one.times, length + one.lasted(story.correlator.cluster("prod").clock))
        assert one.longest(one.began_at) <= timedelta(milliseconds=300)
    assert away == {
        "resource/web": (400, 400 * timedelta(milliseconds=300)),
        "resource/db": (399, 399 * timedelta(milliseconds=300)),  # it was not known to run before its first stop
    }


def outcome_of(correlator):
    return {key: one for key, one in correlator.incidents().items() if one.absorbed_into is None}


def test_late_reports_arrive_at_the_same_long_story():
    """Each report within the reach comes in any order: sums are wound back and made again."""
    events = [told(number) for number in range(5 * 60)]
    straight, shuffled = Correlator(Settings()), Correlator(Settings())
    straight.feed([("prod", one) for one in events], events[-1].at)
    Random(7).shuffle(events)
    for one in events:
        shuffled.feed([("prod", one)], BEGIN)
    shuffled.tick(straight.cluster("prod").clock)
    assert outcome_of(shuffled) == outcome_of(straight)
    assert next(iter(outcome_of(straight).values())).outages[0].times > 50


@pytest.mark.usefixtures("short_reach")
def test_a_restart_in_the_middle_goes_on_with_the_same_sums():
    events = [told(number) for number in range(5 * 200)]
    straight, before, after = (Correlator(Settings()) for _ in range(3))
    straight.feed([("prod", one) for one in events], events[-1].at)
    for one in events[: 5 * 120]:
        before.feed([("prod", one)], one.at)
    since = after.restore(before.checkpoint())["prod"].since
    assert since > BEGIN
    after.feed([("prod", one) for one in events if one.at >= since], events[-1].at)
    assert outcome_of(after) == outcome_of(straight)


@pytest.mark.usefixtures("short_reach")
def test_a_checkpoint_of_another_form_is_not_read():
    correlator = Correlator(Settings())
    for one in map(told, range(5 * 60)):
        correlator.feed([("prod", one)], one.at)
    page = next(checkpoint.read(correlator.checkpoint()))
    pages = checkpoint.write([page])
    assert next(checkpoint.read(pages)) == page
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "FORM", 1)
        old = checkpoint.write([page])
    with pytest.raises(msgspec.ValidationError):
        list(checkpoint.read(old))


# --- many at once ----------------------------------------------------------------------------------------------------------


def test_of_many_services_that_are_away_some_are_named_and_all_are_counted(cluster):
    names = [f"svc{number:04}" for number in range(550)]
    for name in names:
        cluster.at(50).starts("n3", name)
    cluster.at(100).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    cluster.at(200)
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    assert len(story.subjects) == lists.MOST_SUBJECTS
    assert len(story.subjects) + story.more_subjects == 1 + 551, "the node, web and all others"
    assert len({one.subject for one in story.outages}) + story.more_away == 551
    assert story.facts["down"].count(", ") == lists.MOST_NAMES
    assert story.facts["down"].endswith(f"+{551 - lists.MOST_NAMES}")
    for name in [*names, "web"]:
        cluster.starts("n1", name)
    cluster.member("n3", by="n1 n2").at(2000)
    (story,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    assert str(story.state) == "closed"
    assert story.facts["down"] == ""
    assert story.facts["moved"].endswith(f"+{551 - lists.MOST_NAMES}")
    assert not any(key[0] == "holder" for key in cluster.correlator.worlds()[0].facts)


def test_names_of_nodes_without_end_do_not_cost_more_and_more(cluster):
    world = cluster.correlator.cluster("prod").world
    for number in range(400):
        cluster.member(f"y{number}", by="n1")
    before = len(world.journal)
    for number in range(400, 420):
        cluster.member(f"y{number}", by="n1")
    assert len(world.journal) - before < 20 * 20
    assert len(circle(world, "n1")) == MOST_TOGETHER


def test_of_very_many_alarms_the_last_are_kept_and_each_rings(cluster):
    world = cluster.correlator.cluster("prod").world
    key = world.open_incident(Kind.NODE_FAILURE, "node/n9", BEGIN, Severity.WARNING, "it began")
    for number in range(200):
        before = world.incident(key).worsened
        world.alarm(key, BEGIN, f"worse {number}")
        world.alarm(key, BEGIN, f"worse {number}")
        assert world.incident(key).worsened == before + 1
    assert world.incident(key).alarms == tuple(f"worse {number}" for number in range(150, 200))


@pytest.mark.usefixtures("short_reach")
def test_what_was_stopped_and_is_not_heard_of_for_a_month_is_forgotten_and_what_runs_is_not():
    correlator = Correlator(Settings())
    world = correlator.cluster("prod").world
    for number in range(3000):
        at = BEGIN + timedelta(seconds=number)
        task = "start" if number % 3 == 0 else "stop"
        name = f"job{number // 3}" if number > 3 else "web"
        if number > 3 or task == "start":
            correlator.feed([("prod", action(number, at, "n1", name, task))], at)
    known = len(world.facts)
    for number in range(3000, 3600):
        at = BEGIN + timedelta(days=31, seconds=number)
        correlator.feed([("prod", action(number, at, "n1", "ticker", "monitor"))], at)
    assert world.get("heard", "web") == BEGIN
    assert world.runs_on["web"] == {"n1": "started"}
    assert known > 3000
    assert len(world.facts) < 60
