"""Finished actions of resources: each is sorted by its outcome, unless it says nothing or is void. (Pacemaker Explained, actions)

A failure opens or joins an incident; the first good word about the resource anywhere answers it. A clean stop of a healthy
resource is asked for, unless the story of a failure around it explains it better.
"""

from datetime import timedelta
from typing import Final

from bridge.core.pacemaker.failing import on_degraded, on_failed
from bridge.core.pacemaker.node_failure import stopped_there
from bridge.core.pacemaker.returning import come_back
from bridge.core.pacemaker.running import on_found, on_good
from bridge.core.pacemaker.tables import SEEN_ON, UNTIMED
from bridge.core.world.event import Action, Outcome
from bridge.core.world.nodes import is_void, meet, node
from bridge.core.world.tables import HOLDER
from bridge.core.world.world import World

SAME_WORD: Final = timedelta(seconds=5)
"""ClusterMon: two nodes tell the same action, untimed, within this time."""


def on_action(world: World, event: Action) -> None:
    meet(world, event.witness, event.node)
    world.hear_of(event.resource, event.at)
    _meet_by_resource(world, event)
    if event.task == "stop" and event.outcome is Outcome.GOOD:
        stopped_there(world, event.node, event.resource)
    if event.outcome in {Outcome.CANCELLED, Outcome.PENDING}:
        world.say(f"{event.resource}: {event.outcome}, which says nothing about the resource")
    elif event.task == "notify":
        world.say(f"{event.resource}: notify is bookkeeping of the cluster")
    elif not event.timed and _told_by_another(world, event):
        world.say(f"{event.resource}: told by {event.witness} too")
    elif _speaks_from_the_grave(world, event):
        world.say(f"{event.node} is cut off: its word about {event.resource} is void", world.get(HOLDER, f"node/{event.node}"))
    else:
        _BY_OUTCOME[event.outcome](world, event)


def _meet_by_resource(world: World, event: Action) -> None:
    """Nodes between which a resource moves belong together. What ends a live migration is a stop where it is no more."""
    before = world.get(SEEN_ON, event.resource)
    if event.task == "stop" and before in world.runs_on.get(event.resource, {}):
        return
    if before != event.node:
        world.put((SEEN_ON, event.resource), event.node)
        if before is not None:
            meet(world, before, event.node)


def _told_by_another(world: World, event: Action) -> bool:
    name = f"{event.node}/{event.resource}/{event.task}/{event.rc}/{event.target_rc}/{event.status}"
    before = world.get(UNTIMED, name)
    if before is not None and event.at - before[0] < SAME_WORD and event.witness not in before[1]:
        world.put((UNTIMED, name), (before[0], before[1] | {event.witness}))
        return True
    world.put((UNTIMED, name), (event.at, frozenset({event.witness})))
    return False


def _speaks_from_the_grave(world: World, event: Action) -> bool:
    """A lost node's own actions do not count; those after its fencing show that it is back."""
    known = node(world, event.node)
    if known.fenced_at is not None and event.at > known.fenced_at:
        come_back(world, event.node, event.at, f"{event.node} runs actions again")
        return False
    if known.lost_at is None:
        return False
    return event.witness == event.node and is_void(world, event.witness)


_BY_OUTCOME: Final = {
    Outcome.GOOD: on_good,
    Outcome.FOUND: on_found,
    Outcome.DEGRADED: on_degraded,
    Outcome.FAILED: on_failed,
}
