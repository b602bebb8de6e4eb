"""What a relay's settings say: each line, what holds where none is, and that every mistake is told at once."""

import socket

import pytest

from bridge.node import settings
from bridge.wire.key_value import Mistakes
from bridge.wire.keys import make_bridge_keys, make_node_keys

HERE = "tcp://127.0.0.1:5140"


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "relay.conf").write_text(text)
        return settings.load(str(tmp_path / "relay.conf"))

    return load


@pytest.fixture
def wrong(load, tmp_path):
    def wrong(text):
        with pytest.raises(Mistakes) as mistakes:
            load(text)
        return [one.removeprefix(f"{tmp_path}/relay.conf") for one in mistakes.value.texts]

    return wrong


def test_one_line_is_enough(load):
    assert load(f"bridge = {HERE}\n") == settings.Settings(
        spool="/var/spool/quorumbell",
        run="/run/quorumbell",
        bridges=(HERE,),
        keys=None,
        bridge_key=None,
        node=socket.gethostname(),
        cluster="",
        ballast=16 << 20,
        log="info",
        drbd="auto",
        drbdsetup="/usr/sbin/drbdsetup",
        crm_mon="auto",
        cibadmin="auto",
        hooks="/usr/libexec/quorumbell",
    )


def test_every_line_counts(load, tmp_path):
    bridge, node = make_bridge_keys(str(tmp_path / "bridge")), make_node_keys(str(tmp_path / "node"))
    there = "tcp://[2001:db8::1]:65535"
    said = {
        "spool": "/a",
        "run": "/b",
        "key": node.secret,
        "bridge_key": bridge.public,
        "node": "n1",
        "cluster": "demo",
        "ballast_mib": "1024",
        "log": "error",
        "drbd": "off",
        "drbdsetup": "/c",
        "crm_mon": "/d",
        "cibadmin": "/e",
        "hooks": "/f",
    }
    got = load("".join(f"{key} = {value}\n" for key, value in [("bridge", HERE), ("bridge", there), *said.items()]))
    assert got._replace(keys=None, bridge_key=None) == settings.Settings(
        "/a", "/b", (HERE, there), None, None, "n1", "demo", 1 << 30, "error", "off", "/c", "/d", "/e", "/f"
    )
    assert got.keys is not None
    assert got.keys.secret.decode() in (tmp_path / "node/node.secret").read_text()
    assert got.bridge_key is not None
    assert got.bridge_key.decode() in (tmp_path / "bridge/bridge.public").read_text()


def test_a_base_holds_both_unless_one_is_elsewhere(load):
    got = load(f"base = /base\nrun = /elsewhere\nbridge = {HERE}\n")
    assert (got.spool, got.run, got.second, got.door) == (
        "/base/spool",
        "/elsewhere",
        "/elsewhere/spool2",
        "/elsewhere/hook.sock",
    )
    assert load(f"base = /base\nbridge = {HERE}\n").run == "/base/run"


def test_all_mistakes_are_told_at_once_each_with_its_line(wrong):
    told = wrong("nod = n1\nlog = loud\nlog = info\nbridge = tcp://10.0.0.1:5140\nbridge = tcp://h:0\nkey = /none\n")
    assert [one.split(": ")[0] for one in told] == [":1", ":3", ":2", ":5", ":6", ":6"]
    assert "did you mean 'node'?" in told[0]


def test_there_is_no_relay_without_a_bridge(wrong):
    assert wrong("node = n1\n") == [": no bridge: add `bridge = tcp://host:port`, once for each"]


@pytest.mark.parametrize("bridge", ["tcp://10.0.0.1:5140", "tcp://bridge.example:5140"])
def test_nothing_leaves_the_machine_without_keys(wrong, bridge):
    (told,) = wrong(f"bridge = {HERE}\nbridge = {bridge}\n")
    assert told.startswith(f":2: {bridge} without keys would send plain text")


def test_what_is_wrong_with_a_key_is_told_beside_its_line(wrong, tmp_path):
    bridge, node = make_bridge_keys(str(tmp_path / "bridge")), make_node_keys(str(tmp_path / "node"))
    told = wrong(f"bridge = {HERE}\nkey = {bridge.public}\nbridge_key = {node.secret}\n")
    assert {one.split(": ")[0] for one in told} == {":2", ":3"}
    assert any("this is a secret key file" in one for one in told)


@pytest.mark.parametrize(
    "line", ["base = here", "node = a b", "cluster = a/b", "ballast_mib = 1025", "ballast_mib = -1", "drbd = on", "crm_mon = yes"]
)
def test_what_makes_no_sense_is_refused(wrong, line):
    (told,) = wrong(f"bridge = {HERE}\n{line}\n")
    assert told.startswith(f":2: {line}: not a")
