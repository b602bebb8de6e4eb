"""Nodes lose their way to the outside: `pingd` and its like at 0; or are not healthy: a health attribute at red.

Several that fall within a moment have one cause, a gateway or a switch, and are one story. (Pacemaker Explained, ping resources)
"""

from datetime import timedelta
from typing import Final

from bridge.core.pacemaker.tables import ATTRIBUTE, FALLS
from bridge.core.world.event import AttributeSet, Severity, Subject
from bridge.core.world.incident import Kind, State
from bridge.core.world.lists import with_listed
from bridge.core.world.tables import HOLDER, INCIDENT
from bridge.core.world.world import World

ONE_CAUSE: Final = timedelta(minutes=1)
"""The pings of all nodes fail within their intervals, and dampening spreads them further."""
HEALTH: Final = "#health"


def on_connectivity(world: World, event: AttributeSet) -> None:
    subject = Subject(f"attribute/{event.name}@{event.node}")
    before = world.get(ATTRIBUTE, event.name, event.node)
    world.put((ATTRIBUTE, event.name, event.node), event.value or None)
    bad = event.value == ("red" if event.name.startswith(HEALTH) else "0")
    if not bad:
        _back(world, event, subject)
    elif world.wound(subject) is None:
        _fallen(world, event, subject, before or "")
    else:
        world.say(f"{event.name} of {event.node} is {event.value}, as before", world.get(HOLDER, subject))


def _fallen(world: World, event: AttributeSet, subject: Subject, before: str) -> None:
    reason = f"{event.name} of {event.node} is {event.value}"
    key = _one_cause(world, event)
    if key is None:
        key = world.open_incident(Kind.CONNECTIVITY, subject, event.at, Severity.WARNING, reason)
        facts = {"node": event.node, "attribute": event.name, "value": event.value, "before": before}
        world.change(key, event.at, facts=facts)
    world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    nodes = with_listed(world, world.incident(key), "nodes", event.node)
    world.change(key, event.at, facts={**nodes, "still": _still(world, key)})
    world.put((FALLS, event.name), (key, event.at))
    world.say(reason, key)


def _one_cause(world: World, event: AttributeSet) -> str | None:
    """The story of another node that fell a moment ago by the same attribute. What is not healthy is so by itself."""
    last = world.get(FALLS, event.name)
    if last is None or event.at - last[1] > ONE_CAUSE or event.name.startswith(HEALTH):
        return None
    story = world.get(INCIDENT, last[0])
    return last[0] if story is not None and story.state is not State.CLOSED else None


def _back(world: World, event: AttributeSet, subject: Subject) -> None:
    why = f"{event.name} of {event.node} is {event.value or 'gone'}"
    key = world.heal(subject, event.at, why)
    if key is None:
        world.say(why)
    else:
        world.change(key, event.at, facts={"still": _still(world, key)})
    world.note(subject, Severity.OK, event.at, why)


def _still(world: World, key: str) -> str:
    """The nodes that have not found their way back yet."""
    return ", ".join(sorted({name.partition("@")[2] for name in world.wounds(key)}))
