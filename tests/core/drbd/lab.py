"""Made-up DRBD: what `drbdsetup events2` and the handlers say on each node, line by line as in the real recordings.

Not a test of DRBD's order of lines (the recordings are), but of stories that no recording tells: three nodes, several volumes
and resources, any names. Seconds count from an hour of no importance.
"""

import json
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def moment(seconds):
    return START + timedelta(seconds=seconds)


class Lab:
    """Nodes and resources; every method says at which second it happens. What nobody says happened does not happen."""

    def __init__(self, *nodes, resources=("r0",), volumes=("0",), generation="9"):
        self.nodes = nodes
        self.resources = resources
        self.volumes = volumes
        self.nine = generation == "9"
        self.lines = {node: [] for node in nodes}
        self.calls = []

    # --- what is written ---------------------------------------------------------------------------------------------

    def say(self, node, at, *lines):
        for line in lines:
            self.lines[node].append((at, line))

    def peer(self, node, other):
        index = self.nodes.index(other) if self.nine else 0
        return f"peer-node-id:{index} conn-name:{other if self.nine else 'peer'}"

    def call(self, node, at, handler, resource, other="", volume="0", status=0, env=None):
        """As events2 tells it, and as our own handler does."""
        whom = f"{self.peer(node, other)} " if other else ""
        self.say(node, at, f"call helper name:{resource} {whom}volume:{volume} minor:{volume} helper:{handler}")
        self.say(node, at + 0.2, f"response helper name:{resource} {whom}helper:{handler} status:{status << 8}")
        index = self.nodes.index(other) if other else 0
        theirs = {"DRBD_PEER_NODE_ID": str(index)} if self.nine else {"DRBD_PEER": other}
        own = {"DRBD_MY_NODE_ID": str(self.nodes.index(node))} if self.nine else {}
        names = {f"DRBD_NODE_ID_{number}": name for number, name in enumerate(self.nodes)} if self.nine else {}
        environ = {"DRBD_RESOURCE": resource, "DRBD_VOLUME": volume, **names, **own, **(theirs if other else {}), **(env or {})}
        dump = {"host": node, "handler": handler, "env": environ, "exit_code": status}
        self.calls.append(dump | {"started": moment(at).timestamp(), "finished": moment(at + 0.2).timestamp()})

    def write(self, folder, *, states=None, handlers=None):
        """As a recording; `states` and `handlers` name the nodes of which they are kept."""
        folder.mkdir(parents=True, exist_ok=True)
        for node, lines in self.lines.items():
            if states is None or node in states:
                ordered = sorted(lines, key=lambda pair: pair[0])
                text = "".join(f"{moment(at).isoformat()} {line}\n" for at, line in ordered)
                (folder / f"{node}.events2.txt").write_text(text)
        for number, call in enumerate(self.calls):
            if handlers is None or call["host"] in handlers:
                (folder / f"{number:02d}.json").write_text(json.dumps(call))
        return folder

    # --- states ------------------------------------------------------------------------------------------------------

    def role(self, node, at, role, resource="r0"):
        self.say(node, at, f"change resource name:{resource} role:{role}")

    def dump(self, node, at, *, primary=(), connection="Connected", disk="UpToDate", peers=None):
        """The first lines of events2, or those after the relay has started anew."""
        peers = [other for other in self.nodes if other != node] if peers is None else peers
        extra = " client:no quorum:yes" if self.nine else ""
        up = connection == "Connected"
        copy = "Established peer-disk:UpToDate" if up else "Off peer-disk:DUnknown"
        for resource in self.resources:
            role = "Primary" if resource in primary else "Secondary"
            self.say(node, at, f"exists resource name:{resource} role:{role} suspended:no")
            self.say(
                node, at, *(f"exists connection name:{resource} {self.peer(node, o)} connection:{connection}" for o in peers)
            )
            for volume in self.volumes:
                self.say(node, at, f"exists device name:{resource} volume:{volume} minor:{volume} disk:{disk}{extra}")
                for other in peers:
                    self.say(
                        node,
                        at,
                        f"exists peer-device name:{resource} {self.peer(node, other)} volume:{volume} replication:{copy}",
                    )
        self.say(node, at + 0.01, "exists -")

    def begin(self, at=0, primary=None):
        """All connected and up to date; the first node is Primary of everything."""
        for number, node in enumerate(self.nodes):
            self.dump(node, at + number / 10, primary=self.resources if number == 0 or primary == "both" else ())

    def state(self, node, other, at, resource, connection):
        self.say(node, at, f"change connection name:{resource} {self.peer(node, other)} connection:{connection}")

    def copies(self, node, other, at, resource, words):
        lines = (
            f"change peer-device name:{resource} {self.peer(node, other)} volume:{volume} {words}" for volume in self.volumes
        )
        self.say(node, at, *lines)

    def disks(self, node, at, resource, disk, volumes=None):
        for volume in volumes or self.volumes:
            self.say(node, at, f"change device name:{resource} volume:{volume} minor:{volume} disk:{disk}")

    # --- what happens ------------------------------------------------------------------------------------------------

    def lose_one(self, node, other, at, resource="r0", by="NetworkFailure"):
        """One end of a connection finds it broken."""
        self.state(node, other, at, resource, by)
        self.copies(node, other, at, resource, "replication:Off peer-disk:DUnknown")
        if self.nine:
            self.call(node, at + 0.1, "disconnected", resource, other, env={"DRBD_CSTATE": by})
        self.state(node, other, at + 0.4, resource, "Unconnected")
        self.state(node, other, at + 0.5, resource, "Connecting")

    def lose(self, one, other, at, resource="r0"):
        self.lose_one(one, other, at, resource)
        self.lose_one(other, one, at + 0.3, resource)

    def let_go(self, node, other, at, resource="r0"):
        """`drbdadm disconnect` on node."""
        for one, two, word in ((node, other, "Disconnecting"), (other, node, "TearDown")):
            self.state(one, two, at, resource, word)
            self.copies(one, two, at, resource, "replication:Off peer-disk:DUnknown")
            if self.nine:
                self.call(one, at + 0.05, "disconnected", resource, two, env={"DRBD_CSTATE": word})
        self.state(node, other, at + 0.3, resource, "StandAlone")
        self.state(other, node, at + 0.3, resource, "Unconnected")
        self.state(other, node, at + 0.4, resource, "Connecting")

    def down(self, node, at, resource="r0"):
        """`drbdadm down` on node."""
        for other in self.nodes:
            if other != node:
                self.let_go(node, other, at, resource)
                self.say(node, at + 0.4, f"destroy connection name:{resource} {self.peer(node, other)}")
        for volume in self.volumes:
            state = "Detaching" if self.nine else "Failed"
            self.say(node, at + 0.5, f"change device name:{resource} volume:{volume} minor:{volume} disk:{state}")
            self.say(node, at + 0.6, f"change device name:{resource} volume:{volume} minor:{volume} disk:Diskless")
            self.say(node, at + 0.7, f"destroy device name:{resource} volume:{volume} minor:{volume}")
        self.say(node, at + 0.8, f"destroy resource name:{resource}")

    def up(self, node, at, resource="r0"):
        """`drbdadm up`: there again, and tries to connect."""
        self.say(node, at, f"create resource name:{resource} role:Secondary suspended:no")
        for volume in self.volumes:
            self.say(node, at, f"create device name:{resource} volume:{volume} minor:{volume} disk:Diskless")
            self.say(node, at + 0.2, f"change device name:{resource} volume:{volume} minor:{volume} disk:Attaching")
            self.say(node, at + 0.3, f"change device name:{resource} volume:{volume} minor:{volume} disk:Outdated")
        for other in self.nodes:
            if other != node:
                self.say(
                    node,
                    at + 0.4,
                    f"create connection name:{resource} {self.peer(node, other)} connection:StandAlone role:Unknown",
                )
                self.state(node, other, at + 0.5, resource, "Connecting")

    def connect(self, one, other, at, resource="r0"):
        """Connected again, nothing to copy."""
        for node, peer in ((one, other), (other, one)):
            self.state(node, peer, at, resource, "Connected")
            self.copies(node, peer, at + 0.01, resource, "replication:Established peer-disk:UpToDate")

    def meet(self, one, other, at, resource="r0"):
        """The connection is up, as both sides say."""
        for node, peer in ((one, other), (other, one)):
            self.state(node, peer, at, resource, "Connected")

    def resync(self, source, target, at, resource="r0", seconds=3):
        """Connected, and target gets from source what it has not."""
        self.meet(source, target, at, resource)
        self.resync_connected(source, target, at, resource, seconds)

    def resync_connected(self, source, target, at, resource="r0", seconds=3):
        self.copies(source, target, at, resource, "replication:WFBitMapS peer-disk:Outdated")
        self.copies(target, source, at, resource, "replication:WFBitMapT peer-disk:UpToDate")
        for volume in self.volumes:
            self.call(source, at + 0.1, "before-resync-source", resource, target, volume)
            self.call(target, at + 0.1, "before-resync-target", resource, source, volume)
        self.disks(target, at + 0.5, resource, "Inconsistent")
        self.copies(source, target, at + 0.5, resource, "replication:SyncSource peer-disk:Inconsistent")
        self.copies(target, source, at + 0.5, resource, "replication:SyncTarget")
        end = at + 0.5 + seconds
        for volume in self.volumes:
            self.call(target, end, "after-resync-target", resource, source, volume)
        self.disks(target, end + 0.3, resource, "UpToDate")
        self.copies(target, source, end + 0.3, resource, "replication:Established")
        self.copies(source, target, end + 0.4, resource, "replication:Established peer-disk:UpToDate")

    def split_brain(self, one, other, at, resource="r0"):
        """The handshake finds that both have what the other has not, and nothing solves it."""
        for node, peer in ((one, other), (other, one)):
            volumes = self.volumes if self.nine else self.volumes[:1]
            for volume in volumes:
                self.call(node, at, "initial-split-brain", resource, peer, volume)
                self.call(node, at + 0.3, "split-brain", resource, peer, volume)
            self.state(node, peer, at + 0.6, resource, "Disconnecting")
            if self.nine:
                self.call(node, at + 0.6, "disconnected", resource, peer, env={"DRBD_CSTATE": "Disconnecting"})
            self.state(node, peer, at + 0.8, resource, "StandAlone")
            if not self.nine:
                self.say(node, at + 0.8, f"destroy connection name:{resource} {self.peer(node, peer)}")

    def solve_by_hand(self, survivor, victim, at, resource="r0"):
        """`connect --discard-my-data` on the victim, `connect` on the survivor."""
        for node, peer in ((survivor, victim), (victim, survivor)):
            if not self.nine:
                self.say(
                    node, at, f"create connection name:{resource} {self.peer(node, peer)} connection:StandAlone role:Unknown"
                )
            self.state(node, peer, at, resource, "Unconnected")
            self.state(node, peer, at + 0.1, resource, "Connecting")
            self.call(node, at + 0.3, "initial-split-brain", resource, peer, self.volumes[0])
        self.resync(survivor, victim, at + 1, resource)


def pair(**more):
    """Two nodes that are connected and in sync."""
    lab = Lab("east", "west", **more)
    lab.begin()
    return lab


def parted(at, **more):
    """A pair, and then its connection is lost on both sides."""
    lab = pair(**more)
    lab.lose("east", "west", at)
    return lab
