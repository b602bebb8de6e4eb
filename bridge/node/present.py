"""Brings what the onlooker saw last to the bridge: when it changed, whole once an hour, and to a bridge that may not have it.

A picture is never written to disk. While no bridge listens only the newest is kept, and one that a newer replaces is not sent
any more. A bridge that does not say that it takes pictures is older than they are, and is sent none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import blake2s
from typing import Any, Final

from bridge.node.crm_mon import Picture
from bridge.node.feed import Body
from bridge.node.link import Link
from bridge.node.pending import Pending
from bridge.node.picture import telling
from bridge.node.rows import Row
from bridge.wire.body import MAX_BODY, Moment, make_whole

SOURCE: Final = "crm_mon"
WHOLE_EVERY: Final = 3600.0
MOST_PARTS: Final = 64
ROOM: Final = MAX_BODY - 1024
"""Of a part, for its rows."""


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


def parts(says: Row, moment: Moment) -> list[Body]:
    """The reports that tell a picture; rows beyond what they can hold are left out. Equal content has the same name."""
    cut = list(_cut(says))[:MOST_PARTS]
    named = blake2s(_text(says), digest_size=8).hexdigest()
    return [
        make_whole(SOURCE, {"picture": named, "part": number, "of": len(cut), "says": part}, moment)
        for number, part in enumerate(cut)
    ]


def _cut(says: Row) -> Iterator[Row]:
    """The first has all that is no list of rows; the rows follow in their order, as many as there is room for."""
    part: Row = {name: value for name, value in says.items() if not isinstance(value, list)}
    size = len(_text(part))
    for name, value in ((name, one) for name, rows in says.items() if isinstance(rows, list) for one in rows):
        more = len(_text(value)) + len(name) + 8
        if size + more > ROOM:
            yield part
            part, size = {}, 0
        part.setdefault(name, []).append(value)
        size += more
    yield part


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "backslashreplace")
