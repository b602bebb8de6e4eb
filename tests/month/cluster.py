"""Three nodes and what runs on them: what a person, a failure or the cluster itself does there is told by the alerts."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.month.alerts import Alerts

NODES: Final = ("n1", "n2", "n3")
GUESTS: Final = tuple(f"vm-{number:02}" for number in range(1, 7))
GROUP: Final = ("shop-ip", "shop-fs", "shop-app")
PLAIN: Final = ("mail", "wiki", "queue", "ldap")
CLONE: Final = "dlm"
PROMOTABLE: Final = "pg"
HOME: Final = (
    {name: NODES[number % 3] for number, name in enumerate((*GUESTS, *PLAIN))}
    | dict.fromkeys(GROUP, "n2")
    | {"fence-n1": "n2", "fence-n2": "n3", "fence-n3": "n1"}
)
"""Where each resource is at home; the devices of a node run on others."""
EVERY_MS: Final = 10_000
HOURLY_MS: Final = 3_600_000
CLUSTER: Final = "pacemaker-controld.57"


class Away(NamedTuple):
    """A node is down, or its relay cannot be heard, from when until when."""

    node: str
    since: float
    until: float


def service(name: str) -> str:
    """The subject of what is told of it."""
    return f"{'guest' if name in GUESTS else 'resource'}/{name}"


class Cluster:
    """`now` moves on with everything that is done, in seconds since 1970."""

    def __init__(self, alerts: Alerts, now: float) -> None:
        self.alerts = alerts
        self.now = now
        self.up = list(NODES)
        self.on: dict[str, str] = {}
        self.active: set[tuple[str, str]] = set()
        """(instance, node) of what runs on every node."""
        self.promoted = ""
        self.away: list[Away] = []
        self._left_at: dict[str, float] = {}

    def boot(self) -> None:
        for node in NODES:
            self.alerts.begin(node)
            for other in self.others(node):
                self.alerts.member(self.now, other, "member", [node])
        self.wait(20)
        for name, node in HOME.items():
            self.start(name, node)
        for node in NODES:
            self.start_instances(node)
        self.promote("n1")

    def wait(self, seconds: float) -> "Cluster":
        self.now += seconds
        return self

    def others(self, node: str) -> list[str]:
        return [other for other in self.up if other != node]

    def homes(self, name: str) -> list[str]:
        """Where it may run, the best first."""
        forbidden = name.removeprefix("fence-")
        return sorted((node for node in self.up if node != forbidden), key=lambda node: node != HOME[name])

    def runs_on(self, node: str) -> list[str]:
        return [name for name in HOME if self.on.get(name) == node]

    # --- actions of the cluster

    def start(self, name: str, node: str) -> None:
        self.alerts.action(self.wait(0.1).now, node, name, "start")
        self.monitor(name, node)
        self.on[name] = node

    def stop(self, name: str) -> None:
        node = self.on.pop(name)
        self.cancel(name, node)
        self.alerts.action(self.wait(0.1).now, node, name, "stop")

    def monitor(self, name: str, node: str, **given: int) -> None:
        interval = HOURLY_MS if name.startswith("fence-") else EVERY_MS
        self.alerts.action(self.wait(0.05).now, node, name, "monitor", interval=interval, **given)

    def cancel(self, name: str, node: str, **given: int) -> None:
        self.monitor(name, node, status=1, **given)

    def fails(self, name: str, node: str = "", **given: int) -> None:
        """Its monitor says so, and the cluster stops it: it counts, and the failed monitor comes again as cancelled."""
        node = node or self.on[name]
        bad = {"rc": 7} | given
        self.monitor(name, node, **bad)
        self.count(name, node, "monitor_10000", "1")
        self.cancel(name, node, rc=bad["rc"])
        self.alerts.action(self.wait(0.1).now, node, name, "stop")
        self.on.pop(name, None)

    def count(self, name: str, node: str, operation: str, count: str) -> None:
        writer = self.up[0]
        self.alerts.attribute(self.wait(0.02).now, writer, f"fail-count-{name}#{operation}", {node: count})
        last = str(int(self.now)) if count else ""
        self.alerts.attribute(self.wait(0.02).now, writer, f"last-failure-{name}#{operation}", {node: last})

    def clean_up(self, name: str, operation: str) -> None:
        """By an administrator, and for all nodes."""
        for node in self.up:
            self.count(name, node, operation, "")

    def cannot_start(self, name: str, node: str) -> None:
        self.alerts.action(self.wait(0.5).now, node, name, "start", rc=1)
        self.count(name, node, "start_0", "INFINITY")
        self.alerts.action(self.wait(0.2).now, node, name, "stop")

    def move(self, name: str, to: str) -> None:
        """A guest live, all others by a stop and a start; of a group all that stands on it goes along."""
        if name in GUESTS:
            self.migrate(name, to)
            return
        unit = GROUP if name in GROUP else (name,)
        for one in reversed(unit):
            self.stop(one)
        for one in unit:
            self.start(one, to)

    def migrate(self, guest: str, to: str) -> None:
        source = self.on[guest]
        self.cancel(guest, source)
        self.alerts.action(self.wait(2).now, source, guest, "migrate_to")
        self.alerts.action(self.wait(0.1).now, to, guest, "migrate_from")
        self.alerts.action(self.wait(0.1).now, source, guest, "stop")
        self.monitor(guest, to)
        self.on[guest] = to

    def start_instances(self, node: str) -> None:
        for name in (CLONE, PROMOTABLE):
            self.alerts.action(self.wait(0.1).now, node, name, "start")
            self.monitor(name, node)
            self.active.add((name, node))

    def stop_instances(self, node: str) -> None:
        self.demote(node)
        for name in (PROMOTABLE, CLONE):
            self.cancel(name, node)
            self.alerts.action(self.wait(0.1).now, node, name, "stop")
            self.active.discard((name, node))

    def promote(self, node: str) -> None:
        self.cancel(PROMOTABLE, node)
        self.alerts.action(self.wait(0.1).now, node, PROMOTABLE, "promote")
        self.alerts.action(self.wait(0.1).now, node, PROMOTABLE, "monitor", interval=9_000, rc=8, target=8)
        self.promoted = node

    def demote(self, node: str) -> None:
        if self.promoted == node:
            self.alerts.action(self.wait(0.1).now, node, PROMOTABLE, "monitor", interval=9_000, rc=8, target=8, status=1)
            self.alerts.action(self.wait(0.1).now, node, PROMOTABLE, "demote")
            self.promoted = ""

    # --- nodes

    def evacuate(self, node: str) -> None:
        """What runs there goes elsewhere, in order: as for standby, or before its shutdown."""
        for name in self._heads(self.runs_on(node)):
            self.move(name, next(other for other in self.homes(name) if other != node))
        promoted = self.promoted == node
        self.stop_instances(node)
        if promoted:
            self.promote(self.others(node)[0])

    def gather(self) -> None:
        """All that is not at home goes there; what runs nowhere starts."""
        for name in HOME:
            best = self.homes(name)[0]
            if name not in self.on:
                self.start(name, best)
        for name in self._heads([name for name in HOME if self.on[name] != self.homes(name)[0]]):
            self.move(name, self.homes(name)[0])

    def leave(self, node: str) -> None:
        self.up.remove(node)
        self._left_at[node] = self.now
        self.alerts.member(self.wait(0.5).now, node, "lost", self.up)

    def announce(self, node: str) -> None:
        self.alerts.attribute(self.wait(0.1).now, self.others(node)[0], "shutdown", {node: str(int(self.now))})

    def dies(self, node: str) -> None:
        """Without a word. What ran there gets no stop."""
        for name in self.runs_on(node):
            del self.on[name]
        self.active = {one for one in self.active if one[1] != node}
        self.leave(node)

    def fence(self, node: str, *, client: str = CLUSTER, action: str = "reboot", result: str = "OK") -> None:
        self.alerts.fencing(self.wait(0.5).now, node, self.others(node), client=client, action=action, result=result)

    def recover(self, node: str) -> None:
        """What ran on the fenced node starts elsewhere."""
        for name in [name for name in HOME if name not in self.on]:
            self.start(name, self.homes(name)[0])
        if self.promoted == node:
            self.promote(self.up[0])

    def join(self, node: str) -> None:
        self.up = [name for name in NODES if name in {*self.up, node}]
        self.away.append(Away(node, self._left_at[node], self.now - 3))  # its relay starts before Pacemaker
        self.alerts.begin(node)
        self.alerts.member(self.now, node, "member", self.others(node))
        self.alerts.attribute(self.now, self.others(node)[0], "#feature-set", dict.fromkeys(self.up, "3.16.1"))
        for other in self.others(node):
            self.alerts.member(self.now + 0.4, other, "member", [node])
        self.alerts.attribute(self.wait(0.5).now, self.others(node)[0], "shutdown", {node: "0"})
        self.wait(1)
        self.start_instances(node)

    def return_of(self, node: str, after: float) -> None:
        self.wait(after)
        self.join(node)
        self.gather()

    @staticmethod
    def _heads(names: list[str]) -> Iterator[str]:
        """Of a group its first member stands for all."""
        return (name for name in names if name not in GROUP[1:])
