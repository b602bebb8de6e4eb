"""What is wrong with a replica now. Of several troubles the worst names the story that is told.

The meaning of states and handlers is drbd.conf(5)'s and drbdsetup(8)'s.
"""

from collections.abc import Iterator
from datetime import datetime

from bridge.core.drbd.degraded import degraded_troubles
from bridge.core.drbd.disks import data_troubles, disk_troubles
from bridge.core.drbd.frozen import fence_troubles, quorum_troubles
from bridge.core.drbd.names import is_address, link_back, other_side, pair, peer_name
from bridge.core.drbd.state import Link, Replica, Side, Split, replace
from bridge.core.drbd.trouble import Trouble, rank, told
from bridge.core.drbd.whole import AWAY_AFTER, MAJOR_AFTER, NEVER_MET_AFTER, is_away, stands
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind


def troubles(replica: Replica, now: datetime) -> list[Trouble]:
    """The worst last; of equals one that a handler answered, which explains the others, or that knows its side."""
    return sorted(
        _troubles(replica, now),
        key=lambda one: (not one.planned, rank(one.kind), "handler" in one.facts, one.severity.rank, one.node != ""),
    )


def _troubles(replica: Replica, now: datetime) -> Iterator[Trouble]:
    for split in replica.splits.values():
        yield from _split_troubles(split)
    for side in replica.sides.values():
        for peer, link in side.links.items():
            yield from _link_troubles(replica, side, peer, link, now)
        yield from _broken_off(replica, side, now)
        yield from disk_troubles(replica, side, now)
        yield from data_troubles(replica, side, now)
        yield from quorum_troubles(replica, side, now)
        yield from fence_troubles(replica, side, now)
        yield from _refusals(replica, side)
    yield from degraded_troubles(replica, now)


# --- connections ---------------------------------------------------------------------------------------------------------


def _split_troubles(split: Split) -> Iterator[Trouble]:
    if not (split.unsolved or split.victim):
        return
    facts = told(victim=split.victim, survivor=split.survivor, suspected="yes" if split.suspected else "")
    nodes = tuple(name for name in split.nodes if not is_address(name))
    if not split.unsolved:
        why = f"a split brain was solved by policy: the data of {split.victim} are thrown away"
        facts["policy"] = "yes"
    elif split.victim:
        why = f"split brain being solved: {split.victim} takes the data of {split.survivor or 'the other side'}"
    elif split.suspected:
        why = f"split brain suspected: {' and '.join(split.nodes)} were both Primary while cut, and gave the connection up"
    elif len(split.nodes) == 1:
        why = f"split brain, seen by {split.nodes[0]}: each side has data that the other has not"
    else:
        why = f"split brain: {' and '.join(split.nodes) or 'both sides'} have data that the other has not"
    yield Trouble(
        kind=Kind.REPLICA_SPLIT_BRAIN,
        severity=Severity.CRITICAL if split.unsolved else Severity.WARNING,
        why=why,
        since=split.at,
        nodes=nodes,
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
        yield _disconnected(side, name, why, link.lost_at, severity)
    elif side.gone:
        return
    elif link.waits_since is not None and now >= link.waits_since + NEVER_MET_AFTER and _has_data(replica):
        if other is None or not (other.gone or (back is not None and is_away(back))):
            yield _disconnected(side, name, f"{side.node} cannot connect to {name or 'its peer'}", link.waits_since)
    elif link.let_go_at is not None and now >= link.let_go_at + AWAY_AFTER:
        who = side.node if link.asked else name or "the peer"
        why = f"{who} closed the connection in order, and it was not made again"
        yield replace(_disconnected(side, name, why, link.let_go_at), planned=True, facts=told(side=who, peer=name, away="yes"))


def _disconnected(side: Side, name: str, why: str, since: datetime, severity: Severity = Severity.WARNING) -> Trouble:
    ends = (pair(side.node, name),)
    facts = told(side=side.node, peer=name)
    return Trouble(kind=Kind.REPLICA_DISCONNECTED, severity=severity, why=why, since=since, pairs=ends, facts=facts)


def _has_data(replica: Replica) -> bool:
    """A replica that was never in sync is only beginning."""
    disks = [disk for side in replica.sides.values() for disk in side.disks.values()]
    return any(disk.state in {"UpToDate", "Consistent", "Outdated"} for disk in disks)


def _broken_off(replica: Replica, side: Side, now: datetime) -> Iterator[Trouble]:
    """Closed in order, but in the middle of a resync: this copy is incomplete and alone, whoever asked for it."""
    volumes = sorted(volume for volume, disk in side.disks.items() if disk.state == "Inconsistent")
    if not volumes or side.gone or any(link.state == "Connected" for link in side.links.values()):
        return
    for peer, link in side.links.items():
        good = any(volume in link.copies and link.copies[volume].was == "UpToDate" for volume in volumes)
        if link.lost_at is None and link.let_go_at is not None and good and now >= link.let_go_at + NEVER_MET_AFTER:
            name = peer_name(replica, side.node, peer)
            why = f"the connection of {side.node} to {name or 'its peer'} was closed in the middle of a resync"
            trouble = _disconnected(side, name, why, link.let_go_at)
            yield replace(trouble, nodes=(side.node,), facts=trouble.facts | {"incomplete": side.node})


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
