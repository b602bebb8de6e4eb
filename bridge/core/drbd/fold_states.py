"""The lines of events2, folded into the state of a replica: what each single change means by itself.

Whether a connection was lost or let go, whether a disk failed or was taken away. (drbdsetup(8), events2; drbd.conf(5))
"""

from datetime import datetime
from typing import Any, Final

from bridge.core.drbd.events import RESYNCS, TARGETS, VERIFIES, Change, StatesChanged
from bridge.core.drbd.names import names_back, other_side, peer_name, split_key
from bridge.core.drbd.state import NO_DISK, Copy, Disk, Link, Replica, Side, put_side, replace, side_of

LOST: Final = frozenset({"NetworkFailure", "Timeout", "BrokenPipe", "ProtocolError"})
TRYING: Final = frozenset({"Unconnected", "Connecting"})
LET_GO: Final = frozenset({"TearDown", "Disconnecting"})
"""One end closed the connection in order: an administrator, or DRBD itself after a split brain or a refused resync."""


def gone(replica: Replica, node: str, at: datetime) -> Replica:
    """The node has no such resource any more. What its connections were stays known: whether it left in order, and which
    copies differ, which no restart repairs."""
    side = side_of(replica, node, at)
    links = {
        peer: replace(link, state="", changed_at=at, waits_since=None, copies=_differing(link.copies))
        for peer, link in side.links.items()
    }
    return put_side(replica, Side(node=node, told=True, gone=True, links=links, said_at=at, peer_name=side.peer_name))


def _differing(copies: dict[str, Copy]) -> dict[str, Copy]:
    return {v: Copy(differs_since=copy.differs_since) for v, copy in copies.items() if copy.differs_since is not None}


def only_shown(side: Side, event: StatesChanged, generation: str) -> Side:
    """What a dump does not show is not there. On 8.4 a connection that stands alone is not shown either."""
    shown = [item for item in event.items if isinstance(item, Change)]
    volumes = {item.volume for item in shown if item.object == "device"}
    peers = {item.peer for item in shown if item.object == "connection"}
    links = {}
    for peer, link in side.links.items():
        if peer in peers:
            links[peer] = link
        elif generation != "9":
            links[peer] = moved(link, "StandAlone", event.at)
    if generation == "8.4" and not peers and not links:
        links[""] = Link(state="StandAlone", changed_at=event.at, waits_since=event.at)
    return replace(side, disks={v: disk for v, disk in side.disks.items() if v in volumes}, links=links)


def changed(replica: Replica, node: str, change: Change, at: datetime, *, first: bool) -> Replica:
    """One line. `first`: it is of a dump, and tells no change but what is so."""
    return _identified(_changed(replica, node, change, at, first=first), node, change)


def _changed(replica: Replica, node: str, change: Change, at: datetime, *, first: bool) -> Replica:
    if change.object == "resource" and change.action == "destroy":
        return gone(replica, node, at)
    side = replace(side_of(replica, node, at), gone=False)
    if change.object == "resource":
        return put_side(replica, _resource(side, change.states, at))
    if change.object == "device":
        return put_side(replica, _device(side, change, at, first=first))
    if change.object == "path":
        return put_side(replica, _path(side, change, at))
    if change.object == "connection":
        replica = put_side(replica, _connection(side, change, at, replica.generation, first=first))
        return _dropped(replica, node, change.peer) if change.states.get("connection") in LET_GO else replica
    return _peer_device(replica, side, change, at)


def _identified(replica: Replica, node: str, change: Change) -> Replica:
    """The node id of the peer goes along with every line about it."""
    side = replica.sides[node]
    link = side.links.get(change.peer)
    if link is None or change.node_id in {"", link.node_id}:
        return replica
    return put_side(replica, replace(side, links=side.links | {change.peer: replace(link, node_id=change.node_id)}))


def _path(side: Side, change: Change, at: datetime) -> Side:
    """Whose addresses they are; and that the peer has answered, though it is not connected yet."""
    link = side.links.get(change.peer)
    ends = (change.states.get("local", ""), change.states.get("peer", ""))
    if link is None or "" in ends:
        return side
    others = tuple(path for path in link.paths if path != ends)
    link = replace(link, paths=others if change.action == "destroy" else (*others, ends))
    if change.states.get("established") == "yes" and change.action == "change":
        link = _answered(link, at)
    return replace(side, links=side.links | {change.peer: link})


def _resource(side: Side, states: dict[str, str], at: datetime) -> Side:
    suspended = side.suspended
    if "suspended" in states:
        suspended = tuple(why for why in states["suspended"].split(",") if why not in {"no", "user"})
    role = states.get("role", side.role)
    fails_io = states.get("force-io-failures", "yes" if side.fails_io else "no") == "yes"
    return replace(
        side,
        role=role,
        primary_until=at if side.role == "Primary" != role else side.primary_until,
        suspended=suspended,
        suspended_since=(side.suspended_since or at) if suspended else None,
        fails_io=fails_io,
        fails_io_since=(side.fails_io_since or at) if fails_io else None,
    )


# --- disks ---------------------------------------------------------------------------------------------------------------


def _device(side: Side, change: Change, at: datetime, *, first: bool) -> Side:
    if change.action == "destroy":
        return replace(side, disks={v: disk for v, disk in side.disks.items() if v != change.volume})
    old = Disk() if change.action == "create" else side.disks.get(change.volume, Disk())
    changes: dict[str, Any] = {"client": False, "quorum": True} if change.action == "exists" else {}
    if "client" in change.states:
        changes["client"] = change.states["client"] == "yes"
    if "quorum" in change.states:
        changes["quorum"] = change.states["quorum"] != "no"
    disk = _disk_moved(replace(old, **changes), change.states.get("disk", old.state), at, first=first)
    return replace(side, disks=side.disks | {change.volume: disk})


def _disk_moved(disk: Disk, state: str, at: datetime, *, first: bool) -> Disk:
    """Failed is the way to Diskless for a broken disk; on 8.4 also for one that is detached in order."""
    was = disk.state
    if state == was:
        return disk
    disk = replace(disk, state=state)
    if state == "UpToDate":
        return replace(disk, failed_at=None, called=False, detached=False, found=False)
    if state == "Detaching":
        return replace(disk, detached=True)
    if state == "Attaching":
        return replace(disk, detached=False)
    fell = state == "Failed" or (state == "Diskless" and (was not in {"", "Failed"} or (first and was == "")))
    if fell and not disk.detached and not disk.client and disk.failed_at is None:
        return replace(disk, failed_at=at, found=first and was == "")
    return disk


# --- connections ---------------------------------------------------------------------------------------------------------


def _connection(side: Side, change: Change, at: datetime, generation: str, *, first: bool) -> Side:
    old = side.links.get(change.peer)
    if change.action == "destroy":
        if old is None:
            return side
        # 9 destroys it with the peer; 8.4 whenever it stands alone.
        left = replace(old, state="" if generation == "9" else "StandAlone", copies=_idle(old.copies))
        return replace(side, links=side.links | {change.peer: left})
    link = moved(old or Link(changed_at=at), change.states.get("connection", old.state if old else ""), at)
    if link.state == "StandAlone" and ((old is None and first) or (old is not None and not old.state)):
        link = replace(link, waits_since=at, let_go_at=None, asked=False)  # there, or there again, and alone
    if (role := change.states.get("role", "Unknown")) != "Unknown":
        link = replace(link, peer_was_primary=role == "Primary")
    refusal = None if link.state == "Connected" and (old is None or old.state != "Connected") else side.refusal
    return replace(side, links=side.links | {change.peer: link}, refusal=refusal)


def _dropped(replica: Replica, node: str, peer: str) -> Replica:
    """Closed in order while a split brain was being looked at, and no resync began: it is unsolved."""
    key = split_key(replica, node, peer)
    split = replica.splits.get(key)
    if split is None or split.unsolved or split.victim:
        return replica
    return replace(replica, splits=replica.splits | {key: replace(split, unsolved=True)})


def moved(link: Link, state: str, at: datetime) -> Link:
    """The connection in its new state, and whether that is a loss, an orderly end, or a beginning."""
    was = link.state
    if state == was:
        return link
    link = replace(link, state=state, changed_at=at)
    if state == "Connected":
        return replace(link, lost_at=None, lost_by="", let_go_at=None, waits_since=None, asked=False)
    if state in LET_GO:
        dropped = state == "Disconnecting" and link.cut_since is not None
        asked, dropped_at = state == "Disconnecting", at if dropped else link.dropped_at
        return replace(link, let_go_at=at, waits_since=None, asked=asked, dropped_at=dropped_at)
    if was == "Connected":  # with or without one of the names of a loss: a dump shows only what comes after
        by = state if state in LOST else link.lost_by
        return replace(link, lost_at=link.lost_at or at, lost_by=by, cut_since=link.cut_since or at)
    if state in TRYING and (was in {"StandAlone", ""} or link.asked):  # somebody wants it connected, again
        return wanted(link, at)
    return _answered(link, at) if state in LOST and was in TRYING else link


def wanted(link: Link, at: datetime) -> Link:
    """It is to be connected: that it was closed in order once is no excuse any more."""
    return replace(link, let_go_at=None, asked=False, waits_since=None if link.lost_at else link.waits_since or at)


def _answered(link: Link, at: datetime) -> Link:
    """Somebody is there: whoever had closed it in order is back."""
    return wanted(link, at) if link.let_go_at is not None and link.lost_at is None else link


def _idle(copies: dict[str, Copy]) -> dict[str, Copy]:
    off = Copy(replication="Off", disk="DUnknown")
    passing = ("replication", "disk", "resync_since", "verify_since", "suspended", "stalled", "resynced")
    gone = {name: getattr(off, name) for name in passing}
    return {v: replace(copy, **gone) for v, copy in copies.items()}


def _percent(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 3 else None


# --- the copies at the other end -----------------------------------------------------------------------------------------


def _peer_device(replica: Replica, side: Side, change: Change, at: datetime) -> Replica:
    link = side.links.get(change.peer) or Link(changed_at=at)
    old = link.copies.get(change.volume, Copy())
    if change.action == "destroy":
        return put_side(replica, with_copy(side, change.peer, change.volume, _idle({"": old})[""], at))
    copy = _peer_disk(old, change.states, at)
    if "stalled" in change.states:
        copy = replace(copy, stalled=change.states["stalled"] == "yes")
    if "resynced" in change.states:
        copy = replace(copy, resynced=_percent(change.states["resynced"]))
    if "resync-suspended" in change.states:
        copy = replace(copy, suspended=tuple(why for why in change.states["resync-suspended"].split(",") if why != "no"))
    replication = change.states.get("replication", old.replication)
    if replication == old.replication:
        return put_side(replica, with_copy(side, change.peer, change.volume, copy, at))
    copy = replace(
        copy,
        replication=replication,
        resynced=copy.resynced if replication in RESYNCS else None,
        resync_since=(old.resync_since or at) if replication in RESYNCS else None,
        verify_since=(old.verify_since or at) if replication in VERIFIES else None,
    )
    replica = put_side(replica, with_copy(side, change.peer, change.volume, copy, at))
    if replication in RESYNCS:
        return resync_began(replica, side.node, change.peer, target=replication in TARGETS)
    began = old.resync_since or old.verify_since
    if replication == "Established" and began is not None and old.differs_since is not None and old.differs_since < began:
        return settled(replica, side.node, change.peer, change.volume, before=began)
    return replica


def _peer_disk(copy: Copy, states: dict[str, str], at: datetime) -> Copy:
    disk, client = states.get("peer-disk", copy.disk), copy.client
    if "peer-client" in states:
        client = states["peer-client"] == "yes"
    failed_at = copy.failed_at
    if disk not in NO_DISK | {"DUnknown"}:
        failed_at = None
    elif not client and failed_at is None:
        fell = disk == "Diskless" and copy.was not in {"Detaching", "Diskless", "DUnknown"}
        failed_at = at if disk == "Failed" or fell else None
    return replace(copy, disk=disk, client=client, failed_at=failed_at, was=copy.was if disk == "DUnknown" else disk)


def with_copy(side: Side, peer: str, volume: str, copy: Copy, at: datetime) -> Side:
    link = side.links.get(peer) or Link(changed_at=at)
    old = link.copies.get(volume)
    changed_at = at if old is None or (old.replication, old.disk) != (copy.replication, copy.disk) else link.changed_at
    link = replace(link, copies=link.copies | {volume: copy}, changed_at=changed_at)
    if copy.replication != "Off" and link.cut_since is not None:
        link = replace(link, cut_since=None, dropped_at=None)
    return replace(side, links=side.links | {peer: link})


def resync_began(replica: Replica, node: str, peer: str, *, target: bool) -> Replica:
    """After a split brain a resync means that the target's own data are thrown away."""
    key = split_key(replica, node, peer)
    split = replica.splits.get(key)
    if split is None:
        return replica
    other = peer_name(replica, node, peer)
    victim, survivor = (node, other) if target else (other, node)
    split = replace(split, victim=victim or split.victim, survivor=survivor or split.survivor)
    return replace(replica, splits=replica.splits | {key: split})


def settled(replica: Replica, node: str, peer: str, volume: str, *, before: datetime) -> Replica:
    """The copies of a volume are the same again: the word of either end counts for both."""
    ends = [(node, peer)]
    other = other_side(replica, node, peer)
    if other is not None:
        ends += [(other.node, back) for back in names_back(replica, other, node)]
    for name, key in ends:
        side = replica.sides[name]
        copy = side.links[key].copies.get(volume) if key in side.links else None
        if copy is not None and copy.differs_since is not None and copy.differs_since < before:
            link = side.links[key]
            link = replace(link, copies=link.copies | {volume: replace(copy, differs_since=None)})
            replica = put_side(replica, replace(side, links=side.links | {key: link}))
    return replica
