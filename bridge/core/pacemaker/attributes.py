"""Transient node attributes: shutdowns announced, failures cleaned up, gateways lost. (Pacemaker Administration, alerts)"""

from datetime import datetime

from bridge.core.pacemaker.membership import on_shutdown, on_standby
from bridge.core.pacemaker.tables import ATTRIBUTE, FAIL_COUNTS
from bridge.core.world.event import AttributeSet, Severity, Subject
from bridge.core.world.incident import Kind
from bridge.core.world.journal import TIMER
from bridge.core.world.nodes import meet
from bridge.core.world.shown import show_stopped
from bridge.core.world.tables import HOLDER
from bridge.core.world.world import World


def on_attribute(world: World, event: AttributeSet) -> None:
    meet(world, event.witness, event.node)
    if event.name == "shutdown":
        on_shutdown(world, event)
    elif event.name.startswith("fail-count-"):
        _on_fail_count(world, event)
    elif event.name == "standby":
        on_standby(world, event)
    elif world.settings.is_connectivity(event.name):
        _on_connectivity(world, event)
    else:
        world.say(f"attribute {event.name} of {event.node} is no news")


def _on_fail_count(world: World, event: AttributeSet) -> None:
    """The administrator's cleanup empties a fail count that stood: an all-clear, if the resource runs or nobody starts it."""
    resource = event.name.removeprefix("fail-count-").partition("#")[0].partition(":")[0]
    counted = world.get(FAIL_COUNTS, resource) or frozenset()
    mark = (event.name, event.node)
    known = mark in counted
    world.put((FAIL_COUNTS, resource), (counted | {mark} if event.value else counted - {mark}) or None)
    subject = world.service(resource)
    if event.value or not known:
        world.say(f"{event.name} of {event.node} is {event.value or 'empty'}", world.get(HOLDER, subject))
        return
    world.say(f"failures of {resource} on {event.node} were cleaned up", world.get(HOLDER, subject))
    if world.wound(subject) is not None:
        world.set_timer(event.at + world.settings.down_after, "cleaned", resource)


def on_cleaned(world: World, resource: str, at: datetime) -> None:
    """A timer: failures were cleaned up, and nothing failed since; what runs nowhere is not wanted to run."""
    subject = world.service(resource)
    if world.get(TIMER, "down", resource) is None and not world.get(FAIL_COUNTS, resource):
        world.heal(subject, at, f"failures of {resource} were cleaned up, and it did not fail again")
        show_stopped(world, resource, at, "stopped; its failures were cleaned up")


def _on_connectivity(world: World, event: AttributeSet) -> None:
    """`pingd` and its like at 0, a health attribute at red: the node has lost its way to the outside, or is not healthy."""
    subject = Subject(f"attribute/{event.name}@{event.node}")
    before = world.get(ATTRIBUTE, event.name, event.node)
    world.put((ATTRIBUTE, event.name, event.node), event.value or None)
    bad = event.value == "red" if event.name.startswith("#health") else event.value == "0"
    if bad and world.wound(subject) is None:
        reason = f"{event.name} of {event.node} is {event.value}"
        key = world.open_incident(Kind.CONNECTIVITY, subject, event.at, Severity.WARNING, reason)
        facts = {"node": event.node, "attribute": event.name, "value": event.value, "before": before or ""}
        world.change(key, event.at, facts=facts)
        world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    elif not bad:
        why = f"{event.name} of {event.node} is {event.value or 'gone'}"
        if world.heal(subject, event.at, why) is None:
            world.say(why)
        world.note(subject, Severity.OK, event.at, why)
