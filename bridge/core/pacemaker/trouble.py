"""The incident of a resource's trouble: its own, its remote node's, or one that only just ended; and where it is active."""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.containers import story_around
from bridge.core.pacemaker.devices import story_of_device
from bridge.core.pacemaker.tables import CLONE, HEALED
from bridge.core.world.event import Action, Severity, Subject, subject_name
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.nodes import node
from bridge.core.world.tables import ACTIVE, HOLDER
from bridge.core.world.world import World

PROMOTED: Final = frozenset({8, 191})
STARTS: Final = frozenset({"start", "promote"})
SOON: Final = timedelta(seconds=60)
"""Stops so soon after a failure on the same node, and failures so soon after a recovery, belong to that story."""
OWN_KINDS: Final = frozenset(
    {
        Kind.RESOURCE_FAILURE,
        Kind.RESOURCE_DOWN,
        Kind.RESOURCE_BLOCKED,
        Kind.RESOURCE_FLAPPING,
        Kind.RESOURCE_DEGRADED,
        Kind.RESOURCE_MISCONFIGURED,
        Kind.MIGRATION_FAILURE,
        Kind.MULTIPLE_ACTIVE,
        Kind.GUEST_FAILURE,
        Kind.FENCE_DEVICE_FAILURE,
    }
)
"""The kinds whose root is a resource: one may turn into another."""


def own_incident(world: World, kind: Kind, event: Action, reason: str, severity: Severity) -> str:
    """The incident that this trouble of the resource belongs to, or a new one."""
    subject = world.service(event.resource)
    holder = world.holder(subject)
    if holder is not None and (_still_about(world, holder, subject, event.at) or waits_for_a_node(world, holder)):
        return holder.key
    if (story := story_around(world, event.resource, event.at)) is not None:
        return story
    if (story := story_of_device(world, event.resource, event.node)) is not None:
        return story
    remote = world.service(event.node)
    if remote != subject and world.wound(remote) is not None:
        connection: str = world.facts[HOLDER, remote]
        return connection
    return world.open_incident(kind, subject, event.at, severity, reason)


def _still_about(world: World, holder: Incident, subject: Subject, at: datetime) -> bool:
    """A wounded subject's trouble stays in its story; a healed one's only for a while: no old story swallows a new one."""
    if world.wound(subject) is not None or holder.root == subject:
        return True
    healed = world.get(HEALED, subject)
    return healed is not None and at - healed < SOON


def waits_for_a_node(world: World, holder: Incident) -> bool:
    """A node is lost and not fenced: what was drawn in because it ran there too cannot be recovered, wherever it fails now."""
    names = [subject_name(one) for one in holder.subjects if one.startswith("node/") and world.wound(one) is not None]
    return any((known := node(world, name)).lost_at is not None and known.fenced_at is None for name in names)


def set_active(world: World, event: Action, role: str) -> None:
    if role == "promoted" or ":" in event.instance:
        world.put((CLONE, event.resource), value=True)
    world.put((ACTIVE, event.node, event.resource), role)


def without_name(names: tuple[str, ...] | None, name: str) -> tuple[str, ...] | None:
    return tuple(other for other in names or () if other != name) or None
