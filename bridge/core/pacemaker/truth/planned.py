"""What somebody has arranged: standby, maintenance, unmanaged and disabled resources; and what was left behind. Shown for exactly
those concerned, rung nowhere. (Pacemaker Explained, node attributes, resource meta-attributes)
"""

from collections.abc import Iterator

from bridge.core.pacemaker.alerts import plain_name
from bridge.core.pacemaker.truth import arranged
from bridge.core.pacemaker.truth.remarks import remark_on
from bridge.core.pacemaker.truth.service import services
from bridge.core.pacemaker.truth.voice import Voice
from bridge.core.world.event import CLUSTER, Severity, Subject, node_subject
from bridge.core.world.nodes import node
from bridge.core.world.picture import Picture, PictureNode, PictureResource
from bridge.core.world.shown import show_cluster, show_member, show_running
from bridge.core.world.tables import REMARK
from bridge.core.world.world import World


def follow(world: World, voice: Voice) -> None:
    plans = dict(_plans(world, voice.picture))
    arranged.arrange(world, CLUSTER, plans.get(CLUSTER), voice.at)
    if not _is_last_one(world, voice):
        show_cluster(world, voice.at)
    for one in voice.picture.nodes:
        subject = node_subject(one.name)
        known = node(world, one.name)
        if (
            arranged.arrange(world, subject, plans.get(subject), voice.at)
            and one.online
            and known.lost_at is None
            and not known.left
        ):
            show_member(world, one.name, voice.at)
    for service in services(voice.picture):
        subject = world.service(service.name)
        planned = arranged.arrange(world, subject, plans.get(subject), voice.at)
        if _remark(world, subject, remark_on(voice.picture, service) or None) or planned:
            show_running(world, service.name, voice.at)


def _remark(world: World, subject: Subject, words: str | None) -> bool:
    """Gives whether that is new."""
    before = world.get(REMARK, subject)
    world.put((REMARK, subject), words)
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
        return arranged.ALL_RESTING
    return arranged.ALL_STOPPED if picture.options.stop_all else ""


def _of_node(one: PictureNode) -> str:
    if one.maintenance:
        return arranged.RESTING
    if one.standby:
        return arranged.STANDBY
    if one.standby_onfail:
        return arranged.PUT_ASIDE
    return arranged.LEAVING if one.online and one.shutdown else ""


def of_resource(row: PictureResource) -> str:
    """What could not be stopped is unmanaged as well: nobody has arranged that."""
    if row.disabled:
        return arranged.OFF
    if row.maintenance:
        return arranged.RESTING
    return "" if row.managed or row.blocked else arranged.UNMANAGED


def _is_last_one(world: World, voice: Voice) -> bool:
    members = [one for one in voice.picture.nodes if one.kind == "member"]
    there = [one.name for one in members if one.online]
    if len(members) == 1 or len(there) != 1:
        return False
    world.note(CLUSTER, Severity.WARNING, voice.at, f"{there[0]} is the last node: nothing can be taken over")
    return True
