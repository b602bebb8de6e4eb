"""Whose story a replica's trouble is part of: a failed node's, or that of others to which the same happened."""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.drbd.names import is_address, same_node
from bridge.core.drbd.state import Replica
from bridge.core.drbd.tables import REPLICA, REPLICAS, STORY
from bridge.core.drbd.told import story_of
from bridge.core.drbd.trouble import Trouble
from bridge.core.drbd.troubles import troubles
from bridge.core.world.event import node_subject
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.nodes import circle
from bridge.core.world.world import World

NEAR: Final = timedelta(minutes=2)
"""A node that is called lost so long after its replica was cut is the reason of it: a hung node is noticed late."""
CUT_TOGETHER: Final = timedelta(seconds=30)
SHARED: Final = frozenset({Kind.REPLICA_DISCONNECTED, Kind.REPLICA_FENCING, Kind.REPLICA_QUORUM_LOST})
"""What a lost node or a cut wire does to any replica. Everything else is the replica's own, but for the data of a client, which
has nothing but its wire."""


def fits(incident: Incident, worst: Trouble) -> bool:
    """Whether what is wrong now may be told with others': what a cut does to all of them, or the same as it is for them."""
    if Kind.REPLICA_DEGRADED in {incident.kind, worst.kind}:
        return incident.kind is worst.kind
    return worst.kind in SHARED or (worst.by_wire and incident.kind is worst.kind)


def cause(world: World, replica: Replica, found: list[Trouble]) -> str | None:
    """The incident of a failed node that explains every connection that was lost."""
    pairs = {ends: trouble.since for trouble in found for ends in trouble.pairs}
    causes = [_failed_end(world, replica, ends, since) for ends, since in sorted(pairs.items())]
    return causes[0] if causes and None not in causes else None


def _failed_end(world: World, replica: Replica, ends: tuple[str, str], since: datetime) -> str | None:
    unnamed = "" in ends  # 8.4: then it is whichever node of this cluster has failed
    for end in (*ends, *(node for one in ends if unnamed and one for node in sorted(circle(world, one)))):
        named = {end, *_other_names(replica, end)}
        for name in sorted(named - {""}):
            incident = world.holder(node_subject(name))
            if incident is not None and incident.opened_at <= since + NEAR and world.wound(node_subject(name)) is not None:
                return incident.key
    return None


def _other_names(replica: Replica, end: str) -> set[str]:
    """With and without the domain: a cluster may know its node so. Not where another node of the replica may be meant."""
    short = end.partition(".")[0]
    others = [node for node in replica.sides if node != end and node.partition(".")[0] == short]
    if is_address(end) or len(others) > 1 or (others and end in replica.sides):
        return set()
    return {short, *(node for node in others if same_node(node, end))}


def cut_with_others(world: World, name: str, worst: Trouble, at: datetime) -> str | None:
    """The incident of another replica to which the same happened just now, between the same nodes: one wire, one story."""
    for other in world.get(REPLICAS) or ():
        story = story_of(world, STORY, other) if other != name else None
        if story is None or not story.held:
            continue
        incident = world.incident(story.key)
        if not _may_join(incident, worst, at):
            continue
        if set(worst.pairs) & {ends for one in troubles(world.facts[REPLICA, other], at) for ends in one.pairs}:
            return story.key
    return None


def _may_join(incident: Incident, worst: Trouble, at: datetime) -> bool:
    if incident.planned is not worst.planned:
        return False
    if worst.kind in SHARED and not worst.planned:
        return incident.kind in SHARED and at - incident.opened_at < CUT_TOGETHER
    return incident.kind is worst.kind and fits(incident, worst) and abs(worst.since - incident.opened_at) < CUT_TOGETHER
