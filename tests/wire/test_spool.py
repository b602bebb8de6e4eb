"""What lies in a spool: whole reports, torn ones, traps; and who may touch what."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from bridge.node import spool
from bridge.node.spool import Spool, read_file, uid_of, write_file
from bridge.node.spool_health import Backlog, Ballast, Health, fill, level
from bridge.wire.body import MAX_BODY, Moment, Torn, check, envelope, make_body

NOW = Moment("b007", 5_000_000_000, 1_700_000_000_000_000_000)


@pytest.fixture
def boxes(tmp_path):
    for top in ("spool", "second"):
        for box in spool.BOXES:
            for folder in ("tmp", "new"):
                (tmp_path / top / box / folder).mkdir(parents=True)
    (tmp_path / "spool/bad").mkdir()
    return Spool(str(tmp_path / "spool"), str(tmp_path / "second"))


def seal(fields: dict[str, object]) -> bytes:
    """A line with a right checksum, whatever it says."""
    text = json.dumps(fields, separators=(",", ":")).encode()[:-1]
    from binascii import crc32

    return b'%s,"crc":"%08x"}\n' % (text, crc32(text))


def test_a_body_of_our_own_is_like_a_hooks():
    uid, body = make_body("edge", {"edge": "torn", "why": 'quoted "crc" ,"crc":"', "count": 3, "over": True}, NOW)
    fields = json.loads(body)
    assert envelope(body) == (uid, "edge")
    assert next(iter(fields)) == "v"
    assert list(fields)[-1] == "crc"
    assert (fields["boot"], fields["boot_ns"], fields["wall_ns"], fields["uid"]) == (*NOW, os.getuid())
    assert (fields["count"], fields["over"]) == (3, True)
    assert body.count(b"\n") == 1
    assert uid[:8] == NOW.boot_ns.to_bytes(8, "big")


@pytest.mark.parametrize("fields", [{"long": "ä" * 5000}, {f"k{index}": "x" * 4000 for index in range(20)}])
def test_a_body_that_is_too_long_is_cut_and_says_so(fields):
    _, body = make_body("edge", fields, NOW)
    check(body)
    assert len(body) <= MAX_BODY
    assert json.loads(body)["truncated"] is True


def test_text_that_utf8_cannot_carry_is_written_out():
    _, body = make_body("edge", {"head": "\ud800"}, NOW)
    assert json.loads(body)["head"] == "\\ud800"


def test_any_lost_or_changed_byte_is_seen():
    _, body = make_body("edge", {"edge": "torn"}, NOW)
    for end in range(len(body)):
        with pytest.raises(Torn):
            check(body[:end])
    for at in range(len(body)):
        with pytest.raises(Torn):
            check(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])


@pytest.mark.parametrize(
    "name, known", [("00" * 16, True), ("0A" * 16, False), ("00" * 15, False), ("zz" * 16, False), (" 0" * 16, False)]
)
def test_names_of_files(name, known):
    assert (uid_of(name) is not None) == known


def test_a_written_file_reads_back(boxes):
    uid, body = make_body("edge", {}, NOW)
    path = write_file(boxes.boxes[0], uid, body)
    assert read_file(path) == body
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert not os.listdir(f"{boxes.boxes[0]}/tmp")


def test_a_failed_write_leaves_nothing(boxes, tmp_path):
    shutil.rmtree(tmp_path / "spool/pcmk/new")
    with pytest.raises(FileNotFoundError):
        write_file(boxes.boxes[0], b"\0" * 16, b"{}\n")
    assert not os.listdir(f"{boxes.boxes[0]}/tmp")


def test_what_is_no_plain_file_is_never_read(tmp_path):
    good = tmp_path / "good"
    good.write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "symlink").symlink_to(good)
    (tmp_path / "giant").write_bytes(b"x" * (spool.MAX_FILE + 1))
    (tmp_path / "folder").mkdir()
    (tmp_path / "second-name").hardlink_to(good)
    for name in ("pipe", "symlink", "giant", "folder", "second-name"):
        with pytest.raises(Torn):
            read_file(str(tmp_path / name))


def test_stale_halves_vanish_and_whole_reports_are_kept(boxes, tmp_path):
    uid, body = make_body("pacemaker", {}, NOW)
    tmp = tmp_path / "spool/pcmk/tmp"
    (tmp / uid.hex()).write_bytes(body)
    (tmp / "half").write_bytes(body[:20])
    assert boxes.sweep(time.time_ns()) == 0
    assert len(os.listdir(tmp)) == 2, "they are not old"
    assert boxes.sweep(time.time_ns() + 601 * 10**9) == 1
    assert not os.listdir(tmp)
    assert os.listdir(tmp_path / "spool/bad") == [uid.hex()]


def test_quarantine_reaches_across_file_systems(boxes, monkeypatch):
    uid, body = make_body("edge", {}, NOW)
    path = write_file(boxes.boxes[2], uid, body)

    def other_file_system(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "rename", other_file_system)
    assert boxes.quarantine(path)
    assert Path(boxes.bad, uid.hex()).read_bytes() == body
    assert not os.path.exists(path)


@pytest.mark.parametrize(
    "waiting, free, percent",
    [(0, 10**9, 0), (10**9, 10**9, 50), (4 * 10**9, 10**9, 80), (0, 1000, 100), (0, 0, 100), (9, 10**12, 0)],
)
def test_fill(waiting, free, percent):
    assert fill(waiting, free) == percent


@pytest.mark.parametrize("percent, expected", [(0, 0), (49, 0), (50, 50), (79, 50), (80, 80), (100, 80)])
def test_level(percent, expected):
    assert level(percent) == expected


def test_health_tells_each_change_once(boxes, monkeypatch):
    _, body = make_body("pacemaker", {}, NOW)
    waits = [Backlog(1, len(body), NOW.wall_ns)]
    health = Health(boxes, 0, lambda _moment: waits[0])
    free = [10**9]
    monkeypatch.setattr("bridge.node.spool_health._free", lambda _path: free[0])
    old = NOW._replace(wall_ns=NOW.wall_ns + 400 * 10**9)

    def told(now: float, at: Moment) -> list[dict[str, object]]:
        return [json.loads(line) for _, line in health.on_tick(now, at)]

    assert told(0.0, NOW) == []
    assert [one["edge"] for one in told(100.0, old)] == ["spool-old"]
    assert told(105.0, old) == [], "not looked at so soon"
    assert told(120.0, old) == [], "told already"
    free[0] = 0
    assert [(one["edge"], one["level"]) for one in told(140.0, old)] == [("spool-fill", 80)]
    waits[0] = Backlog(0, 0, 0)
    free[0] = 10**9
    assert [(one["edge"], one.get("over"), one.get("level")) for one in told(160.0, old)] == [
        ("spool-fill", None, 0),
        ("spool-old", True, None),
    ]


def test_ballast_is_thrown_when_the_disk_is_full_and_taken_back(tmp_path):
    ballast = Ballast(str(tmp_path / "ballast"), 4 << 20)
    assert ballast.look(1 << 30, NOW) == []
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 4 << 20
    assert len(ballast.look(1000, NOW)) == 1
    assert (tmp_path / "ballast").stat().st_blocks == 0
    assert ballast.look(1 << 20, NOW) == []
    assert len(ballast.look(1 << 30, NOW)) == 1
    assert (tmp_path / "ballast").stat().st_size == 4 << 20


def good(node) -> bytes:
    return node.put(1).pop()


TRAPS = {
    "torn": lambda new, name: (new / name).write_bytes(make_body("pacemaker", {}, NOW)[1][:50]),
    "empty": lambda new, name: (new / name).write_bytes(b""),
    "giant": lambda new, name: (new / name).write_bytes(b"x" * 1_000_000),
    "pipe": lambda new, name: os.mkfifo(new / name),
    "symlink": lambda new, name: (new / name).symlink_to("/etc/passwd"),
    "folder": lambda new, name: (new / name).mkdir(),
    "other-name": lambda new, name: (new / name).write_bytes(make_body("pacemaker", {}, NOW)[1]),
    "odd-name": lambda new, name: (new / "README").write_bytes(b"hello"),
    "not-flat-json": lambda new, name: (new / name).write_bytes(b"[" * 60000),
    "not-pacemakers": lambda new, name: (new / name).write_bytes(
        seal({"v": 1, "id": name, "src": "drbd", "boot_ns": 1, "wall_ns": 1})
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_goes_to_bad_and_is_told_while_its_neighbours_pass(prepared, make_bridge, wait, trap):
    bridge = make_bridge()
    name = "01" * 16
    first, last = good(prepared), good(prepared)
    TRAPS[trap](prepared.new, name)
    prepared.settings(bridge.endpoint).start()
    wait(lambda: bridge.has({first, last}))
    told = wait(lambda: next((one.fields for one in bridge.arrivals if one.fields["src"] == "edge"), None))
    assert told["edge"] == "torn"
    assert told["of"] == ("README" if trap == "odd-name" else name)
    assert told["why"]
    assert "root:" not in told["head"], "a link is not followed"
    wait(prepared.empty)
    assert os.listdir(prepared.bad) == [told["of"]]
    assert not bridge.spoiled


@pytest.mark.parametrize(
    "change, code", [({"v": 3}, 3), ({"v": "1"}, 1), ({"boot_ns": -1}, 1), ({"wall_ns": 2**63}, 1), ({"src": "drbd"}, 1)]
)
def test_what_the_bridge_refuses_for_ever_is_kept_and_told(prepared, make_bridge, wait, change, code):
    bridge = make_bridge()
    name = "01" * 16
    (prepared.base / "spool/root/new" / name).write_bytes(seal({"v": 1, "id": name, "src": "drbd", "boot_ns": 1} | change))
    prepared.settings(bridge.endpoint).start()
    uid = good(prepared)
    told = wait(lambda: next((one.fields for one in bridge.arrivals if one.fields["src"] == "edge"), None))
    assert (told["edge"], told["of"], told["code"]) == ("refused", name, code)
    assert [(one.uid.hex(), one.code, one.node) for one in bridge.spoiled] == [(name, code, "n1")]
    wait(lambda: bridge.has({uid}) and prepared.empty())
    assert os.listdir(prepared.bad) == [name]


def test_a_newer_body_is_let_through(prepared, make_bridge, wait):
    bridge = make_bridge()
    name = "01" * 16
    (prepared.base / "spool/root/new" / name).write_bytes(seal({"v": 2, "id": name, "src": "drbd", "shape": {"new": [1]}}))
    prepared.settings(bridge.endpoint).start()
    wait(lambda: bridge.has({bytes.fromhex(name)}) and prepared.empty())


def test_the_second_spool_is_served_too(prepared, make_bridge, make_report, wait):
    bridge = make_bridge()
    uid, body = make_report()
    write_file(f"{prepared.base}/run/spool2/root", uid, body)
    prepared.settings(bridge.endpoint).start()
    later = make_report()
    write_file(f"{prepared.base}/run/spool2/pcmk", *later)
    wait(lambda: bridge.has({uid, later[0]}))
    wait(lambda: not os.listdir(f"{prepared.base}/run/spool2/root/new"))


def test_what_no_hook_may_say_is_dropped_at_the_door(node, make_bridge, make_report, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    uid, body = make_report()
    node.knock((uid, body[:-4]))
    node.knock((uid, b"x" * 60_000))
    node.knock(made := make_report("drbd", DRBD_RESOURCE="r0"))
    wait(lambda: bridge.has({made[0]}))
    assert bridge.uids() == [made[0]]
    assert "a datagram was dropped" in node.said()


@pytest.fixture
def stranger():
    """A user id without any group of ours; a short path that it can walk."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    base = Path(tempfile.mkdtemp(prefix="qb-"))
    base.chmod(0o755)
    yield 54321, base
    shutil.rmtree(base)


def as_user(uid: int, code: str, *arguments: str) -> str:
    def become():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)

    run = subprocess.run(
        ["/usr/bin/python3", "-IS", "-c", code, *arguments], preexec_fn=become, capture_output=True, text=True, cwd="/"
    )
    return (run.stdout + run.stderr).strip()


OWN = """
import os, sys
box, name, text = sys.argv[1:]
handle = os.open(box + "/tmp/" + name, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o640)
os.write(handle, text.encode())
os.rename(box + "/tmp/" + name, box + "/new/" + name)
print("written")
"""
SEND = """
import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[2].encode(), sys.argv[1])
print("sent")
"""
LIST = "import os, sys; print(os.listdir(sys.argv[1]))"


def test_a_writer_has_its_own_box_and_nothing_else(stranger, make_node, make_bridge, wait):
    uid, folder = stranger
    bridge = make_bridge()
    node = make_node(base=folder).settings(bridge.endpoint).start()
    base = node.base
    for path in ("spool/pcmk", "spool/pcmk/tmp", "spool/pcmk/new"):
        os.chown(base / path, uid, 0)
        os.chmod(base / path, 0o2770)
    name, body = make_body("pacemaker", {}, NOW)
    assert as_user(uid, OWN, str(base / "spool/pcmk"), name.hex(), body.decode()) == "written"
    wait(lambda: bridge.has({name}))
    wait(node.empty)
    assert "PermissionError" in as_user(uid, OWN, str(base / "spool/root"), "01" * 16, "x")
    for path in ("spool", "spool/root/new", "spool/bad", "run/spool2/root"):
        assert "PermissionError" in as_user(uid, LIST, str(base / path)), path


def test_a_stranger_may_not_knock(stranger, make_node, make_bridge, wait):
    uid, folder = stranger
    bridge = make_bridge()
    node = make_node(base=folder).settings(bridge.endpoint).start()
    door = node.base / "run/hook.sock"
    claim, body = make_body("drbd", {}, NOW)
    assert "PermissionError" in as_user(uid, SEND, str(door), body.decode())
    door.chmod(0o666)
    assert as_user(uid, SEND, str(door), body.decode()) == "sent"
    wait(lambda: f"user {uid} may not report as 'drbd'" in node.said())
    assert not bridge.has({claim})


def test_modes_of_the_folders(prepared):
    modes = {
        str(path.relative_to(prepared.base)): oct(path.stat().st_mode & 0o7777)
        for path in prepared.base.rglob("*")
        if path.is_dir()
    }
    assert modes["spool"] == modes["run"] == modes["run/spool2"] == "0o751"
    assert modes["spool/bad"] == "0o700"
    assert {
        modes[f"{top}/{box}/{last}"] for top in ("spool", "run/spool2") for box in spool.BOXES for last in ("tmp", "new")
    } == {"0o2770"}


def test_a_path_too_long_for_a_socket_is_told(node, tmp_path):
    node.settings("tcp://127.0.0.1:9", run=str(tmp_path / ("x" * 120)))
    run = subprocess.run(node.command(), capture_output=True, text=True, cwd=Path(__file__).parent.parent.parent)
    assert run.returncode == 78
    assert "too long for a socket" in run.stderr
