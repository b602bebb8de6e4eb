"""The edge itself: relays that fall silent, or say what is wrong with them."""

from bridge.core.event import EdgeHeard, EdgeSaid, Severity, Subject, node_subject
from bridge.core.incident import Kind
from bridge.core.nodes import node
from bridge.core.world import World


def on_edge(world: World, event: EdgeHeard) -> None:
    subject = Subject(f"relay/{event.node}")
    known = node(world, event.node)
    incident = world.holder(node_subject(event.node))
    if not event.silent:
        if world.heal(subject, event.at, f"the relay of {event.node} is heard again") is None:
            world.say(f"the relay of {event.node} is heard")
    elif known.left:
        world.say(f"{event.node} left in good order: its silence is no news")
    elif incident is not None and known.lost_at is not None:
        world.draw_in(incident.key, subject, event.at)
        world.say(f"{event.node} is silent because it is lost", incident.key)
    else:
        key = world.open_incident(
            Kind.EDGE_SILENT, subject, event.at, Severity.WARNING, f"no word from the relay of {event.node}"
        )
        world.change(key, event.at, facts={"node": event.node, "silent_since": event.at.isoformat()})
        world.hurt(key, subject, event.at, Severity.WARNING, "silent", outage=False)


def on_edge_said(world: World, event: EdgeSaid) -> None:
    """A relay about itself: shown with the node, not rung."""
    severity = Severity.OK if event.over else Severity.WARNING
    world.note(Subject(f"relay/{event.node}"), severity, event.at, event.why)
    world.say(f"the relay of {event.node}: {event.why}")
