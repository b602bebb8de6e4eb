"""The spool: one file per report, on the node, until the ledger has it. Standard library only, Python 3.9.

    SPOOL/{pcmk,root}/{tmp,new}   one box per writing user: nobody reads or removes what another wrote
    SPOOL/bad                     what was torn or refused, kept
    SPOOL/ballast                 room that is given back when the disk is full
    SPOOL/.lock                   one relay per spool

A report is published by rename and synced afterwards: the relay sees it while the disk still works, and one journal commit
carries both. A file that was published but not yet promised may be torn after a power cut; the checksum finds it.
"""

from __future__ import annotations

# System calls with flags on plain paths: a Path object says nothing more, and opens without O_NOFOLLOW. The box has a tmp/.
# ruff: noqa: S108
import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

from bridge.wire.body import ID_BYTES, Torn, envelope

BOXES: Final = ("pcmk", "root")
PACEMAKER_SOURCES: Final = frozenset({"pacemaker", "clustermon"})
MAX_FILE: Final = 64 * 1024
STALE_AFTER: Final = 600.0


def uid_of(name: str) -> bytes | None:
    """The id that a file's name says, or None when no hook would have named it so."""
    if len(name) != 2 * ID_BYTES or name.lower() != name:
        return None
    try:
        return bytes.fromhex(name)
    except ValueError:
        return None


def read_file(path: str) -> bytes:
    """The whole file. Neither a link, a pipe, a device nor a giant can hold or mislead the reader: Torn says what it is."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as wrong:
        if wrong.errno in {errno.ELOOP, errno.ENXIO}:
            raise Torn(f"not a readable regular file ({os.strerror(wrong.errno)})") from None
        raise
    try:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
            raise Torn("not a regular file with one name")
        if seen.st_size > MAX_FILE:
            raise Torn(f"{seen.st_size} bytes, more than {MAX_FILE}")
        return _read_all(handle)
    finally:
        os.close(handle)


def _read_all(handle: int) -> bytes:
    parts, left = [], MAX_FILE + 1
    while left and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    if not left:
        raise Torn(f"grew beyond {MAX_FILE} bytes")
    return b"".join(parts)


def write_file(box: str, uid: bytes, body: bytes, *, sync: bool = True) -> str:
    """Publish, then sync: `box`/tmp/ID → `box`/new/ID. After it returned with `sync`, a power cut does not lose the report."""
    name = uid.hex()
    before, after = f"{box}/tmp/{name}", f"{box}/new/{name}"
    handle = os.open(before, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        _write_all(handle, body)
        os.rename(before, after)
        if sync:
            os.fsync(handle)
            sync_folder(f"{box}/new")
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(before)
        raise
    finally:
        os.close(handle)
    return after


def _write_all(handle: int, body: bytes) -> None:
    done = 0
    while done < len(body):
        done += os.write(handle, body[done:])


def sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Spool:
    """The boxes of the first and the second spool, read as one; `bad` takes what must not be sent again.

    Any call may meet a spool that is away, read-only or broken. `doubts` counts what went wrong, for whoever looks after the
    spools: it says by `judge` which of them can be used.
    """

    def __init__(self, spool: str, second: str) -> None:
        self.path = spool
        self.tops = (spool, second)
        self.bad = f"{spool}/bad"
        self.boxes = tuple(f"{top}/{box}" for top in self.tops for box in BOXES)
        self.doubts = 0
        self._ill: set[str] = set()
        self._mended: set[str] = set()

    def doubt(self) -> None:
        self.doubts += 1

    def judge(self, top: str, *, well: bool) -> None:
        if not well:
            self._ill.add(top)
        elif top in self._ill:
            self._ill.remove(top)
            self._mended.add(top)

    def is_ill(self, path: str) -> bool:
        return any(path.startswith(f"{top}/") for top in self._ill)

    def well(self) -> set[str]:
        return set(self.tops) - self._ill

    def mended(self) -> set[str]:
        """Which were ill, and are well again, since this was last asked."""
        mended, self._mended = self._mended, set()
        return mended

    def is_second(self, path: str) -> bool:
        return path.startswith(f"{self.tops[1]}/")

    def path_of(self, box: int, uid: bytes) -> str:
        return f"{self.boxes[box]}/new/{uid.hex()}"

    def entries(self, box: int) -> Iterator[os.DirEntry[str]]:
        """Every published file of a box, in no order; what the folder shows before it fails, if it fails."""
        try:
            with os.scandir(f"{self.boxes[box]}/new") as found:
                yield from found
        except OSError:
            self.doubt()

    def remove(self, path: str) -> bool:
        """Whether it is gone. Without a sync: a file that a power cut brings back is sent again, and known there."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return True
        except OSError:
            self.doubt()
            return False
        return True

    def quarantine(self, path: str) -> bool:
        """Out of the way, into bad/. False when even that fails: the file stays where it is."""
        target = f"{self.bad}/{os.path.basename(path)}"
        try:
            os.rename(path, target)
        except OSError:  # the second spool is another file system
            return os.path.lexists(path) and self._carry(path, target)
        return True

    def _carry(self, path: str, target: str) -> bool:
        try:
            body = read_file(path)
        except Torn as wrong:
            body = f"{wrong}\n".encode()
        except OSError:
            return False
        return self.keep(os.path.basename(target), body) and self.remove(path)

    def keep(self, name: str, body: bytes) -> bool:
        """Lay down in bad/ what never had a file of its own."""
        try:
            handle = os.open(f"{self.bad}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            _write_all(handle, body)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    def sweep(self, wall_ns: int) -> int:
        """What killed hooks left in tmp/ for ten minutes: whole reports go to bad/, halves vanish. Says how many were kept."""
        return sum(self._sweep_one(path) for path in self._stale(wall_ns))

    def _stale(self, wall_ns: int) -> Iterator[str]:
        for box in self.boxes:
            with contextlib.suppress(OSError):
                for name in os.listdir(f"{box}/tmp"):
                    path = f"{box}/tmp/{name}"
                    with contextlib.suppress(OSError):
                        if wall_ns / 1e9 - os.lstat(path).st_mtime > STALE_AFTER:
                            yield path

    def _sweep_one(self, path: str) -> bool:
        try:
            envelope(read_file(path))
        except Torn:
            self.remove(path)
            return False
        except OSError:
            self.doubt()
            return False
        return self.quarantine(path)
