"""Where hooks knock: a datagram socket whose senders the kernel names, so that nobody speaks for another."""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import socket
import struct
from collections import OrderedDict
from typing import Final, NamedTuple

from bridge.node.spool import MAX_FILE, PACEMAKER_SOURCES
from bridge.wire.body import Envelope, Torn, envelope
from bridge.wire.key_value import Mistakes

_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: unix(7)
_MOST_WAITING: Final = 1000
_LONGEST_PATH: Final = 107
PACEMAKER_USER: Final = "hacluster"

log = logging.getLogger("quorumbell.relay")


class Knock(NamedTuple):
    uid: bytes
    body: bytes


def pacemaker_uid() -> int | None:
    try:
        return pwd.getpwnam(PACEMAKER_USER).pw_uid
    except KeyError:
        return None


def may_say(src: str, uid: int, *, own: int, pacemaker: int | None) -> bool:
    """Root and the relay's own user say anything, Pacemaker's user what Pacemaker says, others nothing."""
    return uid in {0, own} or (uid == pacemaker and src in PACEMAKER_SOURCES)


class Door:
    def __init__(self, path: str) -> None:
        if len(os.fsencode(path)) > _LONGEST_PATH - 8:
            raise Mistakes([f"{path}: too long for a socket ({_LONGEST_PATH - 8} bytes at most): choose a shorter base or run"])
        self.path = path
        self._own = os.geteuid()
        self._pacemaker = pacemaker_uid()
        self._waiting: OrderedDict[bytes, bytes | str] = OrderedDict()
        self._strangers: set[int] = set()
        self._socket: socket.socket | None = None
        self._number = -1
        """Our socket's inode: by its path somebody else's could be found, or none."""

    def open(self) -> list[str]:
        """Why hooks cannot knock. To be called again: the socket, or its folder, may have been removed."""
        if self._is_open():
            return []
        self._shut()
        fresh = f"{self.path}.{os.getpid() % 1000}"
        self._socket = _socket()
        try:
            self._bind(self._socket, fresh)
        except OSError as failed:
            self._shut()
            return [f"{self.path}: {failed.strerror}: let the relay's user write into this folder"]
        return []

    def _is_open(self) -> bool:
        try:
            return self._socket is not None and os.lstat(self.path).st_ino == self._number
        except OSError:
            return False

    def _bind(self, ours: socket.socket, fresh: str) -> None:
        """Under another name first, so that no hook ever meets a socket without its modes."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        ours.bind(fresh)
        self._open_to_pacemaker(fresh)
        self._number = os.lstat(fresh).st_ino
        os.rename(fresh, self.path)

    def _open_to_pacemaker(self, path: str) -> None:
        os.chmod(path, 0o660)
        if self._pacemaker is None:
            return
        group = pwd.getpwnam(PACEMAKER_USER).pw_gid
        try:
            os.chown(path, self._pacemaker if self._own == 0 else -1, group)
        except PermissionError:
            log.warning("%s: closed to Pacemaker's hooks: let the relay's user join group %d (haclient)", self.path, group)

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def read(self, most: int = 256) -> list[Knock]:
        knocks: list[Knock] = []
        if (ours := self._socket) is None:
            return knocks
        for _ in range(most):
            try:
                body, extra, flags, address = ours.recvmsg(MAX_FILE, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                break
            sender = _sender(extra)
            known = None if flags & socket.MSG_TRUNC else self._known(body, sender)
            if known is not None:
                knocks.append(Knock(known.uid, body))
                self._remember(known.uid, address)
        return knocks

    def _known(self, body: bytes, sender: int) -> Envelope | None:
        try:
            known = envelope(body)
        except Torn as wrong:
            self._wonder(sender, f"sent no report: {wrong}")
            return None
        if not may_say(known.src, sender, own=self._own, pacemaker=self._pacemaker):
            self._wonder(sender, f"may not report as {known.src!r}")
            return None
        return known

    def _wonder(self, sender: int, what: str) -> None:
        """Once per user: a stranger cannot fill the log."""
        if sender not in self._strangers and len(self._strangers) < 100:
            self._strangers.add(sender)
            log.warning("a datagram was dropped: user %d %s", sender, what)

    def _remember(self, uid: bytes, address: bytes | str | None) -> None:
        if address:
            self._waiting[uid] = address
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)

    def stored(self, uid: bytes) -> None:
        """The word that a hook may be waiting for."""
        address = self._waiting.pop(uid, None)
        if address is not None and self._socket is not None:
            with contextlib.suppress(OSError):  # it did not wait
                self._socket.sendto(b"A" + uid, address)

    def close(self) -> None:
        if self._is_open():
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return made


def _sender(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return int(_CREDENTIALS.unpack(data[: _CREDENTIALS.size])[1])
    return -1
