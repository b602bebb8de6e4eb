"""A picture as reports: in parts, each as large as a report may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2s
from typing import Any, Final

from bridge.node.feed import Body
from bridge.node.rows import Row
from bridge.wire.body import MAX_BODY, Moment, make_whole

SOURCE: Final = "crm_mon"
MOST_PARTS: Final = 64
ROOM: Final = MAX_BODY - 1024
"""Of a part, for its rows."""


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
