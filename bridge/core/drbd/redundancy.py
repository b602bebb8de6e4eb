"""All services run again, and a node is still away: no emergency any more, and not well either.

The node's incident sinks to a warning when that has been so for a quiet time; replicas may wait for the node, if they still
work. When the node stays away, the incident ends and `redundancy-lost` takes over, which rings once and ends with the node's
return, when its replicas are complete.
"""

from datetime import datetime
from typing import Final

from bridge.core.drbd import story
from bridge.core.drbd.tables import ONLY_AWAY_SINCE
from bridge.core.drbd.told import REDUNDANCY
from bridge.core.world.event import Severity, Subject, subject_name
from bridge.core.world.fence_devices import is_needless, is_of
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import node
from bridge.core.world.tables import WOUND
from bridge.core.world.world import World

NOT_FOR: Final = frozenset({Kind.NODE_FENCED_BY_ADMIN, Kind.REDUNDANCY_LOST})
"""Whoever fences a node by hand knows that it is away."""


def consider(world: World, key: str, at: datetime) -> None:
    """After a good word in an incident: is only the node still missing?"""
    if missing_nodes(world, key):
        world.put((ONLY_AWAY_SINCE, key), at)
        world.set_timer(at + world.settings.clear_after, "redundancy", key)


def consider_besides(world: World, key: str, at: datetime) -> None:
    """After a good word that is no service's: if nodes were not the last thing that was missing, they are now."""
    if (ONLY_AWAY_SINCE, key) not in world.facts:
        consider(world, key, at)


def missing_nodes(world: World, key: str) -> list[str]:
    """The nodes that the incident still waits for, if it waits for nothing else, and the cluster does not wait for them."""
    if world.incident(key).kind in NOT_FOR or story.is_frozen(world, key):
        return []
    names = []
    for wounded in world.wounds(key):
        name = subject_name(Subject(wounded))
        if wounded.startswith("node/"):
            names.append(name)
        elif not wounded.startswith(REDUNDANCY) and not is_needless(world, name, key):
            return []  # of a thousand services that are away the first one says it
    away = all((known := node(world, name)).fenced_at is not None or known.given_up for name in names)
    return sorted(names) if away else []


def _devices(world: World, key: str) -> list[Subject]:
    """The fence devices of nodes that are off: they wait for the nodes, and nobody for them."""
    return [Subject(name) for name in sorted(world.wounds(key)) if is_needless(world, subject_name(Subject(name)), key)]


def on_redundancy(world: World, key: str, at: datetime) -> None:
    """A timer: first the incident sinks to a warning, later `redundancy-lost` takes over."""
    names = missing_nodes(world, key)
    since: datetime = world.facts[ONLY_AWAY_SINCE, key]
    handed_over_at = since + world.settings.redundancy_after
    if names and at < handed_over_at:
        world.change(key, at, severity=Severity.WARNING, reason=f"everything runs again; still away: {', '.join(names)}")
        world.set_timer(handed_over_at, "redundancy", key)
    elif names:
        for name in names:
            _take_over(world, key, name, since, at)
        world.change(key, at, facts={"recovered_at": since.isoformat()})
    else:
        world.put((ONLY_AWAY_SINCE, key), None)


def _take_over(world: World, old: str, name: str, since: datetime, at: datetime) -> None:
    subject = Subject(f"node/{name}")
    devices = [one for one in _devices(world, old) if is_of(subject_name(one), name)]
    reason = f"{name} has not come back: everything runs, with one node less to fall back on"
    world.heal(subject, at, f"everything runs again; that {name} is away is told by itself")
    key = world.open_incident(Kind.REDUNDANCY_LOST, subject, since, Severity.WARNING, reason)
    world.hurt(key, subject, since, Severity.WARNING, reason)
    world.change(key, at, facts={"node": name})
    story.hand_over(world, old, key, at)
    for device in devices:
        wound = world.facts[WOUND, device]
        world.hurt(key, device, at, Severity.WARNING, wound.why, outage=wound.outage)
