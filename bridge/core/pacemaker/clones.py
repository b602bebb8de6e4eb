"""Services of several instances: a clone, or a promotable one. (Pacemaker Explained, clones)

The service is away while no instance runs, or none is promoted where one must be. An instance that stays away while another one
answers is a lesser trouble, with words of its own.
"""

from datetime import datetime
from typing import Final

from bridge.core.pacemaker.tables import BAD_AT, CLONE, FAILED_ON, LAME, NEEDS_PROMOTE, WHOLE
from bridge.core.pacemaker.trouble import OWN_KINDS
from bridge.core.world.event import Action, Severity, Subject
from bridge.core.world.incident import Kind
from bridge.core.world.lists import with_listed, without_listed
from bridge.core.world.nodes import node
from bridge.core.world.shown import show_running
from bridge.core.world.tables import HOLDER, MORE
from bridge.core.world.world import World

NODE_GONE: Final = "node-gone"
"""A code: the node on which an instance was missed is gone."""
LESSER: Final = "lesser"
"""Holds an incident open while a great trouble in it becomes a lesser one."""


def is_up(world: World, resource: str) -> bool:
    row = world.runs_on.get(resource, {})
    return "promoted" in row.values() if world.get(NEEDS_PROMOTE, resource) else bool(row)


def note_lame(world: World, event: Action) -> None:
    """An instance of a clone failed on the node."""
    resource = event.resource
    lame = world.get(LAME, resource) or {}
    if not lame:
        world.put((WHOLE, resource), len(world.runs_on.get(resource, {}).keys() | {event.node}))
    world.put((LAME, resource), {**lame, event.node: event.instance})


def note_ran_before(world: World, resource: str, name: str, at: datetime) -> None:
    """Told late: an instance was started on the node before another one failed, so there was one more than was known."""
    lame, bad_at = world.get(LAME, resource), world.get(BAD_AT, resource)
    if lame and bad_at is not None and at < bad_at and name not in lame and name not in world.runs_on.get(resource, {}):
        world.put((WHOLE, resource), (world.get(WHOLE, resource) or 0) + 1)


def note_well(world: World, event: Action) -> None:
    """A good word about an instance: the one on this node, or the one of this number, wherever it was."""
    numbered = ":" in event.instance
    lame = world.get(LAME, event.resource) or {}
    left = {name: one for name, one in lame.items() if name != event.node and not (numbered and one == event.instance)}
    world.put((LAME, event.resource), left or None)


def missing(world: World, resource: str) -> list[str]:
    """The nodes on which an instance of a clone failed and is still missed, though the service as such is there."""
    lame = world.get(LAME, resource)
    if not lame or not world.get(CLONE, resource) or len(world.runs_on.get(resource, {})) >= (world.get(WHOLE, resource) or 0):
        return []
    # What failed on a node that is gone is the node's story.
    return [name for name in sorted(lame) if (known := node(world, name)).lost_at is None and not known.left]


def tell_missing(world: World, resource: str) -> None:
    """What was taken for one service that had moved is a clone, as is known only now: where it failed, an instance is missed."""
    bad_at = world.get(BAD_AT, resource)
    places = missing(world, resource)
    if not places or bad_at is None:
        return
    subject = world.service(resource)
    reason = f"{resource} is there, but not on {', '.join(places)}, where it failed"
    key = world.open_incident(Kind.RESOURCE_FAILURE, subject, bad_at, Severity.WARNING, reason)
    world.change(key, bad_at, facts={"resource": resource, "failed_on": places[0], **what_is_missing(world, resource)})
    world.hurt(key, subject, bad_at, Severity.WARNING, reason, outage=False)


def is_lesser(world: World, resource: str) -> bool:
    """Whether all that is wrong is that an instance is missing."""
    wound = world.wound(world.service(resource))
    return wound is not None and not wound.outage and (LAME, resource) in world.facts


def nothing_is_missed(world: World, name: str, at: datetime, why: str) -> None:
    """The node is gone as it was, and with it what failed there."""
    for resource in sorted(world.runs_on):
        lame = world.get(LAME, resource) or {}
        if name not in lame or not is_lesser(world, resource):
            continue
        subject = world.service(resource)
        key = world.facts[HOLDER, subject]
        world.put((LAME, resource), {other: one for other, one in lame.items() if other != name} or None)
        if missing(world, resource):
            world.change(key, at, facts=what_is_missing(world, resource))
            continue
        if world.incident(key).root == subject:
            world.change(key, at, facts={"ended_by": NODE_GONE})
        world.put((FAILED_ON, resource), None)
        world.cancel_timer("down", resource)
        world.heal(subject, at, f"{resource} is missed nowhere any more: {why}")
        show_running(world, resource, at)


def what_is_missing(world: World, resource: str) -> dict[str, str]:
    """Facts of a lesser trouble: on which nodes it is missing, and where it answers."""
    row = world.runs_on.get(resource, {})
    places = [name for name, role in row.items() if role == "promoted" or not world.get(NEEDS_PROMOTE, resource)]
    return {"missing_on": ", ".join(missing(world, resource)), "now_on": ", ".join(sorted(places))}


def tell_absence(world: World, key: str, resource: str, at: datetime) -> None:
    """In which way a service is away: it runs nowhere, or is promoted nowhere. Nothing of one that is not."""
    up, runs = is_up(world, resource), bool(world.runs_on.get(resource))
    for way, is_so in (("down", not runs), ("unpromoted", runs)):
        changed = (with_listed if is_so and not up else without_listed)(world, world.incident(key), way, resource)
        world.change(key, at, facts=changed)
    if not up and world.incident(key).root == world.service(resource):
        told = {"absence": "promoted" if runs else "runs", "runs_on": ", ".join(sorted(world.runs_on.get(resource, {})))}
        world.change(key, at, facts=told)


def is_told_away(world: World, key: str, resource: str) -> bool:
    facts = world.incident(key).facts
    return any(
        resource in facts.get(way, "").split(", ") or resource in world.rows(MORE[way], key) for way in ("down", "unpromoted")
    )


def ease(world: World, resource: str, at: datetime, *, ended_at: datetime | None = None) -> None:
    """Another instance answers: the outage ends (`ended_at`, if it did before). What remains is that an instance is missing."""
    subject = world.service(resource)
    key = world.facts[HOLDER, subject]
    places = ", ".join(missing(world, resource))
    reason = f"{resource} is there{'' if ended_at else ' again'}, but not on {places}, where it failed"
    world.keep_open(key, LESSER)
    world.heal(subject, at, reason, ended_at=ended_at)
    world.hurt(key, subject, at, Severity.WARNING, reason, outage=False)
    world.release(key, LESSER, at, reason)
    incident = world.incident(key)
    if incident.root == subject and incident.kind in OWN_KINDS and incident.kind is not Kind.RESOURCE_FLAPPING:
        world.change(key, at, kind=Kind.RESOURCE_FAILURE)
    tell_absence(world, key, resource, at)
    world.change(key, at, severity=_worst(world, key), facts={**what_is_missing(world, resource), "given_up": ""}, reason=reason)
    world.put((NEEDS_PROMOTE, resource), None)  # one is promoted: a start answers what is missing now


def _worst(world: World, key: str) -> Severity:
    wounds = [wound for name in world.wounds(key) if (wound := world.wound(Subject(name))) is not None]
    return max((wound.severity for wound in wounds), key=lambda one: one.rank, default=Severity.WARNING)
