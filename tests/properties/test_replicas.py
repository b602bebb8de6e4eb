"""Whatever the order of arrival, and whatever one side does not say: the story of a replica is the same. (hypothesis)

Over the real recordings, and over made-up ones with three nodes, several volumes and several resources.
"""

import json
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.checkpoint import Page, read, write
from bridge.core.line import Line
from bridge.core.normalise import normalise
from bridge.core.world.event import Unreadable
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell, read_recording
from tests.conftest import examples
from tests.core.drbd.lab import Lab

JUDGE = Path(__file__).parents[1] / "judge"
TOLD = {
    name.replace("/", "-"): told
    for file in ("told-drbd.json", "told-lab-drbd.json")
    for name, told in json.loads((JUDGE / file).read_text()).items()
}
FIELD = [name.replace("/", "-") for name in json.loads((JUDGE / "told-field-drbd.json").read_text())]
RECORDED = {name: read_recording(JUDGE / "recordings" / name) for name in sorted(TOLD)}
HOUR = timedelta(hours=1)


def made_up():
    """Stories by name."""
    cut = Lab("east", "west", "north", resources=("www", "db"), volumes=("0", "1"))
    cut.begin()
    for name in cut.resources:
        cut.lose("east", "north", 10, name)
        cut.lose("west", "north", 10.4, name)
        cut.resync("east", "north", 40, name)
        cut.connect("west", "north", 42, name)
    split = Lab("east", "west", resources=("www", "db"), volumes=("0", "1"), generation="8.4")
    split.begin(primary="both")
    for name in split.resources:
        split.lose("east", "west", 10, name)
    split.split_brain("east", "west", 40, "www")
    split.resync("east", "west", 40, "db")
    split.solve_by_hand("west", "east", 300, "www")
    flapping = Lab("east", "west")
    flapping.begin()
    for at in (10, 70, 130, 190):
        flapping.lose("east", "west", at)
        flapping.connect("east", "west", at + 7)
    planned = Lab("east", "west", "north")
    planned.begin()
    planned.down("north", 10)
    planned.up("north", 60)
    planned.resync("east", "north", 64)
    planned.connect("west", "north", 64)
    return {"three nodes cut": cut, "one of two split": split, "flapping": flapping, "down and up": planned}


def reports_of(lab):
    with tempfile.TemporaryDirectory() as folder:
        return read_recording(lab.write(Path(folder) / "made-up"))


MADE_UP = {name: reports_of(lab) for name, lab in made_up().items()}
BOTH = [JUDGE / "recordings" / name for name in ("both-primary-lost-resync", "lab-drbd-primary-lost.json")]
LAID_OVER = sorted((report for path in BOTH for report in read_recording(path)), key=lambda report: report.received_at)
REPORTED = {name: read_recording(JUDGE / "recordings" / name) for name in FIELD}
"""What administrators reported in public, rebuilt."""
REPORTS = RECORDED | REPORTED | MADE_UP | {"with Pacemaker": LAID_OVER}


def outcome(batches, line=None):
    """Conditions and incidents after the quiet hour: what must not depend on arrival (never the notices)."""
    line = line or Line(Settings(), bell())
    incidents, conditions = {}, {}
    end = max(report.received_at for batch in batches for report in batch) + HOUR
    for batch in batches:
        step = line.take(batch, max(report.received_at for report in batch))
        incidents |= step.incidents
        conditions |= {one.subject: one for one in step.conditions}
    step = line.tick(end)
    incidents |= step.incidents
    conditions |= {one.subject: one for one in step.conditions}
    told = (one for one in incidents.values() if one.absorbed_into is None and not one.planned)
    stories = sorted((one.kind, one.root, one.peak, one.state, tuple(sorted(one.subjects))) for one in told)
    return stories, sorted((one.subject, one.severity, one.why) for one in conditions.values())


@cache
def plain(name):
    return outcome([[report] for report in REPORTS[name]])


def in_batches(reports, chance):
    batches, batch = [], []
    for report in reports:
        batch.append(report)
        if chance.random() < 0.3:
            batches.append(batch)
            batch = []
    return [*batches, batch] if batch else batches


@examples(300)
@given(st.sampled_from(sorted(REPORTS)), st.randoms(use_true_random=False))
def test_late_and_doubled_reports_change_nothing(name, chance):
    late = [
        (report.received_at + timedelta(seconds=chance.uniform(0, 30)), number, report)
        for number, report in enumerate(REPORTS[name])
        for _ in range(chance.choice([1, 1, 2]))
    ]
    reports = [report for _, _, report in sorted(late, key=lambda row: row[:2])]
    assert outcome(in_batches(reports, chance)) == plain(name)


@examples(300)
@given(st.sampled_from(sorted(REPORTS)), st.randoms(use_true_random=False))
def test_one_node_an_hour_late_ends_in_the_same_story(name, chance):
    late = chance.choice(sorted({report.node for report in REPORTS[name]}))
    first = [report for report in REPORTS[name] if report.node != late]
    rest = [report for report in REPORTS[name] if report.node == late]
    assert outcome([batch for batch in (first, rest) if batch]) == plain(name)


ONE_SIDED = sorted(name for name in RECORDED if TOLD[name]["n"] == [1, 1])


@examples(300)
@given(st.sampled_from(ONE_SIDED), st.randoms(use_true_random=False))
def test_without_one_sides_reports_there_is_still_one_story_and_no_false_one(name, chance):
    nodes = sorted({report.node for report in RECORDED[name]})
    silent = chance.choice(nodes)
    how = chance.choice(["drbd", "drbd-events", "both"])
    kept = [report for report in RECORDED[name] if report.node != silent or how not in {report.source, "both"}]
    stories, _ = outcome(in_batches(kept, chance))
    assert len(stories) == 1
    assert stories[0][0].startswith("replica-")
    assert stories[0][1].partition("@")[0] in {"drbd/r0", "drbd/r1"}


NOTHING = sorted(name for name in RECORDED if TOLD[name]["n"] == [0, 0])


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("silent", ["alpha", "bravo"])
@pytest.mark.parametrize("source", ["drbd", "drbd-events", ""])
def test_what_was_asked_for_is_nothing_from_one_side_either(name, silent, source):
    kept = [one for one in RECORDED[name] if one.node != silent or (source and one.source != source)]
    assert outcome([[report] for report in kept])[0] == []


@examples(300)
@given(st.sampled_from(sorted(RECORDED)), st.randoms(use_true_random=False))
def test_clocks_that_differ_by_a_second_tell_the_same_stories(name, chance):
    late = chance.choice(["alpha", "bravo"])
    shift = timedelta(seconds=chance.uniform(-1, 1))
    moved = [shifted(report, shift) if report.node == late else report for report in RECORDED[name]]
    stories, _ = outcome([[report] for report in sorted(moved, key=lambda one: one.received_at)])
    assert [story[:4] for story in stories] == [story[:4] for story in plain(name)[0]]


def shifted(report, shift):
    """As a clock that is wrong would have written it: `offset` is what the relay does not know."""
    return msgspec.structs.replace(report, received_at=report.received_at + shift, offset=shift)


@examples(300)
@given(st.sampled_from(sorted(RECORDED)), st.sampled_from(sorted(RECORDED)), st.integers(-20, 20))
def test_two_replicas_on_other_nodes_are_two_stories(one, other, seconds):
    mine, theirs = RECORDED[one], renamed(RECORDED[other])
    gap = mine[0].received_at - theirs[0].received_at + timedelta(seconds=seconds)
    both = sorted([*mine, *(shifted(report, gap) for report in theirs)], key=lambda report: report.received_at)
    stories, _ = outcome([[report] for report in both])
    alone, _ = outcome([[report] for report in theirs])
    assert [story[:4] for story in stories] == sorted(story[:4] for story in [*plain(one)[0], *alone])


def renamed(reports):
    """A stranger's replicas: other nodes, other resources."""
    nodes, resources = {"alpha": "xeno", "bravo": "yolo"}, {"r0": "s9", "r1": "s8"}
    text = nodes | {f"name:{old}": f"name:{new}" for old, new in resources.items()}
    made = []
    for report in reports:
        body = {key: value if not isinstance(value, str) else replaced(value, text) for key, value in report.body.items()}
        for key in {"resources", "DRBD_RESOURCE"} & set(body):
            body[key] = replaced(body[key], resources)
        made.append(msgspec.structs.replace(report, body=body, node=nodes[report.node], uid=b"x" + report.uid))
    return made


def replaced(value, text):
    for old, new in text.items():
        value = value.replace(old, new)
    return value


def _place(report):
    event = normalise(report)
    return (event.at, event.witness, event.order[1], report.uid)


@examples(300)
@given(st.sampled_from(sorted(REPORTS)), st.randoms(use_true_random=False))
def test_the_state_outlives_a_checkpoint(name, chance):
    """What is written down at any moment and read again leads to the same end."""
    reports = sorted(REPORTS[name], key=_place)  # of what happened in one instant, in the order in which it is understood
    cut = chance.randrange(1, len(reports))
    line = Line(Settings(), bell())
    before = line.take(reports[:cut], reports[cut - 1].received_at)
    world = line.correlator.cluster(reports[0].cluster).world
    place = (reports[cut - 1].received_at, "", 0, b"")
    again = Line(Settings(), bell())
    for page in read(write([Page(world.cluster, place, dict(world.facts))])):
        again.correlator.cluster(page.cluster).turn_to(page.horizon, page.facts)
    after = again.take(reports[cut:], reports[-1].received_at)
    end = again.tick(reports[-1].received_at + HOUR)
    stories = before.incidents | after.incidents | end.incidents
    told = (one for one in stories.values() if one.absorbed_into is None and not one.planned)
    assert sorted((one.kind, one.root, one.peak, one.state, tuple(sorted(one.subjects))) for one in told) == plain(name)[0]


@pytest.mark.many
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_report_makes_sense(name):
    assert [event.why for event in map(normalise, REPORTS[name]) if isinstance(event, Unreadable)] == []


# --- anything at all -----------------------------------------------------------------------------------------------------

WORDS = {
    "connection": ["StandAlone", "Disconnecting", "Unconnected", "NetworkFailure", "TearDown", "Connecting", "Connected"],
    "replication": ["Off", "Established", "WFBitMapS", "SyncSource", "SyncTarget", "VerifyS", "PausedSyncT", "Ahead"],
    "disk": ["Diskless", "Attaching", "Detaching", "Failed", "Inconsistent", "Outdated", "UpToDate"],
}
HANDLERS = [
    "initial-split-brain", "split-brain", "pri-lost", "before-resync-target", "after-resync-target", "out-of-sync",
    "fence-peer", "unfence-peer", "local-io-error", "pri-on-incon-degr", "quorum-lost", "disconnected",
]  # fmt: skip
THREE = ("east", "west", "north")


def anything(lab, node, peer, at, chance):
    """Something that a node may say, however unlikely."""
    kind = chance.choice([*WORDS, "role", "suspended", "quorum", "handler", "handler", "dump", "down", "rename"])
    resource, volume = chance.choice(lab.resources), chance.choice(lab.volumes)
    word = chance.choice(WORDS.get(kind, [""]))
    if kind == "connection":
        lab.state(node, peer, at, resource, word)
    elif kind == "replication":
        disk = chance.choice(WORDS["disk"])
        lab.copies(node, peer, at, resource, f"replication:{word} peer-disk:{disk}")
    elif kind == "disk":
        lab.disks(node, at, resource, word, [volume])
    elif kind == "role":
        lab.role(node, at, chance.choice(["Primary", "Secondary"]), resource)
    elif kind == "suspended":
        lab.say(node, at, f"change resource name:{resource} suspended:{chance.choice(['no', 'quorum', 'fencing,user'])}")
    elif kind == "quorum":
        lab.say(node, at, f"change device name:{resource} volume:{volume} minor:0 quorum:{chance.choice(['yes', 'no'])}")
    elif kind == "handler":
        lab.call(node, at, chance.choice(HANDLERS), resource, peer, volume, status=chance.choice([0, 0, 1, 4, 7]))
    elif kind == "dump":
        lab.dump(node, at, connection=chance.choice(["Connected", "Connecting"]), disk=chance.choice(WORDS["disk"]))
    elif kind == "down":
        lab.say(node, at, f"destroy resource name:{resource}")
    else:
        lab.say(node, at, f"rename resource name:{resource} new_name:{chance.choice(lab.resources)}")


@examples(400)
@given(st.sampled_from(["8.4", "9"]), st.integers(1, 60), st.randoms(use_true_random=False))
def test_whatever_was_said_all_is_over_when_every_node_says_that_all_is_well(generation, count, chance):
    nodes = THREE if generation == "9" else THREE[:2]
    lab = Lab(*nodes, resources=("www", "db"), volumes=("0", "1"), generation=generation)
    lab.begin()
    at = 10.0
    for _ in range(count):
        at += chance.choice([0.0, 0.1, 2.0, 30.0, 200.0])
        node = chance.choice(nodes)
        anything(lab, node, chance.choice([other for other in nodes if other != node]), at, chance)
    lab.begin(at + 1000)
    for node, peer in ((one, two) for one in nodes for two in nodes if one != two):
        for resource in lab.resources:  # and no differences are left
            lab.copies(node, peer, at + 1100, resource, "replication:VerifyS")
            lab.copies(node, peer, at + 1200, resource, "replication:Established")
    reports = reports_of(lab)
    stories, conditions = outcome(in_batches(reports, chance))
    assert [story for story in stories if story[3] != "closed"] == []
    assert {severity for subject, severity, _ in conditions if subject.startswith("drbd/")} == {"ok"}
    assert outcome([reports])[0] == stories
