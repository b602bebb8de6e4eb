"""What should be told of a recording is told of it under other names, with other clocks, recipients, versions and neighbours too."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import examples
from tests.judge.judge import complaints
from tests.properties import variants as v

pytestmark = pytest.mark.many

NAMED = sorted(v.TOLD)
GIVEN = sorted(v.GIVEN)
TIMED = [name for name in GIVEN if name != "clustermon-external-agent"]
"""ClusterMon's calls carry no time: in another order they are another story."""
OF_A_NODE = [name for name in GIVEN if not any("cluster" in story["root"] for story in v.GIVEN[name]["incidents"])]
"""With more nodes that look on, a lost quorum would not be lost."""

NAMES = {
    "with dots": v.renamed(lambda node: f"db-{node}.example.com", v.guest("svc.")),
    "resources named like nodes": v.renamed(lambda node: f"{node}-a", v.guest("n1-")),
    "words of the fencing text": v.renamed(lambda node: {"n1": "of", "n2": "for-me", "n3": "by"}.get(node, node), v.guest("p_")),
}
CALLS = {
    "every call twice": v.doubled,
    "three recipients": v.three_recipients,
    "Pacemaker 2.0.0": v.version("2.0.0"),
    "Pacemaker 3.0.0": v.version("3.0.0"),
    "after a healthy hour": v.healthy_hour,
}
CLOCKS = {
    "half the time": v.scaled(0.5),
    "twice the time": v.scaled(2),
    "five times the time": v.scaled(5),
    "one recipient": v.one_recipient,
    "without numbers": v.without(v.SEQUENCE),
}
UNTIMED = {
    "Pacemaker 1.1.15": v.version("1.1.15"),
    "Pacemaker 1.1.24": v.version("1.1.24"),
    "without numbers and times": v.without(v.SEQUENCE, v.EPOCH, v.USEC),
}


def judged(case, folder):
    records, expected = case
    return complaints(v.rehearsed(records, folder), expected)


@pytest.mark.parametrize(
    "name,variant",
    [(name, variant) for name in NAMED for variant in [*NAMES, *CALLS] if variant in CALLS or name not in v.KNOWN_BY_NAME],
)
def test_names_and_calls_do_not_matter(name, variant, tmp_path):
    assert judged((NAMES | CALLS)[variant](*v.original(name)), tmp_path) == []


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("variant", CLOCKS)
def test_the_pace_does_not_matter(name, variant, tmp_path):
    assert judged(CLOCKS[variant](*v.original(name)), tmp_path) == []


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("variant", UNTIMED)
def test_calls_without_a_time_tell_the_same(name, variant, tmp_path):
    assert judged(UNTIMED[variant](*v.without_outages(*v.original(name))), tmp_path) == []


@pytest.mark.parametrize("name", OF_A_NODE)
@pytest.mark.parametrize("more", [2, 13])
def test_more_nodes_look_on(name, more, tmp_path):
    assert judged(v.more_nodes(more)(*v.original(name)), tmp_path) == []


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seed", range(3))
def test_late_calls_in_any_order_tell_the_same(name, seed, tmp_path):
    assert judged(v.jittered(*v.original(name), Random(seed)), tmp_path) == []


@examples(150)
@given(st.sampled_from(TIMED), st.sampled_from(TIMED), st.sampled_from([300, 1800]))
def test_one_fault_after_the_other_is_told_as_if_alone(tmp_path, one, other, gap):
    first, second = v.original(one), v.original(other)
    if v.ends_with_a_node_away(first[1]):
        return
    assert judged(v.then(first, second, gap), tmp_path) == []
