"""What comes in from the hooks: a datagram at the door, a file in the spool. Both become what is owed to the bridge."""

from __future__ import annotations

import os
from collections.abc import Callable

import zmq

from bridge.node.door import Door
from bridge.node.inotify import Inotify
from bridge.node.own_reports import OwnReports
from bridge.node.pages import Pages, born
from bridge.node.pending import Pending
from bridge.node.spool import Spool, uid_of
from bridge.node.walk import Walk
from bridge.wire.body import Moment


class Incoming:
    """A report that was settled already, and comes again late, is answered and removed at once. `stir` is called when a hook has
    reported something."""

    def __init__(
        self,
        spool: Spool,
        door: Door,
        pages: Pages,
        pending: Pending,
        own: OwnReports,
        poller: zmq.Poller,
        stir: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._door = door
        self._pending = pending
        self._own = own
        self._poller = poller
        self._stir = stir
        self._inotify = Inotify()
        self._at_the_door = -1
        self.walk = Walk(spool, pages, pending, strange=self._strange, settled=self._settled)
        if self._inotify.fileno() >= 0:
            poller.register(self._inotify.fileno(), zmq.POLLIN)

    def watch(self) -> None:
        """The door and the folders as they are now: any of them may have come, or been made anew."""
        fresh = [self._inotify.watch(f"{box}/new") for box in self._spool.boxes]
        if any(fresh):
            self.walk.hurry()
        if self._door.fileno() != self._at_the_door:
            if self._at_the_door >= 0:
                self._poller.unregister(self._at_the_door)
            self._at_the_door = self._door.fileno()
            if self._at_the_door >= 0:
                self._poller.register(self._at_the_door, zmq.POLLIN)

    def on_readable(self, handle: int, here: Moment) -> None:
        """`handle` may be somebody else's."""
        if handle == self._at_the_door:
            self._read_door()
        elif handle == self._inotify.fileno():
            self._read_inotify(here)

    def close(self) -> None:
        self._inotify.close()

    def _read_door(self) -> None:
        for uid, body in self._door.read():
            settled = self._pending.settled(uid)
            if settled is None:
                self._stir()
                self._pending.offer_body(uid, body)
            elif settled:
                self._door.stored(uid)

    def _read_inotify(self, here: Moment) -> None:
        arrived, missed = self._inotify.read()
        for folder, name in arrived:
            self._found(folder, name, here)
        if missed:
            self.walk.hurry()

    def _found(self, folder: str, name: str, here: Moment) -> None:
        path = f"{folder}/{name}"
        uid = uid_of(name)
        if self._spool.is_second(path):
            self._spool.doubt()  # its hook could not write into the first
        if uid is None:
            self._strange(path, name)
        elif self._pending.settled(uid) is not None:
            self._settled(path, uid)
        elif uid in self._pending:
            self._pending.offer_file(uid, path)
        else:
            self._arrived(uid, path, here)

    def _arrived(self, uid: bytes, path: str, here: Moment) -> None:
        try:
            written_ns = os.lstat(path).st_mtime_ns
        except OSError:
            written_ns = here.wall_ns
        self._stir()
        self._pending.offer_file(uid, path, born(uid, written_ns, here))

    def _strange(self, path: str, name: str) -> None:
        self._own.put_aside(path, name, "its name is not that of a report")

    def _settled(self, path: str, uid: bytes) -> None:
        if self._pending.settled(uid):
            self._spool.remove(path)
        else:
            self._spool.quarantine(path)
