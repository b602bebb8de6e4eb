"""Transient node attributes: shutdowns announced, failures cleaned up, gateways lost. (Pacemaker Administration, alerts)"""

from datetime import datetime

from bridge.core.pacemaker.announcing import on_shutdown, on_standby
from bridge.core.pacemaker.connectivity import on_connectivity
from bridge.core.pacemaker.ordered import TERMINATE, on_terminate
from bridge.core.pacemaker.tables import FAIL_COUNTS, NODE_ID
from bridge.core.world.event import AttributeSet
from bridge.core.world.journal import TIMER
from bridge.core.world.nodes import meet
from bridge.core.world.shown import show_stopped
from bridge.core.world.tables import HOLDER
from bridge.core.world.world import World


def on_attribute(world: World, event: AttributeSet) -> None:
    meet(world, event.witness, event.node)
    if event.node_id:
        world.put((NODE_ID, event.node_id), event.node)
    if event.name == "shutdown":
        on_shutdown(world, event)
    elif event.name.startswith("fail-count-"):
        _on_fail_count(world, event)
    elif event.name == TERMINATE:
        on_terminate(world, event)
    elif event.name == "standby":
        on_standby(world, event)
    elif world.settings.is_connectivity(event.name):
        on_connectivity(world, event)
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
