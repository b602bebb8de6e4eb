"""Nodes lose their way to the outside: `pingd` and its like at 0; or are not healthy: a health attribute at red.

Several that fall within a moment have one cause, a gateway or a switch, and are one story. These attributes are transient: they
go with their node, and nobody tells that. (Pacemaker Explained, ping resources, node attributes)
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.core.pacemaker.tables import ATTRIBUTE, FALLEN, FALLS
from bridge.core.world.event import AttributeSet, Severity, Subject
from bridge.core.world.incident import Kind, State
from bridge.core.world.lists import with_listed
from bridge.core.world.nodes import node
from bridge.core.world.tables import HOLDER, INCIDENT
from bridge.core.world.world import World

ONE_CAUSE: Final = timedelta(minutes=1)
"""The pings of all nodes fail within their intervals, and dampening spreads them further."""
HEALTH: Final = "#health"


class Fall(NamedTuple):
    """An attribute whose value is bad, and the one that it had before, empty if unknown."""

    attribute: str
    node: str
    value: str
    before: str


def on_connectivity(world: World, event: AttributeSet) -> None:
    name, known = event.node, node(world, event.node)
    before = world.get(ATTRIBUTE, event.name, name)
    world.put((ATTRIBUTE, event.name, name), event.value or None)
    bad = event.value == ("red" if event.name.startswith(HEALTH) else "0")
    others = {one: row for one, row in (world.get(FALLEN, name) or {}).items() if one != event.name}
    row = {event.name: (event.at, event.value, before or "")} if bad else {}
    world.put((FALLEN, name), {**others, **row} or None)
    subject = attribute_subject(event.name, name)
    if not bad:
        _back(world, event, subject)
    elif world.wound(subject) is not None:
        world.say(f"{event.name} of {name} is {event.value}, as before", world.get(HOLDER, subject))
    elif known.lost_at is not None or known.fenced_at is not None or known.left:
        world.say(f"{event.name} of {name} is {event.value}, and {name} is away")
    else:
        _fall(world, Fall(event.name, name, event.value, before or ""), event.at)


def attribute_subject(attribute: str, name: str) -> Subject:
    return Subject(f"attribute/{attribute}@{name}")


def goes_away(world: World, name: str, at: datetime, why: str, *, for_good: bool) -> None:
    """The node is lost, or `for_good` gone as it was, and its attributes with it: whether it finds a way out is no question."""
    for attribute in world.get(FALLEN, name) or ():
        subject = attribute_subject(attribute, name)
        key = world.heal(subject, at, why)
        if key is not None:
            gone = {*filter(None, world.incident(key).facts.get("lost_nodes", "").split(", ")), name}
            world.change(key, at, facts={"still": _still(world, key), "lost_nodes": ", ".join(sorted(gone))})
        world.note(subject, Severity.INFO if for_good else Severity.UNKNOWN, at, why)
        if for_good:
            world.put((ATTRIBUTE, attribute, name), None)
    if for_good:
        world.put((FALLEN, name), None)


def is_there_again(world: World, name: str, at: datetime, *, since: datetime | None) -> None:
    """What was told of its attributes after it went counts now; without `since` it never went."""
    told = world.get(FALLEN, name) or {}
    left = {attribute: row for attribute, row in told.items() if since is None or row[0] > since}
    goes_away(world, name, at, f"{name} is there again", for_good=True)
    world.put((FALLEN, name), left or None)
    for attribute, (_, value, before) in left.items():
        world.put((ATTRIBUTE, attribute, name), value)
        _fall(world, Fall(attribute, name, value, before), at)


def _fall(world: World, fall: Fall, at: datetime) -> None:
    reason = f"{fall.attribute} of {fall.node} is {fall.value}"
    subject = attribute_subject(fall.attribute, fall.node)
    key = _one_cause(world, fall.attribute, at)
    if key is None:
        key = world.open_incident(Kind.CONNECTIVITY, subject, at, Severity.WARNING, reason)
        world.change(key, at, facts=fall._asdict())
    world.hurt(key, subject, at, Severity.WARNING, reason, outage=False)
    nodes = with_listed(world, world.incident(key), "nodes", fall.node)
    world.change(key, at, facts={**nodes, "still": _still(world, key)})
    world.put((FALLS, fall.attribute), (key, at))
    world.say(reason, key)


def _one_cause(world: World, attribute: str, at: datetime) -> str | None:
    """The story of another node that fell a moment ago by the same attribute. What is not healthy is so by itself."""
    last = world.get(FALLS, attribute)
    if last is None or at - last[1] > ONE_CAUSE or attribute.startswith(HEALTH):
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
