"""Fencings that a person asked for: by `stonith_admin` (as `pcs stonith fence` does), or by the node attribute `terminate`, with
which `crm node fence` asks the cluster. (Pacemaker Explained, node attributes; crmsh)

The cluster's own request for the same fencing may come at the same moment; the fencer then carries out one and tells of two.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.tables import ATTRIBUTE, FENCED
from bridge.core.world.event import AttributeSet, Fencing, Severity, node_subject
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import node, set_node
from bridge.core.world.tables import HOLDER
from bridge.core.world.world import World

SAME_FENCING: Final = timedelta(seconds=10)
"""Two words without a reference (before 2.1.3 some lack it) about one target are one attempt within this time."""
ORDERED_FOR: Final = timedelta(minutes=5)
"""So long a fencing may take after it was asked for: a delay, a slow power switch, a second device."""
PERSON: Final = "stonith_admin"
TERMINATE: Final = "terminate"
TRUE: Final = frozenset({"on", "true", "yes", "y"})


def on_terminate(world: World, event: AttributeSet) -> None:
    """True, or a moment as a number: the node is to be fenced. The same value once more is a repetition, not an order."""
    name = event.node
    if world.get(ATTRIBUTE, TERMINATE, name) == (event.value or None):
        world.say(f"{TERMINATE} of {name} is {event.value or 'empty'}, as before")
        return
    world.put((ATTRIBUTE, TERMINATE, name), event.value or None)
    asked = event.value.lower() in TRUE or event.value.strip("0123456789") == "" != event.value.strip("0")
    set_node(world, name, ordered_at=event.at if asked else None)
    world.say(f"an administrator asks the cluster to fence {name}" if asked else f"nobody asks to fence {name}")
    last = world.get(FENCED, name)
    if asked and last is not None and event.at - last[0] < SAME_FENCING and is_well_before(world, name):
        fenced_by_person(world, name, event.at)


def by_admin(event: Fencing) -> bool:
    return event.client.startswith(PERSON)


def by_whom(client: str, origin: str = "") -> str:
    if client.startswith(PERSON):
        return f"by an administrator{f', from {origin}' if origin else ''}"
    return "by the cluster, as an administrator had asked (terminate)"


def is_order(world: World, event: Fencing) -> bool:
    ordered_at = node(world, event.target).ordered_at
    return by_admin(event) or (ordered_at is not None and event.at - ordered_at < ORDERED_FOR)


def is_told_twice(world: World, event: Fencing) -> bool:
    """A second result for the same target and action within seconds, one of a person's and one of the cluster's."""
    last = world.get(FENCED, event.target)
    if last is None or node(world, event.target).fenced_at is None:
        return False
    at, action, ordered, _ = last
    return event.at - at < SAME_FENCING and action == event.action and ordered is not is_order(world, event)


def is_well_before(world: World, name: str) -> bool:
    """Whether nothing but the fencing was wrong with it when it was last fenced."""
    last = world.get(FENCED, name)
    return last is not None and last[3]


def was_lost_before(world: World, name: str, at: datetime) -> bool:
    """Lost for so long that the fencing was the cluster's answer to it, and not the other way round."""
    lost_at = node(world, name).lost_at
    return lost_at is not None and at - lost_at > SAME_FENCING


def fenced_by_person(world: World, name: str, at: datetime, client: str = "") -> None:
    """What looked like the failure of the node was asked for: by the client, or of the cluster."""
    incident = world.holder(node_subject(name))
    if incident is None or incident.kind is not Kind.NODE_FAILURE or incident.root != node_subject(name):
        return
    reason = f"{name} was fenced {by_whom(client)}"
    for subject in incident.subjects:
        wound = world.wound(subject)
        if wound is not None and world.get(HOLDER, subject) == incident.key:
            world.hurt(incident.key, subject, at, Severity.WARNING, wound.why, outage=wound.outage)
    world.change(incident.key, at, severity=Severity.WARNING, peak=Severity.WARNING)
    facts = {"fencing_client": client}
    world.change(incident.key, at, kind=Kind.NODE_FENCED_BY_ADMIN, reason=reason, facts=facts)
    world.say(reason, incident.key)
