"""What goes out to the bridge, and what its answer does: a file leaves the spool when the bridge has it, and never before."""

from __future__ import annotations

import contextlib
import logging

from bridge.node.door import Door
from bridge.node.feed import Words, edge
from bridge.node.link import Link
from bridge.node.own_reports import HEAD, OwnReports
from bridge.node.pending import Entry, Pending
from bridge.node.spool import BOXES, PACEMAKER_SOURCES, Spool, read_file
from bridge.wire import codec
from bridge.wire.body import Torn, envelope, moment

log = logging.getLogger("quorumbell.relay")


class Outgoing:
    def __init__(self, spool: Spool, door: Door, link: Link, pending: Pending, own: OwnReports, boot: str) -> None:
        self._spool = spool
        self._door = door
        self._link = link
        self._pending = pending
        self._own = own
        self._boot = boot
        self._batch = 0

    def send(self, now: float) -> None:
        """As much as the bridge's window has room for."""
        while self._link.may_send:
            batch = self._pending.take(self._link.window, self._link.window_bytes, now, self._load)
            if not batch:
                return
            self._batch += 1
            if not self._link.send(codec.Batch(self._batch, tuple(batch))):
                self._pending.reset()
                return

    def answered(self, message: codec.Message) -> None:
        if isinstance(message, codec.Taken):
            for uid in message.ids:
                self._stored(uid)
        elif isinstance(message, codec.Refused):
            self._refused(message)

    def _load(self, uid: bytes, entry: Entry) -> bytes | None:
        if entry.path is None:
            return None
        try:
            body = read_file(entry.path)
            self._admit(uid, entry.path, body)
        except FileNotFoundError:
            return None
        except Torn as wrong:
            if not self._own.put_aside(entry.path, uid.hex(), str(wrong)):
                self._pending.leave(entry)
            return None
        except OSError as failed:
            self._spool.doubt()
            self._own.stuck(entry.path, f"it cannot be read now ({failed.strerror})")
            self._pending.leave(entry)
            return None
        return body

    def _admit(self, uid: bytes, path: str, body: bytes) -> None:
        known = envelope(body)
        if known.uid != uid:
            raise Torn(f"its name says {uid.hex()}, its text {known.uid.hex()}")
        if f"/{BOXES[0]}/new/" in path and known.src not in PACEMAKER_SOURCES:
            raise Torn(f"a report of {known.src!r} does not belong in the box of Pacemaker's hooks")
        if len(body) > self._link.max_event:
            raise Torn(f"{len(body)} bytes; the bridge takes {self._link.max_event}")

    def _stored(self, uid: bytes) -> None:
        entry = self._pending.settle(uid, stored=True)
        if entry is not None and entry.path is not None and not self._spool.remove(entry.path):
            self._pending.leave(entry)
        self._door.stored(uid)

    def _refused(self, message: codec.Refused) -> None:
        """Kept in bad/, and told with a small report: what a hook promised is never silent. Our own small reports end here."""
        entry = self._pending.settle(message.uid, stored=False)
        if entry is None:
            return
        body = entry.body
        if entry.path is not None:
            with contextlib.suppress(OSError, Torn):
                body = read_file(entry.path)
            if not self._spool.quarantine(entry.path):
                self._pending.leave(entry)
        elif body is not None:
            self._spool.keep(message.uid.hex(), body)
        log.error("the bridge refused %s for ever (%d): %s; see bad/", message.uid.hex(), message.code, message.text)
        head = (body or b"")[:HEAD].decode("utf-8", "backslashreplace")
        if '"src":"edge"' in head:
            return
        words: Words = {"of": message.uid.hex(), "code": message.code, "why": message.text, "head": head}
        self._own.tell([edge("refused", words, moment(self._boot))])
