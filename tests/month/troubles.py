"""What needs a person, and is mended by one in the end: what it must be told as, and from when until when it is so."""

from collections.abc import Callable, Collection
from random import Random
from typing import Final

import msgspec

from bridge.core.world.incident import Kind
from tests.month.cluster import GUESTS, NODES, PLAIN, Cluster, service
from tests.month.doings import uplink


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds` and `roots` are alternatives; `rings` is how often it may ring at the most. Instants are seconds since 1970.

    `partly` is what it may be told as, too, while some who saw it are not heard: (kind, root).
    """

    kinds: Collection[Kind]
    roots: Collection[str]
    began_at: float
    over_at: float
    rings: int = 1
    partly: Collection[tuple[Kind, str]] = ()


Happens = Callable[[Cluster, Random], list[Trouble]]


def power_cut(cluster: Cluster, chance: Random) -> list[Trouble]:
    node, began_at = chance.choice(NODES), cluster.now
    cluster.dies(node)
    cluster.wait(chance.uniform(1, 10)).fence(node)
    cluster.recover(node)
    cluster.return_of(node, chance.uniform(120, 400))
    return [_of_node(Kind.NODE_FAILURE, node, began_at, cluster)]


def board_is_dead(cluster: Cluster, chance: Random) -> list[Trouble]:
    """The services are back in time, the node is not: rung once more, when it has not come for ten minutes."""
    node, began_at = chance.choice(NODES), cluster.now
    cluster.dies(node)
    cluster.wait(5).fence(node)
    cluster.recover(node)
    recovered_at = cluster.now
    cluster.return_of(node, chance.uniform(3600, 7200))
    return [
        _of_node(Kind.NODE_FAILURE, node, began_at, cluster),
        _of_node(Kind.REDUNDANCY_LOST, node, recovered_at, cluster),
    ]


def fencing_fails(cluster: Cluster, chance: Random) -> list[Trouble]:
    """The power switch does not answer, until somebody has been there."""
    node, began_at = chance.choice(NODES), cluster.now
    cluster.dies(node)
    cluster.wait(3)
    for _ in range(chance.randint(10, 60)):
        cluster.wait(2).fence(node, result="Timed Out (Fence agent did not complete within 5s)")
    cluster.wait(120).fence(node)
    cluster.recover(node)
    cluster.return_of(node, chance.uniform(120, 300))
    story = _of_node(Kind.FENCING_FAILURE, node, began_at, cluster)
    roots, kinds = (f"node/{node}", f"fencing/{node}"), (Kind.FENCING_FAILURE, Kind.NODE_FAILURE)
    return [msgspec.structs.replace(story, roots=roots, kinds=kinds)]


def nobody_fences(cluster: Cluster, chance: Random) -> list[Trouble]:
    """There is no device: the cluster waits, until an administrator says that the node is down."""
    node, began_at = chance.choice(NODES), cluster.now
    cluster.dies(node)
    cluster.wait(chance.uniform(300, 900)).fence(node, client="stonith_admin.4711", action="off")
    cluster.recover(node)
    cluster.return_of(node, chance.uniform(120, 300))
    return [_of_node(Kind.NODE_FAILURE, node, began_at, cluster)]


def starts_nowhere(cluster: Cluster, chance: Random) -> list[Trouble]:
    name, began_at = chance.choice((*PLAIN, *GUESTS)), cluster.now
    node = cluster.on[name]
    cluster.fails(name)
    for one in (node, *cluster.others(node)):
        cluster.cannot_start(name, one)
    cluster.wait(chance.uniform(600, 5000)).clean_up(name, "start_0")
    cluster.wait(1).start(name, node)
    guest = name in GUESTS
    kinds = (Kind.GUEST_FAILURE, Kind.RESOURCE_DOWN) if guest else (Kind.RESOURCE_DOWN,)
    return [_of_service(kinds, name, began_at, cluster)]


def stop_blocked(cluster: Cluster, chance: Random) -> list[Trouble]:
    """on-fail=block: nothing is fenced, and nothing moves."""
    name, began_at = chance.choice(PLAIN), cluster.now
    node = cluster.on.pop(name)
    cluster.cancel(name, node)
    cluster.alerts.action(cluster.wait(20).now, node, name, "stop", rc=1, status=2)
    cluster.count(name, node, "stop_0", "INFINITY")
    cluster.wait(chance.uniform(300, 3000)).clean_up(name, "stop_0")
    cluster.wait(1).start(name, cluster.others(node)[0])
    told = _of_service((Kind.RESOURCE_BLOCKED,), name, began_at, cluster)
    cluster.wait(600).gather()
    return [told]


def fenced_for_a_stop(cluster: Cluster, chance: Random) -> list[Trouble]:
    """Rung as blocked, and once more when the node was fenced for it: that takes more than the service along."""
    name, began_at = chance.choice(PLAIN), cluster.now
    node = cluster.on[name]
    cluster.cancel(name, node)
    cluster.alerts.action(cluster.wait(1).now, node, name, "stop", rc=1)
    cluster.count(name, node, "stop_0", "INFINITY")
    cluster.wait(3).dies(node)
    cluster.fence(node)
    cluster.recover(node)
    cluster.return_of(node, chance.uniform(120, 300))
    kinds, roots = (Kind.RESOURCE_BLOCKED, Kind.NODE_FAILURE), (f"resource/{name}", f"node/{node}")
    return [Trouble(kinds=kinds, roots=roots, began_at=began_at, over_at=cluster.now, rings=2)]


def flapping(cluster: Cluster, chance: Random) -> list[Trouble]:
    name, began_at = chance.choice(PLAIN), cluster.now
    node = cluster.on[name]
    for _ in range(chance.randint(3, 8)):
        cluster.fails(name)
        cluster.wait(1).start(name, node)
        cluster.wait(chance.uniform(30, 200))
    return [_of_service((Kind.RESOURCE_FLAPPING,), name, began_at, cluster)]


def degraded(cluster: Cluster, chance: Random) -> list[Trouble]:
    name, began_at = chance.choice(PLAIN), cluster.now
    node = cluster.on[name]
    cluster.monitor(name, node, rc=190)
    cluster.wait(chance.uniform(120, 3000)).monitor(name, node)
    return [_of_service((Kind.RESOURCE_DEGRADED,), name, began_at, cluster)]


def uplink_lost(cluster: Cluster, chance: Random) -> list[Trouble]:
    """Of one node, or of two that hang on one switch."""
    nodes, began_at = chance.sample(NODES, chance.choice((1, 2))), cluster.now
    uplink(cluster, nodes, up=False)
    cluster.wait(chance.uniform(300, 3000))
    uplink(cluster, nodes, up=True)
    roots = [f"attribute/pingd@{node}" for node in nodes]
    return [Trouble(kinds=(Kind.CONNECTIVITY,), roots=roots, began_at=began_at, over_at=cluster.now)]


def device_fails(cluster: Cluster, chance: Random) -> list[Trouble]:
    name, began_at = f"fence-{chance.choice(NODES)}", cluster.now
    node = cluster.on[name]
    cluster.fails(name, rc=1, status=2)
    for one in (node, *cluster.others(node)):
        if one != name.removeprefix("fence-"):
            cluster.cannot_start(name, one)
    cluster.wait(chance.uniform(600, 3000)).clean_up(name, "start_0")
    cluster.wait(1).start(name, node)
    return [_of_service((Kind.FENCE_DEVICE_FAILURE,), name, began_at, cluster)]


def quorum_lost(cluster: Cluster, chance: Random) -> list[Trouble]:
    """Two of three lose power: the third stops all that it runs, and fences nobody, until they are back."""
    alone, began_at = chance.choice(NODES), cluster.now
    for node in cluster.others(alone):
        cluster.dies(node)
    for name in cluster.runs_on(alone):
        cluster.stop(name)
    cluster.stop_instances(alone)
    cluster.wait(chance.uniform(180, 500))
    for node in [node for node in NODES if node != alone]:
        cluster.join(node)
    cluster.start_instances(alone)
    cluster.gather()
    cluster.promote("n1")
    partly = [one for node in NODES for one in ((Kind.NODE_FAILURE, f"node/{node}"), (Kind.EDGE_SILENT, f"relay/{node}"))]
    return [Trouble(kinds=(Kind.QUORUM_LOST,), roots=("cluster",), began_at=began_at, over_at=cluster.now, partly=partly)]


def _of_node(kind: Kind, node: str, began_at: float, cluster: Cluster) -> Trouble:
    return Trouble(kinds=(kind,), roots=(f"node/{node}",), began_at=began_at, over_at=cluster.now)


def _of_service(kinds: Collection[Kind], name: str, began_at: float, cluster: Cluster) -> Trouble:
    root = service(name)
    partly = [(Kind.RESOURCE_FAILURE, root)]
    return Trouble(kinds=kinds, roots=(root,), began_at=began_at, over_at=cluster.now, partly=partly)


BY_ATTRIBUTES: Final[tuple[Happens, ...]] = (uplink_lost,)
"""What nothing but an attribute tells of."""
TROUBLES: Final[tuple[Happens, ...]] = (
    power_cut,
    board_is_dead,
    fencing_fails,
    nobody_fences,
    starts_nowhere,
    stop_blocked,
    fenced_for_a_stop,
    flapping,
    degraded,
    device_fails,
    quorum_lost,
)
