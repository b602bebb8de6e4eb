"""Disks that failed, and sides that reach no good copy of the data. (drbd.conf(5), on-io-error; drbdsetup(8), disk states)"""

from collections.abc import Iterator
from datetime import datetime

from bridge.core.drbd.names import is_address, pair, peer_name
from bridge.core.drbd.state import NO_DISK, Disk, Link, Replica, Side
from bridge.core.drbd.trouble import Trouble, told
from bridge.core.drbd.whole import DISK_GRACE
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind


def disk_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    connected = any(link.state == "Connected" for link in side.links.values())
    broken = {
        volume: disk.failed_at
        for volume, disk in side.disks.items()
        if disk.failed_at is not None and (disk.called or connected or now >= disk.failed_at + DISK_GRACE)
    }
    if broken:
        found = all(side.disks[volume].found for volume in broken)
        yield _disk_trouble(replica, side.node, broken, side.role, found=found)
    for peer, link in side.links.items():
        name = peer_name(replica, side.node, peer)
        other = replica.sides.get(name)
        copies = link.copies.items()
        lost = {v: copy.failed_at for v, copy in copies if copy.failed_at and _unsaid(other, v, copy.failed_at)}
        if lost:
            yield _disk_trouble(replica, name, lost, "", found=False)
    yield from _forced(side, now)


def _unsaid(other: Side | None, volume: str, failed_at: datetime) -> bool:
    """The side itself has not spoken of this disk since; else its own word is better than its peer's."""
    if other is None or not other.told:
        return True
    disk = other.disks.get(volume)
    return disk is not None and disk.state not in NO_DISK and other.said_at < failed_at


def _disk_trouble(replica: Replica, node: str, broken: dict[str, datetime], role: str, *, found: bool) -> Trouble:
    named = ", ".join(sorted(broken))
    good = [side.node for side in replica.sides.values() if side.node != node and not side.gone and _has_disks(side)]
    where = node or "the peer"
    return Trouble(
        kind=Kind.REPLICA_IO_ERROR,
        severity=Severity.CRITICAL,
        why=f"{where} is without its disk of volume {named}" if found else f"the disk of volume {named} failed on {where}",
        since=min(broken.values()),
        node="" if is_address(node) else node,
        facts=told(side=node, peer=", ".join(good), volume=named, role=role, found="yes" if found else ""),
    )


def _has_disks(side: Side) -> bool:
    """It may serve as the other copy: a side with handlers alone is not known to have none."""
    return not side.told or any(disk.failed_at is None and disk.state not in NO_DISK for disk in side.disks.values())


def _forced(side: Side, now: datetime) -> Iterator[Trouble]:
    """`secondary --force` lets all I/O of whoever still has it open fail. The data are there. (drbdsetup(8), secondary)"""
    if side.fails_io:
        yield Trouble(
            kind=Kind.REPLICA_IO_ERROR,
            severity=Severity.CRITICAL,
            why=f"all I/O on {side.node} fails: it was demoted by force while somebody had it open",
            since=side.fails_io_since or now,
            node=side.node,
            facts=told(side=side.node, forced="yes"),
        )


# --- data ----------------------------------------------------------------------------------------------------------------


def data_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    without = tuple(v for v, disk in side.disks.items() if _cut_off(side, v, disk)) if side.told else ()
    said = side.no_data_at is not None and not side.told
    if not (without or said or "no-data" in side.suspended):
        return
    concerned = [side.disks[volume] for volume in without] or [*side.disks.values()]
    client = bool(concerned) and all(disk.client for disk in concerned)
    torn = {peer_name(replica, side.node, peer) or peer: link for peer, link in side.links.items() if link.lost_at is not None}
    names = [*torn] or [name for peer in side.links if (name := peer_name(replica, side.node, peer))] or [side.peer_name]
    names = sorted(name for name in names if name)
    yield Trouble(
        kind=Kind.REPLICA_NO_DATA,
        severity=Severity.CRITICAL,
        why=f"{side.node} reaches no good copy of the data",
        since=side.no_data_at or side.suspended_since or _lost_since(torn) or now,
        node=side.node,
        pairs=tuple(pair(side.node, name) for name in names),
        by_wire=client,
        facts=told(
            side=side.node,
            peer=", ".join(names),
            volume=", ".join(sorted(without)),
            client="yes" if client else "",
            frozen="yes" if "no-data" in side.suspended else "",
        ),
    )


def _lost_since(torn: dict[str, Link]) -> datetime | None:
    return max((link.lost_at for link in torn.values() if link.lost_at is not None), default=None)


def _cut_off(side: Side, volume: str, disk: Disk) -> bool:
    """Primary, its own disk is of no use, and no peer with a good one is there."""
    if side.role != "Primary" or disk.state not in NO_DISK | {"Inconsistent"}:
        return False
    return not any(
        link.state == "Connected" and volume in link.copies and link.copies[volume].disk == "UpToDate"
        for link in side.links.values()
    )
