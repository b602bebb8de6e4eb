"""Nodes come and go. (Pacemaker Administration, alerts; Corosync membership)

Lost is not yet a verdict. Whoever announced its going, or was emptied before, left in good order. Whoever is fenced, is given up
by the cluster (its resources start elsewhere), or stays lost for a while, has failed. What a cut-off node says of others is void.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.clones import nothing_is_missed
from bridge.core.pacemaker.connectivity import goes_away
from bridge.core.pacemaker.losing import suspect
from bridge.core.pacemaker.quorum import look_for_quorum
from bridge.core.pacemaker.returning import come_back, settle_accusations
from bridge.core.pacemaker.tables import NODE_ID, STOP_FAILED_ON, STOPPED_AT
from bridge.core.pacemaker.unfencing import end_unfencing
from bridge.core.world.event import NodeSeen, Severity, node_subject
from bridge.core.world.node import Node
from bridge.core.world.nodes import EMPTIED_WITHIN, accusers, claims, is_void, meet, node, set_node
from bridge.core.world.relays import excuse
from bridge.core.world.shown import forget_activity
from bridge.core.world.tables import CLAIMS, HOLDER
from bridge.core.world.world import World

ANNOUNCED_FOR: Final = timedelta(minutes=15)
"""A shutdown that was announced longer ago than this is not the reason of a loss."""


def on_node_seen(world: World, event: NodeSeen) -> None:
    meet(world, event.witness, event.node)
    if event.node_id:
        world.put((NODE_ID, event.node_id), event.node)
    if event.remote:
        set_node(world, event.node, remote=True)
    if event.witness == event.node:
        world.say("a node's word about itself is no news")
    elif event.member:
        _on_member(world, event)
    else:
        _on_lost(world, event)


def _on_lost(world: World, event: NodeSeen) -> None:
    name = event.node
    world.put((CLAIMS, event.witness), claims(world, event.witness) | {name})
    known = node(world, name)
    if is_void(world, event.witness):
        world.say(
            f"{event.witness} is itself cut off: its word about {name} is void", world.get(HOLDER, node_subject(event.witness))
        )
    elif known.left:
        world.say(f"{name} is known to have left in good order")
    elif known.lost_at is not None:
        _another_accuser(world, name, event.at)
    elif (why := _left_in_good_order(world, name, known, event.at)) is not None:
        running = tuple(sorted(world.runs_there.get(name, {}).items()))
        set_node(world, name, left=True, left_with=running, announced_at=None)
        forget_activity(world, name, event.at, Severity.INFO, f"ended with {name}, which left in good order")
        excuse(world, name, event.at)
        end_unfencing(world, name, event.at, f"{name} left in good order")
        goes_away(world, name, event.at, f"{name} left in good order", for_good=True)
        nothing_is_missed(world, name, event.at, f"{name} left in good order")
        world.note(node_subject(name), Severity.INFO, event.at, f"left in good order: {why}")
        world.say(f"{name} left in good order: {why}")
    else:
        suspect(world, name, event)
    settle_accusations(world, name, event.at)
    look_for_quorum(world, event.witness, event.at)


def _another_accuser(world: World, name: str, at: datetime) -> None:
    incident = world.holder(node_subject(name))
    if incident is None:
        world.say(f"{name} is known to be lost")
        return
    world.change(incident.key, at, facts={"lost_by": ", ".join(accusers(world, name))})
    world.say(f"{name} is known to be lost: one more witness", incident.key)


def _left_in_good_order(world: World, name: str, known: Node, at: datetime) -> str | None:
    if known.announced_at is not None and at - known.announced_at < ANNOUNCED_FOR:
        return "it announced its shutdown"
    if world.get(STOP_FAILED_ON, name):
        return None
    if world.runs_there.get(name):
        return None
    if known.emptied_at is not None and at - known.emptied_at < EMPTIED_WITHIN:
        return "its resources had just been stopped or moved away cleanly"
    if known.remote and (stopped := world.get(STOPPED_AT, name)) is not None and at - stopped < EMPTIED_WITHIN:
        return "its connection was stopped cleanly"
    return None


def _on_member(world: World, event: NodeSeen) -> None:
    if is_void(world, event.witness) and node(world, event.witness).fenced_at is None:
        world.say(f"{event.witness} is itself cut off: its word about {event.node} is void")
        return
    come_back(world, event.node, event.at, f"{event.node} is a member again")
