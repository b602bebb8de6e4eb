"""How a report is laid down: synced before it is promised, readable by those whom it concerns, never through a link."""

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.node import spool as spools
from bridge.node import spool_health
from bridge.node.own_reports import HEAD, OwnReports
from bridge.node.spool import Spool, write_file
from bridge.node.spool_health import Backlog, Ballast, Health
from bridge.wire.body import Moment, Torn, make_body

NOW = Moment("b007", 5_000_000_000, 1_700_000_000_000_000_000)
UID, BODY = make_body("pacemaker", {}, NOW)


@pytest.fixture(autouse=True)
def open_umask():
    """What is kept from others is kept by us, not by the umask."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def spool(node):
    (node.base / "spool/bad").mkdir()
    return Spool(f"{node.base}/spool", f"{node.base}/run/spool2")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_file_and_its_folder_are_synced_after_it_was_published(spool, monkeypatch):
    box, steps = spool.boxes[1], []
    rename = os.rename
    monkeypatch.setattr(os, "rename", lambda *names: steps.append("rename") or rename(*names))
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append(os.readlink(f"/proc/self/fd/{handle}")))
    path = write_file(box, UID, BODY)
    assert steps == ["rename", path, f"{box}/new"]
    steps.clear()
    write_file(box, UID, BODY, sync=False)
    assert steps == ["rename"]


def test_a_report_is_read_by_its_group_only(spool):
    assert mode(write_file(spool.boxes[1], UID, BODY)) == 0o640


def test_a_report_never_takes_the_place_of_another_that_is_being_written(spool):
    lies = Path(spool.boxes[1], "tmp", UID.hex())
    lies.write_bytes(b"another's")
    with pytest.raises(FileExistsError):
        write_file(spool.boxes[1], UID, BODY)
    assert lies.read_bytes() == b"another's"
    assert not os.listdir(f"{spool.boxes[1]}/new")


def test_no_handle_is_left_open_whatever_fails(spool, monkeypatch):
    before = os.listdir("/proc/self/fd")
    write_file(spool.boxes[1], UID, BODY)
    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(OSError, match="Input/output error"):
        write_file(spool.boxes[1], bytes(16), BODY)
    assert not spool.keep("one", b"x")
    assert os.listdir("/proc/self/fd") == before
    assert not os.listdir(f"{spool.boxes[1]}/tmp")


def broken(*_given):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_is_kept_in_bad_is_whole_the_relays_own_and_written_through_no_link(spool, tmp_path):
    assert spool.keep("one", b"a long text")
    assert spool.keep("one", b"short")
    assert Path(spool.bad, "one").read_bytes() == b"short"
    assert mode(f"{spool.bad}/one") == 0o600
    (tmp_path / "precious").write_bytes(b"precious")
    os.symlink(tmp_path / "precious", f"{spool.bad}/two")
    assert not spool.keep("two", b"x")
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize("size, says", [(spools.MAX_FILE, ""), (spools.MAX_FILE + 1, "65537 bytes, more than 65536")])
def test_a_giant_is_not_read_and_its_size_is_told(tmp_path, size, says):
    (tmp_path / "one").write_bytes(b"x" * size)
    if not says:
        assert len(spools.read_file(str(tmp_path / "one"))) == size
        return
    with pytest.raises(Torn, match=says):
        spools.read_file(str(tmp_path / "one"))


def test_a_file_in_the_second_spool_goes_to_bad_though_it_is_another_file_system(spool, monkeypatch):
    path = write_file(spool.boxes[3], UID, BODY)
    monkeypatch.setattr(os, "rename", broken)
    assert spool.quarantine(path)
    assert not os.path.exists(path)
    assert Path(spool.bad, UID.hex()).read_bytes() == BODY
    assert not spool.quarantine(path), "it is gone"


@pytest.fixture
def own(spool):
    return OwnReports(spool, SimpleNamespace(offer_body=lambda *_, **__: True, offer_file=lambda *_: None), "b007")


def told(spool):
    return b"".join(path.read_bytes() for path in Path(spool.tops[0], "root/new").iterdir())


def test_of_what_went_to_bad_its_first_bytes_are_told_whatever_they_are(spool, own):
    lies = Path(spool.boxes[1], "new/README")
    lies.write_bytes(b"\xff" + b"y" * HEAD)
    assert own.put_aside(str(lies), "README", "no report")
    assert b"\\\\xff" + b"y" * (HEAD - 1) + b'"' in told(spool)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_of_a_link_or_a_pipe_nothing_is_read(spool, own, tmp_path, kind):
    lies = Path(spool.boxes[1], "new/odd")
    if kind == "link":
        (tmp_path / "secret").write_bytes(b"a secret")
        lies.symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(lies)
    assert own.put_aside(str(lies), "odd", "no report")
    assert b'"head":""' in told(spool)


def test_the_ballast_is_the_relays_own_and_laid_through_no_link(tmp_path):
    path = str(tmp_path / "ballast")
    Ballast(path, 4096).look(1 << 30, NOW)
    assert (mode(path), os.stat(path).st_size) == (0o600, 4096)
    os.unlink(path)
    (tmp_path / "precious").write_bytes(b"")
    os.symlink(tmp_path / "precious", path)
    Ballast(path, 4096).look(1 << 30, NOW)
    assert (tmp_path / "precious").read_bytes() == b""


def test_the_ballast_is_given_away_when_there_is_no_room_and_taken_back_when_there_is(tmp_path):
    path = tmp_path / "ballast"
    one = Ballast(str(path), 4096)
    assert one.look(1 << 30, NOW) == []
    (thrown,) = one.look(1000, NOW)
    assert (b'"edge":"ballast"' in thrown[1], b'"over":true' in thrown[1], path.stat().st_size) == (True, False, 0)
    assert one.look(1000, NOW) == [], "once"
    (back,) = one.look(1 << 30, NOW)
    assert (b"has room again" in back[1], b'"over":true' in back[1], path.stat().st_size) == (True, True, 4096)


def test_a_ballast_that_finds_no_room_holds_none(tmp_path, monkeypatch):
    def full(handle, _at, _size):
        os.ftruncate(handle, 100)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert Ballast(str(tmp_path / "ballast"), 4096).look(1 << 30, NOW) == []
    assert (tmp_path / "ballast").stat().st_size == 0


def test_health_is_looked_at_every_ten_seconds_and_soon_where_something_failed(spool, monkeypatch):
    looks = []
    monkeypatch.setattr(spool_health, "_free", lambda _path: 1 << 40)
    health = Health(spool, 0, lambda _moment: looks.append(now) or Backlog(0, 0, 0))

    for now in (0.0, 0.5, 9.9, 10.0, 10.5):
        health.on_tick(now, NOW)
    assert looks == [0.0, 10.0]
    spool.doubt()
    for now in (10.9, 11.0, 11.5, 20.9, 21.0):
        health.on_tick(now, NOW)
    assert looks == [0.0, 10.0, 11.0, 21.0]
