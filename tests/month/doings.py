"""What happens in a month and needs nobody: planned work, and what the cluster mends by itself within seconds."""

from collections.abc import Callable
from random import Random
from typing import Final

from tests.month.cluster import CLONE, GROUP, GUESTS, NODES, PLAIN, PROMOTABLE, Cluster, service

Doing = Callable[[Cluster, Random], str | None]
"""Gives the subject of which the digest tells in the morning, if anything failed."""


def backup(cluster: Cluster, chance: Random) -> None:
    """Each night: the guests of one node are migrated live, and back an hour later."""
    node = chance.choice(NODES)
    for guest in [name for name in GUESTS if cluster.on[name] == node]:
        cluster.wait(20).migrate(guest, chance.choice(cluster.others(node)))
    cluster.wait(3600).gather()


def rolling_reboot(cluster: Cluster, chance: Random) -> None:
    """One node after the other: emptied by hand before (standby), or by the shutdown itself."""
    for node in NODES:
        by_hand = chance.random() < 0.5
        if by_hand:
            cluster.evacuate(node)
            cluster.wait(60)
        cluster.announce(node)
        if not by_hand:
            cluster.evacuate(node)
        cluster.leave(node)
        cluster.return_of(node, chance.uniform(100, 400))
        cluster.wait(600)


def restarted(cluster: Cluster, chance: Random) -> str:
    """A service is found dead, or does not answer in time, and is started again at once."""
    name = chance.choice((*PLAIN, *GUESTS))
    node = cluster.on[name]
    cluster.fails(name, **chance.choice(({}, {"rc": 1}, {"rc": 1, "status": 2})))
    cluster.wait(chance.uniform(0.1, 5)).start(name, node)
    cluster.wait(900).clean_up(name, "monitor_10000")
    return service(name)


def restarted_twice(cluster: Cluster, chance: Random) -> str:
    """Within minutes; that is not yet a series."""
    name = chance.choice(PLAIN)
    node = cluster.on[name]
    for _ in range(2):
        cluster.fails(name)
        cluster.wait(1).start(name, node)
        cluster.wait(chance.uniform(60, 200))
    return service(name)


def moved_by_a_failure(cluster: Cluster, chance: Random) -> str:
    """migration-threshold=1: it fails, runs elsewhere, and goes back when somebody has cleaned up."""
    name = chance.choice(PLAIN)
    node = cluster.on[name]
    cluster.fails(name)
    cluster.start(name, chance.choice(cluster.others(node)))
    cluster.wait(1800).clean_up(name, "monitor_10000")
    cluster.wait(1).gather()
    return service(name)


def starts_elsewhere(cluster: Cluster, chance: Random) -> str:
    """Restarted by hand, it cannot be started where it was."""
    name = chance.choice(PLAIN)
    node = cluster.on[name]
    cluster.stop(name)
    cluster.cannot_start(name, node)
    cluster.start(name, cluster.others(node)[0])
    cluster.wait(1200).clean_up(name, "start_0")
    cluster.wait(1).gather()
    return service(name)


def member_of_a_group(cluster: Cluster, chance: Random) -> str:
    """One fails: what stands on it is stopped before, and started after it."""
    place = chance.randrange(len(GROUP))
    node = cluster.on[GROUP[place]]
    interval = 10_000
    cluster.alerts.action(cluster.wait(1).now, node, GROUP[place], "monitor", interval=interval, rc=7)
    for name in reversed(GROUP[place + 1 :]):
        cluster.stop(name)
    cluster.cancel(GROUP[place], node, rc=7)
    cluster.alerts.action(cluster.wait(0.1).now, node, GROUP[place], "stop")
    for name in GROUP[place:]:
        cluster.start(name, node)
    return service(GROUP[place])


def instance_of_a_clone(cluster: Cluster, chance: Random) -> str:
    node = chance.choice(NODES)
    cluster.fails(CLONE, node)
    cluster.alerts.action(cluster.wait(1).now, node, CLONE, "start")
    cluster.monitor(CLONE, node)
    return service(CLONE)


def promoted_fails(cluster: Cluster, chance: Random) -> str:
    """It is demoted, restarted, and another is promoted."""
    node = cluster.promoted
    cluster.alerts.action(cluster.wait(1).now, node, PROMOTABLE, "monitor", interval=9_000, rc=7, target=8)
    cluster.demote(node)
    cluster.alerts.action(cluster.wait(0.1).now, node, PROMOTABLE, "stop")
    cluster.promote(chance.choice(cluster.others(node)))
    cluster.alerts.action(cluster.wait(1).now, node, PROMOTABLE, "start")
    cluster.monitor(PROMOTABLE, node)
    return service(PROMOTABLE)


def switched_over(cluster: Cluster, chance: Random) -> None:
    node = cluster.promoted
    cluster.demote(node)
    cluster.monitor(PROMOTABLE, node)
    cluster.promote(chance.choice(cluster.others(node)))


def restarted_by_hand(cluster: Cluster, chance: Random) -> None:
    name = chance.choice((*PLAIN, *GUESTS))
    node = cluster.on[name]
    cluster.stop(name)
    cluster.wait(chance.choice((2, 30, 1800))).start(name, node)


def refreshed(cluster: Cluster, chance: Random) -> None:
    """The cluster forgets and probes anew, and finds what runs there."""
    name = chance.choice(PLAIN)
    node = cluster.on[name]
    cluster.cancel(name, node)
    cluster.alerts.action(cluster.wait(0.2).now, node, name, "monitor", target=7)
    cluster.monitor(name, node)


def moved_by_hand(cluster: Cluster, chance: Random) -> None:
    name = chance.choice((*PLAIN, *GUESTS, GROUP[0]))
    cluster.move(name, chance.choice(cluster.others(cluster.on[name])))
    cluster.wait(2400).gather()


def migration_refused(cluster: Cluster, chance: Random) -> str:
    """The guest is restarted on the target instead, which takes a second."""
    guest = chance.choice(GUESTS)
    source = cluster.on.pop(guest)
    target = cluster.others(source)[0]
    cluster.cancel(guest, source)
    cluster.alerts.action(cluster.wait(0.3).now, source, guest, "migrate_to", rc=1)
    for node in (target, source):
        cluster.alerts.action(cluster.wait(0.1).now, node, guest, "stop")
    cluster.start(guest, target)
    cluster.wait(1200).gather()
    return service(guest)


def uplink_blinks(cluster: Cluster, chance: Random) -> None:
    node = chance.choice(NODES)
    uplink(cluster, [node], up=False)
    cluster.wait(chance.uniform(5, 40))
    uplink(cluster, [node], up=True)


def uplink(cluster: Cluster, nodes: list[str], *, up: bool) -> None:
    values = {node: "1000" if up or node not in nodes else "0" for node in NODES}
    cluster.alerts.attribute(cluster.wait(1).now, cluster.up[0], "pingd", values)


def fenced_by_hand(cluster: Cluster, chance: Random) -> None:
    """An administrator has a node rebooted: shown, and no ring."""
    node = chance.choice(NODES)
    cluster.dies(node)
    cluster.fence(node, client="stonith_admin.105")
    cluster.recover(node)
    cluster.return_of(node, chance.uniform(120, 300))


def maintenance(cluster: Cluster, chance: Random) -> None:
    """Nothing is monitored for a while."""
    for name, node in list(cluster.on.items()):
        cluster.cancel(name, node)
    cluster.wait(chance.uniform(60, 1800))
    for name, node in list(cluster.on.items()):
        cluster.monitor(name, node)


def controller_respawns(cluster: Cluster, chance: Random) -> None:
    """And calls every node a member once more, itself too."""
    node = chance.choice(NODES)
    for other in NODES:
        cluster.alerts.member(cluster.now, other, "member", [node])


QUIET: Final[tuple[Doing, ...]] = (
    restarted,
    restarted_twice,
    moved_by_a_failure,
    starts_elsewhere,
    member_of_a_group,
    instance_of_a_clone,
    promoted_fails,
    switched_over,
    restarted_by_hand,
    refreshed,
    moved_by_hand,
    migration_refused,
    uplink_blinks,
    fenced_by_hand,
    maintenance,
    controller_respawns,
)
