"""What a picture teaches for good: which resource is a guest, a fence device, a clone, a DRBD replica; what lives in what.

An agent says what names only hint at. (Pacemaker Explained, resource classes; Pacemaker Remote, guest nodes)
"""

from datetime import datetime
from typing import Final

from bridge.core.pacemaker.alerts import plain_name
from bridge.core.pacemaker.tables import CLONE, CONTAINER
from bridge.core.pacemaker.truth.arranged import arrange
from bridge.core.world.condition import Condition
from bridge.core.world.nodes import meet, node, set_node
from bridge.core.world.picture import Picture
from bridge.core.world.tables import CONDITION, DEVICE, GUEST, HOLDER, OTHER, REPLICATED, SORT, TOGETHER
from bridge.core.world.world import World

GUEST_AGENTS: Final = frozenset({"VirtualDomain", "Xen", "lxc", "libvirt-lxc", "KVM", "ManageVE", "vmrun", "lxd-container"})


def learn(world: World, witness: str, picture: Picture) -> None:
    inside = {one.resource for one in picture.nodes if one.resource}
    for row in picture.resources:
        name = plain_name(row.id)
        _sort(world, name, _sort_of(row.agent, is_machine=row.id in inside), picture.at)
        if row.clone and row.agent:
            world.put((CLONE, name), value=True)
    for name, together in _together(picture).items():
        world.put((TOGETHER, name), together if any(together[:2]) else None)
    for primitive in picture.primitives:
        if replica := primitive.parameter("drbd_resource"):
            world.put((REPLICATED, plain_name(primitive.id)), replica)
    for one in picture.nodes:
        meet(world, witness, one.name)
        if one.kind == "remote":
            world.put((CONTAINER, one.name), one.resource or one.container)
            if not node(world, one.name).remote:
                set_node(world, one.name, remote=True)


def _together(picture: Picture) -> dict[str, tuple[str, str, int]]:
    """By resource its group, its clone or bundle, and its place in the group: as the picture lists them."""
    found: dict[str, tuple[str, str, int]] = {}
    places: dict[str, int] = {}
    for row in picture.resources:
        name = plain_name(row.id)
        if name in found:
            continue
        place = places[row.group] = places.get(row.group, -1) + 1
        found[name] = (plain_name(row.group), row.clone or row.bundle, place if row.group else 0)
    return found


def _sort_of(agent: str, *, is_machine: bool) -> str:
    if agent.startswith("stonith:"):
        return DEVICE
    return GUEST if is_machine or agent.rpartition(":")[2] in GUEST_AGENTS else OTHER


def _sort(world: World, name: str, sort: str, at: datetime) -> None:
    """What was told under another name until now goes on under it until it is over."""
    old = world.service(name)
    if world.get(SORT, name) == sort or (world.is_guest(name) is not (sort == GUEST) and (HOLDER, old) in world.facts):
        return
    world.put((SORT, name), sort)
    known: Condition | None = world.get(CONDITION, old)
    if known is not None and (new := world.service(name)) != old:
        arrange(world, old, None, at)
        world.let_go(old, at, f"told as {new} from now on")
        world.note(new, known.severity, known.since, known.why)
