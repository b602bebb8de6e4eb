"""Quorum as the cluster itself says it: lost, regained, or claimed by two sides at once. (Pacemaker Explained, quorum)"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from bridge.core.pacemaker.quorum import lose_quorum
from bridge.core.pacemaker.truth.finding import LASTING, Finding
from bridge.core.pacemaker.truth.voice import Voice, contradicting, is_there, names_of
from bridge.core.world.event import CLUSTER, Severity, node_subject
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import claims
from bridge.core.world.shown import show_cluster
from bridge.core.world.tables import CLAIMS
from bridge.core.world.world import World


def look(world: World, voice: Voice) -> Iterator[Finding]:
    if not voice.whole:
        if voice.nodes[voice.witness].shutdown:
            return  # the cluster is shut down, node by node: the last ones have none
        yield Finding("quorum", LASTING, partial(_lost, world, voice))
        return
    others = contradicting(world, voice)
    if others:
        yield Finding("partition", LASTING, partial(_split, world, voice, names_of([voice, *others])))
    else:
        _regained(world, voice)


def _lost(world: World, voice: Voice, since: datetime) -> None:
    holder = world.holder(CLUSTER)
    if world.wound(CLUSTER) is not None and holder is not None and holder.kind is Kind.QUORUM_LOST:
        world.change(holder.key, voice.at, facts={"doubtful": ""})
        return
    away = {name for name, one in voice.nodes.items() if one.kind == "member" and not is_there(one)}
    world.put((CLAIMS, voice.witness), claims(world, voice.witness) | away)
    lose_quorum(world, voice.witness, since, f"{voice.witness} says that its cluster has no quorum")


def _regained(world: World, voice: Voice) -> None:
    wound, holder = world.wound(CLUSTER), world.holder(CLUSTER)
    if wound is None or holder is None or not voice.is_newer_than(wound.began_at):
        return
    words = "has quorum" if holder.kind is Kind.QUORUM_LOST else "is one again"
    world.heal(CLUSTER, voice.at, f"{voice.witness} says that the cluster {words}")
    show_cluster(world, voice.at)


def _split(world: World, voice: Voice, sides: str, since: datetime) -> None:
    reason = f"{sides}: each says that it has quorum, and that the other is away"
    holder = world.holder(CLUSTER)
    if holder is not None and holder.kind is Kind.CLUSTER_PARTITION and world.wound(CLUSTER) is not None:
        return
    key = holder.key if holder is not None and holder.kind is Kind.CLUSTER_PARTITION else None
    if key is None:
        around = [one for name in sides.split(", ") if (one := world.holder(node_subject(name))) is not None]
        key = around[0].key if around else world.open_incident(Kind.CLUSTER_PARTITION, CLUSTER, since, Severity.CRITICAL, reason)
    world.hurt(key, CLUSTER, since, Severity.CRITICAL, reason)
    world.change(key, voice.at, kind=Kind.CLUSTER_PARTITION, root=CLUSTER, facts={"cut_off": sides})
    world.confirm(key, voice.at, reason)
