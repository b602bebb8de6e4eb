"""What a relay's crm_mon shows comes to the bridge: when it changed, the newest only, and past whatever crm_mon does."""

import json
import sys
import time
from pathlib import Path

import pytest

from bridge.intake.conversation import Conversation
from bridge.wire.codec import Hello, Ping, Welcome, decode, encode
from tests.node.programs import Programs

SHOWN = Path(__file__).parents[1] / "node/crm_mon"
HEALTHY, ALONE = SHOWN / "2.1.5/01-healthy.xml", SHOWN / "2.1.5/12-no-quorum.xml"


@pytest.fixture
def program(tmp_path):
    return Programs(tmp_path)


@pytest.fixture
def seen(tmp_path):
    """What crm_mon shows."""
    path = tmp_path / "seen.xml"
    path.write_bytes(HEALTHY.read_bytes())
    return path


@pytest.fixture(params=["this Python", "the oldest Python of nodes"])
def node_python(request):
    return sys.executable if request.param == "this Python" else request.getfixturevalue("python39")


def pictures(bridge):
    return [arrival.fields for arrival in bridge.arrivals if arrival.fields["src"] == "crm_mon"]


def quorate(bridge):
    return [one["says"].get("quorate", False) for one in pictures(bridge)]


def test_it_is_sent_when_it_changes_and_a_hook_hurries_it(make_node, make_bridge, program, seen, node_python, wait):
    bridge = make_bridge()
    node = make_node(python=node_python).settings(bridge.endpoint, crm_mon=program(f"cat {seen}"), cibadmin="off").start()
    wait(lambda: len(pictures(bridge)) == 1)
    node.put(1)
    wait(lambda: len(program.calls()) == 2)
    time.sleep(0.3)
    assert len(pictures(bridge)) == 1, "still so: the ping says it"
    wait(lambda: 0 < bridge.do(lambda intake: intake.peers()[0].looked_ms) < 10_000)

    seen.write_bytes(ALONE.read_bytes())
    node.put(1)
    wait(lambda: len(pictures(bridge)) == 2)
    assert quorate(bridge) == [True, False]
    assert node.empty()


def test_only_the_newest_is_kept_for_a_bridge_that_is_away(make_node, make_bridge, program, seen, port, wait):
    here, there = f"tcp://127.0.0.1:{port()}", f"tcp://127.0.0.1:{port()}"
    node = make_node().settings(here, there, crm_mon=program(f"cat {seen}"), cibadmin="off").start()
    wait(lambda: len(program.calls()) == 1)
    seen.write_bytes(ALONE.read_bytes())
    node.put(1)
    wait(lambda: len(program.calls()) >= 2, 20)
    assert len([path for path in (node.base / "spool").rglob("new/*") if path.is_file()]) == 1, (
        "the hook's; a picture is never there"
    )

    first = make_bridge(bind=here)
    wait(lambda: pictures(first))
    assert quorate(first) == [False]
    first.close()
    other = make_bridge(bind=there)
    wait(lambda: pictures(other), what="another bridge may not have it")


def test_what_was_not_acknowledged_is_replaced_and_not_sent_after(make_node, make_bridge, program, seen, wait):
    bridge = make_bridge()
    bridge.acking = False
    node = make_node().settings(bridge.endpoint, crm_mon=program(f"cat {seen}"), cibadmin="off").start()
    wait(lambda: pictures(bridge))
    seen.write_bytes(ALONE.read_bytes())
    node.put(1)
    wait(lambda: False in quorate(bridge))
    before = len(bridge.arrivals)
    wait(lambda: len(bridge.arrivals) >= before + 4)  # sent again, since nothing is acknowledged
    assert True not in [one["says"].get("quorate", False) for one in pictures(bridge)[-1:]]
    assert quorate(bridge)[quorate(bridge).index(False) :].count(True) == 0


def test_a_crm_mon_that_hangs_holds_up_nobody(make_node, make_bridge, program, wait):
    bridge = make_bridge()
    node = make_node().settings(bridge.endpoint, crm_mon=program("printf '<crm_mon>'; sleep 60"), cibadmin="off").start()
    wait(program.calls)
    for _ in range(5):
        began = time.monotonic()
        uids = node.put(5)
        wait(lambda expected=uids: bridge.has(expected))
        assert time.monotonic() - began < 2


def test_a_bridge_that_is_older_than_pictures_is_sent_none(make_node, make_bridge, program, seen, wait, monkeypatch):
    reply = Conversation.reply
    older = {Welcome: lambda said: said._replace(pictures=0)}
    monkeypatch.setattr(Conversation, "reply", lambda self, to, said: reply(self, to, older.get(type(said), lambda it: it)(said)))
    bridge = make_bridge()
    node = make_node().settings(bridge.endpoint, crm_mon=program(f"cat {seen}"), cibadmin="off").start()
    wait(program.calls)
    uids = node.put(1)
    wait(lambda: bridge.has(uids) and len(program.calls()) >= 2, 25)  # what lay in the spool before it was watched hurries nobody
    time.sleep(0.3)
    assert pictures(bridge) == []


@pytest.mark.parametrize("message", [Ping(b"12345678"), Welcome("desk"), Hello("n1")])
def test_who_is_older_says_less_and_is_understood(message):
    """A relay or a bridge that knows nothing of pictures."""
    *head, said = encode(message)
    fields = json.loads(said)
    fields.pop("looked_ms", None)
    fields.pop("pictures", None)
    assert decode([*head, json.dumps(fields).encode()]) == message
