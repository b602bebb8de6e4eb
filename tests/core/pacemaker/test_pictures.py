"""A node's picture of its cluster, in one part or many: read, put together, the newest of each node kept; nonsense is told."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.core import checkpoint
from bridge.core.cluster import Cluster
from bridge.core.normalise import normalise
from bridge.core.world.event import EdgeHeard, Report, Unreadable
from bridge.core.world.picture import PARTS, PICTURE, PictureTold
from bridge.core.world.settings import Settings
from bridge.node.parts import parts
from bridge.node.picture import reduced
from bridge.node.xml_tree import Tree
from bridge.wire.body import Moment

SHOWN = Path(__file__).parents[2] / "node/crm_mon"
T0 = datetime(2026, 11, 26, 12, tzinfo=UTC)


def seen(state, release="2.1.5"):
    tree = Tree()
    tree.feed((SHOWN / release / f"{state}.xml").read_bytes())
    return reduced(tree.root(), {})


def reports(says, after=0.0, node="n1"):
    at = T0 + timedelta(seconds=after)
    here = Moment("boot", int(after * 1e9) + 1, int(at.timestamp() * 1e9))
    for uid, text in parts(says, here):
        yield Report(uid=uid, cluster="demo", node=node, source="crm_mon", received_at=at, body=json.loads(text))


def events(says, after=0.0, node="n1"):
    return [normalise(report) for report in reports(says, after, node)]


def large(number, **more):
    return {
        **seen("01-healthy"),
        "resources": [{"id": f"r{one:04d}", "agent": "ocf:pacemaker:Dummy"} for one in range(number)],
        **more,
    }


def known(cluster, node="n1"):
    return cluster.world.get(PICTURE, node)


@pytest.fixture
def cluster():
    return Cluster("demo", Settings())


def test_a_picture_says_what_crm_mon_showed(cluster):
    cluster.feed(events(seen("06-unmanaged-disabled")))
    picture = known(cluster)

    assert (picture.dc, picture.quorate, picture.running, picture.at) == ("n3", True, True, T0)
    assert [(node.name, node.online, node.kind, node.health) for node in picture.nodes] == [
        (name, True, "member", "green") for name in ("n1", "n2", "n3")
    ]
    rows = {row.id: row for row in picture.resources}
    assert (rows["ip"].managed, rows["ip"].role, rows["ip"].nodes) == (False, "Started", ("n3",))
    assert (rows["web-fs"].role, rows["web-fs"].disabled, rows["web-fs"].group) == ("Stopped", True, "web")
    assert rows["fencing"].agent == "stonith:fence_lab"
    assert picture.options.fencing
    assert picture.changed.client == "crm_resource"


def test_it_says_what_it_saw(cluster):
    cluster.feed(events(seen("12-no-quorum")))
    changes = cluster.take()
    (decision,) = changes.decisions.values()
    assert decision.why.startswith("n1 sees 1 of 3 nodes online, without quorum, 11 resources")
    assert (changes.incidents, changes.faults) == ({}, [])


@pytest.mark.parametrize("seed", range(5))
def test_parts_come_in_any_order_and_late(cluster, seed):
    old, new = events(large(900)), events(large(950), 15.0)
    assert len(old) >= 2
    everything = old + new
    random.Random(seed).shuffle(everything)
    for event in everything:
        cluster.feed([event])

    assert len(known(cluster).resources) == 950
    assert [row.id for row in known(cluster).resources] == sorted(row.id for row in known(cluster).resources)
    assert known(cluster).dc == "n3"
    assert cluster.world.get(PARTS, "n1") is None


def test_a_picture_with_a_part_missing_does_not_count(cluster):
    cluster.feed(events(seen("01-healthy")))
    cluster.feed(events(large(900), 15.0)[:-1])
    assert len(known(cluster).resources) == 11
    cluster.feed(events(large(950), 30.0))
    assert len(known(cluster).resources) == 950


def test_each_node_has_its_own_and_it_goes_with_the_node(cluster):
    cluster.feed(events(seen("01-healthy")) + events({"running": False, "why": "Not connected"}, 1.0, "n2"))
    assert (known(cluster).running, known(cluster, "n2").running, known(cluster, "n2").why) == (True, False, "Not connected")
    gone = EdgeHeard(uid=b"g", witness="", at=T0 + timedelta(seconds=5), node="n2", silent=False, gone=True)
    cluster.feed([gone])
    assert known(cluster, "n2") is None
    assert known(cluster) is not None


def test_a_checkpoint_keeps_it(cluster):
    cluster.feed(events(seen("03-failed-everywhere-everything")) + events(large(900), 5.0, "n2")[:-1])
    horizon = (T0, "n1", 1, b"x")
    (page,) = checkpoint.read(checkpoint.write([checkpoint.Page("demo", horizon, dict(cluster.world.facts))]))
    assert page.facts[PICTURE, "n1"] == known(cluster)
    assert page.facts[PARTS, "n2"] == cluster.world.get(PARTS, "n2")


def test_equal_rows_are_one_object():
    """Thousands of pictures of one cluster are remembered, to be understood again."""
    (first,), (second,) = events(seen("01-healthy")), events(seen("01-healthy"), 15.0)
    assert all(one is other for one, other in zip(first.says.resources, second.says.resources, strict=True))


@pytest.mark.parametrize(
    "change, why",
    [
        ({"part": 1}, "part 1 of 1"),
        ({"of": 65}, "part 0 of 65"),
        ({"of": True}, "of is not a number"),
        ({"part": None}, "part is not a number"),
        ({"picture": ""}, "picture is missing"),
        ({"says": None}, "says: Expected `object`, got `null`"),
        ({"says": []}, "says: Expected `object`"),
        ({"says": {"nodes": [{"online": True}]}}, "missing required field `name` - at `$.nodes[0]`"),
        ({"says": {"nodes": [{"name": "n" * 201}]}}, "length <= 200 - at `$.nodes[0].name`"),
        ({"says": {"nodes": [{"name": "n\0"}]}}, "matching regex"),
        ({"says": {"resources": [{"id": "r", "nodes": "n1"}]}}, "Expected `array`"),
        ({"says": {"failures": [{"resource": "r", "node": "n", "rc": 2**70}]}}, "at `$.failures[0].rc`"),
        ({"says": {"quorate": "yes"}}, "Expected `bool`"),
    ],
)
def test_nonsense_is_unreadable_and_says_where(change, why):
    (report,) = reports(seen("01-healthy"))
    event = normalise(
        Report(**{**{name: getattr(report, name) for name in report.__struct_fields__}, "body": {**report.body, **change}})
    )
    assert isinstance(event, Unreadable)
    assert why in event.why
    assert event.fault is None


def test_what_a_newer_relay_says_more_is_skipped():
    (report,) = reports({**seen("01-healthy"), "moods": ["blue"]})
    assert isinstance(normalise(report), PictureTold)
