"""Stories of replicas that no recording tells, told through the whole of a rehearsal."""

import json

import pytest

from bridge.core.telling.notice import Telling
from bridge.core.world.incident import Kind
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import Rehearsal, bell, read_recording, run
from bridge.texts import render
from tests.core.drbd.lab import Lab, moment, pair, parted


@pytest.fixture
def told(tmp_path):
    """Writes the laid-over recordings, rehearses them, and gives the incidents that were told."""

    def rehearse(*labs, alerts=(), **kept):
        paths = [lab.write(tmp_path / str(number), **kept) for number, lab in enumerate(labs)]
        if alerts:
            paths.append(tmp_path / "alerts.json")
            paths[-1].write_text(json.dumps(list(alerts)))
        result = run(paths)
        assert result["unreadable"] == 0
        return [one for one in result["incidents"] if not one["planned"]]

    return rehearse


def one(incidents, kind, root, state):
    """Exactly this story was told."""
    assert [(i["kind"], i["root"], i["state"]) for i in incidents] == [(kind, root, state)]
    return incidents[0]


def rings(incident):
    return [notice["kind"] for notice in incident["notices"] if notice["kind"] in {"opened", "escalated", "reminder"}]


def alert(host, at, kind, **env):
    when = moment(at).timestamp()
    env = {
        "CRM_alert_kind": kind,
        "CRM_alert_timestamp_epoch": str(int(when)),
        "CRM_alert_timestamp_usec": str(round(when % 1 * 1e6)),
        **{f"CRM_alert_{name}": value for name, value in env.items()},
    }
    return {"host": host, "received": when, "env": env}


def lost(host, node, at):
    return alert(host, at, "node", node=node, desc="lost", nodeid="2")


def member(host, node, at):
    return alert(host, at, "node", node=node, desc="member", nodeid="2")


def fenced(host, node, at):
    words = f"Operation reboot of {node} by {host} for pacemaker-controld.1@{host}: OK (ref=abc-{node}-{int(at)})"
    return alert(host, at, "fencing", node=node, desc=words, rc="0", task="st_notify_fence")


BOTH = pytest.mark.parametrize("generation", ["8.4", "9"])


# --- cut and back --------------------------------------------------------------------------------------------------------


@BOTH
def test_a_cut_is_told_until_the_resync_is_over(told, generation):
    lab = parted(10, generation=generation)
    lab.resync("east", "west", 100, seconds=1800)
    cut = one(told(lab), "replica-disconnected", "drbd/r0", "closed")
    assert rings(cut) == ["opened"]
    assert cut["closed_at"] > moment(1900).isoformat()
    assert "east" in cut["summary"]
    assert "west" in cut["summary"]


@BOTH
def test_a_cut_that_lasts_is_critical_after_ten_minutes(told, generation):
    lab = parted(10, generation=generation)
    cut = one(told(lab), "replica-disconnected", "drbd/r0", "open")
    assert (cut["peak"], rings(cut)) == ("critical", ["opened", "escalated"])


@BOTH
@pytest.mark.parametrize("side", ["east", "west"])
def test_one_side_alone_tells_the_same(told, generation, side):
    lab = parted(10, generation=generation)
    lab.resync("east", "west", 30)
    one(told(lab, states=[side], handlers=[side]), "replica-disconnected", "drbd/r0", "closed")


def test_handlers_alone_tell_the_same(told):
    lab = parted(10)
    lab.resync("east", "west", 30)
    one(told(lab, states=[]), "replica-disconnected", "drbd/r0", "closed")


@BOTH
def test_losses_again_and_again_are_one_story(told, generation):
    lab = pair(generation=generation)
    for at in range(10, 400, 60):
        lab.lose("east", "west", at)
        lab.connect("east", "west", at + 5)
    flapping = one(told(lab), "replica-disconnected", "drbd/r0", "closed")
    assert rings(flapping) == ["opened"]
    assert "7" in flapping["summary"]
    assert flapping["peak"] == "warning"


@BOTH
def test_what_is_told_as_something_else_is_no_loss_of_a_series(told, generation):
    lab = parted(10, generation=generation)
    lab.resync("east", "west", 15)
    lab.lose("east", "west", 60)
    lab.split_brain("east", "west", 80)
    lab.solve_by_hand("east", "west", 90)
    lab.disks("west", 150, "r0", "Failed")
    lab.disks("west", 150.2, "r0", "Diskless")
    lab.disks("west", 160, "r0", "Attaching")
    lab.resync_connected("east", "west", 161)
    lab.let_go("west", "east", 240)
    lab.resync("east", "west", 250)
    lab.lose("east", "west", 400)
    lab.resync("east", "west", 405)
    incidents = told(lab)
    assert [(i["kind"], i["state"]) for i in incidents] == [
        ("replica-disconnected", "closed"),
        ("replica-split-brain", "closed"),
        ("replica-io-error", "closed"),
        ("replica-disconnected", "closed"),
    ]
    assert all("again and again" not in i["summary"] and not rings(i) for i in incidents if "disc" in i["kind"])


@BOTH
def test_resources_that_are_cut_together_are_one_story(told, generation):
    lab = pair(resources=("www", "db", "mail"), generation=generation)
    for number, name in enumerate(lab.resources):
        lab.lose("east", "west", 10 + number / 4, name)
        lab.resync("east", "west", 90 + number * 40, name)
    cut = one(told(lab), "replica-disconnected", "drbd/www", "closed")
    assert {"drbd/www", "drbd/db", "drbd/mail"} <= set(cut["subjects"])
    assert "db" in cut["summary"]
    assert rings(cut) == ["opened"]


@BOTH
def test_of_three_resources_two_are_cut_and_are_one_story(told, generation):
    lab = pair(resources=("www", "db", "mail"), generation=generation)
    for name in ("db", "mail"):
        lab.lose("east", "west", 10, name)
    assert "db and mail" in one(told(lab), "replica-disconnected", "drbd/db", "open")["summary"]


@BOTH
def test_resources_that_are_cut_one_after_the_other_are_two_stories(told, generation):
    lab = pair(resources=("www", "db"), generation=generation)
    for at, name in ((10, "www"), (60, "db")):
        lab.lose("east", "west", at, name)
        lab.resync("east", "west", 200, name)
    assert {i["root"] for i in told(lab)} == {"drbd/www", "drbd/db"}


@BOTH
def test_what_is_lost_again_a_moment_after_it_was_well_is_the_same_story_and_open(told, generation):
    lab = parted(10, generation=generation)
    lab.connect("east", "west", 30)
    lab.lose("east", "west", 40)
    one(told(lab), "replica-disconnected", "drbd/r0", "open")


@BOTH
def test_of_three_that_were_cut_together_the_others_go_on_when_the_first_is_split(told, generation):
    lab = pair(resources=("www", "db", "mail"), generation=generation)
    for name in lab.resources:
        lab.lose("east", "west", 10, name)
    lab.split_brain("east", "west", 30, "www")
    incidents = {(i["kind"], i["root"], i["state"]): i for i in told(lab)}
    assert set(incidents) == {("replica-split-brain", "drbd/www", "open"), ("replica-disconnected", "drbd/db", "open")}
    assert "db and mail" in incidents["replica-disconnected", "drbd/db", "open"]["summary"]


@BOTH
def test_a_split_brain_of_one_of_two_is_a_story_of_its_own(told, generation):
    lab = pair(resources=("www", "db"), generation=generation)
    for name in lab.resources:
        lab.lose("east", "west", 10, name)
    lab.resync("east", "west", 30, "db")
    lab.split_brain("east", "west", 30, "www")
    incidents = {(i["kind"], i["root"], i["state"]) for i in told(lab)}
    assert incidents == {("replica-split-brain", "drbd/www", "open"), ("replica-disconnected", "drbd/db", "closed")}


# --- asked for -----------------------------------------------------------------------------------------------------------


@BOTH
def test_down_and_up_is_nothing(told, generation):
    lab = pair(generation=generation)
    lab.down("west", 10)
    lab.up("west", 300)
    lab.resync("east", "west", 303)
    assert told(lab) == []


@BOTH
@pytest.mark.parametrize("seconds", [-2, 2])
def test_what_looks_like_a_loss_at_the_one_end_and_was_closed_at_the_other_is_nothing(told, generation, seconds):
    lab = pair(generation=generation)
    lab.lose_one("east", "west", 10 + seconds)
    lab.state("west", "east", 10, "r0", "Disconnecting")
    lab.state("west", "east", 10.2, "r0", "StandAlone")
    lab.say("west", 10.5, "destroy resource name:r0")
    lab.up("west", 500)
    lab.resync("east", "west", 503)
    assert told(lab) == []


@BOTH
def test_what_was_asked_for_again_and_again_is_nothing(told, generation):
    lab = pair(generation=generation)
    for at in (10, 70, 130, 190):
        lab.lose_one("east", "west", at)
        lab.state("west", "east", at + 2, "r0", "Disconnecting")
        lab.state("west", "east", at + 2.2, "r0", "StandAlone")
        lab.connect("east", "west", at + 20)
    lab.lose("east", "west", 250)
    lab.connect("east", "west", 255)
    assert "again and again" not in one(told(lab), "replica-disconnected", "drbd/r0", "closed")["summary"]


@BOTH
def test_disconnect_and_connect_is_nothing(told, generation):
    lab = pair(generation=generation)
    lab.let_go("west", "east", 10)
    lab.resync("east", "west", 4000)
    assert told(lab) == []


@BOTH
def test_invalidate_is_nothing(told, generation):
    lab = pair(generation=generation)
    lab.resync_connected("east", "west", 10, seconds=600)
    assert told(lab) == []


@BOTH
def test_a_verify_without_differences_is_nothing(told, generation):
    lab = pair(generation=generation)
    lab.copies("east", "west", 10, "r0", "replication:VerifyS")
    lab.copies("west", "east", 10, "r0", "replication:VerifyT")
    lab.copies("east", "west", 90, "r0", "replication:Established")
    lab.copies("west", "east", 90, "r0", "replication:Established")
    assert told(lab) == []


def test_a_node_that_is_down_in_order_does_not_keep_a_later_cut_open(told):
    lab = Lab("east", "west", "north")
    lab.begin()
    lab.down("north", 10)
    lab.lose("east", "west", 100)
    lab.resync("east", "west", 130)
    one(told(lab), "replica-disconnected", "drbd/r0", "closed")


def test_a_relay_that_starts_anew_repeats_what_is_so_and_ends_nothing(told):
    lab = parted(10)
    lab.dump("east", 40, primary=["r0"], connection="Connecting")
    one(told(lab), "replica-disconnected", "drbd/r0", "open")


def test_a_dump_ends_what_ended_unseen(told):
    lab = parted(10)
    lab.dump("east", 400, primary=["r0"])
    lab.dump("west", 401)
    one(told(lab), "replica-disconnected", "drbd/r0", "closed")


def test_a_side_that_is_silent_since_does_not_keep_open_what_the_other_says_is_well(told):
    lab = parted(10)
    lab.resync("east", "west", 60)
    lab.lines["east"] = [row for row in lab.lines["east"] if row[0] < 60]
    closed = one(told(lab), "replica-disconnected", "drbd/r0", "closed")
    assert closed["closed_at"] > moment(180).isoformat()


def test_a_replica_that_is_taken_down_everywhere_is_forgotten_after_an_hour(told):
    lab = parted(10)
    for node in lab.nodes:
        lab.say(node, 100, "destroy resource name:r0")
    lab.say("east", 5000, "exists -")
    closed = one(told(lab), "replica-disconnected", "drbd/r0", "closed")
    assert moment(3700).isoformat() < closed["closed_at"] < moment(3800).isoformat()
    assert closed["summary"].endswith("no node has it any more.")


@BOTH
def test_a_split_brain_does_not_end_by_taking_both_sides_down(told, generation):
    lab = Lab("east", "west", generation=generation)
    lab.begin(primary="both")
    lab.lose("east", "west", 10)
    lab.split_brain("east", "west", 40)
    for node in lab.nodes:
        lab.say(node, 200, "destroy resource name:r0")
    lab.say("east", 9000, "exists -")
    one(told(lab), "replica-split-brain", "drbd/r0", "open")


@BOTH
def test_writing_that_a_person_suspended_is_no_trouble(told, generation):
    lab = pair(generation=generation)
    lab.say("east", 5, "change resource name:r0 suspended:user")
    lab.lose("east", "west", 10)
    lab.connect("east", "west", 20)
    one(told(lab), "replica-disconnected", "drbd/r0", "closed")


def test_a_beginning_is_no_trouble_however_long_it_waits(told):
    lab = Lab("east", "west")
    lab.dump("east", 0, connection="Connecting", disk="Inconsistent")
    assert told(lab) == []


def test_names_with_and_without_their_domain_are_one_node(told):
    lab = Lab("east.example.org", "west.example.org")
    lab.begin()
    lab.lose("east.example.org", "west.example.org", 60)
    for node in lab.nodes:
        lab.lines[node] = [(at, line.replace(".example.org", "")) for at, line in lab.lines[node]]
    lab.calls = []
    alerts = [lost("east.example.org", "west.example.org", 61), fenced("east.example.org", "west.example.org", 62)]
    incidents = told(lab, alerts=alerts)
    assert {i["kind"] for i in incidents} <= {"node-failure", "redundancy-lost"}


def test_the_peers_word_of_a_failed_disk_counts_where_the_side_itself_is_silent(told):
    lab = pair()
    lab.copies("east", "west", 10, "r0", "peer-disk:Failed")
    lab.copies("east", "west", 10.2, "r0", "peer-disk:Diskless")
    one(told(lab, states=["east"]), "replica-io-error", "drbd/r0@west", "open")


def test_a_dump_opens_what_was_never_told(told):
    lab = Lab("east", "west")
    lab.dump("east", 0, primary=["r0"], connection="Connecting")
    one(told(lab), "replica-disconnected", "drbd/r0", "open")


def test_a_resource_that_is_renamed_is_followed(told):
    lab = pair(resources=("new",))
    for node in lab.nodes:
        lab.lines[node] = [(at, line.replace("name:new", "name:old")) for at, line in lab.lines[node]]
        lab.say(node, 5, "rename resource name:old new_name:new")
    lab.lose("east", "west", 10, "new")
    one(told(lab), "replica-disconnected", "drbd/new", "open")


def test_what_is_wrong_with_a_resource_goes_along_with_its_new_name(told):
    lab = parted(10, resources=("old",))
    lab.split_brain("east", "west", 30, "old")
    for number, node in enumerate(lab.nodes):
        lab.say(node, 60 + 10 * number, "rename resource name:old new_name:new")
    still = [(i["kind"], i["root"]) for i in told(lab) if i["state"] != "closed"]
    assert still == [("replica-split-brain", "drbd/new")]


# --- worse ---------------------------------------------------------------------------------------------------------------


@BOTH
def test_a_split_brain_solved_by_hand(told, generation):
    lab = Lab("east", "west", volumes=("0", "1"), generation=generation)
    lab.begin(primary="both")
    lab.lose("east", "west", 10)
    lab.split_brain("east", "west", 40)
    lab.solve_by_hand("west", "east", 4000)
    split = one(told(lab), "replica-split-brain", "drbd/r0", "closed")
    assert "east" in split["summary"]
    assert split["peak"] == "critical"


@BOTH
def test_the_victim_of_a_split_brain_is_known_from_its_own_word_alone(told, generation):
    lab = Lab("east", "west", generation=generation)
    lab.begin(primary="both")
    lab.lose("east", "west", 10)
    lab.split_brain("east", "west", 40)
    lab.solve_by_hand("west", "east", 400)
    split = one(told(lab, states=["east"], handlers=["east"]), "replica-split-brain", "drbd/r0", "closed")
    assert "only east" in split["summary"]


@BOTH
def test_who_is_rung_for_a_split_brain_does_not_read_that_the_sides_are_connected(tmp_path, generation):
    """As recorded: the handshake makes it Connected, the handlers run, and only then it is given up."""
    lab = Lab("east", "west", generation=generation)
    lab.begin(primary="both")
    lab.lose("east", "west", 10)
    for node, peer in (("east", "west"), ("west", "east")):
        lab.state(node, peer, 39.9, "r0", "Connected")
    lab.split_brain("east", "west", 40)
    rehearsal = Rehearsal(Settings(), bell())
    rehearsal.take(read_recording(lab.write(tmp_path)))
    (notice,) = (one for one in rehearsal.notices if one.kind is Telling.OPENED)
    assert notice.incident.kind is Kind.REPLICA_SPLIT_BRAIN
    body = render(notice).body
    assert "connections:" not in body
    assert ('"unknown connection"' in " ".join(body.split())) is (generation == "8.4")
    assert rehearsal.incidents[notice.incident.key].facts["links"] == "east StandAlone, west StandAlone"


def test_of_three_nodes_two_are_split_and_all_are_named(told):
    lab = Lab("east", "west", "north")
    lab.begin()
    lab.lose("east", "west", 10)
    lab.lose("east", "north", 10.1)
    lab.split_brain("east", "west", 40)
    lab.split_brain("east", "north", 41)
    split = one(told(lab), "replica-split-brain", "drbd/r0", "open")
    assert all(name in split["summary"] for name in lab.nodes)
    assert rings(split) == ["opened"]


def test_a_resync_of_another_pair_makes_nobody_a_victim(told):
    lab = Lab("east", "west", "north")
    lab.begin()
    lab.lose("east", "west", 10)
    lab.lose("east", "north", 10.1)
    lab.split_brain("east", "west", 40)
    lab.resync("east", "north", 50)
    split = one(told(lab), "replica-split-brain", "drbd/r0", "open")
    assert "thrown" not in split["summary"]


@BOTH
def test_a_split_brain_whose_connection_is_dropped_is_told_at_once(told, generation):
    lab = parted(10, generation=generation)
    lab.call("east", 40, "initial-split-brain", "r0", "west")
    lab.state("east", "west", 41, "r0", "Disconnecting")
    lab.state("east", "west", 41.2, "r0", "StandAlone")
    split = one(told(lab), "replica-split-brain", "drbd/r0", "open")
    assert split["notices"][0]["at"] == moment(41).isoformat()


def test_of_8_4_a_side_that_is_heard_of_later_has_the_same_split_brain(told):
    lab = parted(10, generation="8.4")
    lab.split_brain("east", "west", 40)
    lab.solve_by_hand("west", "east", 200)
    lab.lines["west"] = [row for row in lab.lines["west"] if row[0] >= 100]
    lab.dump("west", 100, connection="Connecting")
    one(told(lab, handlers=[]), "replica-split-brain", "drbd/r0", "closed")


@BOTH
def test_a_policy_that_threw_data_away_names_the_victim(told, generation):
    lab = parted(10, generation=generation)
    for node, peer in (("east", "west"), ("west", "east")):
        lab.call(node, 30, "initial-split-brain", "r0", peer)
    lab.resync("west", "east", 31)
    split = one(told(lab), "replica-split-brain", "drbd/r0", "closed")
    assert split["peak"] == "warning"
    assert "only east" in split["summary"]


@BOTH
@pytest.mark.parametrize("node, other", [("east", "west"), ("west", "east")])
def test_a_disk_that_fails_and_is_replaced(told, generation, node, other):
    lab = pair(volumes=("0", "1"), generation=generation)
    lab.disks(node, 10, "r0", "Failed", ["1"])
    lab.disks(node, 10.2, "r0", "Diskless", ["1"])
    lab.role(node, 3999, "Secondary")
    lab.down(node, 4000)
    lab.up(node, 5000)
    lab.resync(other, node, 5001, seconds=600)
    failed = one(told(lab), "replica-io-error", f"drbd/r0@{node}", "closed")
    assert "volume 1" in failed["summary"]
    assert failed["closed_at"] > moment(5600).isoformat()


def test_of_several_volumes_the_states_say_which_one_failed(told):
    lab = pair(volumes=("0", "1"))
    lab.disks("east", 10, "r0", "Failed", ["1"])
    lab.call("east", 10.1, "local-io-error", "r0", volume="0 1")
    lab.lines["east"] = [(at, line) for at, line in lab.lines["east"] if " helper " not in line]
    lab.disks("east", 11, "r0", "Diskless", ["1"])
    assert "volume 1:" in one(told(lab), "replica-io-error", "drbd/r0@east", "open")["summary"]


def test_a_detach_by_hand_is_no_failure(told):
    lab = pair()
    lab.disks("west", 10, "r0", "Detaching")
    lab.disks("west", 10.1, "r0", "Diskless")
    lab.copies("east", "west", 10.1, "r0", "peer-disk:Detaching")
    lab.copies("east", "west", 10.2, "r0", "peer-disk:Diskless")
    assert told(lab) == []


def test_a_client_without_a_disk_is_as_it_should_be(told):
    lab = pair()
    for line in ("change device name:r0 volume:0 minor:0 disk:Diskless client:yes",):
        lab.say("west", 1, line)
    lab.copies("east", "west", 1, "r0", "peer-disk:Diskless peer-client:yes")
    lab.lose("east", "west", 10)
    for node, peer in (("east", "west"), ("west", "east")):
        lab.state(node, peer, 20, "r0", "Connected")
        lab.copies(node, peer, 20, "r0", "replication:Established")
    lab.copies("east", "west", 20.1, "r0", "peer-disk:Diskless peer-client:yes")
    lab.copies("west", "east", 20.1, "r0", "peer-disk:UpToDate")
    one(told(lab), "replica-disconnected", "drbd/r0", "closed")


def test_the_minority_of_three_loses_the_quorum(told):
    lab = Lab("east", "west", "north")
    lab.begin()
    lab.lose("east", "west", 10)
    lab.lose("east", "north", 10)
    lab.say("east", 10.05, "change device name:r0 volume:0 minor:0 quorum:no")
    lab.say("east", 10.05, "change resource name:r0 suspended:quorum")
    lab.call("east", 10.06, "quorum-lost", "r0")
    lab.say("east", 59, "change resource name:r0 suspended:no")
    lab.say("east", 59, "change device name:r0 volume:0 minor:0 quorum:yes")
    lab.resync("east", "west", 60)
    lab.resync("east", "north", 61)
    quorum = one(told(lab), "replica-quorum-lost", "drbd/r0@east", "closed")
    assert quorum["peak"] == "critical"


@pytest.mark.parametrize("primary", ["east", "west", "north"])
def test_of_nodes_that_all_lost_the_quorum_the_primary_is_named(told, primary):
    nodes = (primary, *(node for node in ("east", "west", "north") if node != primary))
    lab = Lab(*nodes)
    lab.begin()
    for one_end, other in ((nodes[0], nodes[1]), (nodes[0], nodes[2]), (nodes[1], nodes[2])):
        lab.lose(one_end, other, 10)
    for node in nodes:
        lab.say(node, 11, "change device name:r0 volume:0 minor:0 quorum:no")
    lab.say(primary, 11, "change resource name:r0 suspended:quorum")
    lab.call(primary, 11.1, "quorum-lost", "r0")
    quorum = one(told(lab), "replica-quorum-lost", f"drbd/r0@{primary}", "open")
    assert f"{primary} lost the quorum, and its disk stands still" in quorum["summary"]


def fencing(lab, at, answered_at=None, code=4):
    """East has west fenced, and all writing waits for the answer."""
    lab.say("east", at, "change resource name:r0 suspended:fencing")
    lab.say("east", at + 0.1, f"call helper name:r0 {lab.peer('east', 'west')} helper:fence-peer")
    if answered_at is not None:
        answer = f"response helper name:r0 {lab.peer('east', 'west')} helper:fence-peer status:{code << 8}"
        lab.say("east", answered_at, answer)


@BOTH
def test_a_fencing_that_does_not_answer_rings_once_and_as_such(told, generation):
    lab = parted(10, generation=generation)
    fencing(lab, 10)
    frozen = one(told(lab), "replica-fencing", "drbd/r0", "open")
    assert frozen["peak"] == "critical"
    assert rings(frozen) == ["opened"]
    assert "west" in frozen["summary"]


@BOTH
@pytest.mark.parametrize("code", [0, 1, 6, 127])
def test_an_answer_that_fences_nobody_rings_at_once(told, generation, code):
    lab = parted(10, generation=generation)
    fencing(lab, 10, answered_at=13, code=code)
    frozen = one(told(lab), "replica-fencing", "drbd/r0", "open")
    assert frozen["peak"] == "critical"
    assert frozen["notices"][0]["at"] == moment(13).isoformat()


@BOTH
def test_a_promotion_while_the_peer_is_down_in_order_fences_it_and_is_nothing(told, generation):
    lab = pair(generation=generation)
    lab.down("west", 10)
    lab.call("east", 20, "fence-peer", "r0", "west", status=5)
    assert told(lab) == []


@BOTH
@pytest.mark.parametrize("code, refused", [(0, False), (3, False), (1, True), (127, True)])
def test_an_answer_of_before_resync_source_that_refuses_is_named(told, generation, code, refused):
    lab = parted(10, generation=generation)
    for node, peer in (("east", "west"), ("west", "east")):
        lab.state(node, peer, 20, "r0", "Connected")
    lab.call("east", 20.1, "before-resync-source", "r0", "west", status=code)
    assert ("refused" in one(told(lab), "replica-disconnected", "drbd/r0", "open")["summary"]) is refused


@BOTH
def test_an_answer_of_fence_peer_after_the_connection_is_back_is_ignored(told, generation):
    lab = parted(10, generation=generation)
    fencing(lab, 10, answered_at=25, code=1)
    lab.say("east", 20, "change resource name:r0 suspended:no")
    lab.resync("east", "west", 20, seconds=20)
    assert one(told(lab), "replica-disconnected", "drbd/r0", "closed")["peak"] == "warning"


@BOTH
def test_of_replicas_that_are_frozen_together_all_are_named(told, generation):
    lab = pair(resources=("www", "db"), generation=generation)
    for name in lab.resources:
        lab.lose("east", "west", 10, name)
        lab.say("east", 10, f"change resource name:{name} suspended:fencing")
        lab.call("east", 10.2, "fence-peer", name, "west", status=1)
    frozen = one(told(lab), "replica-fencing", "drbd/www", "open")
    assert "www and db" in frozen["summary"]


def test_a_secondary_in_the_minority_is_only_cut(told):
    lab = Lab("east", "west", "north")
    lab.begin()
    lab.lose("north", "west", 10)
    lab.lose("north", "east", 10)
    lab.say("north", 10.4, "change device name:r0 volume:0 minor:0 quorum:no")
    cut = one(told(lab), "replica-disconnected", "drbd/r0", "open")
    assert "north" in cut["summary"]


# --- differences ---------------------------------------------------------------------------------------------------------


def verified(lab, at):
    for node, peer in (("east", "west"), ("west", "east")):
        lab.copies(node, peer, at, "r0", "replication:VerifyS")
        lab.call(node, at + 60, "out-of-sync", "r0", peer, volume="0")
        lab.copies(node, peer, at + 60.3, "r0", "replication:Established")


@BOTH
def test_a_reconnect_without_a_resync_repairs_no_difference(told, generation):
    lab = pair(generation=generation)
    verified(lab, 10)
    lab.let_go("west", "east", 100)
    lab.connect("east", "west", 110)
    assert one(told(lab), "replica-out-of-sync", "drbd/r0", "open")["peak"] == "critical"


@BOTH
def test_a_restart_of_both_nodes_repairs_no_difference(told, generation):
    lab = pair(generation=generation)
    verified(lab, 10)
    lab.role("east", 190, "Secondary")
    for node, at in (("west", 200), ("east", 400)):
        lab.down(node, at)
        lab.up(node, at + 100)
        lab.disks(node, at + 101, "r0", "UpToDate")
        lab.connect("east", "west", at + 103)
    assert one(told(lab), "replica-out-of-sync", "drbd/r0", "open")["peak"] == "critical"
    lab.resync_connected("east", "west", 1000)
    one(told(lab), "replica-out-of-sync", "drbd/r0", "closed")


@BOTH
def test_a_resync_or_a_clean_verify_ends_a_difference(told, generation):
    lab = pair(generation=generation)
    verified(lab, 10)
    lab.copies("east", "west", 200, "r0", "replication:VerifyS")
    lab.copies("east", "west", 260, "r0", "replication:Established")
    one(told(lab), "replica-out-of-sync", "drbd/r0", "closed")


def test_a_cut_while_copies_differ_is_another_story(told):
    lab = pair()
    verified(lab, 10)
    lab.lose("east", "west", 1000)
    lab.connect("east", "west", 1100)
    incidents = {(i["kind"], i["root"], i["state"]) for i in told(lab)}
    assert incidents == {("replica-out-of-sync", "drbd/r0", "open"), ("replica-disconnected", "drbd/r0", "closed")}


# --- with Pacemaker ------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("noticed", [-8, 3, 40])
def test_a_fenced_node_and_its_replicas_are_one_story_until_redundancy_is_back(told, generation, noticed):
    lab = pair(resources=("www", "db"), generation=generation)
    for name in lab.resources:
        lab.lose_one("east", "west", 60, name)
        lab.up("west", 200, name)
        lab.resync("east", "west", 203, name, seconds=900)
    alerts = [lost("east", "west", 60 + noticed), fenced("east", "west", 65 + noticed), member("east", "west", 190)]
    node = one(told(lab, alerts=alerts), "node-failure", "node/west", "closed")
    assert {"drbd/www", "drbd/db", "node/west"} <= set(node["subjects"])
    assert node["closed_at"] > moment(1100).isoformat()


def test_a_peer_that_nobody_names_is_the_node_that_failed(told):
    lab = pair(generation="8.4")
    lab.lose_one("east", "west", 60)
    lab.resync("east", "west", 100, seconds=50)
    alerts = [lost("east", "west", 61), fenced("east", "west", 63), member("east", "west", 90)]
    one(told(lab, alerts=alerts, states=["east"], handlers=[]), "node-failure", "node/west", "closed")


def test_a_node_that_fails_long_after_its_replica_was_cut_is_another_story(told):
    lab = parted(60)
    alerts = [lost("east", "west", 700), fenced("east", "west", 702), member("east", "west", 800)]
    assert {i["kind"] for i in told(lab, alerts=alerts)} == {"node-failure", "replica-disconnected"}


def test_a_cut_between_nodes_that_are_well_is_its_own_story(told):
    lab = Lab("east", "west", "north")
    lab.begin()
    lab.lose("east", "north", 60)
    alerts = [lost("east", "west", 61), fenced("east", "west", 63), member("east", "west", 90)]
    incidents = {(i["kind"], i["root"], i["state"]) for i in told(lab, alerts=alerts)}
    assert incidents == {("node-failure", "node/west", "closed"), ("replica-disconnected", "drbd/r0", "open")}


def test_of_a_node_that_stays_away_the_replica_waits_with_what_is_told_of_the_lost_redundancy(told):
    lab = pair()
    lab.lose_one("east", "west", 60)
    lab.up("west", 3000)
    lab.resync("east", "west", 3003, seconds=600)
    alerts = [lost("east", "west", 61), fenced("east", "west", 63), member("east", "west", 2990)]
    incidents = told(lab, alerts=alerts)
    assert {(i["kind"], i["root"], i["state"]) for i in incidents} == {
        ("node-failure", "node/west", "closed"),
        ("redundancy-lost", "node/west", "closed"),
    }
    away = next(i for i in incidents if i["kind"] == "redundancy-lost")
    assert "drbd/r0" in away["subjects"]
    assert away["closed_at"] > moment(3600).isoformat()


def test_a_split_brain_after_a_node_failure_is_its_own_story(told):
    lab = parted(60)
    lab.split_brain("east", "west", 100)
    alerts = [lost("east", "west", 61), fenced("east", "west", 63), member("east", "west", 90)]
    incidents = {(i["kind"], i["root"], i["state"]) for i in told(lab, alerts=alerts)}
    assert incidents == {("node-failure", "node/west", "closed"), ("replica-split-brain", "drbd/r0", "open")}


@pytest.mark.parametrize("heard", [True, False])
def test_a_node_that_only_blinked_leaves_the_story_to_its_replica(told, heard):
    lab = parted(60)
    own = [alert("west", 2, "attribute", node="west", attribute_name="a", attribute_value="1", node_sequence="1")]
    alerts = [*(own if heard else ()), lost("east", "west", 61), member("east", "west", 66)]
    cut = one(told(lab, alerts=alerts), "replica-disconnected", "drbd/r0", "open")
    assert rings(cut) == ["opened", "escalated"]
    assert cut["opened_at"] == moment(60).isoformat()


@pytest.mark.parametrize("heard", [True, False])
def test_a_node_that_blinked_while_its_replica_is_resynchronised(told, heard):
    lab = parted(60)
    lab.resync("east", "west", 63, seconds=100)
    own = [alert("west", 2, "attribute", node="west", attribute_name="a", attribute_value="1", node_sequence="1")]
    alerts = [*(own if heard else ()), lost("east", "west", 61), member("east", "west", 66)]
    cut = one(told(lab, alerts=alerts), "replica-disconnected", "drbd/r0", "closed")
    assert cut["closed_at"] > moment(160).isoformat()


def test_a_fencing_of_the_peer_that_failed_escalates_the_story_of_the_node(told):
    lab = pair()
    lab.lose_one("east", "west", 60)
    lab.call("east", 60.1, "fence-peer", "r0", "west", status=1)
    lab.say("east", 60.05, "change resource name:r0 suspended:fencing")
    node = one(told(lab, alerts=[lost("east", "west", 58), fenced("east", "west", 59)]), "node-failure", "node/west", "open")
    assert "escalated" in rings(node)
