"""What is found dead where the cluster does nothing about it: in maintenance, or unmanaged. Told once, as a warning.

No monitor runs there, or none that is answered; a refresh (`crm_resource --refresh`) has the cluster look again, and the picture
shows stopped what nobody stopped. (Pacemaker Explained, maintenance mode)
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from bridge.core.pacemaker.tables import CLONE, FAILED_ON, FOUND
from bridge.core.pacemaker.truth.finding import LASTING, Finding
from bridge.core.pacemaker.truth.service import Service
from bridge.core.pacemaker.truth.voice import Voice, is_there
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind
from bridge.core.world.shown import show_doubtful
from bridge.core.world.tables import ACTIVE, PLAN
from bridge.core.world.world import World

PROBED: Final = {"action": "monitor", "rc": "7", "rc_words": "not running"}
"""How the cluster came to know."""


def dead_on(world: World, voice: Voice, service: Service, places: dict[str, str]) -> list[str]:
    """The nodes on which it ran for all we know, and runs no more, though nobody stopped it: that would have been told, or is
    shown. One that runs elsewhere was moved by hand."""
    many = world.get(CLONE, service.name) or False
    if not voice.whole or world.wound(world.service(service.name)) is not None or not (many or service.stopped):
        return []
    if service.first.disabled or service.first.removed or voice.picture.options.stop_all:
        return []
    nodes, rests, found = voice.nodes, _rests(voice, service), world.get(FOUND, service.name) or {}
    gone = [name for name in sorted(world.runs_on.get(service.name, {})) if name not in places and is_there(nodes.get(name))]
    known = [name for name in gone if voice.is_newer_than(found.get(name))]
    return [name for name in known if rests or (many and nodes[name].maintenance)]


def _rests(voice: Voice, service: Service) -> bool:
    return voice.picture.options.maintenance or all(row.maintenance or not (row.managed or row.blocked) for row in service.rows)


def look(world: World, voice: Voice, service: Service, gone: list[str]) -> Iterator[Finding]:
    if gone:
        doubt = f"the cluster shows it running on {', '.join(gone)} no more"
        show = partial(show_doubtful, world, service.name, doubt)
        yield Finding(f"dead {service.name}", LASTING, partial(_tell, world, voice, service, gone), show)


def _tell(world: World, voice: Voice, service: Service, gone: list[str], since: datetime) -> None:
    name, subject = service.name, world.service(service.name)
    plan = world.get(PLAN, subject) or f"in maintenance on {', '.join(gone)}"
    for place in gone:
        world.put((ACTIVE, place, name), None)
    reason = f"{name} was found dead on {', '.join(gone)}, and the cluster does nothing about it: it is {plan}"
    key = world.open_incident(_kind(world, name), subject, since, Severity.WARNING, reason)
    world.hurt(key, subject, since, Severity.WARNING, reason, outage=service.stopped)
    world.put((FAILED_ON, name), gone[0])
    world.change(key, voice.at, facts={"resource": name, "failed_on": ", ".join(gone), "planned": "yes", "dead": "yes", **PROBED})


def _kind(world: World, resource: str) -> Kind:
    if world.is_fence_device(resource):
        return Kind.FENCE_DEVICE_FAILURE
    return Kind.GUEST_FAILURE if world.is_guest(resource) else Kind.RESOURCE_FAILURE
