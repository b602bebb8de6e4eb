"""Probes find a resource running where the cluster did not know of it: nothing, an end of trouble, or active in two places."""

from datetime import timedelta
from typing import Final

from bridge.core.pacemaker.tables import CLONE, FOUND
from bridge.core.world.event import Action, Severity
from bridge.core.world.incident import Kind
from bridge.core.world.world import World

FOUND_TOGETHER: Final = timedelta(seconds=30)


def note_found(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    found = world.get(FOUND, resource) or {}
    world.put((FOUND, resource), {**{other: when for other, when in found.items() if at - when < FOUND_TOGETHER}, name: at})
    world.say(f"a probe found {resource} running on {name}")


def found_twice(world: World, event: Action) -> bool:
    """Found running on two nodes, and now it is stopped: it was active in two places."""
    found = world.get(FOUND, event.resource) or {}
    fresh = sorted(name for name, when in found.items() if event.at - when < FOUND_TOGETHER)
    subject = world.service(event.resource)
    if len(fresh) < 2 or event.node not in fresh or world.get(CLONE, event.resource):
        return False
    incident = world.holder(subject)
    if incident is not None and incident.kind is Kind.MULTIPLE_ACTIVE:
        world.say(f"{event.resource} stopped on {event.node} too", incident.key)
        return True
    reason = f"{event.resource} was running on {' and '.join(fresh)} at once"
    key = world.open_incident(Kind.MULTIPLE_ACTIVE, subject, found[fresh[0]], Severity.WARNING, reason)
    world.change(key, event.at, facts={"resource": event.resource, "found_on": ", ".join(fresh)})
    world.hurt(key, subject, event.at, Severity.WARNING, reason)
    return True
