"""The folders of a node: made where they are missing, checked where they are there, held by one relay."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
from typing import Final

from bridge.node.door import PACEMAKER_USER
from bridge.node.settings import Settings
from bridge.node.spool import BOXES

TOP_MODE: Final = 0o751  # hooks pass through; nobody lists
BOX_MODE: Final = 0o2770  # its writer and the relay, whose group new files inherit
BAD_MODE: Final = 0o700
LOCK_MODE: Final = 0o600
PROBE: Final = b"\0" * 4096
"""A block: an empty file can be made on a disk that has no room for a report."""
CURES: Final = {
    errno.EROFS: "the kernel's log says why; mount it writable again",
    errno.EIO: "its disk fails: look at the kernel's log",
    errno.ENOSPC: "make room, or free inodes",
    errno.EDQUOT: "give its writers more quota",
}


def prepare(settings: Settings) -> list[str]:
    """Everything that hooks or relay could not do here."""
    spool, second = settings.spool, settings.second
    return [*prepare_run(settings.run), *prepare_spool(spool), *prepare_bad(spool), *prepare_spool(second)]


def prepare_run(run: str) -> list[str]:
    wrong: list[str] = []
    _folder(run, TOP_MODE, wrong)
    return wrong


def prepare_spool(top: str) -> list[str]:
    """The folders that hooks write to, in the first or second spool. The first thing that is wrong is why the next is."""
    wrong: list[str] = []
    _folder(top, TOP_MODE, wrong)
    for box in BOXES:
        for path in (f"{top}/{box}", f"{top}/{box}/tmp", f"{top}/{box}/new"):  # noqa: S108
            if not wrong and _folder(path, BOX_MODE, wrong) and box == "pcmk":
                _give_to_pacemaker(path)
    return wrong


def prepare_bad(spool: str) -> list[str]:
    wrong: list[str] = []
    _folder(f"{spool}/bad", BAD_MODE, wrong)
    return wrong


def _folder(path: str, mode: int, wrong: list[str]) -> bool:
    """True when it was made just now."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        os.mkdir(path)
        os.chmod(path, mode)
    except FileExistsError:
        wrong += _faults(path, mode)
        return False
    except OSError as failed:
        wrong.append(f"{path}: {failed.strerror}: {cure(failed, mode)}")
        return False
    return True


def cure(failed: OSError, mode: int) -> str:
    known = CURES.get(failed.errno or 0)
    return known or f"make it as root, mode {mode:o}, or run the relay as a user that can"


def _faults(path: str, mode: int) -> list[str]:
    """Of what is there already."""
    if not os.path.isdir(path) or os.path.islink(path):
        return [f"{path}: is no folder: remove it"]
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return [f"{path}: {os.strerror(errno.EROFS)}: {CURES[errno.EROFS]}"]
    except OSError as failed:
        return [f"{path}: {failed.strerror}: {cure(failed, mode)}"]
    if mode != TOP_MODE and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return [f"{path}: the relay may not write here: give the folder to its group, mode {mode:o}"]
    return []


def probe(top: str) -> list[str]:
    """Why no report can be written there, found by writing one block, which is gone before it comes to a disk."""
    path = f"{top}/{BOXES[-1]}/tmp/.probe"  # noqa: S108
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, PROBE)
        finally:
            os.close(handle)
            os.unlink(path)
    except OSError as failed:
        return [f"{top}: {failed.strerror}: {cure(failed, BOX_MODE)}"]
    return []


def _give_to_pacemaker(path: str) -> None:
    """Only root can; without that user there is no Pacemaker here, and whoever runs the hook is ourselves."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(KeyError, OSError):  # a folder that we could make and cannot give away is found by its hook
        os.chown(path, pwd.getpwnam(PACEMAKER_USER).pw_uid, -1)
        os.chmod(path, BOX_MODE)  # a change of owner takes the set-gid bit


class Lock:
    """One relay for a folder: ours until the process ends, however it ends. A folder that takes no lock is used without."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = f"{folder}/.lock"
        self._handle = -1
        self.is_taken = False
        """Another relay has it."""

    def hold(self) -> list[str]:
        """Why it is not ours. To be called again: the folder may be another one by now."""
        if self._is_held():
            return []
        self.let_go()
        self.is_taken = False
        try:
            self._handle = _lock(self._path)
        except BlockingIOError:
            self.is_taken = True
            return [
                f"{self._folder}: another relay serves this spool already (process {_holder(self._path)}): stop one of the two"
            ]
        except OSError as failed:
            return [f"{self._path}: {failed.strerror}: {cure(failed, LOCK_MODE)}"]
        with contextlib.suppress(OSError):  # a lock on a read-only file is one, too
            os.ftruncate(self._handle, 0)
            os.write(self._handle, b"%d\n" % os.getpid())
        return []

    def _is_held(self) -> bool:
        try:
            return self._handle >= 0 and os.path.samestat(os.fstat(self._handle), os.stat(self._path))
        except OSError:
            return False

    def let_go(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _lock(path: str) -> int:
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, LOCK_MODE)
    except OSError as failed:
        if failed.errno != errno.EROFS:
            raise
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _holder(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as file:
        return file.read(32).strip() or "unknown"
    return "unknown"
