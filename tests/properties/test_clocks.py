"""Whoever sets a clock, and when: the same is told of it as if nobody had. (hypothesis, over all recordings)

Each recording is played through the bridge's end of the wire (`site.py`): once with clocks that nobody sets, once with one that
is set.
"""

from datetime import timedelta
from functools import cache
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import Rehearsal, bell
from tests.conftest import examples
from tests.properties.recordings import REPORTS
from tests.properties.site import Site, told, told_by
from tests.properties.test_replicas import RECORDED

CALLS = {name: told_by(reports) for name, reports in sorted({**REPORTS, **RECORDED}.items()) if reports}
BY = [1, -1, 10, -10, 7200, -7200]
SINCE_1970 = -1.7e9
BRIDGE = "the bridge"


def nodes_of(name):
    return sorted({one.node for one in CALLS[name]})


def site(name):
    return Site(nodes_of(name), min(one.written_at for one in CALLS[name]))


@cache
def undisturbed(name):
    return told(site(name).play(CALLS[name]))


def same(found, expected):
    """The same incidents; and of each the same services were away, for as long, give or take a second."""
    assert found[0] == expected[0]
    for away, should in zip(found[1], expected[1], strict=True):
        assert away.keys() == should.keys()
        for subject, seconds in away.items():
            assert (seconds is None) is (should[subject] is None)
            assert seconds is None or abs(seconds - should[subject]) <= 1


def gaps(name, node):
    """Between which moments a node says nothing for a while."""
    at = sorted(one.written_at for one in CALLS[name] if one.node == node)
    return [(before, after) for before, after in pairwise(at) if after - before > 8]


@examples(400)
@given(st.sampled_from(sorted(CALLS)), st.sampled_from(BY), st.integers(0, 2**32))
def test_a_clock_that_is_set_at_any_moment(name, by, seed):
    """Every second time just about a call, when it may be between the event and its report."""
    chance, played, calls = Random(seed), site(name), CALLS[name]
    near = chance.choice(calls)
    at = near.written_at + chance.uniform(-0.3, 0.05) if seed % 2 else chance.uniform(calls[0].written_at, calls[-1].written_at)
    who = chance.choice([BRIDGE, *played.nodes])
    (played.bridge if who == BRIDGE else played.nodes[who]).sets.append((at, by))
    same(told(played.play(calls)), undisturbed(name))


@examples(100)
@given(st.sampled_from(sorted(CALLS)), st.integers(0, 2**32))
def test_clocks_that_are_set_again_and_again(name, seed):
    """All of them, every few seconds, as where a virtual machine's clock is put right by two who disagree."""
    chance, played, calls = Random(seed), site(name), CALLS[name]
    for machine in played.nodes.values():
        at = played.began_at
        while (at := at + chance.uniform(3, 30)) < calls[-1].written_at:
            machine.sets.append((at, chance.choice(BY)))
    same(told(played.play(calls)), undisturbed(name))


QUIET = [(name, node) for name in sorted(CALLS) for node in nodes_of(name) if gaps(name, node)]


@examples(200)
@given(st.sampled_from(QUIET), st.sampled_from([*BY, SINCE_1970]), st.integers(0, 2**32))
def test_a_node_that_comes_back_from_a_power_cut_with_another_clock(whose, by, seed):
    name, node = whose
    before, after = Random(seed).choice(gaps(name, node))
    played = site(name)
    played.reboot(node, before + 1, after - before - 2, by)
    same(told(played.play(CALLS[name])), undisturbed(name))


@examples(200)
@given(st.sampled_from(QUIET), st.sampled_from([*BY, SINCE_1970]), st.integers(0, 2**32))
def test_what_it_wrote_down_before_comes_after_its_return(whose, by, seed):
    """It was cut off first, so the bridge hears of its last minute only from its next boot."""
    name, node = whose
    before, after = Random(seed).choice(gaps(name, node))
    found = []
    for set_by in (0, by):
        played = site(name)
        played.reboot(node, before + 1, after - before - 2, set_by)
        played.cut_off(node, before - 60, after - 1)
        found.append(told(played.play(CALLS[name])))
    same(found[1], found[0])


@examples(200)
@given(st.sampled_from(QUIET), st.sampled_from(BY), st.integers(0, 2**32))
def test_a_virtual_machine_that_was_stopped_and_whose_clock_is_put_right_when_it_goes_on(whose, by, seed):
    """Its boot clock stood still meanwhile."""
    name, node = whose
    before, after = Random(seed).choice(gaps(name, node))
    played = site(name)
    played.nodes[node].sleeps.append((before + 2, after - before - 3))
    played.nodes[node].sets.append((after - 0.5, by))
    same(told(played.play(CALLS[name])), undisturbed(name))


@pytest.mark.parametrize("name", ["lab-flap-two-nodes", "monitor-flapping", "monitor-timeout"])
def test_two_recipients_copies_are_one_event_also_when_the_clocks_are_known_better_in_between(name):
    """What is known of a node's clocks changes by milliseconds; a failure must not count twice for it."""
    reports = REPORTS[name]
    apart = [msgspec.structs.replace(one, offset=timedelta(milliseconds=3 * (number % 2))) for number, one in enumerate(reports)]
    assert summaries(apart) == summaries(reports)


def summaries(reports):
    rehearsal = Rehearsal(Settings(), bell())
    rehearsal.take(reports)
    return [row["summary"] for row in rehearsal.result()["incidents"]]


def test_that_it_was_set_is_seen():
    name = "lab-guest-stop-hangs"
    played, calls = site(name), CALLS[name]
    played.nodes["n2"].sets.append((calls[5].written_at, 3600))
    played.play(calls)
    assert {node: round(by) for node, by in played.take_steps().items()} == {"n2": 3600}
