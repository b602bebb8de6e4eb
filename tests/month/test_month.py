"""A month of a three-node cluster rings for what needs a person and for nothing else, and leaves nothing open: however its reports
come, in order, twice, not in order, or up to 50 minutes late."""

import os
from random import Random

import pytest

from bridge.core.telling.digest import worth_telling
from tests.month.arrival import cut_off, cuts, doubled, instant, seconds, shuffled, silences
from tests.month.bridge import Bridge, Rehearsed, about
from tests.month.judge import complaints
from tests.month.month import month

pytestmark = pytest.mark.many

SEEDS = range(1, 41 if os.environ.get("CI") else 4)


def with_silences(reports, away):
    return sorted([*reports, *silences(away)], key=lambda one: one.received_at)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_rings_for_what_needs_a_person_and_the_digest_tells_the_rest(seed):
    made = month(seed)
    bridge = Bridge().play(with_silences(made.reports, made.away))
    assert complaints(made, made.reports, bridge) == []
    rung = {one.key for ring in bridge.rings for one in about(ring)}
    told = [one for one in bridge.incidents.values() if one.key not in rung and worth_telling(one)]
    for healed in made.healed:
        assert any(one.root == healed.root and 0 <= seconds(one.opened_at) - healed.began_at < 60 for one in told), healed


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_else_is_told_of_what_comes_twice_and_not_in_order(seed):
    made = month(seed)
    reports = shuffled(doubled(made.reports), Random(seed), within=5)
    assert complaints(made, reports, Bridge().play(with_silences(reports, made.away))) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_relay_that_was_cut_off_brings_it_late_and_nobody_is_rung_for_what_is_over(seed):
    made, chance = month(seed), Random(seed)
    cut = cuts(made, chance)
    reports = shuffled(doubled(cut_off(made.reports, cut, chance)), chance, within=2)
    assert complaints(made, reports, Bridge().play(with_silences(reports, [*made.away, *cut])), cut) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rehearsal_tells_no_more_of_what_came_late(seed):
    made, chance = month(seed), Random(seed)
    cut = cuts(made, chance)
    reports = cut_off(made.reports, cut, chance)
    assert complaints(made, reports, Rehearsed().play(reports), cut) == []


def test_a_month_has_all_of_it():
    made = month(1)
    assert len(made.troubles) >= 18
    assert len(made.healed) > 20
    assert len(made.reports) > 3000
    assert made.reports[-1].received_at > instant(made.troubles[0].began_at)
