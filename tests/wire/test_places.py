"""A relay starts, and goes on, with what is left of its spools; it tells what is wrong, and since when; what comes back is used."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.node import folders
from bridge.node.door import Door
from bridge.node.folders import Lock
from bridge.node.inotify import Inotify
from bridge.node.places import Places, SpoolCheck
from bridge.node.spool import Spool, write_file
from bridge.wire.body import Moment
from tests.wire.conftest import HERE, ROOT

HOOK = ROOT / "alert_scripts/quorumbell-alert"
NOW = Moment("b007", 5_000_000_000, 1_700_000_000_000_000_000)
CALLS = ("open", "scandir", "listdir", "lstat", "stat", "statvfs", "rename", "fsync", "unlink", "mkdir", "access", "truncate")
AS_READ_ONLY = ("open", "mkdir", "unlink", "rename")


@pytest.fixture
def node(node, monkeypatch):
    """Its relay looks every second."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    sick(node, node.base)
    return node


def sick(node, folder: Path, *calls: str) -> Path:
    """A file: while it is there, the relay's system calls on what lies in the folder fail."""
    flag = node.base / "sick"
    node.command = lambda: [node.python, str(HERE / "sick_relay.py"), str(node.file), str(flag), str(folder), *calls]
    return flag


def call_hook(node, number: int) -> None:
    """As Pacemaker calls it. It promises, wherever it could write."""
    words = {"CRM_alert_kind": "node", "CRM_alert_node": "n2", "CRM_alert_node_sequence": str(number)}
    run = subprocess.run(
        [sys.executable, "-IS", str(HOOK)], env={"quorumbell_base": str(node.base), **words}, capture_output=True
    )
    assert run.returncode == 0, run.stderr


def has_number(bridge, number: int) -> bool:
    return [one.fields.get("CRM_alert_node_sequence") for one in bridge.arrivals].count(str(number)) == 1


def told(bridge, edge: str = "place") -> list[dict]:
    return [one.fields for one in bridge.arrivals if one.fields.get("edge") == edge]


def a_file(spool: Path) -> None:
    shutil.rmtree(spool)
    spool.write_text("not a folder")


def a_link(spool: Path) -> None:
    shutil.rmtree(spool)
    spool.symlink_to("/etc")


def under_a_file(spool: Path) -> None:
    shutil.rmtree(spool.parent)
    spool.parent.write_text("not a folder either")


def a_box_that_is_a_file(spool: Path) -> None:
    shutil.rmtree(spool / "root")
    (spool / "root").write_text("no box")


def no_box_can_be_made(spool: Path) -> None:
    shutil.rmtree(spool / "pcmk/new")
    (spool / "pcmk/new").symlink_to("/proc/nowhere")


def mend(spool: Path) -> None:
    for path in (spool.parent, spool, spool / "root", spool / "pcmk/new"):
        if path.is_symlink() or path.is_file():
            path.unlink()
    for box in ("pcmk", "root"):
        for step in ("tmp", "new"):
            (spool / box / step).mkdir(parents=True, exist_ok=True)


ILLS = [a_file, a_link, under_a_file, a_box_that_is_a_file, no_box_can_be_made]


def wound(node, bridge) -> Path:
    spool = node.base / "var/spool"
    node.settings(bridge.endpoint, spool=spool)
    mend(spool)
    return spool


@pytest.mark.parametrize("ill", ILLS, ids=lambda ill: ill.__name__)
def test_it_starts_with_what_is_left_and_uses_what_comes_back(node, make_bridge, make_report, wait, ill):
    bridge = make_bridge()
    spool = wound(node, bridge)
    ill(spool)
    node.start()
    write_file(f"{node.base}/run/spool2/root", *(second := make_report()))
    node.knock(memory := make_report())
    wait(lambda: bridge.has({second[0], memory[0]}))
    (first,) = wait(lambda: told(bridge))
    assert (first["place"], first["over"]) == (str(spool), False)
    assert f"{spool} is in trouble since " in first["why"]
    assert first["why"] in node.said()
    mend(spool)
    write_file(f"{spool}/pcmk", *(after := make_report()))
    wait(lambda: bridge.has({after[0]}), 15)
    _, over = wait(lambda: len(told(bridge)) == 2 and told(bridge), 15)
    assert (over["place"], over["over"]) == (str(spool), True)
    assert "is well again; it was in trouble since " in over["why"]
    wait(lambda: not os.listdir(spool / "pcmk/new"))
    assert sum(one.uid == after[0] for one in bridge.arrivals) == 1


@pytest.mark.parametrize("ill", ILLS, ids=lambda ill: ill.__name__)
def test_it_goes_on_with_what_is_left(node, make_bridge, make_report, wait, ill):
    bridge = make_bridge()
    spool = wound(node, bridge)
    node.start()
    wait(lambda: "has welcomed us" in node.said())
    ill(spool)
    write_file(f"{node.base}/run/spool2/root", *(second := make_report()))
    node.knock(memory := make_report())
    wait(lambda: bridge.has({second[0], memory[0]}))
    (first,) = wait(lambda: told(bridge), 15)
    assert first["over"] is False
    assert node.process.poll() is None


def test_what_was_carried_away_is_delivered_when_it_is_back(node, make_bridge, make_report, wait):
    """A file system that was unmounted, and is mounted again: the folders are others each time."""
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    spool, away = node.base / "spool", node.base / "away"
    wait(lambda: "has welcomed us" in node.said())
    spool.rename(away)
    spool.write_text("")
    call_hook(node, 1)
    wait(lambda: has_number(bridge, 1) and told(bridge), 15)
    write_file(f"{away}/pcmk", *(waiting := make_report()))
    spool.unlink()
    away.rename(spool)
    wait(lambda: bridge.has({waiting[0]}) and told(bridge)[-1]["over"], 15)
    call_hook(node, 2)
    wait(lambda: has_number(bridge, 2) and node.empty())
    assert len(told(bridge)) == 2


def test_folders_that_were_removed_are_made_again(node, make_bridge, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    wait(lambda: "has welcomed us" in node.said())
    shutil.rmtree(node.base / "spool")
    call_hook(node, 1)
    wait(lambda: has_number(bridge, 1) and (node.base / "spool/root/new").is_dir(), 20)
    call_hook(node, 2)
    wait(lambda: has_number(bridge, 2) and node.empty())
    assert not os.listdir(node.base / "run/spool2/root/new")


def test_a_socket_that_was_removed_is_made_again(node, make_bridge, make_report, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint).start()
    door = node.base / "run/hook.sock"
    shutil.rmtree(node.base / "run")
    wait(door.exists, 20)
    made = make_report()
    wait(lambda: node.knock(made, wait=1.0) == b"A" + made[0])
    assert stat.S_IMODE(door.stat().st_mode) == 0o660


@pytest.mark.parametrize(
    "calls",
    [*((call,) for call in CALLS), CALLS, AS_READ_ONLY],
    ids=lambda calls: calls[0] if len(calls) == 1 else f"{len(calls)} calls",
)
def test_no_call_that_fails_ends_it_at_the_start_or_later(node, make_bridge, make_report, wait, calls):
    """EIO from each of them, from all, and from those that write, as in a file system that became read-only."""
    bridge = make_bridge()
    node.settings(bridge.endpoint)
    node.file.write_text(node.file.read_text().replace("ballast_mib = 0", "ballast_mib = 1"))
    ill = sick(node, node.base / "spool", *calls)
    folders.prepare(_settings(node))
    before = node.put(2)
    ill.touch()
    node.start()
    write_file(f"{node.base}/run/spool2/root", *(second := make_report()))
    node.knock(memory := make_report())
    wait(lambda: bridge.has({second[0], memory[0]}))
    ill.unlink()
    wait(lambda: bridge.has(before) and node.empty(), 25, "what lay there is delivered")
    ill.touch()
    later = node.put(2)
    write_file(f"{node.base}/run/spool2/root", *(second := make_report()))
    wait(lambda: bridge.has({second[0]}))
    assert node.process.poll() is None
    assert node.said().count("cannot be read now") <= 4
    assert "Traceback" not in node.said()
    ill.unlink()
    wait(lambda: bridge.has(later) and node.empty(), 25)
    assert set(bridge.uids()) >= before | later


def test_a_hook_that_had_to_use_the_second_spool_is_heard(node, make_bridge, make_report, wait):
    """Nothing is to be seen in the first; only who writes there is told."""
    bridge = make_bridge()
    node.settings(bridge.endpoint)
    ill = sick(node, node.base / "spool", "open")
    node.start()
    wait(lambda: "has welcomed us" in node.said())
    ill.touch()
    made = make_report()
    assert node.knock(made, wait=3.0) == b"A" + made[0]
    write_file(f"{node.base}/run/spool2/root", *made)
    wait(lambda: told(bridge))
    assert "Input/output error: its disk fails" in told(bridge)[0]["why"]


def test_a_spool_that_cannot_be_emptied_is_delivered_once_and_told(node, make_bridge, wait):
    bridge = make_bridge()
    node.settings(bridge.endpoint)
    ill = sick(node, node.base / "spool", "unlink", "rename")
    folders.prepare(_settings(node))
    ill.touch()
    uids = node.put(300)
    node.start()
    wait(lambda: bridge.has(uids) and told(bridge))
    assert not node.empty()
    wait(lambda: told(bridge)[-1]["over"] is False)
    ill.unlink()
    wait(node.empty, 25)
    assert sum(one.uid in uids for one in bridge.arrivals) == 300


def _settings(node):
    from bridge.node import settings

    return settings.load(str(node.file))


@pytest.mark.parametrize("why", [errno.EIO, errno.EACCES], ids=os.strerror)
def test_a_file_that_cannot_be_read_waits_and_is_told_once(prepared, make_bridge, wait, why):
    """It is no torn report: when it can be read again it is delivered."""
    bridge = make_bridge()
    (uid,) = prepared.put(1)
    ill = sick(prepared, prepared.new / uid.hex(), "open")
    ill.write_text(str(why))
    prepared.settings(bridge.endpoint).start()
    wait(lambda: told(bridge, "stuck"))
    other = prepared.put(1)
    wait(lambda: bridge.has(other))
    ill.unlink()
    wait(lambda: bridge.has({uid}) and prepared.empty(), 15)
    assert len(told(bridge, "stuck")) == 1
    assert not os.listdir(prepared.bad)


class Checks:
    def __init__(self, tmp_path):
        self.wrong = {"first": [], "second": []}
        self.tried = []
        self.spool = Spool(str(tmp_path / "first"), str(tmp_path / "second"))
        self.looks = 0
        self.places = Places({"first": self.first, "second": lambda tries: self.wrong["second"]}, self.spool, self.look)

    def first(self, tries):
        self.tried.append(tries)
        return self.wrong["first"]

    def look(self):
        self.looks += 1

    def tell(self, now: float, later_s: int = 0) -> list[tuple[bool, str]]:
        at = NOW._replace(wall_ns=NOW.wall_ns + later_s * 10**9)
        bodies = [json.loads(line) for _, line in self.places.on_tick(now, at)]
        return [(one["over"], one["why"]) for one in bodies]


@pytest.fixture
def checks(tmp_path):
    return Checks(tmp_path)


def test_what_is_wrong_is_told_once_with_its_time_and_again_when_it_is_over(checks):
    assert checks.tell(0.0) == []
    checks.wrong["first"] = ["first: gone"]
    assert checks.tell(5.0) == [], "not looked at so soon"
    assert checks.tell(10.0) == [(False, "first is in trouble since 2023-11-14 22:13:20 UTC: first: gone")]
    assert checks.tell(20.0, 10) == []
    checks.wrong["second"] = ["full"]
    (told,) = checks.tell(30.0, 20)
    since = "first is in trouble since 2023-11-14 22:13:20 UTC"
    assert told == (False, f"second is in trouble since 2023-11-14 22:13:40 UTC: full; {since}")
    checks.wrong["second"] = []
    (told,) = checks.tell(40.0, 30)
    assert told == (False, f"second is well again; it was in trouble since 2023-11-14 22:13:40 UTC; {since}"), "not all is over"
    checks.wrong["first"] = []
    (told,) = checks.tell(50.0, 40)
    assert told == (True, "first is well again; it was in trouble since 2023-11-14 22:13:20 UTC")
    assert checks.looks == 6


def test_a_spool_in_trouble_speaks_for_all_that_lies_in_it_until_it_is_mended(tmp_path):
    spool, wrong = Spool(str(tmp_path / "first"), str(tmp_path / "second")), ["gone"]
    places = Places({spool.path: lambda tries: wrong}, spool, lambda: None)
    places.on_tick(0.0, NOW)
    assert spool.is_ill(f"{spool.path}/root/new/a-report")
    assert spool.well() == {str(tmp_path / "second")}
    wrong.clear()
    places.on_tick(20.0, NOW)
    assert not spool.is_ill(f"{spool.path}/root/new/a-report")
    assert spool.mended() == {spool.path}


def test_a_call_that_failed_makes_it_look_closely_at_once(checks):
    checks.tell(0.0)
    checks.tell(10.0)
    assert checks.tried == [True, False], "a well spool is tried once a minute"
    checks.spool.doubt()
    checks.tell(10.5)
    assert len(checks.tried) == 2
    checks.tell(11.0)
    checks.tell(12.0)
    assert checks.tried[2:] == [True]


def test_a_probe_finds_what_a_look_does_not(tmp_path):
    assert folders.prepare_spool(str(tmp_path / "spool")) == []
    assert folders.probe(str(tmp_path / "spool")) == []
    assert not os.listdir(tmp_path / "spool/root/tmp")
    shutil.rmtree(tmp_path / "spool/root/tmp")
    (wrong,) = folders.probe(str(tmp_path / "spool"))
    assert "No such file" in wrong


def test_what_else_is_wrong_with_a_spool_is_told_at_each_look_and_it_is_tried_when_asked(tmp_path):
    wrong = ["no room"]
    check = SpoolCheck(str(tmp_path / "spool"), more=lambda: wrong)
    assert [check(False), check(True)] == [["no room"], ["no room"]]
    wrong.clear()
    assert [check(False), check(True)] == [[], []]
    (tmp_path / "file").write_text("")
    assert SpoolCheck(str(tmp_path / "file/spool"))(False) != []


def test_a_lock_is_taken_anew_in_a_folder_that_was_exchanged(tmp_path):
    (tmp_path / "run").mkdir()
    ours, theirs = Lock(str(tmp_path / "run")), Lock(str(tmp_path / "run"))
    assert ours.hold() == []
    (wrong,) = theirs.hold()
    assert theirs.is_taken
    assert f"process {os.getpid()}" in wrong
    shutil.rmtree(tmp_path / "run")
    (wrong,) = ours.hold()
    assert not ours.is_taken
    (tmp_path / "run").mkdir()
    assert ours.hold() == []
    theirs.hold()
    assert theirs.is_taken
    ours.let_go()
    assert theirs.hold() == []
    assert not theirs.is_taken
    theirs.let_go()


def test_a_door_without_a_folder_waits_for_one(tmp_path):
    door = Door(str(tmp_path / "run/hook.sock"))
    (wrong,) = door.open()
    assert "let the relay's user write into this folder" in wrong
    assert (door.fileno(), door.read()) == (-1, [])
    (tmp_path / "run").mkdir()
    assert door.open() == []
    assert door.fileno() >= 0
    door.close()


def test_a_door_whose_place_somebody_has_taken_is_made_anew_and_only_its_group_may_knock(tmp_path):
    path = tmp_path / "hook.sock"
    door = Door(str(path))
    assert door.open() == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    first = path.stat().st_ino
    assert door.open() == []
    assert path.stat().st_ino == first, "nothing to do"
    (tmp_path / "other").write_text("")
    (tmp_path / "other").rename(path)
    assert door.open() == []
    assert stat.S_ISSOCK(path.stat().st_mode)
    door.close()


def test_a_file_system_that_is_not_mounted_any_more_is_told(tmp_path, monkeypatch):
    spool = str(tmp_path / "spool")
    check, device = SpoolCheck(spool), [7]
    assert check(True) == []
    real = os.stat
    monkeypatch.setattr(
        os,
        "stat",
        lambda path, **how: SimpleNamespace(st_dev=device[0], st_mode=real(path).st_mode) if path == spool else real(path, **how),
    )
    assert check(True) == []
    device[0] = real(tmp_path).st_dev
    assert check(False) == [f"{spool}: its file system is not mounted any more"]
    device[0] = 7
    assert check(False) == []


def test_a_watch_is_renewed_where_the_folder_is_another_one(tmp_path):
    inotify, folder = Inotify(), tmp_path / "new"
    try:
        assert not inotify.watch(str(folder)), "it is not there yet"
        for name in ("one", "two"):
            folder.mkdir()
            assert inotify.watch(str(folder))
            assert not inotify.watch(str(folder)), "it is watched already"
            (tmp_path / name).touch()
            (tmp_path / name).rename(folder / name)
            assert (str(folder), name) in inotify.read()[0]
            shutil.rmtree(folder)
    finally:
        inotify.close()
