"""A node died and came back, and nobody was left to tell: all nodes at once, or one that booted faster than it was missed.

What gives it away is the running number of its alerts, which begins anew with Pacemaker, while services were running there. If
these are started again, they were away; if a probe finds them running, Pacemaker alone was restarted under them.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.node_failure import Span, take_down
from bridge.core.world.event import CLUSTER, Severity, node_subject
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.nodes import circle, node, set_node
from bridge.core.world.tables import PLAN
from bridge.core.world.world import World

TOGETHER: Final = timedelta(minutes=5)
"""Nodes that come back so soon after one another went down together: they boot at different speeds."""
HOLD: Final = "unseen"


def is_unexplained(world: World, name: str) -> bool:
    """Whether Pacemaker began anew on a node that nobody missed, and that did not say that it would leave."""
    known = node(world, name)
    gone = known.lost_at is not None or known.fenced_at is not None or known.left or known.announced_at is not None
    return bool(world.runs_there.get(name)) and not gone and world.holder(node_subject(name)) is None


def on_began_anew(world: World, name: str, at: datetime) -> None:
    """What ran there is away until it is started or found."""
    reason = f"{name} has started anew, and nobody told that it was gone"
    story = _together(world, name, at)
    if story is None:
        key = world.open_incident(Kind.NODE_FAILURE, node_subject(name), at, Severity.WARNING, reason, watch=True)
        world.change(key, at, facts={"node": name})
    else:
        key = story.key
        world.draw_in(key, node_subject(name), at)
        world.say(reason, key)
    set_node(world, name, unseen_at=at)
    _all_at_once(world, name, key, at)
    take_down(world, name, key, Span(at, at), Severity.WARNING)
    if not world.wounds(key):  # only instances of clones ran there, and others answer
        world.keep_open(key, HOLD)
        world.set_timer(at + world.settings.down_after, "unseen", key)


def _together(world: World, name: str, at: datetime) -> Incident | None:
    for other in sorted(circle(world, name) - {name}):
        unseen_at = node(world, other).unseen_at
        if unseen_at is not None and at - unseen_at < TOGETHER:
            return world.holder(node_subject(other))
    return None


def _all_at_once(world: World, name: str, key: str, at: datetime) -> None:
    """Half of the nodes or more: there was no quorum, and no cluster."""
    gone = [other for other in sorted(circle(world, name)) if (when := node(world, other).unseen_at) and at - when < TOGETHER]
    if len(gone) > 1 and len(gone) * 2 >= len(circle(world, name)):
        world.change(key, at, kind=Kind.QUORUM_LOST, root=CLUSTER, facts={"lost_nodes": ", ".join(gone), "node": ""})
        world.draw_in(key, CLUSTER, at)


def confirm_by_start(world: World, key: str, at: datetime, why: str) -> None:
    """A service had to be started: what was only suspected did happen, and was as bad as the loss of a node is."""
    if is_restart_under_services(world, key):
        world.change(key, at, severity=Severity.CRITICAL)
        world.confirm(key, at, why)
        world.keep_open(key, HOLD)  # though the start heals all that is known: a machine died, and people hear of it
        world.set_timer(at + world.settings.clear_after, "unseen", key)


def on_seen(world: World, key: str, at: datetime) -> None:
    """A timer: it has been told of, or there is nothing to tell."""
    suspected = world.incident(key).state is State.WATCHING
    why = "nothing that ran there is away" if suspected else "what ran there was started again"
    world.release(key, HOLD, at, why, waited=True)


def is_planned(world: World, key: str) -> bool:
    """Whether nothing is suspected but that Pacemaker began anew, and all that is away is so by somebody's arrangement."""
    return is_restart_under_services(world, key) and all(world.get(PLAN, name) is not None for name in world.wounds(key))


def is_restart_under_services(world: World, key: str) -> bool:
    """Whether all that was suspected of the incident is that a node died unseen."""
    incident = world.incident(key)
    nodes = [subject.removeprefix("node/") for subject in world.members(key) if subject.startswith("node/")]
    return incident.state is State.WATCHING and bool(nodes) and all(node(world, name).unseen_at for name in nodes)
