"""A site whose clocks can be set: nodes with a boot clock and a wall clock each, their relays' hellos and pings, and the bridge's
end of the wire with its own time line. Recordings are played through it, as they would have reached a bridge.

True time is in seconds since 1970, and nobody in here knows it but the player.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from bridge.core.normalise import stamp_ns
from bridge.core.world.event import EPOCH, Report, from_ns
from bridge.core.world.settings import Settings
from bridge.intake.peers import HELLO, Peers
from bridge.rehearse.rehearse import Rehearsal, bell
from bridge.serve.clock import TimeLine
from bridge.wire.codec import Hello, Ping
from bridge.wire.keys import Peer

TAKES = 0.02
"""Seconds from a hook's start to the bridge, and at most as many again."""
SEC = 10**9


@dataclass
class Machine:
    """`wrong_by`: its wall clock is so many seconds ahead; `sets`: from when on it is so much more ahead. `sleeps`: (from, seconds)
    for which a virtual machine is stopped, and its boot clock with it."""

    booted_at: float
    wrong_by: float = 0.0
    sets: list[tuple[float, float]] = field(default_factory=list)
    sleeps: list[tuple[float, float]] = field(default_factory=list)
    boot: str = "first"

    def wall_ns(self, at: float) -> int:
        return round((at + self.wrong_by + sum(by for since, by in self.sets if since <= at)) * SEC)

    def boot_ns(self, at: float) -> int:
        slept = sum(min(at, since + long) - since for since, long in self.sleeps if since < at)
        return round((at - self.booted_at - slept) * SEC)


@dataclass
class Told:
    """A call of a hook, or what the relay read: on which node, when it happened by the truth, when it was written down."""

    node: str
    happened_at: float | None
    written_at: float
    report: Report


def told_by(reports) -> list[Told]:
    """A recording as such calls: its clocks were right."""
    return [Told(one.node, _seconds(stamp_ns({**one.body, "src": one.source})), _at(one.received_at), one) for one in reports]


def _seconds(stamp: int | None) -> float | None:
    return None if stamp is None else stamp / SEC


def _at(instant: datetime) -> float:
    return (instant - EPOCH) / timedelta(seconds=1)


class Site:
    def __init__(self, names, began_at, seed=0):
        self._chance = Random(seed)
        self.nodes = {
            name: Machine(began_at - 1000 * number, self._chance.uniform(-9, 9)) for number, name in enumerate(names, 1)
        }
        self.bridge = Machine(began_at - 5000)
        self.began_at = began_at
        self._began_at = began_at - 120
        self._now = self._began_at
        self.line = TimeLine(
            read=lambda: (self.bridge.boot_ns(self._now), self.bridge.wall_ns(self._now)),
            boot="bridge",
            boot_ns=lambda: self.bridge.boot_ns(self._now),
        )
        self._peers = Peers(self.line.at)
        self._reboots = {}
        self._cut = {}
        self._answered = {}

    def reboot(self, name, at, away, set_by):
        """The node is without power for so long, and its wall clock is so much off afterwards. What it wrote down before, and the
        bridge does not have yet, comes after its return."""
        self._reboots[name] = (at, away, set_by)

    def cut_off(self, name, since, until):
        """Its messages do not get through; then it says hello, and what waits comes."""
        self._cut[name] = (since, until)

    def play(self, told):
        """The reports as the bridge would have them, in the order in which they come."""
        ends = max(one.written_at for one in told) + 30
        doings = [(self._arrives(one), 2, one) for one in told]
        for name in self.nodes:
            at = self._began_at + self._chance.random()
            doings.append((at, 0, name))
            doings += [(at + step, 1, name) for step in range(1, int(ends - at)) if self._speaks(name, at + step)]
            doings += [(when, 0, name) for when in self._returns(name)]
        found = []
        for at, kind, what in sorted(doings, key=lambda one: one[:2]):
            found += self._do(at, kind, what)
        return found

    def _do(self, at, kind, what):
        if kind == 0:
            self._greet(what, at)
        elif kind == 1:
            self._ping(what, at)
        else:
            yield self._report(what, at)

    def _arrives(self, one):
        at = one.written_at + self._chance.uniform(TAKES / 2, TAKES * 2)
        return at if self._speaks(one.node, at) else min(back for back in self._returns(one.node) if back > at) + 0.01

    def _speaks(self, name, at):
        since, away, _ = self._reboots.get(name, (at + 1, 0, 0))
        cut, until = self._cut.get(name, (at + 1, 0))
        sleeps = any(start <= at < start + long for start, long in self.nodes[name].sleeps)
        return not (since <= at < since + away or cut <= at < until or sleeps)

    def _returns(self, name):
        back = [self._cut[name][1]] if name in self._cut else []
        back += [self._reboots[name][0] + self._reboots[name][1]] if name in self._reboots else []
        return back + [since + long for since, long in self.nodes[name].sleeps]

    def _machine(self, name, at):
        """As it is in the boot of that moment."""
        machine = self.nodes[name]
        since, away, set_by = self._reboots.get(name, (at + 1, 0, 0))
        if at < since:
            return machine
        return Machine(since + away - 3, machine.wrong_by + set_by, machine.sets, machine.sleeps, "second")

    def _late(self, at):
        """A message is under way for a while, one in twenty for long."""
        self._now = max(self._now, at + self._chance.choice([0.0005] * 19 + [0.3]))
        self.line()
        return self.line.boot_ns()

    def _greet(self, name, at):
        machine, peer = self._machine(name, at), Peer("site", name)
        hello = Hello(node=name, boot=machine.boot, wall_ns=machine.wall_ns(at), boot_ns=machine.boot_ns(at))
        route = f"{name} {at}".encode()
        self._peers.greet(route, peer, hello, insecure=False, now=at, came_ns=self._late(at))
        self._answered[name] = HELLO, int((self._now - at) * SEC) + SEC // 2000

    def _ping(self, name, at):
        machine, peer = self._machine(name, at), Peer("site", name)
        token = self._chance.randbytes(8)
        answered, took = self._answered[name]
        ping = Ping(token, machine.wall_ns(at), machine.boot_ns(at), took, answered=answered)
        self._peers.ping(peer, ping, came_ns=self._late(at))
        self._answered[name] = token.hex(), int((self._now - at) * SEC) + SEC // 2000

    def _report(self, one, at):
        machine = self._machine(one.node, one.written_at)
        clocks = {"boot": machine.boot, "boot_ns": machine.boot_ns(one.written_at), "wall_ns": machine.wall_ns(one.written_at)}
        body = {**one.report.body, "src": one.report.source, **clocks}
        if one.happened_at is not None:
            body = stamped(body, machine.wall_ns(one.happened_at))
        came_ns = self._late(at)
        offset_ns = self._peers.correction(Peer("site", one.node), body, stamp_ns(body), came_ns=came_ns)
        return msgspec.structs.replace(
            one.report, received_at=from_ns(self.line.at(came_ns)), body=body, offset=timedelta(microseconds=offset_ns // 1000)
        )

    def take_steps(self):
        return {peer.node: by / SEC for peer, by in self._peers.take_steps().items()}


def stamped(body, wall_ns):
    """With the time in it that this wall clock shows."""
    if "CRM_alert_timestamp_epoch" in body:
        seconds, micro = divmod(wall_ns // 1000, 10**6)
        return {**body, "CRM_alert_timestamp_epoch": str(seconds), "CRM_alert_timestamp_usec": f"{micro:06d}"}
    number = next(number for number in range(1, 100) if _begins_with_a_time(body[f"line{number}"]))
    rest = body[f"line{number}"].split(" ", 1)[1]
    return {**body, f"line{number}": f"{datetime.fromtimestamp(wall_ns / SEC, UTC).isoformat(timespec='microseconds')} {rest}"}


def _begins_with_a_time(line):
    return line[:4].isdigit()


def told(reports):
    """What a rehearsal tells: of each incident what must not change at all, and how long each service was away."""
    rehearsal = Rehearsal(Settings(), bell())
    rehearsal.take(reports)
    rows = [row for row in rehearsal.result()["incidents"] if not row["planned"]]
    rows.sort(key=lambda row: (row["root"], row["kind"], row["opened_at"]))
    return [(row["kind"], row["root"], row["peak"], row["state"]) for row in rows], [row["outages"] for row in rows]
