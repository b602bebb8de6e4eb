"""The folders of a node: whose they are, what may be done in them, what is told of those that cannot be used."""

import errno
import os
import stat
from types import SimpleNamespace

import pytest

from bridge.node import folders
from bridge.node.folders import Lock


@pytest.fixture
def made(tmp_path):
    """By a process whose umask keeps everybody else out."""
    place = SimpleNamespace(run=f"{tmp_path}/run", spool=f"{tmp_path}/spool", second=f"{tmp_path}/run/spool2")
    before = os.umask(0o077)
    assert folders.prepare(place) == []
    os.umask(before)
    return place


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_modes_do_not_depend_on_whoever_starts_it(made):
    assert {mode(top) for top in made.__dict__.values()} == {0o751}
    assert mode(f"{made.spool}/bad") == 0o700
    steps = [
        f"{top}/{box}{step}" for top in (made.spool, made.second) for box in ("pcmk", "root") for step in ("", "/tmp", "/new")
    ]
    assert {mode(path) for path in steps} == {0o2770}


def test_pacemakers_box_is_its_own_and_still_hands_down_its_group(made, monkeypatch):
    given = []
    monkeypatch.setattr(folders.pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid={"hacluster": 90}[name]))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def chown(path, *whom):
        given.append((path, *whom))
        os.chmod(path, 0o770)  # as the kernel does

    monkeypatch.setattr(os, "chown", chown)
    fresh = f"{made.run}/fresh"
    assert folders.prepare_spool(fresh) == []
    assert given == [(f"{fresh}/pcmk{step}", 90, -1) for step in ("", "/tmp", "/new")]
    assert {mode(path) for path, *_ in given} == {0o2770}


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_is_no_folder_is_told(made, what):
    os.rmdir(f"{made.spool}/bad")
    if what == "file":
        open(f"{made.spool}/bad", "w", encoding="ascii").close()
    else:
        os.symlink(made.run, f"{made.spool}/bad")
    assert folders.prepare_bad(made.spool) == [f"{made.spool}/bad: is no folder: remove it"]


def failing(monkeypatch, call, number):
    def fails(*_given, **_more):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fails)


def test_a_folder_that_cannot_be_made_is_told_with_the_cure(made, monkeypatch):
    failing(monkeypatch, "mkdir", errno.EACCES)
    (told,) = folders.prepare_spool(f"{made.run}/fresh")
    assert told.startswith(f"{made.run}/fresh: Permission denied: ")
    assert "mode 751" in told


def test_a_folder_that_takes_nothing_from_us_is_told(made, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _how: not path.endswith("root/new"))
    (told,) = folders.prepare_spool(made.spool)
    assert told.startswith(f"{made.spool}/root/new: the relay may not write here: ")
    assert "mode 2770" in told


def test_a_disk_without_room_for_a_block_is_found_and_nothing_is_left(made, monkeypatch):
    written = []
    monkeypatch.setattr(os, "write", lambda _handle, data: written.append(len(data)) or len(data))
    assert folders.probe(made.spool) == []
    assert written == [4096]
    for number, cure in (errno.ENOSPC, "make room"), (errno.EACCES, "mode 2770"):
        failing(monkeypatch, "write", number)
        (told,) = folders.probe(made.spool)
        assert told.startswith(f"{made.spool}: {os.strerror(number)}: ")
        assert cure in told
    assert os.listdir(f"{made.spool}/root/tmp") == []


def test_one_holds_a_folder_and_the_next_names_it(made):
    first, second = Lock(made.spool), Lock(made.spool)
    assert (first.hold(), first.hold()) == ([], [])
    assert mode(f"{made.spool}/.lock") == 0o600
    (told,) = second.hold()
    assert second.is_taken
    assert f"(process {os.getpid()})" in told
    first.let_go()
    assert (second.hold(), second.is_taken) == ([], False)
    second.let_go()


def test_a_lock_is_not_taken_for_one_in_another_folder_of_that_name(made):
    lock, before = Lock(made.spool), len(os.listdir("/proc/self/fd"))
    lock.hold()
    os.unlink(f"{made.spool}/.lock")
    other = Lock(made.spool)
    assert other.hold() == []
    assert lock.hold() != [], "it holds a file that nobody finds any more"
    other.let_go()
    assert lock.hold() == []
    assert len(os.listdir("/proc/self/fd")) == before + 1, "the file that was held before is let go"
    lock.let_go()


def test_a_lock_is_never_written_through_a_link(made):
    other = f"{made.run}/precious"
    with open(other, "w", encoding="ascii") as file:
        file.write("precious")
    os.symlink(other, f"{made.spool}/.lock")
    (told,) = Lock(made.spool).hold()
    assert told.startswith(f"{made.spool}/.lock: ")
    with open(other, encoding="ascii") as file:
        assert file.read() == "precious"


def test_a_folder_that_became_read_only_is_locked_all_the_same_and_never_through_a_link(made, monkeypatch):
    really = os.open

    def read_only(path, flags, *mode):
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return really(path, flags, *mode)

    with open(f"{made.spool}/.lock", "w", encoding="ascii") as file:
        file.write("7\n")
    monkeypatch.setattr(os, "open", read_only)
    first, second = Lock(made.spool), Lock(made.spool)
    assert first.hold() == []
    assert "(process 7)" in second.hold()[0]
    first.let_go()
    os.rename(f"{made.spool}/.lock", f"{made.spool}/elsewhere")
    os.symlink(f"{made.spool}/elsewhere", f"{made.spool}/.lock")
    assert first.hold() != []
