"""Enough of inotify(7) to hear that a file was renamed into a folder; the standard library has none."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

IN_MOVED_TO: Final = 0x80
IN_Q_OVERFLOW: Final = 0x4000
IN_IGNORED: Final = 0x8000
_EVENT: Final = struct.Struct("iIII")


class Inotify:
    """Where the kernel gives no watch (fs.inotify.max_user_instances, …_watches), nothing arrives and fileno() is negative."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._folders: dict[int, str] = {}

    def fileno(self) -> int:
        return self._fd

    def watch(self, folder: str) -> bool:
        """True when it is a folder that was not watched: it was made, mounted or exchanged just now. To be called again."""
        number = int(self._libc.inotify_add_watch(self._fd, os.fsencode(folder), IN_MOVED_TO))
        if number < 0 or self._folders.get(number) == folder:
            return False
        self._folders[number] = folder
        return True

    def read(self) -> tuple[list[tuple[str, str]], bool]:
        """((folder, name) of what arrived, whether some may have been missed)."""
        try:
            buffer = os.read(self._fd, 65536)
        except BlockingIOError:
            return [], False
        arrived, missed, at = [], False, 0
        while at < len(buffer):
            number, mask, _, length = _EVENT.unpack_from(buffer, at)
            at += _EVENT.size
            name = buffer[at : at + length].rstrip(b"\0")
            at += length
            missed = missed or bool(mask & (IN_Q_OVERFLOW | IN_IGNORED))
            if name and number in self._folders:
                arrived.append((self._folders[number], os.fsdecode(name)))
        return arrived, missed

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
