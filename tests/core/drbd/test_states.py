"""What the words of sides and handlers add up to: who is meant, what is over, what is forgotten and what is not."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.drbd import look
from bridge.core.drbd.events import Call, Change, HandlerCalled, StatesChanged
from bridge.core.drbd.fold_calls import apply
from bridge.core.drbd.frozen import fence_troubles, quorum_troubles
from bridge.core.drbd.names import other_side, peer_name, same_node
from bridge.core.drbd.state import Copy, Disk, Fence, Link, Refusal, Replica, Side, Split
from bridge.core.drbd.trouble import Trouble
from bridge.core.drbd.troubles import differences, troubles
from bridge.core.drbd.whole import up_to
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind
from tests.core.drbd.lab import moment

NOW = moment(0)
MINUTE = timedelta(minutes=1)
GOOD = {"0": Copy(replication="Established", disk="UpToDate")}


def connected(at=NOW):
    return Link(state="Connected", changed_at=at, copies=GOOD)


def cut(at=NOW):
    return Link(state="Connecting", changed_at=at, lost_at=at)


def side(node, links=None, **given):
    disks = given.pop("disks", {"0": Disk(state="UpToDate")})
    return Side(node=node, told=True, said_at=NOW, disks=disks, links=links or {}, **given)


def replica(*sides, **given):
    return Replica(resource="r0", **{"generation": "9", "sides": {one.node: one for one in sides}, **given})


def calls(known, node, at, handler, peer="", **given):
    call = Call(handler=handler, peer=peer, **given)
    return apply(known, HandlerCalled(uid=b"1", witness=node, at=at, resource="r0", node=node, call=call))


def says(known, node, at, *items, **given):
    return apply(known, StatesChanged(uid=b"1", witness=node, at=at, resource="r0", node=node, items=items, **given))


def whys(known, at):
    return [one.why for one in troubles(known, at)]


# --- whose name a name is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("elm", "elm", True),
        ("elm", "elm.example", True),
        ("elm.example", "elm", True),
        ("elm", "oak", False),
        ("elm", "elm2", False),
        ("elm.north", "elm.south", False),
        ("", "elm", False),
    ],
)
def test_a_domain_makes_no_other_node_and_two_domains_make_two(one, other, same):
    assert same_node(one, other) is same


def test_a_peer_that_is_called_without_its_domain_is_the_node_of_that_name():
    known = replica(side("oak", {"elm": connected()}), side("elm.example"), side("ash"))
    assert peer_name(known, "oak", "elm") == "elm.example"
    assert other_side(replica(side("oak.example", {"oak": connected()})), "oak.example", "oak") is None, "nobody is his own peer"


# --- what is over --------------------------------------------------------------------------------------------------------


def split_between_two_of_three(again):
    """ash is away; oak and elm had a split brain, and are connected again if `again`."""
    link = connected(NOW + MINUTE) if again else Link(state="StandAlone", changed_at=NOW + MINUTE)
    sides = (
        side("oak", {"elm": link, "ash": cut()}),
        side("elm", {"oak": link, "ash": cut()}),
        side("ash", {"oak": cut(), "elm": cut()}),
    )
    split = Split(at=NOW, nodes=("elm", "oak"), ends=(("oak", "elm"),), unsolved=True)
    return up_to(replica(*sides, splits={"elm oak": split}), NOW + 2 * MINUTE)


def test_a_split_brain_is_over_when_its_two_are_whole_though_a_third_is_away():
    assert split_between_two_of_three(again=True).splits == {}
    assert list(split_between_two_of_three(again=False).splits) == ["elm oak"]


def test_a_split_brain_of_two_is_not_over_because_a_third_is_well():
    sides = (
        side("oak", {"elm": Link(state="StandAlone", changed_at=NOW), "ash": connected(NOW + MINUTE)}),
        side("ash", {"oak": connected(NOW + MINUTE)}),
    )
    split = Split(at=NOW, nodes=("elm", "oak"), ends=(("oak", "elm"),), unsolved=True)
    assert up_to(replica(*sides, splits={"elm oak": split}), NOW + 2 * MINUTE).splits != {}


@pytest.mark.parametrize("before", [True, False])
def test_what_handlers_said_before_all_was_well_is_forgotten_and_what_they_said_since_is_not(before):
    """no data, no quorum, a fencing, a refused resync"""
    at = NOW if before else NOW + 2 * MINUTE
    refusal = Refusal("before-resync-source", 1, "elm", at)
    known = replica(
        side("oak", {"elm": connected(NOW + MINUTE)}, no_data_at=at, quorum_lost_at=at, fence=Fence("elm", at), refusal=refusal),
        side("elm", {"oak": connected(NOW + MINUTE)}),
    )
    oak = up_to(known, NOW + 3 * MINUTE).sides["oak"]
    assert [one is None for one in (oak.no_data_at, oak.quorum_lost_at, oak.fence, oak.refusal)] == [before] * 4


def test_with_handlers_alone_a_resync_is_over_with_its_last_volume():
    known = Replica(resource="r0", generation="9")
    for volume in ("0", "1"):
        known = calls(known, "elm", NOW, "before-resync-target", "oak", volumes=(volume,))
    one_done = calls(known, "elm", NOW + MINUTE, "after-resync-target", "oak", volumes=("0",))
    assert one_done.healed_at is None
    assert calls(one_done, "elm", NOW + 2 * MINUTE, "after-resync-target", "oak", volumes=("1",)).healed_at == NOW + 2 * MINUTE


@pytest.mark.parametrize("minutes, left", [(1, 0), (-1, 1)])
def test_with_handlers_alone_a_split_brain_is_over_when_a_resync_ended_after_it(minutes, left):
    split = Split(at=NOW, nodes=("elm", "oak"), unsolved=True)
    sides = {name: Side(node=name, said_at=NOW) for name in ("oak", "elm")}
    known = Replica(resource="r0", generation="9", sides=sides, splits={"elm oak": split}, healed_at=NOW + minutes * MINUTE)
    assert len(up_to(known, NOW + 2 * MINUTE).splits) == left


@pytest.mark.parametrize("target, victim", [("elm", "elm"), ("oak", "oak")])
def test_with_handlers_alone_who_takes_the_others_data_is_the_victim(target, victim):
    known = Replica(resource="r0", generation="9")
    for node, peer in (("oak", "elm"), ("elm", "oak")):
        known = calls(known, node, NOW, "split-brain", peer)
    source = "oak" if target == "elm" else "elm"
    for told in (
        calls(known, target, NOW + MINUTE, "before-resync-target", source),
        calls(known, source, NOW + MINUTE, "before-resync-source", target),
    ):
        (split,) = told.splits.values()
        assert (split.victim, split.survivor) == (victim, source)


# --- fencing and quorum --------------------------------------------------------------------------------------------------


def fenced(code):
    oak = side("oak", {"elm": cut()}, fence=Fence("elm", NOW, code))
    return fence_troubles(replica(oak, side("elm")), oak, NOW + MINUTE)


@pytest.mark.parametrize(
    "code, why",
    [
        (None, "oak has elm fenced"),
        (4, "oak had elm fenced: outdated"),
        (6, "fence-peer on oak answered 6 (peer is Primary): elm is not fenced"),
        (1, "fence-peer on oak answered 1: elm is not fenced"),
    ],
)
def test_what_became_of_a_fencing_is_said_with_both_names(code, why):
    assert [one.why for one in fenced(code)] == [why]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_fencing_is_told_with_its_sides_its_answer_and_what_stands_still(frozen):
    oak = side("oak", {"elm": cut()}, fence=Fence("elm", NOW, 1), suspended=("fencing",) if frozen else ())
    (found,) = fence_troubles(replica(oak, side("elm")), oak, NOW)
    assert found.why.endswith("; I/O is frozen on oak") is frozen
    assert (found.pairs, found.nodes) == ((("elm", "oak"),), ("oak",))
    facts = {"side": "oak", "peer": "elm", "handler": "fence-peer", "fence_result": "1"}
    assert found.facts == (facts | {"frozen": "yes"} if frozen else facts)


def test_a_fencing_that_was_called_once_more_before_it_answered_is_as_old_as_the_first_call():
    known = calls(replica(side("oak", {"elm": cut()})), "oak", NOW, "fence-peer", "elm")
    assert known.sides["oak"].fence == Fence("elm", NOW)
    again = calls(known, "oak", NOW + MINUTE, "fence-peer", "elm")
    assert again.sides["oak"].fence == Fence("elm", NOW)
    answered = calls(again, "oak", NOW + 2 * MINUTE, "fence-peer", "elm", code=4)
    assert answered.sides["oak"].fence == Fence("elm", NOW, 4)
    assert calls(answered, "oak", NOW + 9 * MINUTE, "fence-peer", "elm").sides["oak"].fence == Fence("elm", NOW + 9 * MINUTE)


def test_secondaries_that_are_all_without_quorum_are_told_and_one_alone_is_not():
    minority = side("oak", {"elm": cut()}, role="Secondary", disks={"0": Disk(state="UpToDate", quorum=False)})
    for other, told in ((Disk(state="UpToDate", quorum=False), 1), (Disk(state="UpToDate"), 0)):
        known = replica(minority, side("elm", {"oak": cut()}, disks={"0": other}))
        assert len([*quorum_troubles(known, minority, NOW)]) == told
    left = replace(side("elm"), gone=True)
    assert len([*quorum_troubles(replica(minority, left), minority, NOW)]) == 1, "one that left in order holds none"


# --- lines of events2 ----------------------------------------------------------------------------------------------------


def test_of_8_4_a_dump_without_a_connection_stands_alone_and_is_told_in_time():
    shown = (
        Change(action="exists", object="resource", states={"role": "Primary"}),
        Change(action="exists", object="device", volume="0", states={"disk": "UpToDate"}),
    )
    known = says(Replica(resource="r0", generation="8.4"), "oak", NOW, *shown, whole=True)
    assert whys(known, NOW + MINUTE) == []
    assert whys(known, NOW + 2 * MINUTE) == ["oak cannot connect to its peer"]


def test_of_9_a_connection_that_is_destroyed_is_wanted_no_more_and_of_8_4_it_stands_alone():
    gone = Change(action="destroy", object="connection", peer="elm")
    for generation, state in (("9", ""), ("8.4", "StandAlone")):
        known = says(replica(side("oak", {"elm": connected()}), generation=generation), "oak", NOW, gone)
        assert known.sides["oak"].links["elm"].state == state


def test_a_path_is_known_with_both_its_ends_until_it_is_destroyed():
    known = replica(side("oak", {"elm": connected()}))

    def paths(after, action, **ends):
        after = says(after, "oak", NOW, Change(action=action, object="path", peer="elm", states=ends))
        return after, after.sides["oak"].links["elm"].paths

    known, half = paths(known, "create", peer="192.0.2.2")
    assert half == ()
    known, whole = paths(known, "create", local="192.0.2.1", peer="192.0.2.2")
    assert whole == (("192.0.2.1", "192.0.2.2"),)
    _, left = paths(known, "destroy", local="192.0.2.1", peer="192.0.2.2")
    assert left == ()


# --- connections ---------------------------------------------------------------------------------------------------------


def test_who_lost_whom_is_said_by_name_where_it_is_known():
    lost = Link(state="Connecting", changed_at=NOW, lost_at=NOW, lost_by="Timeout")
    for peer, whom in (("elm", "elm"), ("", "its peer")):
        assert whys(replica(side("oak", {peer: lost})), NOW) == [f"oak lost the connection to {whom} (Timeout)"]


@pytest.mark.parametrize("peer, asked, who", [("elm", True, "oak"), ("elm", False, "elm"), ("", False, "the peer")])
def test_who_closed_it_in_order_is_said_after_half_an_hour(peer, asked, who):
    link = Link(state="StandAlone", changed_at=NOW, let_go_at=NOW, asked=asked)
    known = replica(side("oak", {peer: link}))
    assert whys(known, NOW + 29 * MINUTE) == []
    assert whys(known, NOW + 30 * MINUTE) == [f"{who} closed the connection in order, and it was not made again"]


@pytest.mark.parametrize("was, told", [("UpToDate", True), ("Inconsistent", False)])
def test_a_copy_that_is_left_incomplete_is_told_where_the_other_was_good(was, told):
    link = Link(state="StandAlone", changed_at=NOW, let_go_at=NOW, copies={"0": Copy(was=was)})
    known = replica(side("oak", {"elm": link}, disks={"0": Disk(state="Inconsistent")}))
    assert whys(known, NOW + MINUTE) == []
    words = "the connection of oak to elm was closed in the middle of a resync"
    assert (words in whys(known, NOW + 2 * MINUTE)) is told


def device(state, action="change"):
    return Change(action=action, object="device", volume="0", states={"disk": state})


def test_a_dump_does_not_make_a_disk_fail_anew():
    failed = Disk(state="Diskless", failed_at=NOW, called=True)
    known = says(
        replica(side("oak", disks={"0": failed, "1": failed})), "oak", NOW + MINUTE, device("Diskless", "exists"), whole=True
    )
    assert known.sides["oak"].disks == {"0": failed}, "and what it does not show is not there"


def test_a_disk_that_was_found_away_and_was_well_since_has_failed_when_it_is_away_again():
    known = says(Replica(resource="r0", generation="9"), "oak", NOW, device("Diskless", "exists"), whole=True)
    assert known.sides["oak"].disks["0"].found
    for state in ("Attaching", "UpToDate", "Failed"):
        known = says(known, "oak", NOW + MINUTE, device(state))
    disk = known.sides["oak"].disks["0"]
    assert (disk.failed_at, disk.found) == (NOW + MINUTE, False)


def connection(state):
    return Change(action="change", object="connection", peer="elm", states={"connection": state})


def test_by_what_a_connection_was_lost_is_known_while_it_is_tried_again():
    known = replica(side("oak", {"elm": connected()}))
    for state in ("Timeout", "Unconnected", "Connecting"):
        known = says(known, "oak", NOW, connection(state))
    assert whys(known, NOW) == ["oak lost the connection to elm (Timeout)"]


def test_who_waited_for_a_peer_and_closed_it_in_order_waits_no_more():
    waiting = Link(state="Connecting", changed_at=NOW, waits_since=NOW)
    known = replica(side("oak", {"elm": waiting}))
    assert whys(known, NOW + 2 * MINUTE) == ["oak cannot connect to elm"]
    for state in ("Disconnecting", "StandAlone"):
        known = says(known, "oak", NOW + MINUTE, connection(state))
    assert whys(known, NOW + 9 * MINUTE) == []


# --- facts for the texts -------------------------------------------------------------------------------------------------


def test_a_difference_names_its_volumes():
    copies = {volume: Copy(replication="Established", disk="UpToDate", differs_since=NOW) for volume in ("3", "1")}
    links = {"elm": Link(state="Connected", changed_at=NOW, copies=copies)}
    (found,) = differences(replica(side("oak", links), side("elm")))
    assert found.facts == {"side": "oak", "peer": "elm", "volume": "1, 3"}


def trouble(kind, **facts):
    return Trouble(kind=kind, severity=Severity.CRITICAL, why="", since=NOW, facts=facts)


def test_what_passed_is_said_no_more_of_a_story_that_goes_on():
    """It was away in order, and now it is really cut; when it is not cut either, what was so is still told."""
    lost, known = Kind.REPLICA_DISCONNECTED, replica(side("oak", {"elm": cut()}))
    assert look.now(known, [trouble(lost)], lost, {"away": "yes"}, NOW)["away"] == ""
    assert "away" not in look.now(known, [], lost, {"away": "yes"}, NOW)


def test_what_other_troubles_add_does_not_displace_what_is_known():
    kind, known = Kind.REPLICA_IO_ERROR, replica(side("oak", {"elm": connected()}))
    found = [trouble(Kind.REPLICA_DISCONNECTED, side="elm", peer="oak"), trouble(kind, side="oak", frozen="yes")]
    told = look.now(known, found, kind, {"peer": "ash"}, NOW)
    assert (told["side"], told["frozen"], told["eased"]) == ("oak", "yes", "")
    assert "peer" not in told
    assert look.now(known, found[:1], kind, {}, NOW)["eased"] == "yes"


def test_who_lost_data_in_a_split_brain_is_known_as_long_as_the_story():
    kind, split = Kind.REPLICA_SPLIT_BRAIN, Split(at=NOW, nodes=("elm", "oak"), victim="elm")
    assert look.now(replica(side("oak"), splits={"elm oak": split}), [], kind, {}, NOW)["victim"] == "elm"
    assert "victim" not in look.now(replica(side("oak")), [], kind, {"victim": "elm"}, NOW)


def test_a_demotion_by_force_is_as_old_as_it_is():
    known = says(
        replica(side("oak")), "oak", NOW - MINUTE, Change(action="change", object="resource", states={"role": "Primary"})
    )
    for minutes in (0, 1):
        states = {"role": "Secondary", "force-io-failures": "yes"}
        known = says(known, "oak", NOW + minutes * MINUTE, Change(action="change", object="resource", states=states))
    (found,) = troubles(known, NOW + 2 * MINUTE)
    assert (found.kind, found.since) == (Kind.REPLICA_IO_ERROR, NOW)


def test_a_disk_without_quorum_says_so():
    oak = side("oak", disks={"0": Disk(state="UpToDate", quorum=False)})
    assert look.of_side(replica(oak), oak, []) == (Severity.WARNING, "UpToDate, no quorum")


@pytest.mark.parametrize(
    "heard, shown",
    [
        (Severity.OK, Severity.UNKNOWN),
        (Severity.INFO, Severity.UNKNOWN),
        (Severity.WARNING, Severity.WARNING),
        (Severity.CRITICAL, Severity.CRITICAL),
    ],
)
def test_of_a_silent_relay_what_was_bad_is_bad_and_what_was_good_is_unknown(heard, shown):
    assert look.silent((heard, "words"), "oak") == (shown, "the relay of oak is silent; last heard: words")


def test_who_takes_whose_data_is_said_by_name_where_it_is_known():
    split = Split(at=NOW, nodes=("elm", "oak"), unsolved=True, victim="elm", survivor="oak")
    for one, whose in ((split, "oak"), (replace(split, survivor=""), "the other side")):
        assert whys(replica(side("oak"), splits={"elm oak": one}), NOW) == [
            f"split brain being solved: elm takes the data of {whose}"
        ]
