"""Whatever the order of arrival, the story is the same; and two stories at once are two. (hypothesis, over the recordings)"""

from datetime import timedelta
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.core.normalise import normalise
from bridge.core.world.event import Unreadable
from tests.conftest import examples
from tests.properties.recordings import NAMES, REPORTS, SINGLE, outcome, overlaid, renamed, told


@cache
def plain(name):
    return outcome([[report] for report in REPORTS[name]])


@cache
def told_alone(name):
    return told(REPORTS[name])


@cache
def told_of_strangers(name):
    return told(renamed(name))


@examples(850)
@given(st.sampled_from(SINGLE), st.randoms(use_true_random=False))
def test_late_and_doubled_reports_change_nothing(name, chance):
    late = []
    for report in REPORTS[name]:
        copies = range(chance.choice([1, 1, 2]))
        late += [(report.received_at + timedelta(seconds=chance.uniform(0, 5)), report) for _ in copies]
    late.sort(key=lambda pair: pair[0])
    batches, batch = [], []
    for _, report in late:
        batch.append(report)
        if chance.random() < 0.3:
            batches.append(batch)
            batch = []
    assert outcome([*batches, batch] if batch else batches) == plain(name)


@examples(300)
@given(st.sampled_from(SINGLE), st.randoms(use_true_random=False))
def test_one_node_an_hour_late_ends_in_the_same_story(name, chance):
    nodes = sorted({report.node for report in REPORTS[name]})
    late = chance.choice(nodes)
    first = [report for report in REPORTS[name] if report.node != late]
    rest = [report for report in REPORTS[name] if report.node == late]
    assert outcome([batch for batch in (first, rest) if batch]) == plain(name)


def about_the_cluster(name):
    return any(root == "cluster" for _, root, *_ in told_alone(name))


def about_the_outside(name):
    return any(kind == "connectivity" for kind, *_ in told_alone(name))


@examples(850)
@given(st.sampled_from(SINGLE), st.sampled_from(SINGLE), st.integers(-30, 120))
def test_two_causes_at_once_are_two_stories(one, other, seconds):
    assume(not (about_the_cluster(one) and about_the_cluster(other)))  # one cluster has one quorum
    assume(not (about_the_outside(one) and about_the_outside(other)))  # nodes that lose it within a minute lose it together
    mine, theirs = overlaid(one, other, seconds)
    assert told([*mine, *theirs]) == sorted([*told_alone(one), *told_of_strangers(other)])


CLUSTERWIDE = st.deferred(lambda: st.sampled_from([name for name in SINGLE if about_the_cluster(name)]))


@examples(40)
@given(CLUSTERWIDE, CLUSTERWIDE, st.integers(-30, 120))
def test_one_cluster_has_one_quorum(one, other, seconds):
    """Both lose it: whoever was drawn into either is told of, nothing stays open that should not, and nothing open is lost."""
    mine, theirs = overlaid(one, other, seconds)
    both, apart = told([*mine, *theirs]), [*told_alone(one), *told_of_strangers(other)]
    assert {name for row in both for name in row[4]} == {name for row in apart for name in row[4]}
    assert any(row[3] == "open" for row in both) == any(row[3] == "open" for row in apart)


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_call_makes_sense(name):
    assert [event.why for event in map(normalise, REPORTS[name]) if isinstance(event, Unreadable)] == []
