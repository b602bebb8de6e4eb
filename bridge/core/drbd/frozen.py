"""Quorum and fencing: where DRBD stops all writing until it is sure. (drbd.conf(5), quorum and fencing)"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bridge.core.drbd.names import pair, peer_name
from bridge.core.drbd.state import Fence, Replica, Side
from bridge.core.drbd.trouble import Trouble, told
from bridge.core.drbd.whole import FROZEN_AFTER
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

FENCED: Final = {3: "inconsistent", 4: "outdated", 5: "unreachable", 7: "shot"}
"""fence-peer's answers with which DRBD goes on. (Linux, drbd_nl.c, conn_try_outdate_peer)"""
FENCE_WORDS: Final = FENCED | {6: "peer is Primary"}


def quorum_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
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
        facts=told(side=side.node, peer=", ".join(missing), frozen="yes" if frozen else ""),
    )


def _has_quorum(side: Side) -> bool:
    return side.told and not side.gone and bool(side.disks) and all(disk.quorum for disk in side.disks.values())


def fence_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
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
        facts=told(side=side.node, peer=name, frozen="yes" if frozen else "", **_fence_facts(fence)),
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
