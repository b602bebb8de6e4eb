"""Whose picture counts. With quorum any member's speaks for the whole cluster, and the newest is taken; without, only for its own
node. None overrules what happened after the look at it began. (Pacemaker Explained, quorum)
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.core.pacemaker.tables import ONLOOKERS
from bridge.core.world.nodes import circle, node
from bridge.core.world.picture import PICTURE, Picture, PictureNode
from bridge.core.world.tables import BLIND, SILENT
from bridge.core.world.world import World

ON_ITS_WAY: Final = timedelta(seconds=1)
"""What happened so shortly before the look may not have been in the cluster's records yet."""
STILL_SO: Final = timedelta(seconds=45)
"""No newer picture for so long means that nothing has changed. The relay looks every 15 s, gives a look ten, and tells of the
second one in vain: it may be 40 s since the last good one before it says that it sees nothing."""
ALL: Final = "all"
NO_MATTER: Final = "ignore"
"""The no-quorum-policy of a cluster that goes on without."""


class Voice(NamedTuple):
    """A picture that counts. It holds for all until `as_of`; with `whole` it speaks for the cluster, else for its own node.
    `lead` is the name under which the cluster's findings are kept, whoever sees them."""

    witness: str
    picture: Picture
    at: datetime
    as_of: datetime
    whole: bool
    lead: str

    def is_newer_than(self, word: datetime | None) -> bool:
        """Whether an event of that time is in the picture."""
        return word is None or word < self.as_of - ON_ITS_WAY

    @property
    def nodes(self) -> dict[str, PictureNode]:
        return {one.name: one for one in self.picture.nodes}


def is_there(one: PictureNode | None) -> bool:
    return one is not None and one.online and not one.unclean and not one.pending


def onlookers(world: World) -> list[str]:
    return sorted(world.get(ONLOOKERS, ALL) or ())


def voices(world: World, witness: str, at: datetime, *, fresh: bool = False) -> list[Voice]:
    """Those that count in the cluster of the witness: one with quorum, or else each for its own node. With `fresh` the picture of
    the witness came just now."""
    known = [
        one
        for name in circle(world, witness)
        if (one := _voice(world, name, at, fresh=fresh and name == witness)) is not None
        and (name == witness or node(world, name).lost_at is None)
    ]
    quorate = [one for one in known if one.whole]
    return [max(quorate, key=lambda one: (one.picture.at, one.witness))] if quorate else sorted(known)


def _voice(world: World, name: str, at: datetime, *, fresh: bool) -> Voice | None:
    picture = world.get(PICTURE, name)
    if picture is None or not picture.running or not (fresh or is_heard(world, name)):
        return None
    me = next((one for one in picture.nodes if one.name == name), None)
    if not is_there(me):
        return None
    as_of = picture.at if fresh else max(picture.at, at - STILL_SO)
    whole = picture.quorate or picture.options.no_quorum_policy == NO_MATTER
    return Voice(name, picture, at, as_of, whole, lead_of(world, name))


def lead_of(world: World, name: str) -> str:
    return min(circle(world, name))


def is_heard(world: World, name: str) -> bool:
    """Whether its relay would say if it saw something else. What a fenced node said is void."""
    return (SILENT, name) not in world.facts and (BLIND, name) not in world.facts and node(world, name).fenced_at is None


def contradicting(world: World, voice: Voice) -> list[Voice]:
    """Those with quorum of their own that take this one for away, as it does them."""
    found = []
    for name, one in voice.nodes.items():
        other = _voice(world, name, voice.at, fresh=False) if name != voice.witness and not is_there(one) else None
        if other is not None and other.whole and not is_there(other.nodes.get(voice.witness)):
            found.append(other)
    return found


def names_of(voices: Iterable[Voice]) -> str:
    return ", ".join(sorted(one.witness for one in voices))
