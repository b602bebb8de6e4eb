"""What somebody has arranged: standby, maintenance, unmanaged and disabled resources. Shown for exactly those concerned, rung
nowhere. (Pacemaker Explained, node attributes, resource meta-attributes)
"""

from collections.abc import Iterator
from typing import Final

from bridge.core.pacemaker.alerts import plain_name
from bridge.core.pacemaker.truth.ending import SWITCHED_OFF, WORDS
from bridge.core.pacemaker.truth.voice import Voice
from bridge.core.world.event import CLUSTER, Severity, Subject, node_subject
from bridge.core.world.nodes import node
from bridge.core.world.picture import Picture, PictureNode, PictureResource
from bridge.core.world.shown import show_cluster, show_member, show_running
from bridge.core.world.tables import PLAN
from bridge.core.world.world import World

OFF: Final = WORDS[SWITCHED_OFF]
UNMANAGED: Final = "unmanaged: the cluster does not look after it"
RESTING: Final = "in maintenance"


def follow(world: World, voice: Voice) -> None:
    plans = dict(_plans(world, voice.picture))
    _put(world, CLUSTER, plans.get(CLUSTER))
    if not _is_last_one(world, voice):
        show_cluster(world, voice.at)
    for one in voice.picture.nodes:
        subject = node_subject(one.name)
        known = node(world, one.name)
        if _put(world, subject, plans.get(subject)) and one.online and known.lost_at is None and not known.left:
            show_member(world, one.name, voice.at)
    for name in dict.fromkeys(plain_name(row.id) for row in voice.picture.resources):
        subject = world.service(name)
        if _put(world, subject, plans.get(subject)):
            show_running(world, name, voice.at)


def _put(world: World, subject: Subject, words: str | None) -> bool:
    before = world.get(PLAN, subject)
    world.put((PLAN, subject), words)
    return before != words


def _plans(world: World, picture: Picture) -> Iterator[tuple[Subject, str]]:
    if words := _of_cluster(picture):
        yield CLUSTER, words
    yield from ((node_subject(one.name), words) for one in picture.nodes if (words := _of_node(one)))
    for row in picture.resources:
        if words := of_resource(row):
            yield world.service(plain_name(row.id)), words


def _of_cluster(picture: Picture) -> str:
    if picture.options.maintenance:
        return "the whole cluster is in maintenance: it starts, stops and watches nothing"
    return "all resources are stopped by order (stop-all-resources)" if picture.options.stop_all else ""


def _of_node(one: PictureNode) -> str:
    if one.maintenance:
        return RESTING
    if one.standby:
        return "in standby"
    if one.standby_onfail:
        return "in standby, because a resource failed there (on-fail=standby)"
    return "about to leave in good order" if one.online and one.shutdown else ""


def of_resource(row: PictureResource) -> str:
    """What could not be stopped is unmanaged as well: nobody has arranged that."""
    if row.disabled:
        return OFF
    if row.maintenance:
        return RESTING
    return "" if row.managed or row.blocked else UNMANAGED


def _is_last_one(world: World, voice: Voice) -> bool:
    members = [one for one in voice.picture.nodes if one.kind == "member"]
    there = [one.name for one in members if one.online]
    if len(members) == 1 or len(there) != 1:
        return False
    world.note(CLUSTER, Severity.WARNING, voice.at, f"{there[0]} is the last node: nothing can be taken over")
    return True
