"""What is wrong with a replica: troubles seen in the words of its sides, told as one story until all is whole again.

`settle` is level-triggered: it looks at what is so now, after each event and whenever `due` says. Of several troubles the worst
names the story; what it once was it stays, since a replica that lost its data and has them back is not yet mended.
The meaning of states and handlers is drbd.conf(5)'s and drbdsetup(8)'s.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.drbd_events import RESYNCS, replica_subject
from bridge.core.event import Severity, Subject
from bridge.core.incident import Kind
from bridge.core.replica_state import (
    NO_DISK,
    Copy,
    Disk,
    Fence,
    Link,
    Replica,
    Side,
    Story,
    other_side,
    peer_name,
    put_side,
    replace,
    same_node,
)

SPLIT_VERDICT_AFTER: Final = timedelta(seconds=60)
"""No resync and no word for so long after the handshake found a split brain: nobody solved it."""
DISK_GRACE: Final = timedelta(seconds=5)
"""8.4 detaches in order through Failed and Diskless; then the device is destroyed within moments."""
FROZEN_AFTER: Final = timedelta(seconds=60)
"""I/O that waits for fencing, or a fencing that does not answer, for so long."""
NEVER_MET_AFTER: Final = timedelta(seconds=120)
MAJOR_AFTER: Final = timedelta(minutes=10)
"""A connection lost for so long is critical: a second failure would find one copy only."""
STALE_AFTER: Final = timedelta(seconds=120)
"""The other end's older word against a connection that stands again: its relay is silent."""
FORGOTTEN_AFTER: Final = timedelta(hours=1)
SAME_STORY: Final = timedelta(seconds=20)
"""Trouble so soon after the end is the same trouble."""
TOGETHER: Final = timedelta(seconds=5)
"""An orderly end at one side, and at the other what looked like a loss."""
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
    """One thing that is wrong now. `node`: the side it is about; `nodes`: sides drawn in; `until`: when it will look worse."""

    kind: Kind
    severity: Severity
    why: str
    node: str = ""
    nodes: tuple[str, ...] = ()
    link: tuple[str, str] | None = None
    facts: dict[str, str] = {}
    alarm: str = ""


def root_of(replica: Replica, story: Story) -> Subject:
    return replica_subject(replica.resource, story.node)


def settle(replica: Replica, now: datetime) -> Replica:
    """The state with its stories told up to now."""
    replica = _look_at_split(replica, now)
    whole = is_whole(replica, now)
    if whole:
        replica = _forgotten(replica)
    troubles = list(_troubles(replica, now))
    story = _continued(replica.story, troubles, now)
    if story is not None and story.ended_at is None:
        story = replace(story, facts=story.facts | _shared_facts(replica, story))
        if whole and not troubles:
            story = replace(story, ended_at=now, severity=Severity.OK)
    return replace(replica, story=story, difference=_continued(replica.difference, list(_differences(replica)), now, ends=True))


def due(replica: Replica, now: datetime) -> datetime | None:
    """When, without a further event, there may be something else to say."""
    return min((at for at in _instants(replica) if at > now), default=None)


def _instants(replica: Replica) -> Iterator[datetime]:
    if replica.split is not None and not replica.split.unsolved:
        yield replica.split.at + SPLIT_VERDICT_AFTER
    for side in replica.sides.values():
        yield from (disk.failed_at + DISK_GRACE for disk in side.disks.values() if disk.failed_at is not None)
        if side.fence is not None and side.fence.code is None:
            yield side.fence.called_at + FROZEN_AFTER
        if side.suspended_since is not None:
            yield side.suspended_since + FROZEN_AFTER
        for link in side.links.values():
            if link.lost_at is not None:
                yield link.lost_at + MAJOR_AFTER
            if link.waits_since is not None:
                yield link.waits_since + NEVER_MET_AFTER
            if replica.story is not None and replica.story.ended_at is None:
                yield link.changed_at + STALE_AFTER
        if side.gone:
            yield side.said_at + FORGOTTEN_AFTER


# --- the story -----------------------------------------------------------------------------------------------------------


def _continued(story: Story | None, troubles: list[Trouble], now: datetime, *, ends: bool = False) -> Story | None:
    """The story with these troubles in it: a new one if there is none, and with `ends` over when they are."""
    if not troubles:
        if ends and story is not None and story.ended_at is None:
            return replace(story, ended_at=now, severity=Severity.OK)
        return story
    worst = max(troubles, key=lambda trouble: (_rank(trouble.kind), trouble.severity.rank))
    if story is None or (story.ended_at is not None and now > story.ended_at + SAME_STORY):
        story = Story(kind=worst.kind, node=worst.node, severity=worst.severity, began_at=now, why=worst.why)
    if _rank(worst.kind) > _rank(story.kind) or (worst.kind is story.kind and not story.node and worst.node):
        story = replace(story, kind=worst.kind, node=worst.node)
    facts: dict[str, str] = {}
    for trouble in sorted(troubles, key=lambda trouble: _rank(trouble.kind)):
        facts |= trouble.facts
    links = {*story.links, *(trouble.link for trouble in troubles if trouble.link is not None)}
    nodes = {*story.nodes, *(name for trouble in troubles for name in (trouble.node, *trouble.nodes) if name)}
    return replace(
        story,
        ended_at=None,
        severity=max((trouble.severity for trouble in troubles), key=lambda severity: severity.rank),
        facts=story.facts | facts,
        links=tuple(sorted(links)),
        nodes=tuple(sorted(nodes)),
        why=worst.why,
        alarm=next((trouble.alarm for trouble in troubles if trouble.alarm), story.alarm),
    )


def _rank(kind: Kind) -> int:
    return _BADNESS.index(kind) if kind in _BADNESS else 0


def _forgotten(replica: Replica) -> Replica:
    """All is whole: what led here is no longer of interest, unless it was said after the last good word."""
    last = max((link.changed_at for side in replica.sides.values() if side.told for link in side.links.values()), default=None)
    last = max(at for at in (last, replica.healed_at) if at is not None) if last or replica.healed_at else None
    if last is None:
        return replica
    for side in replica.sides.values():
        replica = put_side(replica, _side_forgotten(side, last))
    split = replica.split
    return replace(replica, split=split if split is not None and split.at > last else None, healed_at=None)


def _side_forgotten(side: Side, last: datetime) -> Side:
    if side.fence is not None and side.fence.called_at <= last:
        side = replace(side, fence=None)
    if side.refusal is not None and side.refusal.at <= last:
        side = replace(side, refusal=None)
    if side.told:
        return side
    no_data_at = side.no_data_at if side.no_data_at and side.no_data_at > last else None
    quorum_lost_at = side.quorum_lost_at if side.quorum_lost_at and side.quorum_lost_at > last else None
    links = {peer: link for peer, link in side.links.items() if link.changed_at > last}
    disks = {v: disk for v, disk in side.disks.items() if disk.failed_at is not None and disk.failed_at > last}
    return replace(side, no_data_at=no_data_at, quorum_lost_at=quorum_lost_at, links=links, disks=disks)


def _look_at_split(replica: Replica, now: datetime) -> Replica:
    split = replica.split
    if split is None or split.unsolved or split.victim or now < split.at + SPLIT_VERDICT_AFTER:
        return replica
    return replace(replica, split=replace(split, unsolved=True))


def _shared_facts(replica: Replica, story: Story) -> dict[str, str]:
    """What every text of this replica may want to name."""
    facts = {"generation": replica.generation, "roles": _said(replica, lambda side: side.role)}
    facts["disks"] = _said(replica, lambda side: "/".join(disk.state for _, disk in sorted(side.disks.items())))
    pairs = [", ".join(sorted(name for name in link if name)) for link in story.links]
    facts["link"] = "; ".join(dict.fromkeys(pair for pair in pairs if pair))
    facts["nodes"] = ", ".join(sorted({*replica.sides, *(name for link in story.links for name in link if name)}))
    return {name: value for name, value in facts.items() if value}


def _said(replica: Replica, what: Callable[[Side], str]) -> str:
    return ", ".join(f"{node} {what(side)}" for node, side in sorted(replica.sides.items()) if not side.gone and what(side))


# --- whole ---------------------------------------------------------------------------------------------------------------


def is_whole(replica: Replica, now: datetime) -> bool:
    """Every side that is there is connected to every peer, all copies are up to date, and nothing is frozen."""
    told = [side for side in replica.sides.values() if side.told]
    if not told:
        return replica.healed_at is not None
    here = [side for side in told if not side.gone]
    if not here:
        return all(now >= side.said_at + FORGOTTEN_AFTER for side in told)
    return all(_is_well(side) and all(_link_is_whole(replica, side, peer, now) for peer in side.links) for side in here)


def _is_well(side: Side) -> bool:
    return not side.suspended and all(disk.quorum and (disk.state == "UpToDate" or disk.client) for disk in side.disks.values())


def _link_is_whole(replica: Replica, side: Side, peer: str, now: datetime) -> bool:
    link = side.links[peer]
    if not link.state or _stands(link):
        return True
    other = other_side(replica, side.node, peer)
    back = _link_back(other, side.node)
    # The other end says that it stands, later than this one spoke at all, and nothing followed: this end's relay is silent.
    return back is not None and _stands(back) and side.said_at < back.changed_at <= now - STALE_AFTER


def _stands(link: Link) -> bool:
    return link.state == "Connected" and all(_copy_is_good(copy) for copy in link.copies.values())


def _copy_is_good(copy: Copy) -> bool:
    return copy.replication not in RESYNCS | {"Off"} and (copy.disk == "UpToDate" or copy.client)


def _link_back(other: Side | None, node: str) -> Link | None:
    if other is None:
        return None
    return next((link for peer, link in other.links.items() if not peer or same_node(peer, node)), None)


# --- troubles ------------------------------------------------------------------------------------------------------------


def _troubles(replica: Replica, now: datetime) -> Iterator[Trouble]:
    yield from _split_troubles(replica)
    for side in replica.sides.values():
        for peer, link in side.links.items():
            yield from _link_troubles(replica, side, peer, link, now)
        yield from _disk_troubles(replica, side, now)
        yield from _data_troubles(replica, side)
        yield from _quorum_troubles(replica, side)
        yield from _fence_troubles(replica, side, now)
        if side.refusal is not None:
            refusal = side.refusal
            other = peer_name(replica, side.node, refusal.peer)
            yield Trouble(
                kind=Kind.REPLICA_DISCONNECTED,
                severity=Severity.WARNING,
                why=f"{refusal.handler} on {side.node} answered {refusal.code}: the resync was refused, the connection dropped",
                nodes=(side.node,),
                link=_pair(side.node, other),
                facts=_facts(side=side.node, peer=other, handler=refusal.handler, rc=str(refusal.code)),
            )


def _facts(**facts: str) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)


def _split_troubles(replica: Replica) -> Iterator[Trouble]:
    split = replica.split
    if split is None or not (split.unsolved or split.victim):
        return
    nodes = tuple(sorted(replica.sides))
    facts = _facts(victim=split.victim, survivor=split.survivor)
    if not split.unsolved:
        why = f"a split brain was solved by policy: the data of {split.victim or 'one side'} are thrown away"
        facts["policy"] = "yes"
    elif split.victim:
        why = f"split brain being solved: {split.victim} takes the data of {split.survivor or 'the other side'}"
    else:
        why = "split brain: both sides have data that the other has not"
    yield Trouble(
        kind=Kind.REPLICA_SPLIT_BRAIN,
        severity=Severity.CRITICAL if split.unsolved else Severity.WARNING,
        why=why,
        link=_pair(nodes[0], nodes[1]) if len(nodes) == 2 else None,
        facts=facts,
    )


def _link_troubles(replica: Replica, side: Side, peer: str, link: Link, now: datetime) -> Iterator[Trouble]:
    other = other_side(replica, side.node, peer)
    back = _link_back(other, side.node)
    name = peer_name(replica, side.node, peer)
    if link.lost_at is not None and not (back is not None and _was_let_go(back, link.lost_at)):
        why = f"{side.node} lost the connection to {name or 'its peer'}" + (f" ({link.lost_by})" if link.lost_by else "")
        severity = Severity.CRITICAL if now >= link.lost_at + MAJOR_AFTER else Severity.WARNING
    elif link.waits_since is not None and now >= link.waits_since + NEVER_MET_AFTER and _has_data(side):
        if side.gone or (other is not None and (other.gone or (back is not None and back.let_go_at is not None))):
            return
        why, severity = f"{side.node} cannot connect to {name or 'its peer'}", Severity.WARNING
    else:
        return
    yield Trouble(
        kind=Kind.REPLICA_DISCONNECTED,
        severity=severity,
        why=why,
        link=_pair(side.node, name),
        facts=_facts(side=side.node, peer=name),
    )


def _was_let_go(back: Link, lost_at: datetime) -> bool:
    return back.let_go_at is not None and back.let_go_at <= lost_at + TOGETHER


def _has_data(side: Side) -> bool:
    """A replica that was never in sync is only beginning."""
    return any(disk.state in {"UpToDate", "Consistent", "Outdated"} for disk in side.disks.values())


def _disk_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    connected = any(link.state == "Connected" for link in side.links.values())
    broken = [
        volume
        for volume, disk in side.disks.items()
        if disk.failed_at is not None and (disk.called or connected or now >= disk.failed_at + DISK_GRACE)
    ]
    if broken:
        yield _disk_trouble(side.node, tuple(broken), side.role)
    for peer, link in side.links.items():
        name = peer_name(replica, side.node, peer)
        other = replica.sides.get(name)
        lost = tuple(v for v, copy in link.copies.items() if copy.failed_at is not None and _unsaid(other, v, copy.failed_at))
        if lost:
            yield _disk_trouble(name, lost, "")


def _unsaid(other: Side | None, volume: str, failed_at: datetime) -> bool:
    """The side itself has not spoken of this disk since; else its own word is better than its peer's."""
    if other is None or not other.told:
        return True
    disk = other.disks.get(volume)
    return disk is not None and disk.state not in NO_DISK and other.said_at < failed_at


def _disk_trouble(node: str, volumes: tuple[str, ...], role: str) -> Trouble:
    named = ", ".join(sorted(volumes))
    return Trouble(
        kind=Kind.REPLICA_IO_ERROR,
        severity=Severity.CRITICAL,
        why=f"the disk of volume {named} failed on {node or 'the peer'}",
        node=node,
        facts=_facts(side=node, volume=named, role=role),
    )


def _data_troubles(replica: Replica, side: Side) -> Iterator[Trouble]:
    without = tuple(v for v, disk in side.disks.items() if _cut_off(side, v, disk)) if side.told else ()
    said = side.no_data_at is not None and not side.told
    if not (without or said or "no-data" in side.suspended):
        return
    name = next((peer_name(replica, side.node, peer) for peer in side.links), side.peer_name)
    yield Trouble(
        kind=Kind.REPLICA_NO_DATA,
        severity=Severity.CRITICAL,
        why=f"{side.node} is Primary and reaches no good copy of the data",
        node=side.node,
        link=_pair(side.node, name) if name else None,
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


def _quorum_troubles(replica: Replica, side: Side) -> Iterator[Trouble]:
    """On a Primary I/O stands still. A Secondary's loss is news only if nobody has the quorum, and it did not leave in order."""
    lost = side.quorum_lost_at is not None or "quorum" in side.suspended or any(not d.quorum for d in side.disks.values())
    if side.gone or not lost:
        return
    primary = side.role == "Primary" or side.quorum_lost_at is not None
    if not primary:
        torn = any(link.lost_at is not None for link in side.links.values())
        held = any(_has_quorum(other) for other in replica.sides.values() if other.node != side.node)
        if held or not torn:
            return
    yield Trouble(
        kind=Kind.REPLICA_QUORUM_LOST,
        severity=Severity.CRITICAL,
        why=f"{side.node} lost the quorum" + (": its I/O is frozen" if "quorum" in side.suspended else ""),
        node=side.node if primary else "",
        facts=_facts(side=side.node, frozen="yes" if "quorum" in side.suspended else ""),
    )


def _has_quorum(side: Side) -> bool:
    return side.told and not side.gone and bool(side.disks) and all(disk.quorum for disk in side.disks.values())


def _fence_troubles(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    frozen = "fencing" in side.suspended
    fence = side.fence
    if fence is None and not frozen:
        return
    name = peer_name(replica, side.node, fence.peer if fence else "") or next(
        (peer_name(replica, side.node, peer) for peer in side.links), ""
    )
    since = fence.called_at if fence is not None else side.suspended_since
    late = since is not None and now >= since + FROZEN_AFTER
    failed = fence is not None and fence.code is not None and fence.code not in FENCED
    unanswered = late and (fence is None or fence.code is None)
    yield Trouble(
        kind=Kind.REPLICA_FENCING,
        severity=Severity.CRITICAL if failed or unanswered or (frozen and late) else Severity.WARNING,
        why=_fence_words(fence, side.node, name) + (f"; I/O is frozen on {side.node}" if frozen else ""),
        nodes=(side.node,) if failed or frozen else (),
        link=_pair(side.node, name),
        facts=_facts(side=side.node, peer=name, frozen="yes" if frozen else "", **_fence_facts(fence)),
        alarm="fence-peer failed" if failed else "",
    )


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


def _differences(replica: Replica) -> Iterator[Trouble]:
    """Found by a verify. On 9 a reconnect only forgets the marks: a resync, or a later clean verify, ends it."""
    for side in replica.sides.values():
        for peer, link in side.links.items():
            volumes = sorted(v for v, copy in link.copies.items() if copy.differs_since is not None)
            if volumes:
                name = peer_name(replica, side.node, peer)
                yield Trouble(
                    kind=Kind.REPLICA_OUT_OF_SYNC,
                    severity=Severity.CRITICAL,
                    why=f"a verify found that the copies on {side.node} and {name or 'its peer'} differ",
                    link=_pair(side.node, name),
                    facts=_facts(
                        side=side.node,
                        peer=name,
                        volume=", ".join(volumes),
                        link=", ".join(n for n in _pair(side.node, name) if n),
                    ),
                )
