"""What comes in from the hooks: a datagram at the door, a file in the spool. Both become what is owed to the bridge."""

from __future__ import annotations

from bridge.node.door import Door
from bridge.node.inotify import Inotify
from bridge.node.own_reports import OwnReports
from bridge.node.pending import Pending
from bridge.node.spool import Spool, remove, uid_of


class Incoming:
    """A report that was settled already, and comes again late, is answered and removed at once."""

    def __init__(self, spool: Spool, door: Door, pending: Pending, own: OwnReports) -> None:
        self._spool = spool
        self._door = door
        self._pending = pending
        self._own = own
        self._inotify = Inotify()
        for box in spool.boxes:
            self._inotify.watch(f"{box}/new")

    def filenos(self) -> tuple[int, int]:
        return self._door.fileno(), self._inotify.fileno()

    def on_readable(self, handle: int) -> None:
        """`handle` may be somebody else's."""
        if handle == self._door.fileno():
            self._read_door()
        elif handle == self._inotify.fileno():
            self._read_inotify()

    def rescan(self) -> None:
        """All that lies in the spool: a watch can miss what a look does not."""
        for box, name in list(self._spool.names()):
            self._found(f"{box}/new", name)

    def close(self) -> None:
        self._inotify.close()

    def _read_door(self) -> None:
        for uid, body in self._door.read():
            settled = self._pending.settled(uid)
            if settled is None:
                self._pending.offer_body(uid, body)
            elif settled:
                self._door.stored(uid)

    def _read_inotify(self) -> None:
        arrived, missed = self._inotify.read()
        for folder, name in arrived:
            self._found(folder, name)
        if missed:
            self.rescan()

    def _found(self, folder: str, name: str) -> None:
        path = f"{folder}/{name}"
        uid = uid_of(name)
        if uid is None:
            self._own.put_aside(path, name, "its name is not that of a report")
            return
        settled = self._pending.settled(uid)
        if settled is None:
            self._pending.offer_file(uid, path)
        elif settled:
            remove(path)
        else:
            self._spool.quarantine(path)
