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
from bridge.wire.body import moment

HEAD: Final = 512
"""Bytes of what is in bad/ that its report shows."""
MOST_STUCK: Final = 100
"""Files that are told one by one."""

log = logging.getLogger("quorumbell.relay")


class OwnReports:
    def __init__(self, spool: Spool, pending: Pending, boot: str) -> None:
        self._spool = spool
        self._pending = pending
        self._boot = boot
        self._stuck: set[str] = set()

    def tell(self, bodies: Sequence[Body]) -> None:
        """Our own reports go through the spool like all others, but nobody waits for the disk: nothing was promised."""
        for uid, body in bodies:
            self._pending.offer_body(uid, body, must=True)
            for top in self._spool.tops:
                try:
                    self._pending.offer_file(uid, write_file(f"{top}/root", uid, body, sync=False))
                    break
                except OSError as failed:
                    self._spool.doubt()
                    log.info("a report of our own could not be written to %s/root: %s", top, failed)

    def put_aside(self, path: str, name: str, why: str) -> bool:
        """A file that cannot be sent goes to bad/, and a report says so. False: it still lies there."""
        head = _head(path)
        if not self._spool.quarantine(path):
            if not os.path.lexists(path):
                return True
            self.stuck(path, f"it is no report ({why}) and cannot be moved to {self._spool.bad}")
            return False
        log.warning("%s went to bad/: %s", path, why)
        self.tell([edge("torn", {"of": name, "why": why, "head": head}, moment(self._boot))])
        return True

    def stuck(self, path: str, why: str) -> None:
        """A file that can be neither sent nor moved stays, and is told once. Of a whole spool of them, what is wrong with it."""
        if path in self._stuck or len(self._stuck) >= MOST_STUCK or self._spool.is_ill(path):
            return
        self._stuck.add(path)
        log.error("%s: %s: look at its owner and modes, and at the disk", path, why)
        self.tell([edge("stuck", {"of": os.path.basename(path), "why": f"{path}: {why}"}, moment(self._boot))])


def _head(path: str) -> str:
    """The first bytes of a file that could not be read whole, for the report about it."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(handle, HEAD).decode("utf-8", "backslashreplace")
        finally:
            os.close(handle)
    return ""
