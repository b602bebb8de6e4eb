"""Keys with safe modes, the allow-list, and settings whose mistakes are all told at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from bridge.intake.intake import Intake
from bridge.node import settings
from bridge.wire.key_value import Mistakes
from bridge.wire.keys import AllowList, Peer, enrol, load_public, load_secret, make_bridge_keys, make_node_keys

ROOT = Path(__file__).parent.parent.parent


def mode(path: str) -> str:
    return oct(os.stat(path).st_mode & 0o7777)


@pytest.mark.parametrize("make", [make_bridge_keys, make_node_keys])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_secrets_are_for_their_owner_alone_whatever_the_umask(tmp_path, make, umask):
    before = os.umask(umask)
    try:
        made = make(str(tmp_path / "keys"))
    finally:
        os.umask(before)
    assert (mode(made.secret), mode(made.public)) == ("0o600", "0o644")
    pair = load_secret(made.secret)
    assert pair.public == load_public(made.public) == zmq.curve_public(pair.secret)
    assert pair.secret.decode() not in repr(pair)
    assert pair.secret.decode() not in Path(made.public).read_text()


def test_keys_are_never_overwritten(tmp_path):
    made = make_node_keys(str(tmp_path))
    before = Path(made.secret).read_bytes()
    with pytest.raises(Mistakes, match="exists already: remove it first"):
        make_node_keys(str(tmp_path))
    assert Path(made.secret).read_bytes() == before


@pytest.mark.parametrize("loose", [0o640, 0o604, 0o620, 0o644])
def test_a_secret_that_others_could_touch_is_refused_with_the_cure(tmp_path, loose):
    made = make_node_keys(str(tmp_path))
    os.chmod(made.secret, loose)
    with pytest.raises(Mistakes, match=f"mode {loose:o} lets others in: chmod 600") as told:
        load_secret(made.secret)
    assert "secret-key" not in str(told.value)


def test_a_secret_of_somebody_else_is_refused(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a file away")
    made = make_node_keys(str(tmp_path))
    os.chown(made.secret, 54321, -1)
    with pytest.raises(Mistakes, match="belongs to user 54321: chown"):
        load_secret(made.secret)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "holds no key pair"),
        ("public-key = short\nsecret-key = short\n", "not a key of 40 characters"),
        ("public-kye = x\n", "did you mean 'public-key'"),
        ("nonsense\n", "not of the form"),
    ],
)
def test_a_broken_secret_is_told(tmp_path, text, words):
    path = tmp_path / "node.secret"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Mistakes, match=words):
        load_secret(str(path))


def test_keys_that_do_not_belong_together_are_told(tmp_path):
    one, other = (load_secret(make_node_keys(str(tmp_path / name)).secret) for name in "ab")
    mixed = tmp_path / "mixed"
    mixed.write_text(f"public-key = {one.public.decode()}\nsecret-key = {other.secret.decode()}\n")
    mixed.chmod(0o600)
    with pytest.raises(Mistakes, match="do not belong together"):
        load_secret(str(mixed))


def test_a_secret_given_as_public_key_is_refused(tmp_path):
    with pytest.raises(Mistakes, match="it stays where it was made"):
        load_public(make_node_keys(str(tmp_path)).secret)


def test_enrolling(tmp_path):
    allowed = str(tmp_path / "allowed")
    first, second = (make_node_keys(str(tmp_path / name)) for name in ("first", "second"))
    path = enrol(allowed, first.public, "prod", "n1")
    assert (path, mode(path)) == (f"{allowed}/prod.n1.public", "0o644")
    assert enrol(allowed, first.public, "prod", "n1") == path, "twice is the same as once"
    enrol(allowed, second.public, "prod", "n1")
    keys = [load_public(made.public).decode() for made in (first, second)]
    assert AllowList(allowed).peers == dict.fromkeys(keys, Peer("prod", "n1"))
    with pytest.raises(Mistakes, match="this key is enrolled as n1 of prod"):
        enrol(allowed, first.public, "prod", "n2")
    with pytest.raises(Mistakes, match="is not a name") as told:
        enrol(allowed, first.public, "../etc", "n 2")
    assert len(told.value.texts) == 2
    assert os.listdir(allowed) == ["prod.n1.public"]


def test_the_allow_list_follows_its_folder(tmp_path):
    allowed = tmp_path / "allowed"
    made = [make_node_keys(str(tmp_path / name)) for name in ("a", "b")]
    enrol(str(allowed), made[0].public, "prod", "a")
    known = AllowList(str(allowed))
    assert known.refresh() is None
    enrol(str(allowed), made[1].public, "prod", "b")
    assert known.refresh() == []
    assert {peer.node for peer in known.peers.values()} == {"a", "b"}
    (allowed / "prod.a.public").write_text("public-key = broken\ncluster = prod\nnode = a\n")
    (complaint,) = known.refresh() or ()
    assert "prod.a.public:1" in complaint
    assert {peer.node for peer in known.peers.values()} == {"b"}, "a broken file lets nobody in, the others count"
    (allowed / "prod.b.public").unlink()
    known.refresh()
    assert known.peers == {}


def test_an_allow_list_is_refused_with_all_its_mistakes(tmp_path):
    allowed = tmp_path / "allowed"
    made = make_node_keys(str(tmp_path / "a"))
    enrol(str(allowed), made.public, "prod", "a")
    (allowed / "copy.public").write_text((allowed / "prod.a.public").read_text())
    (allowed / "empty.public").write_text("")
    (allowed / "loose.public").touch()
    (allowed / "loose.public").chmod(0o666)
    with pytest.raises(Mistakes) as told:
        AllowList(str(allowed))
    text = str(told.value)
    for words in (
        "its key is also that of a of prod",
        "`cluster = …` is missing",
        "`node = …` is missing",
        "mode 666 lets others in: chmod 644",
    ):
        assert words in text
    allowed.chmod(0o777)
    with pytest.raises(Mistakes, match="chmod go-w"):
        AllowList(str(allowed))


def test_a_missing_allow_list_is_told(tmp_path):
    with pytest.raises(Mistakes, match="No such file or directory: make it with quorumbell setup keys"):
        AllowList(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:5000", "tcp://192.0.2.1:5000", "tcp://*:5000", "tcp://example.org:5000"])
def test_plain_text_is_for_loopback_only(endpoint):
    with pytest.raises(ValueError, match="plain text is for loopback only"):
        Intake(["tcp://127.0.0.1:0", endpoint], None, None)


def test_keys_without_an_allow_list_let_nobody_start(keys):
    with pytest.raises(ValueError, match="belong together"):
        Intake(["tcp://127.0.0.1:0"], keys.pair, None)


def test_a_port_that_is_taken_is_told(make_bridge):
    taken = make_bridge().endpoint
    with pytest.raises(zmq.ZMQError, match=f"{taken}.*is another bridge running"):
        Intake([taken], None, None)


@pytest.mark.parametrize(
    "endpoint, near",
    [
        ("tcp://127.0.0.1:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://localhost:1", True),
        ("tcp://localhost.example.org:1", False),
        ("tcp://10.0.0.1:1", False),
        ("tcp://[2001:db8::1]:1", False),
        ("ipc:///tmp/x", False),
    ],
)
def test_loopback(endpoint, near):
    assert settings.is_loopback(endpoint) == near


def test_five_mistakes_five_texts_with_line_and_cure(tmp_path):
    file = tmp_path / "relay.conf"
    secret = make_node_keys(str(tmp_path)).secret
    os.chmod(secret, 0o644)
    file.write_text(
        "# settings\nbase = relative\nbrigde = tcp://bridge:5810\nbridge = bridge:5810\nballast_mib = lots\n"
        f"key = {secret}\nnode n1\nlog = loud\nlog = info\n"
    )
    run = subprocess.run([sys.executable, "-m", "bridge.node.relay", str(file)], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 78
    told = run.stderr.splitlines()
    for number, words in {
        2: "begin it with /",
        3: "did you mean 'bridge'?",
        4: "write tcp://host:port",
        5: "not a number of MiB",
        6: "key without bridge_key",
        7: "not of the form",
        8: "use one of debug, info",
        9: "stands already in line 8",
    }.items():
        assert any(line.startswith(f"{file}:{number}: ") and words in line for line in told), (number, run.stderr)
    assert any("chmod 600" in line for line in told)
    assert "Traceback" not in run.stderr


def test_plain_text_to_another_machine_is_refused(tmp_path):
    file = tmp_path / "relay.conf"
    file.write_text("bridge = tcp://127.0.0.1:5810\nbridge = tcp://192.0.2.1:5810\n")
    with pytest.raises(Mistakes, match="plain text") as told:
        settings.load(str(file))
    assert [text.split(":")[1] for text in told.value.texts] == ["2"]


def test_built_in_places(tmp_path):
    file = tmp_path / "relay.conf"
    file.write_text("bridge = tcp://127.0.0.1:5810\n")
    found = settings.load(str(file))
    assert (found.spool, found.run, found.second, found.door) == (
        "/var/spool/quorumbell",
        "/run/quorumbell",
        "/run/quorumbell/spool2",
        "/run/quorumbell/hook.sock",
    )
    file.write_text("bridge = tcp://127.0.0.1:5810\nbase = /srv/qb\nrun = /run/elsewhere\n")
    found = settings.load(str(file))
    assert (found.spool, found.run) == ("/srv/qb/spool", "/run/elsewhere")


def test_usage():
    run = subprocess.run([sys.executable, "-m", "bridge.node.relay"], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr.split(":")[0]) == (64, "usage")
