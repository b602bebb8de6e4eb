"""Stories of the kinds that administrators reported in public: who is meant, what is never whole, what was excused too long."""

import pytest

from bridge.core.telling.notice import Telling
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import Rehearsal, bell, read_recording
from bridge.texts import LANGUAGES, render
from tests.core.drbd.lab import Lab, moment, pair, parted

BOTH = pytest.mark.parametrize("generation", ["8.4", "9"])


@pytest.fixture
def rehearsed(tmp_path):
    """What was told of a lab, all of it, with the rehearsal itself."""

    def rehearse(lab, unreadable=0, **kept):
        rehearsal = Rehearsal(Settings(), bell())
        rehearsal.take(read_recording(lab.write(tmp_path / "lab", **kept)))
        assert rehearsal.unreadable == unreadable
        return rehearsal

    return rehearse


def one(rehearsal, kind, root, state="open", *, planned=False):
    """Exactly this story was told, or shown as planned."""
    rows = rehearsal.result()["incidents"]
    assert [(row["kind"], row["root"], row["state"], row["planned"]) for row in rows] == [(kind, root, state, planned)]
    return rows[0]


def rings(incident):
    return [notice["kind"] for notice in incident["notices"] if notice["kind"] in {"opened", "escalated", "reminder"}]


def bodies(rehearsal):
    """The last notice, in both languages."""
    notices = [notice for notice in rehearsal.notices if notice.kind is Telling.OPENED]
    return [render(notice_in(notices[-1], language)).body for language in LANGUAGES]


def notice_in(notice, language):
    return type(notice)(**{name: getattr(notice, name) for name in notice.__struct_fields__} | {"language": language})


def renamed(lab, names):
    """Peers called otherwise than their nodes are."""
    for lines in lab.lines.values():
        for old, new in names.items():
            lines[:] = [(at, line.replace(f"conn-name:{old}", f"conn-name:{new}")) for at, line in lines]
    return lab


# --- names of sides ------------------------------------------------------------------------------------------------------

ADDRESSES = {"oak": "10.9.8.1_7790", "elm": "10.9.8.2_7790", "ash": "[fd00::3]_7790"}


def floating(*, paths=False):
    """Three nodes that DRBD knows by their addresses; oak and elm fall apart."""
    lab = Lab("oak", "elm", "ash")
    lab.begin()
    for number, node in enumerate(lab.nodes if paths else ()):
        for other in lab.nodes:
            if node != other:
                ends = f"local:ipv4:{ADDRESSES[node]} peer:ipv4:{ADDRESSES[other]}"
                lab.say(node, number / 10 + 0.005, f"exists path name:r0 {lab.peer(node, other)} {ends} established:yes")
    lab.lose("oak", "elm", 60)
    lab.split_brain("oak", "elm", 75)
    return renamed(lab, ADDRESSES)


def without_ids(lab):
    for node in lab.lines:
        lab.lines[node] = [(at, " ".join(w for w in line.split() if "node-id" not in w)) for at, line in lab.lines[node]]
    return lab


@pytest.mark.parametrize("lab", [floating(), floating(paths=True), without_ids(floating(paths=True))])
@pytest.mark.parametrize("telling", [None, ["oak", "elm"]])
def test_a_peer_that_is_called_by_its_address_is_the_node_that_has_it(rehearsed, lab, telling):
    rehearsal = rehearsed(lab, handlers=[], states=telling)
    split = one(rehearsal, "replica-split-brain", "drbd/r0")
    assert "between elm and oak" in split["summary"]
    assert sorted(split["subjects"]) == ["drbd/r0", "drbd/r0@elm", "drbd/r0@oak"]
    for body in bodies(rehearsal):
        if "many" in rehearsal.notices[-1].incident.facts:
            assert "drbdadm connect --discard-my-data r0:10.9.8.1_7790    #" in body, "as drbdadm knows it"


def test_of_a_peer_that_only_its_address_names_nothing_is_thrown_away(rehearsed):
    rehearsal = rehearsed(floating(), handlers=[], states=["oak"])
    split = one(rehearsal, "replica-split-brain", "drbd/r0")
    assert split["subjects"] == ["drbd/r0", "drbd/r0@oak"]
    for body in bodies(rehearsal):
        assert "    drbdadm status r0" in body
        assert "    drbdadm connect" not in body
        assert "discard-my-data r0" not in body


def test_what_others_call_a_silent_peer_is_its_name(rehearsed):
    lab = floating()
    lab.lines["ash"] = [(at, line.replace("10.9.8.2_7790", "elm")) for at, line in lab.lines["ash"]]
    split = one(rehearsed(lab, handlers=[], states=["oak", "ash"]), "replica-split-brain", "drbd/r0")
    assert "between elm and oak" in split["summary"]


SITES = ("store.kiel.example", "store.jena.example", "store.ulm.example")


@pytest.mark.parametrize("telling", [None, SITES[:1], SITES[:2], SITES[1:], [SITES[0], SITES[2]]])
def test_machines_of_one_name_at_several_sites_are_several_machines(rehearsed, telling):
    lab = Lab(*SITES)
    lab.begin()
    lab.lose(SITES[0], SITES[2], 60)
    rehearsal = rehearsed(lab, handlers=[], states=telling)
    cut = one(rehearsal, "replica-disconnected", "drbd/r0")
    assert "store.kiel.example and store.ulm.example" in cut["summary"]
    assert "jena" not in cut["summary"]


def test_a_short_name_that_fits_two_machines_is_nobodys(rehearsed):
    """The one node is called `store` by its relay; which of DRBD's two that is, the name does not tell."""
    lab = Lab("hub", "store.jena.example", "store.ulm.example")
    lab.begin()
    lab.lose_one("hub", "store.ulm.example", 60)
    lab.lines["store"] = lab.lines.pop("store.jena.example")
    for node in lab.lines:
        lab.lines[node] = [(at, " ".join(w for w in line.split() if "node-id" not in w)) for at, line in lab.lines[node]]
    cut = one(rehearsed(lab, handlers=[], states=["hub", "store"]), "replica-disconnected", "drbd/r0")
    assert "hub and store.ulm.example" in cut["summary"]


def test_a_split_brain_that_one_side_has_seen_is_between_nobody(rehearsed):
    lab = Lab("oak", "elm", generation="8.4")
    lab.call("oak", 60, "split-brain", "r0")
    rehearsal = rehearsed(lab, states=[])
    split = one(rehearsal, "replica-split-brain", "drbd/r0")
    assert "split brain, seen by oak" in split["summary"]
    assert "between" not in split["summary"]
    assert all("discard-my-data r0" not in body for body in bodies(rehearsal))


def test_copies_that_differ_between_unknown_sides_are_not_overwritten(rehearsed):
    lab = Lab("oak", "elm")
    lab.call("oak", 60, "out-of-sync", "r0")
    rehearsal = rehearsed(lab, states=[])
    differ = one(rehearsal, "replica-out-of-sync", "drbd/r0")
    assert "oak found it" in differ["summary"]
    assert all("    drbdadm invalidate" not in body and "    drbdadm disconnect" not in body for body in bodies(rehearsal))


# --- never whole ---------------------------------------------------------------------------------------------------------


def paused(at, why="user"):
    lab = pair()
    lab.copies("east", "west", at, "r0", f"replication:PausedSyncS peer-disk:Inconsistent resync-suspended:{why}")
    lab.copies("west", "east", at, "r0", f"replication:PausedSyncT resync-suspended:{why}")
    lab.disks("west", at, "r0", "Inconsistent")
    return lab


@pytest.mark.parametrize("telling", [None, ["east"], ["west"]])
def test_a_resync_that_stays_paused_is_told_after_ten_minutes(rehearsed, telling):
    degraded = one(rehearsed(paused(100), states=telling), "replica-degraded", "drbd/r0@west")
    assert (degraded["peak"], rings(degraded)) == ("warning", ["opened"])
    assert degraded["notices"][0]["at"] == moment(700).isoformat()
    assert "suspended: user" in degraded["summary"]


def test_a_pause_that_ends_in_time_is_nothing_and_one_that_ends_later_is_over(rehearsed):
    short, long = paused(100), paused(100)
    short.resync_connected("east", "west", 600)
    long.resync_connected("east", "west", 1200, seconds=900)
    assert rehearsed(short).result()["incidents"] == []
    closed = one(rehearsed(long), "replica-degraded", "drbd/r0@west", "closed")
    assert closed["closed_at"] > moment(2100).isoformat()


def test_a_resync_that_waits_for_another_has_hours(rehearsed):
    lab = paused(100, "dependency")
    lab.resync_connected("east", "west", 5 * 3600)
    assert rehearsed(lab).result()["incidents"] == []


def test_a_resync_that_waits_for_another_for_ever_is_told(rehearsed):
    lab = paused(100, "dependency")
    lab.say("east", 6 * 3600, "change peer-device name:r0 peer-node-id:1 conn-name:west volume:0 sent:1")
    lab.role("east", 6 * 3600, "Primary")
    lab.role("east", 6 * 3600 + 1, "Secondary")
    one(rehearsed(lab), "replica-degraded", "drbd/r0@west")


def test_a_resync_that_moves_for_hours_is_nothing(rehearsed):
    lab = pair()
    lab.resync_connected("east", "west", 100, seconds=20_000)
    assert rehearsed(lab).result()["incidents"] == []


@pytest.mark.parametrize("falls", [True, False])
def test_a_resync_whose_numbers_come_and_do_not_fall_is_told(rehearsed, falls):
    lab = pair()
    lab.copies("east", "west", 100, "r0", "replication:SyncSource peer-disk:Inconsistent out-of-sync:9000")
    for minute in range(1, 60):
        lab.copies("east", "west", 100 + minute * 60, "r0", f"sent:{minute} out-of-sync:{9000 - minute if falls else 9000}")
    rehearsal = rehearsed(lab, states=["east"])
    if falls:
        assert rehearsal.result()["incidents"] == []
        assert rehearsal.reports < 8
    else:
        assert "its numbers do not fall" in one(rehearsal, "replica-degraded", "drbd/r0@west")["summary"]


def test_two_new_sides_that_are_connected_are_only_beginning(rehearsed):
    lab = Lab("east", "west")
    for node, other in (("east", "west"), ("west", "east")):
        lab.dump(node, 0, disk="Inconsistent")
        lab.copies(node, other, 1, "r0", "peer-disk:Inconsistent")
    assert rehearsed(lab).result()["incidents"] == []


@pytest.mark.parametrize("back", ["SyncSource", "PausedSyncS"])
def test_ahead_and_behind_in_a_loop_is_one_story_and_a_few_reports(rehearsed, back):
    lab = pair()
    for turn in range(1500):
        at = 100 + turn * 0.8
        lab.copies("east", "west", at, "r0", "replication:Ahead peer-disk:Inconsistent")
        lab.say("east", at + 0.5, f"call helper name:r0 {lab.peer('east', 'west')} volume:0 helper:before-resync-source")
        lab.say(
            "east", at + 0.6, f"response helper name:r0 {lab.peer('east', 'west')} volume:0 helper:before-resync-source status:0"
        )
        lab.copies("east", "west", at + 0.7, "r0", f"replication:{back}")
    lab.copies("east", "west", 1400, "r0", "replication:Ahead")
    rehearsal = rehearsed(lab, states=["east"])
    degraded = one(rehearsal, "replica-degraded", "drbd/r0@west")
    assert rings(degraded) == ["opened"]
    assert "Ahead" in degraded["summary"]
    assert rehearsal.reports < 80


def test_a_cut_that_ends_in_a_pause_is_told_as_what_remains(rehearsed):
    lab = parted(10)
    lab.meet("east", "west", 100)
    lab.copies("east", "west", 100, "r0", "replication:PausedSyncS peer-disk:Inconsistent resync-suspended:user")
    lab.copies("west", "east", 100, "r0", "replication:PausedSyncT peer-disk:UpToDate resync-suspended:user")
    lab.disks("west", 100, "r0", "Inconsistent")
    rehearsal = rehearsed(lab)
    degraded = one(rehearsal, "replica-degraded", "drbd/r0@west")
    assert "not connected" not in degraded["summary"]
    assert degraded["severity"] == "warning"


def test_replicas_that_stand_still_together_are_one_story(rehearsed):
    lab = pair(resources=("www", "db", "mail"))
    for number, name in enumerate(lab.resources):
        lab.copies("east", "west", 100 + number, name, "replication:PausedSyncS peer-disk:Inconsistent resync-suspended:user")
    degraded = one(rehearsed(lab, states=["east"]), "replica-degraded", "drbd/www@west")
    assert "www, db and mail" in degraded["summary"]


# --- excused only while it is away ---------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("telling", [None, ["east"]])
def test_who_left_in_order_and_is_not_back_is_shown_and_rings_nobody(rehearsed, generation, telling):
    lab = pair(generation=generation)
    lab.down("west", 60)
    left = one(rehearsed(lab, states=telling, handlers=[]), "replica-disconnected", "drbd/r0", planned=True)
    assert left["notices"] == []
    assert "east" in left["summary"]


@BOTH
@pytest.mark.parametrize("word", ["gone", "silence", "a dump", "nothing"])
def test_who_left_in_order_and_came_back_without_connecting_rings(rehearsed, generation, word):
    """However the reboot showed itself: in order, or not at all because the relay went first."""
    lab = pair(generation=generation)
    if word == "gone":
        lab.down("west", 60)
        lab.up("west", 300)
        lab.disks("west", 301, "r0", "UpToDate")
    else:
        lab.let_go("west", "east", 60)
        lab.lines["west"] = [
            row for row in lab.lines["west"] if row[0] < {"silence": 60.25, "a dump": 60.01, "nothing": 59}[word]
        ]
        lab.dump("west", 300, connection="Connecting")
    rehearsal = rehearsed(lab, handlers=[])
    cut = one(rehearsal, "replica-disconnected", "drbd/r0")
    assert rings(cut)[:1] == ["opened"]
    assert cut["notices"][0]["at"] < moment(500).isoformat()


def test_who_was_shown_as_away_rings_when_it_is_back_and_not_connected(rehearsed):
    lab = pair()
    lab.down("west", 60)
    lab.up("west", 4000)
    cut = one(rehearsed(lab), "replica-disconnected", "drbd/r0")
    assert cut["notices"][0]["at"] == moment(4120.4).isoformat()


@pytest.mark.parametrize("sign", ["BrokenPipe", "NetworkFailure", "path"])
def test_of_one_witness_the_answer_of_the_peer_is_enough(rehearsed, sign):
    lab = pair()
    ends = "local:ipv4:10.0.0.1:7 peer:ipv4:10.0.0.2:7"
    lab.say("east", 0.005, f"exists path name:r0 {lab.peer('east', 'west')} {ends} established:yes")
    lab.let_go("west", "east", 60)
    lab.say("east", 60.1, f"change path name:r0 {lab.peer('east', 'west')} {ends} established:no")
    if sign == "path":
        lab.say("east", 300, f"change path name:r0 {lab.peer('east', 'west')} {ends} established:yes")
    else:
        lab.state("east", "west", 300, "r0", sign)
        lab.state("east", "west", 300.2, "r0", "Unconnected")
        lab.state("east", "west", 300.3, "r0", "Connecting")
    cut = one(rehearsed(lab, states=["east"], handlers=[]), "replica-disconnected", "drbd/r0")
    assert rings(cut)[:1] == ["opened"]


@BOTH
def test_a_relay_that_starts_anew_does_not_arm_what_is_still_away(rehearsed, generation):
    lab = pair(generation=generation)
    lab.let_go("west", "east", 60)
    lab.dump("east", 300, primary=["r0"], connection="Connecting")
    one(rehearsed(lab, states=["east"], handlers=[]), "replica-disconnected", "drbd/r0", planned=True)


@pytest.mark.parametrize("telling", [None, ["east"], ["west"]])
def test_a_resync_that_was_closed_in_the_middle_is_not_connected_again(rehearsed, telling):
    lab = parted(10)
    lab.meet("east", "west", 100)
    lab.copies("east", "west", 100.5, "r0", "replication:SyncSource peer-disk:Inconsistent")
    lab.copies("west", "east", 100.5, "r0", "replication:SyncTarget peer-disk:UpToDate")
    lab.disks("west", 100.5, "r0", "Inconsistent")
    lab.let_go("west", "east", 200)
    cut = one(rehearsed(lab, states=telling, handlers=[]), "replica-disconnected", "drbd/r0")
    assert "connected again" not in cut["summary"]
    assert ("the copy on west was left in the middle of a resync" in cut["summary"]) is (telling != ["east"])


def test_a_resync_by_hand_that_is_closed_in_the_middle_is_told(rehearsed):
    lab = pair()
    lab.copies("east", "west", 100, "r0", "replication:SyncSource peer-disk:Inconsistent")
    lab.copies("west", "east", 100, "r0", "replication:SyncTarget")
    lab.disks("west", 100, "r0", "Inconsistent")
    lab.let_go("west", "east", 200)
    one(rehearsed(lab), "replica-disconnected", "drbd/r0")


# --- one cause over many -------------------------------------------------------------------------------------------------


def client(*, apart, quorum):
    """Five replicas of a client without a disk; both wires break, the second `apart` seconds after the first."""
    lab = Lab("desk", "shelf", "attic", resources=("a1", "a2", "a3", "a4", "a5"))
    lab.dump("desk", 0, primary=lab.resources, disk="Diskless")
    lab.lines["desk"] = [(at, line.replace("client:no", "client:yes")) for at, line in lab.lines["desk"]]
    for name in lab.resources:
        lab.copies("desk", "shelf", 1, name, "peer-disk:UpToDate")
        lab.copies("desk", "attic", 1, name, "peer-disk:UpToDate")
    for wire, at in (("shelf", 60), ("attic", 60 + apart)):
        for number, name in enumerate(lab.resources):
            lab.lose_one("desk", wire, at + number / 20, name)
    for number, name in enumerate(lab.resources if quorum else ()):
        lab.say("desk", 60 + apart + number / 20, f"change resource name:{name} suspended:no-data,quorum")
        lab.say("desk", 60 + apart + number / 20, f"change device name:{name} volume:0 minor:0 client:yes quorum:no")
    return lab


@pytest.mark.parametrize("quorum", [False, True])
@pytest.mark.parametrize("apart", [0, 0.3, 5])
def test_a_clients_cut_wire_is_one_story_over_all_its_replicas(rehearsed, apart, quorum):
    lab = client(apart=apart, quorum=quorum)
    rehearsal = rehearsed(lab, states=["desk"], handlers=[])
    cut = one(rehearsal, "replica-no-data", "drbd/a1@desk")
    assert {f"drbd/{name}" for name in lab.resources} <= set(cut["subjects"])
    assert rings(cut) == ["opened"]
    assert "it has no disk of its own, and attic and shelf are out of reach" in cut["summary"]
    assert all(name in cut["summary"] for name in lab.resources)
    assert all("drbdadm attach" not in body for body in bodies(rehearsal))


def test_a_client_that_gets_its_wire_back_is_well(rehearsed):
    lab = client(apart=0, quorum=True)
    for name in lab.resources:
        for wire in ("shelf", "attic"):
            lab.state("desk", wire, 200, name, "Connected")
            lab.copies("desk", wire, 200, name, "replication:Established peer-disk:UpToDate")
        lab.say("desk", 200, f"change resource name:{name} suspended:no")
        lab.say("desk", 200, f"change device name:{name} volume:0 minor:0 client:yes quorum:yes")
    one(rehearsed(lab, states=["desk"], handlers=[]), "replica-no-data", "drbd/a1@desk", "closed")


def test_clients_on_two_nodes_are_two_stories(rehearsed):
    lab = client(apart=0, quorum=False)
    lab.lines["chair"] = [(at + 1, line) for at, line in lab.lines["desk"]]
    lab.lines["chair"] = [(at, line.replace("name:a", "name:b", 1)) for at, line in lab.lines["chair"]]
    rows = rehearsed(lab, states=["desk", "chair"], handlers=[]).result()["incidents"]
    assert {row["root"] for row in rows} == {"drbd/a1@desk", "drbd/b1@chair"}


# --- texts of all versions -----------------------------------------------------------------------------------------------


def test_a_demotion_by_force_is_no_loss_of_data(rehearsed):
    lab = pair()
    lab.say("east", 60, "change resource name:r0 role:Secondary force-io-failures:yes")
    rehearsal = rehearsed(lab)
    forced = one(rehearsal, "replica-io-error", "drbd/r0@east")
    assert forced["peak"] == "critical"
    assert "demoted by force" in forced["summary"]
    assert "no good copy" not in forced["summary"]
    assert all("create-md" not in body for body in bodies(rehearsal))


def test_a_demotion_by_force_is_over_when_nobody_has_it_open(rehearsed):
    lab = pair()
    lab.say("east", 60, "change resource name:r0 role:Secondary force-io-failures:yes")
    lab.say("east", 90, "change resource name:r0 force-io-failures:no")
    one(rehearsed(lab), "replica-io-error", "drbd/r0@east", "closed")


@BOTH
@pytest.mark.parametrize("telling", [None, ["west"]])
def test_a_split_brain_that_no_handler_told_is_suspected(rehearsed, generation, telling):
    lab = parted(60, generation=generation)
    lab.say("west", 0.005, f"change connection name:r0 {lab.peer('west', 'east')} connection:Connected role:Primary")
    lab.role("west", 80, "Primary")
    for node, other in (("east", "west"), ("west", "east")):
        lab.state(node, other, 100, "r0", "Disconnecting")
        lab.state(node, other, 100.2, "r0", "StandAlone")
    rehearsal = rehearsed(lab, handlers=[], states=telling)
    split = one(rehearsal, "replica-split-brain", "drbd/r0")
    assert split["peak"] == "critical"
    assert "split brain suspected" in split["summary"]
    for body in bodies(rehearsal):
        assert "Split-Brain detected" in " ".join(body.split()).partition("drbdadm disconnect")[0], "before any command"


def test_8_4_is_connected_for_a_handshake_and_a_split_brain_for_all_that(rehearsed):
    lab = parted(60, generation="8.4")
    lab.role("west", 80, "Primary")
    for node, other in (("east", "west"), ("west", "east")):
        lab.state(node, other, 100, "r0", "Connected")
    lab.state("east", "west", 105, "r0", "Disconnecting")
    lab.state("east", "west", 105.1, "r0", "StandAlone")
    lab.state("west", "east", 105, "r0", "NetworkFailure")
    lab.state("west", "east", 105.3, "r0", "Connecting")
    one(rehearsed(lab, handlers=[]), "replica-split-brain", "drbd/r0")


@BOTH
def test_of_two_primaries_one_that_is_taken_down_while_cut_is_no_split_brain(rehearsed, generation):
    lab = Lab("east", "west", generation=generation)
    lab.begin(primary="both")
    lab.lose("east", "west", 60)
    lab.role("west", 90, "Secondary")
    lab.state("west", "east", 91, "r0", "Disconnecting")
    lab.state("west", "east", 91.2, "r0", "StandAlone")
    lab.say("west", 91.5, "destroy resource name:r0")
    one(rehearsed(lab, handlers=[]), "replica-disconnected", "drbd/r0")


@BOTH
def test_what_connects_again_without_a_resync_was_no_split_brain(rehearsed, generation):
    lab = parted(60, generation=generation)
    lab.role("west", 80, "Primary")
    lab.state("east", "west", 100, "r0", "Disconnecting")
    lab.state("east", "west", 100.2, "r0", "StandAlone")
    lab.state("east", "west", 200, "r0", "Connecting")
    lab.connect("east", "west", 205)
    split = one(rehearsed(lab, handlers=[]), "replica-split-brain", "drbd/r0", "closed")
    assert "suspected" in split["summary"]


@BOTH
def test_a_cut_connection_that_a_person_closes_is_no_split_brain(rehearsed, generation):
    lab = parted(60, generation=generation)
    for node, other in (("east", "west"), ("west", "east")):
        lab.state(node, other, 100, "r0", "Disconnecting")
        lab.state(node, other, 100.2, "r0", "StandAlone")
    one(rehearsed(lab, handlers=[]), "replica-disconnected", "drbd/r0")


def test_of_8_4_without_node_ids_the_two_are_one_replica(rehearsed):
    """drbd-utils up to 8.9.8."""
    lab = parted(60, generation="8.4")
    lab.resync("east", "west", 100)
    for node in lab.lines:
        lab.lines[node] = [(at, line.replace("peer-node-id:0 ", "")) for at, line in lab.lines[node]]
    cut = one(rehearsed(lab, handlers=[]), "replica-disconnected", "drbd/r0", "closed")
    assert "east and west" in cut["summary"]
    assert "peer" not in cut["summary"]


@pytest.mark.parametrize("told", ["\x1b[31mNetworkFailure\x1b[0m", "Connected->NetworkFailure"])
def test_colours_and_differences_are_unreadable_and_end_what_is_believed(rehearsed, told):
    lab = pair()
    lab.state("east", "west", 60, "r0", told)
    lab.say("east", 61, "exists -")
    assert rehearsed(lab, unreadable=1).result()["incidents"] == []


def test_a_dump_in_colours_says_of_no_resource_that_it_is_gone(rehearsed):
    lab = parted(10)
    lab.dump("east", 400, primary=["r0"], connection="\x1b[1mConnected\x1b[0m")
    one(rehearsed(lab, unreadable=1), "replica-disconnected", "drbd/r0")


def test_every_side_that_is_without_its_disk_is_named(rehearsed):
    lab = Lab("oak", "elm", "ash")
    for node in lab.nodes:
        lab.dump(node, 0, connection="StandAlone", disk="UpToDate" if node == "ash" else "Diskless")
    rehearsal = rehearsed(lab)
    rows = rehearsal.result()["incidents"]
    (without,) = [row for row in rows if row["kind"] == "replica-io-error"]
    assert "elm and oak run without their disks" in without["summary"]
    assert all("    drbdadm create-md" not in body for body in bodies(rehearsal)), "it would make the good copies worthless"
