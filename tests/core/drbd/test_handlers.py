"""What each call of a handler means, for both generations: real drbdadm called with two resources, one of two volumes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.core.drbd.events import Call, Change, HandlerCalled, ReplicasListed, StatesChanged
from bridge.core.drbd.lines import NotALine, generation, item, parse
from bridge.core.normalise import normalise
from bridge.core.world.event import Report, Unreadable

NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)
CALLS = {row["of"]: row for row in json.loads((Path(__file__).parent / "calls.json").read_text())}
OF_THE_NODE = {"local-io-error", "quorum-lost"}
OF_THE_CONNECTION = {"fence-peer", "unfence-peer", "disconnected"}


def report(body, source="drbd", **changes):
    fields = {"uid": b"1", "cluster": "c", "node": "alpha", "source": source, "received_at": NOW, "body": body}
    return Report(**(fields | changes))


@pytest.mark.parametrize("of", sorted(CALLS))
def test_resource_peer_and_volume_of_each_call(of):
    row = CALLS[of]
    generation, _, rest = of.partition("-")
    resource, volume = rest.removeprefix(f"{row['handler']}-").split("-")
    event = normalise(report(row["env"] | {"handler": row["handler"]}))
    assert isinstance(event, HandlerCalled)
    assert (event.resource, event.node, event.call.handler, event.generation) == (resource, "alpha", row["handler"], generation)
    nobody = row["handler"] in OF_THE_NODE and generation == "9"
    assert event.call.peer == ("" if nobody else "bravo")
    if row["handler"] in OF_THE_CONNECTION:
        assert event.call.volumes == (() if generation == "8.4" else ("0",) if resource == "r0" else ("0", "1"))
    elif row["handler"] == "local-io-error" and generation == "9" and resource == "r1":
        assert event.call.volumes == ("0", "1")  # no disk is attached any more that could tell
    else:
        assert event.call.volumes == (volume,)


def test_of_several_host_names_the_first_is_the_peers():
    body = {"handler": "disconnected", "DRBD_RESOURCE": "r0", "DRBD_PEER_NODE_ID": "1", "DRBD_NODE_ID_1": "bravo bravo-old"}
    assert normalise(report(body)).call.peer == "bravo"


@pytest.mark.parametrize(
    "told, generation",
    [({"DRBD_MY_NODE_ID": "0"}, "9"), ({"DRBD_PEER": "bravo"}, "8.4"), ({"DRBD_PEERS": "bravo"}, "8.4"), ({}, "")],
    ids=str,
)
def test_the_generation_shows_in_what_a_handler_is_given(told, generation):
    assert normalise(report({"handler": "disconnected", "DRBD_RESOURCE": "r0", **told})).generation == generation


def test_a_disk_whose_name_is_escaped_is_found():
    body = {
        "handler": "split-brain",
        "DRBD_RESOURCE": "r0",
        "DRBD_VOLUME": "0 7",
        "DRBD_LL_DISK": r"/dev/v\ g/a /dev/v\ g/b",
        "DRBD_BACKING_DEV": "/dev/v g/b",
    }
    assert normalise(report(body)).call.volumes == ("7",)


@pytest.mark.parametrize("rc", ["4", "0", "127"])
def test_the_answer_of_fence_peer_is_told(rc):
    assert normalise(report({"handler": "fence-peer", "DRBD_RESOURCE": "r0", "rc": rc})).call.code == int(rc)


def test_the_answer_of_any_other_is_our_own_and_no_news():
    assert normalise(report({"handler": "split-brain", "DRBD_RESOURCE": "r0", "rc": "1"})).call.code is None


@pytest.mark.parametrize(
    "body, words",
    [
        ({"handler": "banana", "DRBD_RESOURCE": "r0"}, "banana"),
        ({"DRBD_RESOURCE": "r0"}, "handler is missing"),
        ({"handler": "split-brain"}, "DRBD_RESOURCE is missing"),
        ({"handler": "fence-peer", "DRBD_RESOURCE": "r0", "rc": "four"}, "rc is not an integer"),
        ({"handler": ["split-brain"], "DRBD_RESOURCE": "r0"}, "handler is not a text"),
    ],
)
def test_what_makes_no_sense_says_why(body, words):
    event = normalise(report(body))
    assert isinstance(event, Unreadable)
    assert words in event.why


@pytest.mark.parametrize(
    "body, words",
    [
        ({}, "without a line"),
        ({"line1": "gibberish"}, "gibberish"),
        ({"line1": "change resource role:Primary"}, "not about one resource"),
        ({"line1": "change resource name:a role:Primary", "line2": "change resource name:b role:Primary"}, "one resource"),
        ({"line1": 7}, "line1 is not a text"),
    ],
)
def test_lines_that_make_no_sense_say_why(body, words):
    event = normalise(report(body, "drbd-events"))
    assert isinstance(event, Unreadable)
    assert words in event.why


def test_lines_are_as_old_as_they_say_and_corrected_by_the_nodes_offset():
    body = {"line1": "2026-11-22T20:00:00.5+01:00 change resource name:r0 role:Primary"}
    event = normalise(report(body, "drbd-events", offset=timedelta(seconds=2)))
    assert isinstance(event, StatesChanged)
    assert event.at == datetime(2026, 11, 22, 19, 0, 2, 500000, tzinfo=UTC)
    assert event.items == (Change(action="change", object="resource", states={"role": "Primary"}),)


def test_the_list_of_all_resources():
    event = normalise(report({"dump": True, "resources": "a b"}, "drbd-events"))
    assert isinstance(event, ReplicasListed)
    assert event.resources == ("a", "b")


@pytest.mark.parametrize(
    "line, said",
    [
        (
            "change connection name:r0 peer-node-id:1 conn-name:bravo connection:Connected role:Secondary congested:no",
            Change(
                action="change",
                object="connection",
                peer="bravo",
                node_id="1",
                states={"connection": "Connected", "role": "Secondary"},
            ),
        ),
        ("change peer-device name:r0 peer-node-id:0 conn-name:peer volume:3 done:3.22 eta:nan", None),
        (
            "change path name:r0 peer-node-id:1 conn-name:b local:ipv4:10.0.0.1:7788 peer:ipv4:10.0.0.2:7788 established:yes",
            Change(
                action="change",
                object="path",
                peer="b",
                node_id="1",
                states={"local": "ipv4:10.0.0.1:7788", "peer": "ipv4:10.0.0.2:7788", "established": "yes"},
            ),
        ),
        (  # drbd-utils up to 8.9.8 give the peer of 8.4 no node id
            "change connection name:r0 conn-name:peer connection:Connected",
            Change(action="change", object="connection", states={"connection": "Connected"}),
        ),
        ("change gadget name:r0 colour:blue", None),
        ("destroy device name:r0 volume:0 minor:4", Change(action="destroy", object="device", volume="0")),
        ("call helper name:r0 helper:fence-peer", Call(handler="fence-peer")),
        ("response helper name:r0 helper:fence-peer status:1792", Call(handler="fence-peer", code=7)),
        ("response helper name:r0 helper:fence-peer status:32512", Call(handler="fence-peer", code=127)),
        ("response helper name:r0 helper:fence-peer status:4294967294", Call(handler="fence-peer", code=0)),
        ("response helper name:r0 helper:fence-peer status:9", Call(handler="fence-peer", code=0)),
        (
            "2026-11-22T20:11:44.485768+00:00 exists device name:r0 volume:0 minor:0 disk:UpToDate some-day:yes",
            Change(action="exists", object="device", volume="0", states={"disk": "UpToDate"}),
        ),
    ],
)
def test_what_a_line_says(line, said):
    assert item(parse(line)) == said


COLOURED = "change connection name:r0 peer-node-id:1 conn-name:b connection:\x1b[1;32mConnected\x1b[0m"
DIFFERENCE = "change connection name:r0 peer-node-id:1 conn-name:b connection:Connecting->Connected"


@pytest.mark.parametrize(
    "line", [COLOURED, DIFFERENCE, "", "change", "sings resource name:r0", "2026-11-22T20:11:44+00:00", "Usage: drbdsetup"]
)
def test_what_is_no_line(line):
    with pytest.raises(NotALine):
        parse(line)


@pytest.mark.parametrize(
    "line, known",
    [
        ("exists device name:r0 volume:0 minor:0 disk:UpToDate", "8.4"),
        ("exists device name:r0 volume:0 minor:0 disk:UpToDate client:no quorum:yes", "9"),
        ("change device name:r0 volume:0 minor:0 disk:Failed", ""),
        ("change connection name:r0 peer-node-id:0 conn-name:peer connection:Connected", "8.4"),
        ("change connection name:r0 peer-node-id:1 conn-name:peer connection:Connected", "9"),
        ("change resource name:r0 role:Primary", ""),
    ],
)
def test_the_generation_shows_in_the_lines(line, known):
    assert generation([parse(line)]) == known
