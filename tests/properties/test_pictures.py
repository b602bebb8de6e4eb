"""Pictures among alerts, in any order, doubled, late: the same incidents and conditions, and the same again from a checkpoint."""

import random
from datetime import timedelta

import msgspec
import pytest

from bridge.core import checkpoint
from bridge.core.correlate import Correlator
from bridge.core.world.settings import Settings
from bridge.core.world.tables import CONDITION, INCIDENT
from tests.core.conftest import BEGIN, Cluster
from tests.core.truth.looks import OFFLINE, STOPPED, UNCLEAN, changed, seen
from tests.properties.recordings import check

END = BEGIN + timedelta(hours=1)
STATES = (
    *(
        "01-healthy",
        "02-failed-monitor",
        "03-failed-everywhere-everything",
        "04-standby",
        "05-maintenance",
        "06-unmanaged-disabled",
    ),
    *("07-banned-everywhere", "08b-unclean-fence-failed", "09-fenced", "11-orderly-away", "12-no-quorum"),
)
CHANGES = (
    {"nodes": {"n3": UNCLEAN}},
    {"nodes": {"n3": OFFLINE}},
    {"nodes": {"n3": {"pending": True}, "n2": {"standby": True}}},
    {"resources": {"ip": STOPPED}},
    {"resources": {"ip": {**STOPPED, "disabled": True}, "flk": {"agent": "ocf:heartbeat:VirtualDomain"}}},
    {"resources": {"ip": {"failed": True, "blocked": True}, "db": {"role": "Unpromoted"}}},
    {"without": ("ip",)},
    {"without": ("n3",)},
    {"options": {"maintenance": True}, "resources": {"ip": {**STOPPED, "managed": False}, "db": {"managed": False}}},
    {"resources": {"ip": {"removed": True}, "db": {"role": "Unpromoted", "target_role": "Unpromoted"}}},
    {"nodes": {"n2": {"unclean": True}}, "fencings": [{"action": "reboot", "target": "n2", "status": "pending"}]},
    {"bans": [{"id": "cli-ban-ip-on-n1", "resource": "ip", "node": "n1"}], "resources": {"db": {"role": "Unpromoted"}}},
    {"nodes": {"n1": {"shutdown": True}}, "quorate": False},
    {"resources": {"dlm": STOPPED}, "orders": [{"id": "o", "first": "dlm-clone", "then": "ip"}]},
)
NODES = ("n1", "n2", "n3")
NAMES = ("ip", "flk", "web-fs", "db")


def told(seed):
    """Half an hour of alerts and pictures that need not agree."""
    chance, one, events = random.Random(seed), Cluster(), []
    one.stamp = lambda event: events.append(event) or event
    for name in NODES:
        one.member(name, " ".join({*NODES} - {name}))
    second = 60
    for _ in range(40):
        second += chance.choice((1, 3, 10, 20, 60))
        one.at(second)
        _happens(chance, one)
    return events


def _happens(chance, one):
    node, other = chance.sample(NODES, 2)
    name = chance.choice(NAMES)
    match chance.randrange(9):
        case 0:
            one.fails(node, name, task=chance.choice(("monitor", "start", "stop")))
        case 1:
            one.starts(node, name)
        case 2:
            one.stops(node, name)
        case 3:
            chance.choice((one.lost, one.member))(other, by=node)
        case 4:
            one.fenced(other, by=node, rc=chance.choice((0, -61)))
        case 5:
            chance.choice((one.silent, one.heard, one.complains, one.unenrolled))(node)
        case 6:
            one.shows(node, changed(**chance.choice(CHANGES)))
        case _:
            one.shows(node, seen(chance.choice(STATES)))


def outcome(batches):
    correlator = Correlator(Settings())
    for batch in batches:
        now = max(event.at for event in batch)
        changes = correlator.feed([("prod", event) for event in batch], max(now, correlator.cluster("prod").clock or now))
        assert changes.faults == []
    assert correlator.tick(END).faults == []
    check(_Line(correlator))
    return correlator.cluster("prod").world.facts


class _Line(msgspec.Struct):
    correlator: Correlator


def shown(facts):
    return {key: value for key, value in facts.items() if key[0] in {CONDITION, INCIDENT}}


@pytest.mark.many
@pytest.mark.parametrize("seed", range(30))
def test_any_order_and_twice_gives_the_same(seed):
    events = told(seed)
    expected = outcome([[event] for event in events])
    chance = random.Random(seed)
    again = [*events, *chance.sample(events, 10)]
    chance.shuffle(again)
    assert outcome([[event] for event in again]) == expected
    late = [event for event in events if chance.random() < 0.3]
    assert shown(outcome([[event for event in events if event not in late], late])) == shown(expected)


@pytest.mark.parametrize("seed", range(10))
def test_a_checkpoint_reads_the_same(seed):
    facts = outcome([[event] for event in told(seed)])
    page = checkpoint.Page("prod", (), dict(facts))
    assert list(checkpoint.read(checkpoint.write([page]))) == [page]
