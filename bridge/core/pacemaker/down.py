"""What does not heal: a service that failed, or whose node did, and that nobody starts again. (Pacemaker Explained, failures)"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.clones import ease, is_up, missing, tell_absence
from bridge.core.pacemaker.containers import container_of, is_about_container
from bridge.core.pacemaker.tables import (
    BYSTANDER,
    BYSTANDERS,
    CLONE,
    DOWN_TOLD,
    FAILED_ON,
    LEFT_DOWN,
    SEEN_ON,
    START_FAILED,
    TRIED_AT,
)
from bridge.core.pacemaker.trouble import waits_for_a_node
from bridge.core.pacemaker.truth.voice import voices
from bridge.core.pacemaker.unseen import is_planned
from bridge.core.world.condition import Wound
from bridge.core.world.event import Severity, Subject
from bridge.core.world.fence_devices import is_needless
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.journal import TIMER
from bridge.core.world.nodes import circle, node
from bridge.core.world.relays import silent_members
from bridge.core.world.tables import HOLDER, INCIDENT, PLAN, WAITS_FOR, WOUND
from bridge.core.world.world import World

ONE_ALARM: Final = timedelta(minutes=1)
MAY_BE_DOWN: Final = frozenset({Kind.RESOURCE_FAILURE, Kind.MIGRATION_FAILURE, Kind.RESOURCE_MISCONFIGURED, Kind.MULTIPLE_ACTIVE})
"""What a failure is called until it is seen that nothing heals it."""
TRIED_EVERYWHERE: Final = timedelta(seconds=5)
"""Long enough for a node that was never heard of to try as well."""


def tried_everywhere(world: World, resource: str, name: str, at: datetime) -> None:
    """When the start has failed on every node that is known to be there, a short while shows that it is down."""
    world.put((START_FAILED, resource), frozenset(world.get(START_FAILED, resource) or ()) | {name})
    world.put((TRIED_AT, resource), at)
    if _has_failed_everywhere(world, resource, name):
        due = world.get(TIMER, "down", resource)
        verdict = at + TRIED_EVERYWHERE
        world.set_timer(verdict if due is None else min(due, verdict), "down", resource)


def _has_failed_everywhere(world: World, resource: str, name: str) -> bool:
    there = {
        other
        for other in circle(world, name)
        if (known := node(world, other)).lost_at is None and not known.left and not known.remote
    }
    return len(there) > 1 and there <= (world.get(START_FAILED, resource) or frozenset())


def _has_given_up(world: World, resource: str, at: datetime) -> bool:
    """Whether the start failed on every node that is known to be there, and was not tried again for a while."""
    tried_at = world.get(TRIED_AT, resource)
    last = world.get(SEEN_ON, resource)
    return (
        tried_at is not None
        and last is not None
        and at - tried_at >= TRIED_EVERYWHERE
        and _has_failed_everywhere(world, resource, last)
    )


def on_down(world: World, resource: str, at: datetime) -> None:
    """A timer: it failed, or its node did, a while ago. If it runs nowhere, it is down, and a person is needed."""
    subject = world.service(resource)
    wound, incident = world.wound(subject), world.holder(subject)
    if wound is None or incident is None or not wound.outage:
        return
    if is_up(world, resource):
        _answered_before(world, resource, wound, at)
        return
    seen_on = world.get(SEEN_ON, resource) or ""
    if (silent := silent_members(world, seen_on)) and not any(one.whole for one in voices(world, seen_on, at)):
        _wait_for_word(world, resource, silent, at)
        return
    if (plan := world.get(PLAN, subject)) is not None:
        _leave_alone(world, incident, resource, plan, at)
        return
    reason = f"{resource} is promoted nowhere" if world.runs_on.get(resource) else f"{resource} runs nowhere"
    _tell(world, incident, resource, wound, reason, at)


def tell_down(world: World, resource: str, since: datetime, at: datetime, reason: str) -> str:
    """The cluster itself says so, since then. Gives the incident."""
    subject = world.service(resource)
    wound, incident = world.wound(subject), world.holder(subject)
    if wound is None or incident is None:
        kind = Kind.GUEST_FAILURE if world.is_guest(resource) else Kind.RESOURCE_DOWN
        kind = Kind.FENCE_DEVICE_FAILURE if world.is_fence_device(resource) else kind
        key = world.open_incident(kind, subject, since, Severity.CRITICAL, reason)
        world.change(key, at, facts={"resource": resource})
        world.hurt(key, subject, since, Severity.CRITICAL, reason)
        wound, incident = world.facts[WOUND, subject], world.incident(key)
    world.cancel_timer("down", resource)
    if incident.facts.get("planned"):
        world.change(incident.key, at, facts={"planned": ""})
    return _tell(world, incident, resource, wound, reason, at)


def _leave_alone(world: World, incident: Incident, resource: str, plan: str, at: datetime) -> None:
    """Nobody starts it while that is so, and nobody is got up for it."""
    world.say(f"{resource} runs nowhere; it is {plan}", incident.key)
    if is_planned(world, incident.key):
        wounds = sorted(world.wounds(incident.key))
        world.dismiss(incident.key, at, f"Pacemaker began anew, and what does not run is {plan}")
        for name in wounds:
            world.note(Subject(name), Severity.INFO, at, world.get(PLAN, name) or plan)
        return
    if incident.root == world.service(resource):
        world.change(incident.key, at, facts={"planned": "yes"}, reason=f"{resource} failed; it is {plan}")


def _tell(world: World, incident: Incident, resource: str, wound: Wound, reason: str, at: datetime) -> str:
    subject = world.service(resource)
    incident = _no_ones_order(world, incident, resource, wound, reason)
    needless = is_needless(world, resource, incident.key)
    world.hurt(incident.key, subject, at, Severity.WARNING if needless else Severity.CRITICAL, reason)
    inside = is_about_container(world, incident)
    if incident.kind in MAY_BE_DOWN and (incident.root == subject or not inside):
        world.change(incident.key, at, kind=Kind.RESOURCE_DOWN, root=subject)
    if world.is_fence_device(resource) and incident.root != subject:
        return incident.key  # it serves nobody: its node is the story
    if inside and container_of(world, resource) is not None:
        return incident.key  # a connection serves nobody: its container is the story
    tell_absence(world, incident.key, resource, at)
    if incident.root == subject:
        world.change(incident.key, at, facts={"given_up": "yes" if _has_given_up(world, resource, at) else ""})
    world.confirm(incident.key, at, reason)
    _alarm_once(world, incident, reason, at)
    for other in world.get(BYSTANDERS, incident.key) or ():
        bystander = world.get(BYSTANDER, other)
        if bystander is not None:
            world.put((BYSTANDER, other), None)
            why = f"stopped with {resource}, and not started again"
            world.hurt(incident.key, world.service(other), bystander[1], Severity.CRITICAL, why)
    return incident.key


def _no_ones_order(world: World, ordered: Incident, resource: str, wound: Wound, reason: str) -> Incident:
    """That a node is fenced by a person is only shown; that its services do not start elsewhere is for somebody to hear, once."""
    if ordered.kind is not Kind.NODE_FENCED_BY_ADMIN or world.is_fence_device(resource):
        return ordered
    known = world.get(INCIDENT, world.get(LEFT_DOWN, ordered.key) or "")
    if known is not None and known.state is not State.CLOSED:
        return known
    key = world.open_incident(Kind.RESOURCE_DOWN, world.service(resource), wound.began_at, Severity.CRITICAL, reason)
    tried = ", ".join(sorted(world.get(START_FAILED, resource) or ()))
    facts = {"resource": resource, "ran_on": ordered.facts.get("node", ""), "tried_on": tried}
    world.change(key, wound.began_at, facts=facts)
    world.put((LEFT_DOWN, ordered.key), key)
    return world.incident(key)


def _alarm_once(world: World, incident: Incident, reason: str, at: datetime) -> None:
    """Many that are down for one cause are one alarm; each is named in the incident. That nothing can be started while a lost
    node is not fenced was told with the node."""
    before = world.get(DOWN_TOLD, incident.key)
    if (before is None or at - before > ONE_ALARM) and not waits_for_a_node(world, incident):
        world.put((DOWN_TOLD, incident.key), at)
        world.alarm(incident.key, at, reason)


def _wait_for_word(world: World, resource: str, silent: list[str], at: datetime) -> None:
    """It may run where nobody can tell; when the silent are heard again, the verdict is due."""
    why = f"{resource} is not heard of; whether it runs on {' or '.join(silent)} is not known, for want of reports"
    world.change(world.facts[HOLDER, world.service(resource)], at, reason=why)
    for name in silent:
        waiting = world.get(WAITS_FOR, name) or ()
        world.put((WAITS_FOR, name), tuple(dict.fromkeys([*waiting, resource])))


def _answered_before(world: World, resource: str, wound: Wound, at: datetime) -> None:
    """It has been running elsewhere all the while: the success there came after the failure, whatever the clocks say."""
    places = world.runs_on.get(resource, {})
    failed_on = world.get(FAILED_ON, resource)
    if missing(world, resource):
        ease(world, resource, at, ended_at=wound.began_at)
    if failed_on is None or failed_on in places or world.get(CLONE, resource):
        return
    why = f"{resource} runs on {', '.join(sorted(places))}, and not on {failed_on}, where it failed"
    world.heal(world.service(resource), at, why, ended_at=wound.began_at)
