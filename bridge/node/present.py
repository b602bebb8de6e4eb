"""Brings what the onlooker saw last to the bridge: when it changed, whole once an hour, and to a bridge that may not have it.

A picture is never written to disk. While no bridge listens only the newest is kept, and one that a newer replaces is not sent
any more. A bridge that does not say that it takes pictures is older than they are, and is sent none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bridge.node.crm_mon import Picture
from bridge.node.link import Link
from bridge.node.parts import parts
from bridge.node.pending import Pending
from bridge.node.picture import telling
from bridge.node.rows import Row

WHOLE_EVERY: Final = 3600.0


class Present:
    """`seen` gives what was seen last."""

    def __init__(self, pending: Pending, link: Link, seen: Callable[[], Picture | None]) -> None:
        self._pending = pending
        self._link = link
        self._seen = seen
        self._told: Row = {}
        self._looked: Picture | None = None
        self._whole_at = 0.0
        self._bridge = ""
        self._owed: list[bytes] = []

    def tick(self, now: float) -> None:
        picture = self._seen()
        if picture is None or not self._link.takes_pictures:
            return
        if now >= self._whole_at or self._link.bridge != self._bridge:
            self._told = {}
        if picture is self._looked and self._told:
            return
        self._looked = picture
        reasons = telling(picture.says)
        if reasons != self._told:
            self._tell(picture)
            self._told, self._bridge, self._whole_at = reasons, self._link.bridge, now + WHOLE_EVERY

    def _tell(self, picture: Picture) -> None:
        for uid in self._owed:
            self._pending.withdraw(uid)
        bodies = parts(picture.says, picture.moment)
        self._owed = [uid for uid, _ in bodies]
        for uid, body in bodies:
            self._pending.offer_body(uid, body, must=True)
