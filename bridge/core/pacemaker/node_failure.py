"""A node has failed: the incident it belongs to, and what is away because of it. (Pacemaker Explained, fencing and recovery)"""

from datetime import datetime
from typing import Final, NamedTuple

from bridge.core.pacemaker.clones import tell_absence
from bridge.core.pacemaker.devices import gather_devices
from bridge.core.pacemaker.tables import FAILED_ON, NEEDS_PROMOTE, STOP_FAILED_ON
from bridge.core.world.event import Severity, Subject, node_subject
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import node, set_node
from bridge.core.world.outage import Outage
from bridge.core.world.shown import show_cluster, show_running
from bridge.core.world.tables import ACTIVE, HOLDER
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


def is_of_another(world: World, key: str, name: str) -> bool:
    """Whether the incident is about another node, which is still away: what happens to this one is a part of that, or its own."""
    root = world.incident(key).root
    return root.startswith("node/") and root != node_subject(name) and world.wound(root) is not None


def give_up(world: World, name: str, at: datetime, reason: str, *, fenced: bool = False, sure: bool = True) -> str:
    """The node has failed: its own last words about what runs on it are void, and what ran there is away. Gives the incident.

    While attempts to fence it fail, that is what the incident is about. What is not `sure` may still be told otherwise."""
    subject = node_subject(name)
    key = cause_of(world, name)
    began = node(world, name).lost_at or at
    if key is None:
        key = world.open_incident(Kind.NODE_FAILURE, subject, began, Severity.CRITICAL, reason)
    world.hurt(key, subject, began, Severity.CRITICAL, reason)
    incident = world.incident(key)
    in_vain = incident.kind is Kind.FENCING_FAILURE and not fenced
    with_host = node(world, name).remote and is_of_another(world, key, name)
    if incident.kind not in LARGER and not in_vain and not with_host:
        world.change(key, at, kind=Kind.NODE_FAILURE, root=subject, facts={"node": name})
    world.change(key, at, severity=Severity.CRITICAL)
    if sure:
        world.confirm(key, at, reason)
    world.say(reason, key)
    take_down(world, name, key, Span(began, at))
    gather_devices(world, name, key, at)
    show_cluster(world, at)
    return key


def doubt(world: World, name: str, at: datetime) -> None:
    """The node is lost, and nobody knows whether it is off: nor what of its services is still there."""
    for resource, role in sorted(world.runs_there.get(name, {}).items()):
        if role == "promoted" or len(world.runs_on[resource]) == 1:
            world.note(world.service(resource), Severity.UNKNOWN, at, f"ran on {name}, which is lost")


def trust(world: World, name: str, at: datetime) -> None:
    """The node was not lost after all."""
    for resource in sorted(world.runs_there.get(name, {})):
        show_running(world, resource, at)


def give_back(world: World, name: str, at: datetime, why: str, *, away: bool) -> None:
    """The node lived on: so did what was taken for away with it, unless it was started elsewhere, or stopped. With `away` nobody
    could use it meanwhile."""
    for resource, role in node(world, name).taken:
        subject = world.service(resource)
        wound = world.wound(subject)
        if (
            resource in node(world, name).stopped
            or world.get(FAILED_ON, resource) is not None
            or (world.runs_on.get(resource) and role != "promoted")
        ):
            continue
        world.put((ACTIVE, name, resource), role)
        if wound is None:
            continue
        world.put((NEEDS_PROMOTE, resource), None)
        world.cancel_timer("down", resource)
        key = world.facts[HOLDER, subject]
        tell_absence(world, key, resource, at)
        world.heal(subject, at, f"{resource} runs on {name}: {why}", ended_at=None if away else wound.began_at)
        if not away:
            never = Outage(subject, wound.began_at, wound.began_at)
            world.change(key, at, outages=tuple(one for one in world.incident(key).outages if one != never))
        show_running(world, resource, at)
    set_node(world, name, taken=(), stopped=())


def stopped_there(world: World, name: str, resource: str) -> None:
    """It was stopped on a node that is lost, or was until now."""
    known = node(world, name)
    if (known.lost_at is not None or known.taken) and resource not in known.stopped:
        set_node(world, name, stopped=(*known.stopped, resource))


def take_down(world: World, name: str, key: str, span: Span, severity: Severity = Severity.CRITICAL) -> None:
    """What ran on the node is away; an instance of a clone is missed only when it was the promoted one or the last."""
    there = tuple(sorted(world.runs_there.get(name, {}).items()))
    if node(world, name).fenced_at is None:
        set_node(world, name, taken=tuple({**dict(node(world, name).taken), **dict(there)}.items()))
    for resource, role in there:
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
    world.put((STOP_FAILED_ON, name), None)
