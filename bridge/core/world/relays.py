"""The edge itself: relays that fall silent, or say what is wrong with them.

A silent relay takes with it what its node would have told: nobody can say that a resource runs nowhere while a member is silent.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.world.condition import Condition
from bridge.core.world.event import ClockSet, EdgeHeard, EdgeSaid, Severity, node_subject
from bridge.core.world.incident import Kind, State
from bridge.core.world.nodes import circle, node
from bridge.core.world.picture import PARTS, PICTURE
from bridge.core.world.shown import relay_subject
from bridge.core.world.tables import BLIND, CONDITION, LASTING, SILENT, WAITS_FOR
from bridge.core.world.world import World

LOOKING: Final = "crm_mon"
STATES: Final = frozenset({LOOKING, "cibadmin", "drbd", "hook", "alert", "version", "config", "kept-out"})
"""What a relay says of these is so until it, or the bridge, says that it is over."""
"""What a relay calls its looking at the cluster."""
BACK_WITHIN: Final = timedelta(seconds=60)
"""A node that is a member again starts its relay, too, within this time."""


def on_edge(world: World, event: EdgeHeard) -> None:
    if event.silent:
        world.put((SILENT, event.node), event.heard_at or event.at)
        _on_silent(world, event.node, event.at)
    elif event.gone:
        _on_gone(world, event.node, event.at, f"{event.node} is no longer enrolled")
    else:
        _expect_no_more(world, event.node, event.at, f"the relay of {event.node} is heard")
        world.note(relay_subject(event.node), Severity.OK, event.at, "its reports come in")


def _on_silent(world: World, name: str, at: datetime) -> None:
    subject = relay_subject(name)
    known = node(world, name)
    incident = world.holder(node_subject(name))
    if known.left:
        world.note(subject, Severity.INFO, at, f"silent: {name} left in good order")
        world.say(f"{name} left in good order: its silence is no news")
    elif incident is not None and (known.lost_at is not None or known.fenced_at is not None):
        world.draw_in(incident.key, subject, at)
        world.note(subject, Severity.UNKNOWN, at, f"silent: {name} is lost")
        world.say(f"{name} is silent because it is lost", incident.key)
    else:
        key = world.open_incident(Kind.EDGE_SILENT, subject, at, Severity.WARNING, f"no word from the relay of {name}")
        since = world.get(SILENT, name) or at
        world.change(key, at, facts={"node": name, "silent_since": since.isoformat()})
        world.hurt(key, subject, at, Severity.WARNING, "silent", outage=False)


def _on_gone(world: World, name: str, at: datetime, why: str) -> None:
    """Nobody waits for its word, and what it alone could tell of is not known any more."""
    _expect_no_more(world, name, at, why)
    world.put((PARTS, name), None)
    world.put((PICTURE, name), None)
    world.put((BLIND, name), None)
    world.let_go(relay_subject(name), at, why)
    if circle(world, name) == {name}:
        world.let_go(node_subject(name), at, why)


def _expect_no_more(world: World, name: str, at: datetime, why: str) -> None:
    """The silence is over: it is heard again, or is no silence any more."""
    world.put((SILENT, name), None)
    world.cancel_timer("edge", name)
    if world.heal(relay_subject(name), at, why) is None:
        world.say(why)
    for resource in world.get(WAITS_FOR, name) or ():
        world.set_timer(at + world.settings.down_after, "down", resource)
    world.put((WAITS_FOR, name), None)


def look_for_relay(world: World, name: str, at: datetime) -> None:
    """The node is a member again: its relay, silent until now for a good reason, has no reason any more."""
    if (SILENT, name) in world.facts and world.wound(relay_subject(name)) is None:
        world.set_timer(at + BACK_WITHIN, "edge", name)


def on_still_silent(world: World, name: str, at: datetime) -> None:
    """A timer: the node has been back for a while, and its relay has not."""
    if (SILENT, name) in world.facts and world.wound(relay_subject(name)) is None:
        _on_silent(world, name, at)


def excuse(world: World, name: str, at: datetime) -> None:
    """The node left in good order: so that was why its relay fell silent."""
    incident = world.holder(relay_subject(name))
    if incident is not None and incident.kind is Kind.EDGE_SILENT and incident.state is not State.CLEARING:
        world.heal(relay_subject(name), at, f"{name} left in good order, and its relay with it")


def silent_members(world: World, name: str) -> list[str]:
    """The members of the node's cluster whose relays are silent."""
    return [
        other
        for other in sorted(circle(world, name))
        if (SILENT, other) in world.facts and (known := node(world, other)).lost_at is None and not known.left
    ]


def on_edge_said(world: World, event: EdgeSaid) -> None:
    """A relay about itself, or the bridge about what it sends: shown with the node, not rung."""
    if event.what == LOOKING:
        world.put((BLIND, event.node), None if event.over else True)
    lasting = world.get(LASTING, event.node) or {}
    if event.what in STATES:
        others = {what: why for what, why in lasting.items() if what != event.what}
        lasting = others if event.over else {**others, event.what: event.why}
        world.put((LASTING, event.node), lasting or None)
    passing = () if event.over or event.what in lasting else (event.why,)
    words = "; ".join([*lasting.values(), *passing])
    world.note(relay_subject(event.node), Severity.WARNING if words else Severity.OK, event.at, words or event.why)
    world.say(f"the relay of {event.node}: {event.why}")


def on_clock_set(world: World, event: ClockSet) -> None:
    """Shown with a relay that nothing is wrong with, and not rung: what happened when is not computed from that clock."""
    subject = relay_subject(event.node)
    words = f"the clock of {event.node} was set {'on' if event.by_ms > 0 else 'back'} by {abs(event.by_ms) / 1000:.1f} s"
    known: Condition | None = world.get(CONDITION, subject)
    if known is None or known.severity is Severity.OK:
        world.note(subject, Severity.OK, event.at, f"its reports come in; {words}")
    world.say(words)
