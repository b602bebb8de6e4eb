"""Resources are stopped: as asked, for want of quorum, in the middle of trouble, or with something else that failed."""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.clones import is_lesser
from bridge.core.pacemaker.probes import found_twice
from bridge.core.pacemaker.quorum import lose_quorum, quorum_incident, without_quorum
from bridge.core.pacemaker.tables import BYSTANDER, BYSTANDERS, LAME, MIGRATION, STOP_FAILED_ON, STOPPED_AT, TROUBLE
from bridge.core.pacemaker.trouble import SOON, without_name
from bridge.core.world.event import Action, Severity, Subject
from bridge.core.world.incident import Kind, State
from bridge.core.world.nodes import circle, emptied, node
from bridge.core.world.shown import show_stopped
from bridge.core.world.tables import ACTIVE, INCIDENT
from bridge.core.world.world import World

STOPPED: Final = "stopped"
"""A code: the story is over because it was stopped as asked."""
AT_ONCE: Final = timedelta(seconds=5)
"""What depends on a failed resource is stopped so soon after the failure, on whatever node it runs."""


def on_stopped(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    subject = world.service(resource)
    was_here = resource in world.runs_there.get(name, {})
    world.put((ACTIVE, name, resource), None)
    world.put((STOPPED_AT, resource), at)
    key = _belongs_to_quorum(world, event)
    if key is None and world.wound(subject) is None:  # else the stop says nothing about what the node is about to do
        emptied(world, name, at)
    if found_twice(world, event):
        return
    if key is not None:
        world.hurt(key, subject, at, Severity.CRITICAL, f"stopped on {name}: no quorum")
        world.say(f"{resource} stopped on {name} for want of quorum", key)
    elif world.wound(subject) is not None:
        _stopped_in_trouble(world, event)
    elif was_here and not node(world, name).announced_at and (bystander := trouble_here(world, subject, name, at)) is not None:
        world.put((BYSTANDER, resource), (bystander, at, name))
        world.put((BYSTANDERS, bystander), tuple(dict.fromkeys([*(world.get(BYSTANDERS, bystander) or ()), resource])))
        world.say(f"{resource} stopped on {name} right after a failure", bystander)
        show_stopped(world, resource, at, f"stopped on {name}, right after a failure")
    else:
        show_stopped(world, resource, at, f"stopped on {name}, as asked")
        world.say(f"{resource} stopped on {name}, as asked")


def _stopped_in_trouble(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    subject = world.service(resource)
    incident = world.holder(subject)
    if incident is None:
        return
    blocked = resource in (world.get(STOP_FAILED_ON, name) or ())
    wound = world.wound(subject)
    if is_lesser(world, resource) and not world.runs_on.get(resource) and trouble_here(world, subject, name, at) is None:
        world.set_timer(at + world.settings.down_after, "settled", resource)  # or it is being restarted
    if blocked:
        world.put((STOP_FAILED_ON, name), without_name(world.get(STOP_FAILED_ON, name), resource))
        world.set_timer(at + world.settings.down_after, "settled", resource)
        world.say(f"{resource} stopped on {name} in the end", incident.key)
    elif incident.kind is Kind.RESOURCE_DEGRADED or (
        incident.kind is Kind.RESOURCE_FAILURE and wound and wound.why.startswith("probe")
    ):
        world.heal(subject, at, f"{resource} was stopped on {name}")
    elif world.get(MIGRATION, resource):
        world.hurt(incident.key, subject, at, Severity.WARNING, f"stopped on {name} after the failed migration")
        world.say(f"{resource} stopped on {name} to be started afresh", incident.key)
    else:
        world.say(f"{resource} stopped on {name} after the failure", incident.key)


def on_settled(world: World, resource: str, at: datetime) -> None:
    """A timer: what could not be stopped, or was not whole, has been stopped for a while, and nobody started it again."""
    if not world.runs_on.get(resource):
        subject = world.service(resource)
        incident = world.holder(subject)
        if incident is not None and incident.root == subject and world.wound(subject) is not None:
            world.change(incident.key, at, facts={"ended_by": STOPPED, "now_on": "", "missing_on": ""})
        world.put((LAME, resource), None)
        world.heal(subject, at, f"{resource} was stopped in the end, and is not started again")
        show_stopped(world, resource, at, "stopped in the end, and not started again")


def _belongs_to_quorum(world: World, event: Action) -> str | None:
    witness = event.witness
    if witness != event.node:
        return None
    if (key := quorum_incident(world, witness)) is not None:
        world.change(key, event.at, facts={"doubtful": ""})
        return key
    if not without_quorum(world, witness):
        return None
    return lose_quorum(world, witness, event.at, f"{witness} has lost most nodes and stops its resources")


def trouble_here(world: World, subject: Subject, name: str, at: datetime) -> str | None:
    """The story of a failure that a clean stop belongs to: one on this node a while ago, or one elsewhere a moment ago."""
    for other in (name, *sorted(circle(world, name) - {name})):
        recent = world.get(TROUBLE, other)
        if recent is None or at - recent[1] > (SOON if other == name else AT_ONCE):
            continue
        story = world.incident(recent[0])
        if story.state is not State.CLOSED and story.root != subject:
            return recent[0]
    return None


def draw_in_bystander(world: World, event: Action) -> None:
    """What was stopped because of another's failure and starts again was part of that story, and away so long."""
    bystander = world.get(BYSTANDER, event.resource)
    if bystander is None or event.task not in {"start", "promote"}:
        return
    world.put((BYSTANDER, event.resource), None)
    key, stopped_at, name = bystander
    incident = world.get(INCIDENT, key)
    if incident is not None and incident.state is not State.CLOSED:
        world.hurt(key, world.service(event.resource), stopped_at, Severity.WARNING, f"stopped on {name} with what had failed")
