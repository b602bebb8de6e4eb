"""Reports of DRBD in the world: folded into the state of a replica, told as a story, shown on the boards."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bridge.core.drbd import look, redundancy
from bridge.core.drbd.events import Change, HandlerCalled, ReplicasListed, StatesChanged, replica_subject
from bridge.core.drbd.flapping import on_steady
from bridge.core.drbd.fold_calls import apply
from bridge.core.drbd.fold_states import gone
from bridge.core.drbd.parting import gone_at, part_with, without_side
from bridge.core.drbd.state import Replica, put_side
from bridge.core.drbd.story import tell, tell_differences
from bridge.core.drbd.tables import DIFFERENCE, REPLICA, REPLICAS, STORY
from bridge.core.drbd.told import story_of
from bridge.core.drbd.trouble import Trouble
from bridge.core.drbd.troubles import troubles
from bridge.core.drbd.whole import due, up_to
from bridge.core.world.event import EdgeHeard, Event, Subject
from bridge.core.world.tables import CONDITION, SILENT
from bridge.core.world.world import World

__all__ = ["and_replicas", "on_called", "on_listed", "on_states", "on_steady", "on_time"]


def on_called(world: World, event: HandlerCalled) -> None:
    """A handler was called."""
    code = "" if event.call.code is None else f", and fence-peer answered {event.call.code}"
    _take(world, event, f"{event.node}: handler {event.call.handler} of {event.resource}{code}")


def on_states(world: World, event: StatesChanged) -> None:
    """Lines of events2."""
    renamed = next((item for item in event.items if isinstance(item, Change) and item.action == "rename"), None)
    if renamed is not None and (new := renamed.states["new_name"]):
        _rename(world, event, new)
    else:
        _take(world, event, f"{event.node}: {event.resource} {_words(event)}")


def on_listed(world: World, event: ReplicasListed) -> None:
    """All that a node has: what it does not list it has no more."""
    for name in _names(world):
        replica: Replica = world.facts[REPLICA, name]
        side = replica.sides.get(event.node)
        if side is not None and not side.gone and name not in event.resources:
            _settle(world, gone(replica, event.node, event.at), event.at)
    world.say(f"{event.node} has the replicas {', '.join(event.resources) or '(none)'}")


def on_time(world: World, resource: str, at: datetime) -> None:
    """A timer: without a further report there may be something to say."""
    _settle(world, world.facts[REPLICA, resource], at)


def and_replicas(rule: Callable[[World, Any], None]) -> Callable[[World, Any], None]:
    """A rule about nodes, and then what it means for the replicas: for their stories, and for what is still known of them."""

    def both(world: World, event: Event) -> None:
        rule(world, event)
        if isinstance(event, EdgeHeard) and event.gone:
            on_unenrolled(world, event.node, event.at)
        for name in _names(world):
            story = world.get(STORY, name)
            if (story is not None and story.held) or isinstance(event, EdgeHeard):
                _settle(world, world.facts[REPLICA, name], event.at)

    return both


def on_unenrolled(world: World, node: str, at: datetime) -> None:
    """Nobody tells of its sides any more."""
    for name in _names(world):
        replica: Replica = world.facts[REPLICA, name]
        if node in replica.sides:
            why = f"{node} is no longer enrolled"
            _leave(world, without_side(world, replica, node, at, why), at, why)


def _leave(world: World, replica: Replica, at: datetime, why: str) -> None:
    if replica.sides:
        _settle(world, replica, at)
    else:
        part_with(world, replica, at, why)


def _names(world: World) -> tuple[str, ...]:
    return world.get(REPLICAS) or ()


def _take(world: World, event: HandlerCalled | StatesChanged, words: str) -> None:
    _settle(world, apply(world.get(REPLICA, event.resource) or Replica(resource=event.resource), event), event.at)
    story = story_of(world, STORY, event.resource) or story_of(world, DIFFERENCE, event.resource)
    world.say(words, story.key if story is not None else None)


def _words(event: StatesChanged) -> str:
    if event.whole:
        return "as it is now"
    said = []
    for item in event.items:
        if isinstance(item, Change):
            said += [f"{key}:{value}" for key, value in item.states.items()] or [f"{item.object} {item.action}"]
        else:
            said.append(item.handler if item.code is None else f"{item.handler} answered {item.code}")
    return " ".join(said)


def _rename(world: World, event: StatesChanged, new: str) -> None:
    """Each node renames it for itself: its side moves over."""
    old = world.get(REPLICA, event.resource)
    world.say(f"{event.node}: {event.resource} is now called {new}")
    if old is None or event.node not in old.sides:
        return
    target = world.get(REPLICA, new) or Replica(resource=new, generation=old.generation, splits=old.splits)
    _settle(world, put_side(target, old.sides[event.node]), event.at)
    why = f"called {new} now"
    _leave(world, without_side(world, old, event.node, event.at, why), event.at, why)


def _settle(world: World, replica: Replica, at: datetime) -> None:
    """The state as it is now, and what follows from it."""
    replica = up_to(replica, at)
    name = replica.resource
    forgotten_at = gone_at(world, replica)
    if forgotten_at is not None and forgotten_at <= at:
        part_with(world, replica, at, "no node has had it for a day")
        return
    world.put((REPLICA, name), replica)
    if name not in _names(world):
        world.put((REPLICAS,), (*_names(world), name))
    found = troubles(replica, at)
    tell(world, replica, found, at)
    tell_differences(world, replica, at)
    _consider_redundancy(world, name, at)
    _show(world, replica, found, at)
    story = story_of(world, STORY, name)
    later = (due(replica, at, live=story is not None and story.held), gone_at(world, replica))
    if times := [one for one in later if one is not None]:
        world.set_timer(min(times), "replica", name)
    else:
        world.cancel_timer("replica", name)


def _consider_redundancy(world: World, name: str, at: datetime) -> None:
    """A replica that works again, if with one copy, may have been the last thing but the node that its story waited for."""
    story = story_of(world, STORY, name)
    if story is not None and world.incident(story.key).root.startswith("node/"):
        redundancy.consider_besides(world, story.key, at)


# --- boards --------------------------------------------------------------------------------------------------------------


def _show(world: World, replica: Replica, found: list[Trouble], at: datetime) -> None:
    """The condition of the replica and of each side that was heard of."""
    looks = {replica_subject(replica.resource): look.whole(replica, found)}
    for side in replica.sides.values():
        seen = look.of_side(replica, side, found)
        if (SILENT, side.node) in world.facts:
            seen = look.silent(seen, side.node)
        looks[replica_subject(replica.resource, side.node)] = seen
    story = story_of(world, STORY, replica.resource) or story_of(world, DIFFERENCE, replica.resource)
    key = story.key if story is not None else None
    for subject, seen in looks.items():
        _note(world, subject, seen, at, key)


def _note(world: World, subject: Subject, seen: look.Look, at: datetime, key: str | None) -> None:
    """A condition that only got other words is as old as it was."""
    severity, why = seen
    old = world.get(CONDITION, subject)
    world.note(subject, severity, old.since if old is not None and old.severity is severity else at, why, key)
