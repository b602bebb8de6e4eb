"""What a replica's story is told with: which disk, who has the other copy, and what it is called with when names become known."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.drbd.disks import data_troubles, disk_troubles
from bridge.core.drbd.events import Call, HandlerCalled
from bridge.core.drbd.fold_calls import apply
from bridge.core.drbd.splits import known_by_now
from bridge.core.drbd.state import Copy, Disk, Link, Replica, Side, Split
from tests.core.drbd.lab import moment

NOW = moment(0)
MINUTE = timedelta(minutes=1)


def side(node, state="UpToDate", **given):
    return Side(node=node, told=True, said_at=NOW, disks={"0": Disk(state=state, **given)})


def failed(*others):
    """oak's disk has failed, as the kernel itself says; beside it are these sides."""
    oak = replace(side("oak", "Diskless", failed_at=NOW, called=True), role="Primary")
    replica = Replica(resource="r0", sides={one.node: one for one in (oak, *others)})
    (trouble,) = disk_troubles(replica, oak, NOW + MINUTE)
    return trouble


def test_a_failed_disk_is_told_with_its_side_and_with_who_has_the_data():
    trouble = failed(side("elm"), side("ash"))
    facts = trouble.facts
    assert (trouble.node, facts["side"], facts["peer"], facts["volume"], facts["role"]) == (
        "oak",
        "oak",
        "elm, ash",
        "0",
        "Primary",
    )


@pytest.mark.parametrize(
    "other",
    [side("elm", "Diskless"), side("elm", failed_at=NOW), replace(side("elm"), gone=True)],
    ids=["without a disk", "failed, too", "taken down"],
)
def test_who_has_no_good_copy_is_not_named_as_one_that_has(other):
    assert "elm" not in failed(other, side("ash")).facts["peer"]


def test_a_primary_is_without_data_since_the_last_connection_was_lost():
    links = {
        peer: Link(state="Connecting", changed_at=NOW, lost_at=NOW + after, copies={"0": Copy()})
        for peer, after in {"elm": 2 * MINUTE, "ash": 5 * MINUTE}.items()
    }
    client = Side(
        node="oak", told=True, said_at=NOW, role="Primary", disks={"0": Disk(state="Diskless", client=True)}, links=links
    )
    (trouble,) = data_troubles(Replica(resource="r0", sides={"oak": client}), client, NOW + 9 * MINUTE)
    assert trouble.since == NOW + 5 * MINUTE
    assert trouble.facts["peer"] == "ash, elm"


def test_two_splits_that_turn_out_to_be_of_one_pair_are_one():
    """One side called its peer by an address, the other by its name; what is known of either is kept."""
    first = Split(at=NOW + MINUTE, nodes=("oak",), ends=(("oak", "elm"),), victim="elm")
    other = Split(at=NOW, nodes=("elm",), ends=(("elm", "oak"),), unsolved=True, suspected=True, survivor="oak")
    sides = {name: Side(node=name, told=True, said_at=NOW) for name in ("oak", "elm")}
    found = known_by_now(Replica(resource="r0", generation="9", sides=sides, splits={"a": first, "b": other}), NOW + MINUTE)
    (split,) = found.splits.values()
    assert (split.at, split.nodes, split.ends) == (NOW, ("elm", "oak"), (("elm", "oak"), ("oak", "elm")))
    assert (split.unsolved, split.suspected, split.victim, split.survivor) == (True, False, "elm", "oak")


@pytest.mark.parametrize("told", [True, False])
def test_a_split_is_suspected_until_a_handler_tells_of_it(told):
    splits = {
        name: Split(at=NOW, nodes=(node,), ends=((node, peer),), unsolved=True, suspected=True, victim="elm")
        for name, node, peer in (("a", "oak", "elm"), ("b", "elm", "oak"))
    }
    if told:
        splits["a"] = replace(splits["a"], suspected=False)
    sides = {name: Side(node=name, told=True, said_at=NOW) for name in ("oak", "elm")}
    found = known_by_now(Replica(resource="r0", generation="9", sides=sides, splits=splits), NOW)
    assert [one.suspected for one in found.splits.values()] == [not told]


# --- an I/O error, as the handler tells it -----------------------------------------------------------------------------


def called(sides, *volumes, node="oak"):
    """The disks of the node by its volumes after the kernel has called `local-io-error` there."""
    event = HandlerCalled(
        uid=b"1",
        witness=node,
        at=NOW,
        resource="r0",
        node=node,
        generation="9",
        call=Call(handler="local-io-error", volumes=volumes),
    )
    replica = apply(Replica(resource="r0", generation="9", sides={one.node: one for one in sides}), event)
    return replica.sides[node].disks


def test_of_all_the_volumes_that_a_handler_names_the_one_that_failed_is_meant():
    """9 names every volume of the resource; where events2 is told, the states know better."""
    disks = {"0": Disk(state="UpToDate"), "1": Disk(state="Diskless", failed_at=NOW - MINUTE)}
    found = called([replace(side("oak"), disks=disks)], "0", "1")
    assert {volume: disk.called for volume, disk in found.items()} == {"0": False, "1": True}
    assert found["1"].failed_at == NOW - MINUTE, "that is when it failed"


def test_a_handler_that_names_one_volume_is_believed_before_the_state_is_told():
    assert called([side("oak", "Failed")], "0")["0"].failed_at == NOW
    assert called([side("oak")], "0")["0"].failed_at is None, "but not against a state that says it is well"


def test_with_handlers_alone_what_they_name_has_failed():
    assert called([], "0")["0"].failed_at == NOW
    assert {volume: disk.failed_at for volume, disk in called([], "0", "1").items()} == {"0, 1": NOW}, "one of these"
