"""Fence devices that fail because their node did: a management board without power, a device that ran on the dead node.

They are part of the node's story while nobody knows whether the node is off, and go on by themselves when that is over.
"""

from datetime import datetime

from bridge.core.pacemaker.tables import SICK_DEVICES
from bridge.core.world.event import Severity, Subject, node_subject, subject_name
from bridge.core.world.fence_devices import is_of
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import circle, node
from bridge.core.world.tables import PLAN
from bridge.core.world.world import SAME_STORY, World


def story_of_device(world: World, device: str, here: str) -> str | None:
    """The story of a node that is lost and not fenced, to which a fence device that fails `here` belongs."""
    if not world.is_fence_device(device):
        return None
    for name in sorted(circle(world, here)):
        known, incident = node(world, name), world.holder(node_subject(name))
        if known.lost_at is None or known.fenced_at is not None or incident is None:
            continue
        in_vain = world.wound(Subject(f"fencing/{name}")) is not None
        if in_vain or is_of(device, name) or any(one == device for one, _ in known.taken):
            return incident.key
    return None


def note_device(world: World, device: str, here: str, at: datetime) -> None:
    """It failed here just now."""
    if world.is_fence_device(device):
        world.put((SICK_DEVICES, "all"), {**_lately(world, at), device: (here, at)})


def gather_devices(world: World, name: str, key: str, at: datetime) -> None:
    """Devices whose failure was the first sign that the node died."""
    for device, (here, _) in _lately(world, at).items():
        incident = world.holder(world.service(device))
        if incident is None or incident.kind is not Kind.FENCE_DEVICE_FAILURE or here not in circle(world, name):
            continue
        if is_of(device, name) or here == name:
            world.absorb(incident.key, key, at, f"{device} failed with {name}")


def _lately(world: World, at: datetime) -> dict[str, tuple[str, datetime]]:
    return {device: row for device, row in (world.get(SICK_DEVICES, "all") or {}).items() if at - row[1] < SAME_STORY}


def let_go(world: World, key: str, at: datetime) -> None:
    """The node is there again. What of its story remains, if nothing but fence devices does, is about these."""
    wounds = sorted(world.wounds(key))
    devices = [name for name in wounds if world.is_fence_device(subject_name(Subject(name)))]
    if not devices or len(devices) < len(wounds) or world.incident(key).root in devices:
        return
    for name in devices:
        subject = Subject(name)
        wound = world.wound(subject)
        if wound is not None:
            severity = Severity.WARNING if world.get(PLAN, subject) is not None else Severity.CRITICAL
            new = world.open_incident(Kind.FENCE_DEVICE_FAILURE, subject, at, severity, wound.why)
            world.change(new, at, facts={"resource": subject_name(subject)})
            world.hurt(new, subject, at, severity, wound.why, outage=wound.outage)
