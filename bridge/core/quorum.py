"""Quorum, which no alert tells: inferred from a node that sees at most half of the others and stops its resources.

(pacemaker-alerts.md 12; Pacemaker Explained, no-quorum-policy)
"""

from collections.abc import Iterable
from datetime import datetime

from bridge.core.event import CLUSTER, Severity, node_subject
from bridge.core.incident import Incident, Kind
from bridge.core.nodes import circle, claims, is_void, node
from bridge.core.world import World


def without_quorum(world: World, witness: str) -> bool:
    """Whether the witness sees at most half of three nodes or more, not all of the missing ones fenced, and is not cut off."""
    size, lost = len(circle(world, witness)), claims(world, witness)
    if size < 3 or len(lost) * 2 < size or is_void(world, witness):
        return False
    return any(node(world, name).fenced_at is None for name in lost)


def lose_quorum(world: World, witness: str, at: datetime, reason: str) -> str:
    lost = sorted(claims(world, witness))
    began = min((when for name in lost if (when := node(world, name).lost_at) is not None), default=at)
    holder = world.holder(CLUSTER)
    if holder is not None and _is_about(holder, {witness, *lost}):
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
    world.change(key, at, kind=Kind.QUORUM_LOST, root=CLUSTER, facts={"lost_nodes": ", ".join(lost), "node": witness})
    world.confirm(key, at, reason)
    return key


def quorum_incident(world: World, witness: str) -> str | None:
    holder = world.holder(CLUSTER)
    if holder is None or holder.kind is not Kind.QUORUM_LOST or not _is_about(holder, claims(world, witness)):
        return None
    return holder.key if world.wound(CLUSTER) is not None else None


def _is_about(incident: Incident, names: Iterable[str]) -> bool:
    return any(node_subject(name) in incident.subjects for name in names)


def regain_quorum(world: World, at: datetime) -> None:
    holder = world.holder(CLUSTER)
    if holder is None or world.wound(CLUSTER) is None:
        return
    missing = [s for s in holder.subjects if s.startswith("node/") and world.wound(s) is not None]
    members = len(circle(world, holder.facts.get("node", "")))
    if len(missing) * 2 < members:
        world.heal(CLUSTER, at, "enough nodes are members again")
