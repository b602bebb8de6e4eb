"""Unfencing: a node is switched on, or let to the storage again, before it may run anything. (Pacemaker Explained, unfencing)"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.node_failure import cause_of
from bridge.core.world.event import Fencing, Severity, Subject
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import node
from bridge.core.world.world import World

FAILED: Final = "unfencing of"
"""How the reason of such a wound begins."""
NO_MORE_ATTEMPTS: Final = timedelta(minutes=20)
"""The cluster looks at everything again each 15 minutes (cluster-recheck-interval), and would have tried again."""


def on_unfencing(world: World, event: Fencing) -> None:
    name = event.target
    if event.rc != 0:
        _on_failed(world, event)
        return
    end_unfencing(world, name, event.at, f"{name} was switched on or unfenced")
    world.say(f"{name} was switched on or unfenced: no fencing")
    world.note(Subject(f"fencing/{name}"), Severity.OK, event.at, "fencing worked: it was switched on")


def _on_failed(world: World, event: Fencing) -> None:
    name, at = event.target, event.at
    subject = Subject(f"fencing/{name}")
    reason = f"{FAILED} {name} failed: {event.result}"
    key = cause_of(world, name)
    first = key is None or not world.incident(key).facts.get("unfencing_failures")
    if key is None:
        key = world.open_incident(Kind.FENCING_FAILURE, subject, at, Severity.WARNING, reason)
    elif first:
        world.alarm(key, at, f"{FAILED} {name} failed", Severity.WARNING)
    if world.wound(subject) is None or is_unfencing(world, name):
        world.hurt(key, subject, at, Severity.WARNING, reason)
    failures = 1 if first else int(world.incident(key).facts["unfencing_failures"]) + 1
    facts = {"node": name, "unfencing_failures": str(failures), "unfencing_result": event.result, "fencing_client": event.client}
    world.change(key, at, facts=facts)
    world.confirm(key, at, reason)
    world.say(f"{reason} (attempt {failures})", key)
    world.set_timer(at + NO_MORE_ATTEMPTS, "unfencing-quiet", name)


def on_unfencing_quiet(world: World, name: str, at: datetime) -> None:
    """A timer: nobody tries any more, though nobody told that it worked. If the node is there, it is as the cluster wants it."""
    if node(world, name).lost_at is None:
        end_unfencing(world, name, at, f"{name} is a member, and nobody tries to unfence it any more")


def is_unfencing(world: World, name: str) -> bool:
    """Whether what is wrong with the fencing of the node is that it cannot be unfenced."""
    wound = world.wound(Subject(f"fencing/{name}"))
    return wound is not None and wound.why.startswith(FAILED)


def end_unfencing(world: World, name: str, at: datetime, why: str) -> None:
    if is_unfencing(world, name):
        world.heal(Subject(f"fencing/{name}"), at, why)
