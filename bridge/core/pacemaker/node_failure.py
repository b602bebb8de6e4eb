"""A node has failed: the incident it belongs to, and what is away because of it. (Pacemaker Explained, fencing and recovery)"""

from datetime import datetime
from typing import Final, NamedTuple

from bridge.core.pacemaker.tables import NEEDS_PROMOTE, STOP_FAILED, STOP_FAILED_ON
from bridge.core.world.event import Severity, Subject, node_subject
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import node
from bridge.core.world.shown import show_cluster, show_running
from bridge.core.world.tables import ACTIVE
from bridge.core.world.world import World

LARGER: Final = frozenset({Kind.FENCING_LOOP, Kind.QUORUM_LOST})
"""Stories that the failure of one node is only a part of."""


class Span(NamedTuple):
    """From when something was so, and when that became known."""

    began_at: datetime
    known_at: datetime


def cause_of(world: World, name: str) -> str | None:
    """The incident that a node's failure belongs to: one about the node, a stop that failed on it, its remote connection."""
    for subject in (node_subject(name), Subject(f"fencing/{name}")):
        holder = world.holder(subject)
        if holder is not None:
            return holder.key
    for resource in world.get(STOP_FAILED_ON, name) or ():
        holder = world.holder(world.service(resource))
        if holder is not None:
            return holder.key
    connection = world.service(name)
    holder = world.holder(connection)
    return holder.key if holder is not None and world.wound(connection) is not None else None


def give_up(world: World, name: str, at: datetime, reason: str, *, fenced: bool = False) -> str:
    """The node has failed: its own last words about what runs on it are void, and what ran there is away. Gives the incident.

    While attempts to fence it fail, that is what the incident is about."""
    subject = node_subject(name)
    key = cause_of(world, name)
    began = node(world, name).lost_at or at
    if key is None:
        key = world.open_incident(Kind.NODE_FAILURE, subject, began, Severity.CRITICAL, reason)
    world.hurt(key, subject, began, Severity.CRITICAL, reason)
    incident = world.incident(key)
    if incident.kind not in LARGER and not (incident.kind is Kind.FENCING_FAILURE and not fenced):
        world.change(key, at, kind=Kind.NODE_FAILURE, root=subject, facts={"node": name})
    world.change(key, at, severity=Severity.CRITICAL)
    world.confirm(key, at, reason)
    world.say(reason, key)
    take_down(world, name, key, Span(began, at))
    show_cluster(world, at)
    return key


def take_down(world: World, name: str, key: str, span: Span, severity: Severity = Severity.CRITICAL) -> None:
    """What ran on the node is away; an instance of a clone is missed only when it was the promoted one or the last."""
    for resource, role in sorted(world.runs_there.get(name, {}).items()):
        world.put((ACTIVE, name, resource), None)
        subject = world.service(resource)
        if world.runs_on.get(resource) and role != "promoted":
            world.draw_in(key, subject, span.known_at)
            show_running(world, resource, span.known_at)
            continue
        if role == "promoted" and world.runs_on.get(resource):
            world.put((NEEDS_PROMOTE, resource), value=True)
        world.hurt(key, subject, span.began_at, severity, f"ran on {name}")
        world.set_timer(span.known_at + world.settings.down_after, "down", resource)
    for resource in world.get(STOP_FAILED_ON, name) or ():
        world.put((STOP_FAILED, resource), None)
    world.put((STOP_FAILED_ON, name), None)
