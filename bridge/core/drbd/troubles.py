"""What is wrong with a replica now. Of several troubles the worst names the story that is told.

The meaning of states and handlers is drbd.conf(5)'s and drbdsetup(8)'s.
"""

from collections.abc import Iterator
from datetime import datetime

from bridge.core.drbd.frozen import fence_troubles, quorum_troubles
from bridge.core.drbd.state import NO_DISK, Disk, Link, Replica, Side, Split, link_back, other_side, pair, peer_name
from bridge.core.drbd.trouble import Trouble, rank, told
from bridge.core.drbd.whole import DISK_GRACE, MAJOR_AFTER, NEVER_MET_AFTER, stands
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind


def troubles(replica: Replica, now: datetime) -> list[Trouble]:
    """The worst last; of equals one that a handler answered, which explains the others, or that knows its side."""
    return sorted(
        _troubles(replica, now),
        key=lambda one: (rank(one.kind), "handler" in one.facts, one.severity.rank, one.node != ""),
    )


def _troubles(replica: Replica, now: datetime) -> Iterator[Trouble]:
    for split in replica.splits.values():
        yield from _split_troubles(split)
    for side in replica.sides.values():
        for peer, link in side.links.items():
            yield from _link_troubles(replica, side, peer, link, now)
        yield from _disk_troubles(replica, side, now)
        yield from _data_troubles(replica, side, now)
        yield from quorum_troubles(replica, side, now)
        yield from fence_troubles(replica, side, now)
        yield from _refusals(replica, side)


# --- connections ---------------------------------------------------------------------------------------------------------


def _split_troubles(split: Split) -> Iterator[Trouble]:
    if not (split.unsolved or split.victim):
        return
    facts = told(victim=split.victim, survivor=split.survivor)
    if not split.unsolved:
        why = f"a split brain was solved by policy: the data of {split.victim} are thrown away"
        facts["policy"] = "yes"
    elif split.victim:
        why = f"split brain being solved: {split.victim} takes the data of {split.survivor or 'the other side'}"
    else:
        why = f"split brain: {' and '.join(split.nodes) or 'both sides'} have data that the other has not"
    yield Trouble(
        kind=Kind.REPLICA_SPLIT_BRAIN,
        severity=Severity.CRITICAL if split.unsolved else Severity.WARNING,
        why=why,
        since=split.at,
        nodes=split.nodes,
        pairs=((split.nodes[0], split.nodes[1]),) if len(split.nodes) == 2 else (),
        facts=facts,
    )


def _link_troubles(replica: Replica, side: Side, peer: str, link: Link, now: datetime) -> Iterator[Trouble]:
    other, back = link_back(replica, side.node, peer)
    name = peer_name(replica, side.node, peer)
    if link.lost_at is not None:
        if stands(replica, side, peer, now):
            return
        why = f"{side.node} lost the connection to {name or 'its peer'}" + (f" ({link.lost_by})" if link.lost_by else "")
        severity = Severity.CRITICAL if now >= link.lost_at + MAJOR_AFTER else Severity.WARNING
        since = link.lost_at
    elif link.waits_since is not None and now >= link.waits_since + NEVER_MET_AFTER and _has_data(side):
        if side.gone or (other is not None and (other.gone or (back is not None and back.let_go_at is not None))):
            return
        why, severity = f"{side.node} cannot connect to {name or 'its peer'}", Severity.WARNING
        since = link.waits_since
    else:
        return
    yield Trouble(
        kind=Kind.REPLICA_DISCONNECTED,
        severity=severity,
        why=why,
        since=since,
        pairs=(pair(side.node, name),),
        facts=told(side=side.node, peer=name),
    )


def _has_data(side: Side) -> bool:
    """A replica that was never in sync is only beginning."""
    return any(disk.state in {"UpToDate", "Consistent", "Outdated"} for disk in side.disks.values())


def _refusals(replica: Replica, side: Side) -> Iterator[Trouble]:
    refusal = side.refusal
    if refusal is None:
        return
    name = peer_name(replica, side.node, refusal.peer)
    yield Trouble(
        kind=Kind.REPLICA_DISCONNECTED,
        severity=Severity.WARNING,
        why=f"{refusal.handler} on {side.node} answered {refusal.code}: the resync was refused, the connection dropped",
        since=refusal.at,
        nodes=(side.node,),
        pairs=(pair(side.node, name),),
        facts=told(side=side.node, peer=name, handler=refusal.handler, rc=str(refusal.code)),
    )


# --- disks and data ------------------------------------------------------------------------------------------------------


def _disk_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    connected = any(link.state == "Connected" for link in side.links.values())
    broken = {
        volume: disk.failed_at
        for volume, disk in side.disks.items()
        if disk.failed_at is not None and (disk.called or connected or now >= disk.failed_at + DISK_GRACE)
    }
    if broken:
        yield _disk_trouble(replica, side.node, broken, side.role)
    for peer, link in side.links.items():
        name = peer_name(replica, side.node, peer)
        other = replica.sides.get(name)
        copies = link.copies.items()
        lost = {v: copy.failed_at for v, copy in copies if copy.failed_at and _unsaid(other, v, copy.failed_at)}
        if lost:
            yield _disk_trouble(replica, name, lost, "")


def _unsaid(other: Side | None, volume: str, failed_at: datetime) -> bool:
    """The side itself has not spoken of this disk since; else its own word is better than its peer's."""
    if other is None or not other.told:
        return True
    disk = other.disks.get(volume)
    return disk is not None and disk.state not in NO_DISK and other.said_at < failed_at


def _disk_trouble(replica: Replica, node: str, broken: dict[str, datetime], role: str) -> Trouble:
    named = ", ".join(sorted(broken))
    good = [side.node for side in replica.sides.values() if side.node != node and not side.gone]
    return Trouble(
        kind=Kind.REPLICA_IO_ERROR,
        severity=Severity.CRITICAL,
        why=f"the disk of volume {named} failed on {node or 'the peer'}",
        since=min(broken.values()),
        node=node,
        facts=told(side=node, peer=", ".join(good), volume=named, role=role),
    )


def _data_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    without = tuple(v for v, disk in side.disks.items() if _cut_off(side, v, disk)) if side.told else ()
    said = side.no_data_at is not None and not side.told
    if not (without or said or side.fails_io or "no-data" in side.suspended):
        return
    name = next((peer_name(replica, side.node, peer) for peer in side.links), side.peer_name)
    yield Trouble(
        kind=Kind.REPLICA_NO_DATA,
        severity=Severity.CRITICAL,
        why=f"{side.node} is Primary and reaches no good copy of the data",
        since=side.no_data_at or side.suspended_since or now,
        node=side.node,
        pairs=(pair(side.node, name),) if name else (),
        facts=told(side=side.node, peer=name, volume=", ".join(sorted(without))),
    )


def _cut_off(side: Side, volume: str, disk: Disk) -> bool:
    """Primary, its own disk is of no use, and no peer with a good one is there."""
    if side.role != "Primary" or disk.state not in NO_DISK | {"Inconsistent"}:
        return False
    return not any(
        link.state == "Connected" and volume in link.copies and link.copies[volume].disk == "UpToDate"
        for link in side.links.values()
    )


# --- differences ---------------------------------------------------------------------------------------------------------


def differences(replica: Replica) -> list[Trouble]:
    """Found by a verify. On 9 a reconnect only forgets the marks: a resync, or a later clean verify, ends it."""
    return [
        _difference(replica, side, peer, volumes)
        for side in replica.sides.values()
        for peer, link in side.links.items()
        if (volumes := {v: copy.differs_since for v, copy in link.copies.items() if copy.differs_since is not None})
    ]


def _difference(replica: Replica, side: Side, peer: str, volumes: dict[str, datetime]) -> Trouble:
    other = other_side(replica, side.node, peer)
    name = other.node if other is not None else peer_name(replica, side.node, peer)
    return Trouble(
        kind=Kind.REPLICA_OUT_OF_SYNC,
        severity=Severity.CRITICAL,
        why=f"a verify found that the copies on {side.node} and {name or 'its peer'} differ",
        since=min(volumes.values()),
        pairs=(pair(side.node, name),),
        facts=told(side=side.node, peer=name, volume=", ".join(sorted(volumes))),
    )
