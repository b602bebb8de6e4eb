"""What the relay itself reports, and files that are no reports: the one goes into the spool like all others, the other aside."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from typing import Final

from bridge.node.feed import Body, edge
from bridge.node.pending import Pending
from bridge.node.spool import Spool, write_file
from bridge.node.spool_health import Health
from bridge.wire.body import moment

HEAD: Final = 512
"""Bytes of what is in bad/ that its report shows."""

log = logging.getLogger("quorumbell.relay")


class OwnReports:
    """`tops` are the folders of the first and the second spool."""

    def __init__(self, tops: Sequence[str], spool: Spool, pending: Pending, health: Health, boot: str) -> None:
        self._tops = tops
        self._spool = spool
        self._pending = pending
        self._health = health
        self._boot = boot
        self._stuck: set[str] = set()

    def tell(self, bodies: Sequence[Body]) -> None:
        """Our own reports go through the spool like all others, but nobody waits for the disk: nothing was promised."""
        for uid, body in bodies:
            self._pending.offer_body(uid, body, must=True)
            for top in self._tops:
                try:
                    self._pending.offer_file(uid, write_file(f"{top}/root", uid, body, sync=False))
                    break
                except OSError as failed:
                    self._health.hurry()
                    log.warning("a report of our own could not be written to %s/root: %s", top, failed)

    def put_aside(self, path: str, name: str, why: str) -> None:
        """A file that cannot be sent goes to bad/, and a report says so. One that cannot be moved is told to the log, once."""
        head = _head(path)
        if not self._spool.quarantine(path):
            if os.path.lexists(path) and path not in self._stuck:
                self._stuck.add(path)
                log.error("%s is no report (%s) and cannot be moved to bad/: look at the modes of %s", path, why, self._spool.bad)
            return
        log.warning("%s went to bad/: %s", path, why)
        self.tell([edge("torn", {"of": name, "why": why, "head": head}, moment(self._boot))])


def _head(path: str) -> str:
    """The first bytes of a file that could not be read whole, for the report about it."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(handle, HEAD).decode("utf-8", "backslashreplace")
        finally:
            os.close(handle)
    return ""
