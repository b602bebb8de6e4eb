"""Pictures of the cluster: read, put together from their parts, and the newest of each node kept.

A report of `crm_mon` (bridge/node/crm_mon.py) holds one part: `picture` (the name of its content), `part` and `of`, and `says`,
whose fields are those of bridge/core/world/picture.py.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from bridge.core.pacemaker.truth.believe import on_picture
from bridge.core.world.event import Event, Report
from bridge.core.world.picture import LISTS, MOST_PARTS, PARTS, PICTURE, Picture, PictureTold
from bridge.core.world.reading import Senseless, head, name_of
from bridge.core.world.world import World

MOST_ALIKE: Final = 1 << 14


def read_picture(report: Report) -> Event:
    """The event of one part. Raises Senseless."""
    body = report.body
    part, of = (_number(body, key) for key in ("part", "of"))
    if not 0 <= part < of <= MOST_PARTS:
        raise Senseless(f"part {part} of {of} is none of at most {MOST_PARTS}")
    try:
        says = msgspec.convert(body.get("says"), Picture)
    except msgspec.ValidationError as wrong:
        raise Senseless(f"says: {wrong}") from None
    return PictureTold(**head(report), node=report.node, picture=name_of(body, "picture"), part=part, of=of, says=_sharing(says))


def on_part(world: World, event: PictureTold) -> None:
    """A part: with the last one the picture is whole."""
    known = world.get(PARTS, event.node) or ()
    parts = (*(one for one in known if one.picture == event.picture and one.part != event.part and one.of == event.of), event)
    if len(parts) < event.of:
        world.put((PARTS, event.node), parts)
        world.say(f"a picture of the cluster from {event.node}, part {event.part + 1} of {event.of}")
        return
    world.put((PARTS, event.node), None)
    picture = _joined(parts, event)
    world.put((PICTURE, event.node), picture)
    world.say(_words(event.node, picture))
    on_picture(world, event.node, picture, event.at)


def _joined(parts: tuple[PictureTold, ...], last: PictureTold) -> Picture:
    """Whatever order they came in."""
    says = [part.says for part in sorted(parts, key=lambda part: part.part)]
    rows = {name: tuple(row for one in says for row in getattr(one, name)) for name in LISTS}
    return msgspec.structs.replace(says[0], at=last.at, **rows)


def _words(node: str, picture: Picture) -> str:
    if not picture.running:
        return f"the cluster does not run on {node}: {picture.why}"
    up = sum(one.online for one in picture.nodes)
    quorum = "with" if picture.quorate else "without"
    return f"{node} sees {up} of {len(picture.nodes)} nodes online, {quorum} quorum, {len(picture.resources)} resources"


def _number(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    if type(value) is not int:
        raise Senseless(f"{key} is not a number")
    return value


def _sharing(says: Picture) -> Picture:
    """One object for all equal rows: pictures of one cluster differ in a few, and thousands of them are remembered."""
    return msgspec.structs.replace(says, **{name: tuple(_alike(row) for row in getattr(says, name)) for name in LISTS})


@lru_cache(MOST_ALIKE)
def _alike(row: msgspec.Struct) -> msgspec.Struct:
    return row
