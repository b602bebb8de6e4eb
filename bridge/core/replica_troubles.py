"""What is wrong with a replica now. Of several troubles the worst names the story that is told.

The meaning of states and handlers is drbd.conf(5)'s and drbdsetup(8)'s.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from bridge.core.drbd_events import replica_subject
from bridge.core.event import Severity, Subject
from bridge.core.incident import Kind
from bridge.core.replica_state import NO_DISK, Disk, Fence, Link, Replica, Side, Split, link_back, other_side, pair, peer_name
from bridge.core.replica_whole import DISK_GRACE, FROZEN_AFTER, MAJOR_AFTER, NEVER_MET_AFTER, stands

FENCED: Final = {3: "inconsistent", 4: "outdated", 5: "unreachable", 7: "shot"}
"""fence-peer's answers with which DRBD goes on. (Linux, drbd_nl.c, conn_try_outdate_peer)"""
FENCE_WORDS: Final = FENCED | {6: "peer is Primary"}

_BADNESS: Final = (
    Kind.REPLICA_DISCONNECTED,
    Kind.REPLICA_FENCING,
    Kind.REPLICA_QUORUM_LOST,
    Kind.REPLICA_IO_ERROR,
    Kind.REPLICA_NO_DATA,
    Kind.REPLICA_SPLIT_BRAIN,
)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong now. `node`: the side it is about; `nodes`: sides drawn in; `pairs`: connections concerned."""

    kind: Kind
    severity: Severity
    why: str
    since: datetime
    node: str = ""
    nodes: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    facts: dict[str, str] = {}


def rank(kind: Kind) -> int:
    return _BADNESS.index(kind) if kind in _BADNESS else -1


def root_of(replica: Replica, trouble: Trouble) -> Subject:
    return replica_subject(replica.resource, trouble.node)


def troubles(replica: Replica, now: datetime) -> list[Trouble]:
    """The worst last; of equals one that a handler answered, which explains the others."""
    return sorted(_troubles(replica, now), key=lambda one: (rank(one.kind), "handler" in one.facts, one.severity.rank))


def _troubles(replica: Replica, now: datetime) -> Iterator[Trouble]:
    for split in replica.splits.values():
        yield from _split_troubles(split)
    for side in replica.sides.values():
        for peer, link in side.links.items():
            yield from _link_troubles(replica, side, peer, link, now)
        yield from _disk_troubles(replica, side, now)
        yield from _data_troubles(replica, side, now)
        yield from _quorum_troubles(replica, side, now)
        yield from _fence_troubles(replica, side, now)
        yield from _refusals(replica, side)


def _facts(**facts: str) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}


# --- connections ---------------------------------------------------------------------------------------------------------


def _split_troubles(split: Split) -> Iterator[Trouble]:
    if not (split.unsolved or split.victim):
        return
    facts = _facts(victim=split.victim, survivor=split.survivor)
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
        facts=_facts(side=side.node, peer=name),
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
        facts=_facts(side=side.node, peer=name, handler=refusal.handler, rc=str(refusal.code)),
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
        facts=_facts(side=node, peer=", ".join(good), volume=named, role=role),
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
        facts=_facts(side=side.node, peer=name, volume=", ".join(sorted(without))),
    )


def _cut_off(side: Side, volume: str, disk: Disk) -> bool:
    """Primary, its own disk is of no use, and no peer with a good one is there."""
    if side.role != "Primary" or disk.state not in NO_DISK | {"Inconsistent"}:
        return False
    return not any(
        link.state == "Connected" and volume in link.copies and link.copies[volume].disk == "UpToDate"
        for link in side.links.values()
    )


# --- quorum and fencing --------------------------------------------------------------------------------------------------


def _quorum_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    """On a Primary I/O stands still. A Secondary's loss is news only if nobody has the quorum, and it did not leave in order."""
    lost = side.quorum_lost_at is not None or "quorum" in side.suspended or any(not d.quorum for d in side.disks.values())
    if side.gone or not lost:
        return
    primary = side.role == "Primary" or (side.quorum_lost_at is not None and not side.told)
    torn = {peer: link.lost_at for peer, link in side.links.items() if link.lost_at is not None}
    if not primary:
        held = any(_has_quorum(other) for other in replica.sides.values() if other.node != side.node)
        if held or not torn:
            return
    frozen = "quorum" in side.suspended
    missing = sorted(name for peer in torn if (name := peer_name(replica, side.node, peer)))
    yield Trouble(
        kind=Kind.REPLICA_QUORUM_LOST,
        severity=Severity.CRITICAL,
        why=f"{side.node} lost the quorum" + (": its I/O is frozen" if frozen else ""),
        since=side.suspended_since or side.quorum_lost_at or min(torn.values(), default=now),
        node=side.node if primary else "",
        pairs=tuple(pair(side.node, name) for name in missing),
        facts=_facts(side=side.node, peer=", ".join(missing), frozen="yes" if frozen else ""),
    )


def _has_quorum(side: Side) -> bool:
    return side.told and not side.gone and bool(side.disks) and all(disk.quorum for disk in side.disks.values())


def _fence_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    """A fencing that worked is part of the lost connection; one that failed, or keeps I/O frozen, needs a person at once."""
    frozen = "fencing" in side.suspended
    fence = side.fence
    since = fence.called_at if fence is not None else side.suspended_since
    if since is None or (fence is None and not frozen):
        return
    name = peer_name(replica, side.node, fence.peer if fence else "") or next(
        (peer_name(replica, side.node, peer) for peer in side.links), ""
    )
    late = now >= since + FROZEN_AFTER
    failed = fence is not None and fence.code is not None and fence.code not in FENCED
    bad = failed or (late and (frozen or fence is None or fence.code is None))
    if not bad and not _lost(side, fence):
        return
    yield Trouble(
        kind=Kind.REPLICA_FENCING if bad else Kind.REPLICA_DISCONNECTED,
        severity=Severity.CRITICAL if bad else Severity.WARNING,
        why=_fence_words(fence, side.node, name) + (f"; I/O is frozen on {side.node}" if frozen else ""),
        since=since,
        nodes=(side.node,) if failed or frozen else (),
        pairs=(pair(side.node, name),),
        facts=_facts(side=side.node, peer=name, frozen="yes" if frozen else "", **_fence_facts(fence)),
    )


def _lost(side: Side, fence: Fence | None) -> bool:
    """Whether the fencing means a lost connection; a node that is promoted while its peer is down in order calls it too."""
    if not side.told:
        return True
    link = side.links.get(fence.peer) if fence is not None else None
    return link is not None and link.lost_at is not None


def _fence_facts(fence: Fence | None) -> dict[str, str]:
    if fence is None or fence.code is None:
        return {"handler": "fence-peer"}
    return {"handler": "fence-peer", "fence_result": str(fence.code)}


def _fence_words(fence: Fence | None, node: str, name: str) -> str:
    peer = name or "its peer"
    if fence is None:
        return f"{node} waits for the fencing of {peer}"
    if fence.code is None:
        return f"{node} has {peer} fenced"
    if fence.code in FENCED:
        return f"{node} had {peer} fenced: {FENCED[fence.code]}"
    known = FENCE_WORDS.get(fence.code)
    return f"fence-peer on {node} answered {fence.code}" + (f" ({known})" if known else "") + f": {peer} is not fenced"


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
        facts=_facts(side=side.node, peer=name, volume=", ".join(sorted(volumes))),
    )
