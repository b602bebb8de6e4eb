"""The settings, read again while the relay runs: good ones are taken over, broken ones refused in words, here and at the bridge.

The spool, the hooks' socket and the feeds go on. The folders are what a relay holds by locks and what hooks know it by: only a
restart changes them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from bridge.node import settings
from bridge.node.complaint import Complaint
from bridge.node.feed import Body, edge
from bridge.node.process import tell_systemd
from bridge.wire.body import Moment, boot_id, moment
from bridge.wire.key_value import Mistakes

WHAT: Final = "config"
FOLDERS: Final = ("spool", "run")

log = logging.getLogger("quorumbell.relay")


class Reload:
    """`conf` is what is in force; `take_over` is given what takes its place, and `tell` what the bridge must hear."""

    def __init__(
        self,
        path: str,
        conf: settings.Settings,
        take_over: Callable[[settings.Settings], None],
        tell: Callable[[Sequence[Body]], None],
    ) -> None:
        self._path = path
        self._conf = conf
        self._take_over = take_over
        self._tell = tell
        self._boot = boot_id()
        self._trouble = Complaint(WHAT, f"{path} is not in force as it stands", f"{path} is in force as it stands")
        self._mark = f"{conf.run}/relay.conf.not-in-force"
        """For the next process: the bridge was told, and must hear that it is over."""
        if os.path.exists(self._mark):
            self._tell([edge(WHAT, {"why": f"{path} is in force since this start", "over": True}, self._now())])
            self._all_is_well()

    def __call__(self) -> None:
        tell_systemd(b"RELOADING=1\nMONOTONIC_USEC=%d" % (time.monotonic_ns() // 1000))
        try:
            self._read()
        finally:
            tell_systemd(b"READY=1")

    def _read(self) -> None:
        try:
            new = settings.load(self._path)
        except Mistakes as wrong:
            self._refuse(wrong.texts)
            return
        old = self._conf
        held = [key for key in FOLDERS if getattr(new, key) != getattr(old, key)]
        self._conf = new._replace(spool=old.spool, run=old.run)
        self._take_over(self._conf)
        changed = [key for key in new._fields if getattr(self._conf, key) != getattr(old, key)]
        log.info("%s was read again; taken over: %s", self._path, ", ".join(changed) or "nothing has changed that can be")
        if held:
            self._complain(f"only a restart takes over {', '.join(held)}: systemctl restart quorumbell-relay")
        else:
            self._all_is_well()

    def _refuse(self, mistakes: Sequence[str]) -> None:
        for text in mistakes:
            log.error("%s", text)
        self._complain(f"it is refused, the settings before it are: {'; '.join(mistakes)}")

    def _complain(self, why: str) -> None:
        self._tell(self._trouble.told(why, self._now()))
        with contextlib.suppress(OSError):
            os.close(os.open(self._mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))

    def _all_is_well(self) -> None:
        self._tell(self._trouble.over(self._now()))
        with contextlib.suppress(OSError):
            os.unlink(self._mark)

    def _now(self) -> Moment:
        return moment(self._boot)
