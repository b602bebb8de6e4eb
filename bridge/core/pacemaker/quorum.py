"""Quorum, which no alert tells: inferred from a node that sees at most half of the others and stops its resources.

(Pacemaker Explained, no-quorum-policy)
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.node_failure import Span, give_back, take_down
from bridge.core.world.event import CLUSTER, Severity, node_subject, subject_name
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.nodes import claims, is_void, node, voters
from bridge.core.world.world import World

VERDICT_AFTER: Final = timedelta(seconds=10)
"""Long enough for the words of the other side, and for an ordinary fencing."""


def without_quorum(world: World, witness: str) -> bool:
    """Whether the witness sees at most half of three nodes or more, not all of the missing ones fenced, and is not cut off."""
    there = voters(world, witness)
    size, lost = len(there), claims(world, witness) & there
    if size < 3 or len(lost) * 2 < size or is_void(world, witness):
        return False
    return any(node(world, name).fenced_at is None for name in lost)


def lose_quorum(world: World, witness: str, at: datetime, reason: str) -> str:
    lost = sorted(claims(world, witness) & voters(world, witness))
    began = min((when for name in lost if (when := node(world, name).lost_at) is not None), default=at)
    holder = world.holder(CLUSTER)
    if holder is not None and _is_about(world, holder, {witness, *lost}):
        key = holder.key
    else:
        key = world.open_incident(Kind.QUORUM_LOST, CLUSTER, began, Severity.CRITICAL, reason)
    world.hurt(key, CLUSTER, began, Severity.CRITICAL, f"{witness} sees no quorum")
    for name in lost:
        incident = world.holder(node_subject(name))
        if incident is not None and incident.key != key:
            world.absorb(incident.key, key, at, f"{name} is one of the nodes that the quorum is missing")
        world.hurt(key, node_subject(name), began, Severity.CRITICAL, "lost")
        world.cancel_timer("unfenced", name)
        take_down(world, name, key, Span(node(world, name).lost_at or began, at))
    facts = {"lost_nodes": ", ".join(lost), "node": witness, "doubtful": ""}
    world.change(key, at, kind=Kind.QUORUM_LOST, root=CLUSTER, facts=facts)
    world.confirm(key, at, reason)
    return key


def look_for_quorum(world: World, witness: str, at: datetime) -> None:
    """Most nodes may be lost: the others have a while to say that it is the witness who is cut off, or to fence."""
    if without_quorum(world, witness):
        world.set_timer(at + VERDICT_AFTER, "quorum", witness)


def on_quorum(world: World, witness: str, at: datetime) -> None:
    """A timer: most nodes have been lost to the witness for a while, and nobody said that it is the one who is cut off."""
    lost = [name for name in claims(world, witness) & voters(world, witness) if node(world, name).lost_at is not None]
    if (
        quorum_incident(world, witness) is None
        and without_quorum(world, witness)
        and len(lost) * 2 >= len(voters(world, witness))
    ):
        key = lose_quorum(world, witness, at, f"{witness} sees most nodes lost, and none of them is fenced")
        world.change(key, at, facts={"doubtful": "yes"})


def show_quorum_by_fencing(world: World, name: str, at: datetime) -> None:
    """Who fences has quorum: what only looked like its loss is the failure of a node. (Pacemaker Explained, fencing)"""
    holder = world.holder(CLUSTER)
    if holder is not None and holder.facts.get("doubtful") and _is_about(world, holder, {name}):
        world.change(holder.key, at, kind=Kind.NODE_FAILURE, root=node_subject(name), facts={"doubtful": ""})
        world.heal(CLUSTER, at, f"{name} was fenced, so there is quorum")


def show_quorum_by_majority(world: World, name: str, at: datetime) -> str | None:
    """Who told of the loss is called lost by a larger side, which only found out later: so it is the one that is cut off."""
    holder = world.holder(CLUSTER)
    if holder is None or holder.kind is not Kind.QUORUM_LOST or holder.facts.get("node") != name or not is_void(world, name):
        return None
    facts = {"doubtful": "", "lost_nodes": ""}
    world.change(holder.key, at, kind=Kind.NODE_FAILURE, root=node_subject(name), facts=facts)
    world.hurt(holder.key, node_subject(name), at, Severity.CRITICAL, "cut off")
    world.heal(CLUSTER, at, f"{name} is cut off, and the others have quorum")
    for other in sorted(claims(world, name)):
        give_back(world, other, at, f"{name} is the one that was cut off", away=False)
    return holder.key


def quorum_incident(world: World, witness: str) -> str | None:
    holder = world.holder(CLUSTER)
    if holder is None or holder.kind is not Kind.QUORUM_LOST or not _is_about(world, holder, claims(world, witness)):
        return None
    return holder.key if world.wound(CLUSTER) is not None else None


def _is_about(world: World, incident: Incident, names: Iterable[str]) -> bool:
    members = world.members(incident.key)
    return any(node_subject(name) in members for name in names)


def regain_quorum(world: World, at: datetime) -> None:
    holder = world.holder(CLUSTER)
    if holder is None or world.wound(CLUSTER) is None:
        return
    missing = [s for s in world.members(holder.key) if s.startswith("node/") and world.wound(s) is not None]
    voting = voters(world, subject_name(missing[0])) if missing else ()
    if len(missing) * 2 < len(voting) or not missing:
        world.heal(CLUSTER, at, "enough nodes are members again")
