"""What each side of a replica last said, folded from events in the order in which they happened.

`apply` gives the next state; it decides nothing but what a single change means by itself: whether a connection was lost or let
go, whether a disk failed or was taken away. What is wrong with the replica as a whole is judged in replica.py.

A side is *told* when it has events2: then its states count, and its handlers only add what no state says. Of a side with
handlers alone the handlers must do.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from bridge.core.drbd_events import RESYNCS, TARGETS, VERIFIES, Call, Change, HandlerCalled, StatesChanged
from bridge.core.event import Severity
from bridge.core.incident import Kind

LOST: Final = frozenset({"NetworkFailure", "Timeout", "BrokenPipe", "ProtocolError"})
LET_GO: Final = frozenset({"TearDown", "Disconnecting"})
"""One end closed the connection in order: an administrator, or DRBD itself after a split brain or a refused resync."""
NO_DISK: Final = frozenset({"Diskless", "Failed", "Detaching"})
UNSOLVED: Final = frozenset({"split-brain", "pri-lost-after-sb", "pri-lost"})
REFUSING: Final = {"before-resync-target": frozenset({0}), "before-resync-source": frozenset({0, 3})}
"""Handlers whose answer can stop a resync, and the answers that do not. (Linux, drbd_receiver.c)"""

replace = msgspec.structs.replace


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """What a side says of one volume at a peer. `was` is the last disk known before the connection broke."""

    replication: str = "Off"
    disk: str = "DUnknown"
    was: str = "DUnknown"
    client: bool = False
    failed_at: datetime | None = None
    resync_since: datetime | None = None
    verify_since: datetime | None = None
    differs_since: datetime | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a side says of its connection to one peer. `met`: it was connected once. `waits_since`: it tries, and never was."""

    state: str = ""
    changed_at: datetime
    met: bool = False
    lost_at: datetime | None = None
    lost_by: str = ""
    let_go_at: datetime | None = None
    waits_since: datetime | None = None
    copies: dict[str, Copy] = {}


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    state: str = ""
    client: bool = False
    quorum: bool = True
    failed_at: datetime | None = None
    called: bool = False
    """The kernel itself said so, by its handler."""
    detached: bool = False
    """It was asked for. Only 9 tells it from a failure."""


class Fence(msgspec.Struct, frozen=True):
    peer: str
    called_at: datetime
    code: int | None = None


class Refusal(msgspec.Struct, frozen=True):
    handler: str
    code: int
    peer: str
    at: datetime


class Side(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    told: bool = False
    gone: bool = False
    role: str = ""
    suspended: tuple[str, ...] = ()
    suspended_since: datetime | None = None
    said_at: datetime
    disks: dict[str, Disk] = {}
    links: dict[str, Link] = {}
    peer_name: str = ""
    """8.4: the one peer, as the handlers call it."""
    fence: Fence | None = None
    refusal: Refusal | None = None
    no_data_at: datetime | None = None
    quorum_lost_at: datetime | None = None
    resyncing: tuple[str, ...] = ()
    """Volumes between before- and after-resync-target, of a side that has handlers alone."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    unsolved: bool = False
    victim: str = ""
    survivor: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, from its beginning until all is whole again: the worst that it was, and how it stands."""

    kind: Kind
    node: str = ""
    """The side at its root; none: the replica as a whole."""
    severity: Severity
    began_at: datetime
    ended_at: datetime | None = None
    nodes: tuple[str, ...] = ()
    """Sides that are drawn in, beside the root."""
    links: tuple[tuple[str, str], ...] = ()
    facts: dict[str, str] = {}
    why: str = ""
    alarm: str = ""
    """Got worse in a way that a person must hear of, whatever was told before."""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    resource: str
    generation: str = ""
    sides: dict[str, Side] = {}
    split: Split | None = None
    healed_at: datetime | None = None
    """A handler said that a resync is over: the only word of recovery where no side has events2."""
    story: Story | None = None
    difference: Story | None = None
    """The copies differ unnoticed by DRBD: a story of its own, which no reconnect ends."""


def same_node(one: str, other: str) -> bool:
    """A name and the same name with its domain are one node."""
    return one == other or one.partition(".")[0] == other.partition(".")[0] != ""


def apply(replica: Replica, event: HandlerCalled | StatesChanged) -> Replica:
    """The state after an event."""
    if event.generation and event.generation != replica.generation:
        replica = replace(replica, generation=event.generation)
    if isinstance(event, HandlerCalled):
        return _called(replica, event.node, event.call, event.at)
    side = replace(_side(replica, event.node, event.at), told=True, said_at=event.at)
    if event.whole:
        side = _only(side, event, replica.generation)
    replica = put_side(replica, side)
    for item in event.items:
        if isinstance(item, Call):
            replica = _called(replica, event.node, item, event.at)
        else:
            replica = _changed(replica, event.node, item, event.at, first=event.whole)
    return replica


def gone(replica: Replica, node: str, at: datetime) -> Replica:
    """The node has no such resource any more. What its connections were stays known: whether it left in order."""
    side = _side(replica, node, at)
    links = {peer: replace(link, state="", changed_at=at, waits_since=None, copies={}) for peer, link in side.links.items()}
    side = replace(side, told=True, gone=True, role="", suspended=(), suspended_since=None, disks={}, links=links, said_at=at)
    return put_side(replica, replace(side, quorum_lost_at=None, no_data_at=None))


def put_side(replica: Replica, side: Side) -> Replica:
    return replace(replica, sides=replica.sides | {side.node: side})


def _side(replica: Replica, node: str, at: datetime) -> Side:
    return replica.sides.get(node) or Side(node=node, said_at=at)


def other_side(replica: Replica, node: str, peer: str) -> Side | None:
    """The side at the other end of a connection, if it ever spoke. 8.4 has one peer, whatever it is called."""
    others = [side for side in replica.sides.values() if side.node != node]
    named = [side for side in others if peer and same_node(side.node, peer)]
    if named:
        return named[0]
    return others[0] if not peer and len(others) == 1 else None


def peer_name(replica: Replica, node: str, peer: str) -> str:
    """The peer's name, as well as it is known."""
    other = other_side(replica, node, peer)
    if other is not None:
        return other.node
    side = replica.sides.get(node)
    return peer or (side.peer_name if side is not None else "")


# --- states --------------------------------------------------------------------------------------------------------------


def _only(side: Side, event: StatesChanged, generation: str) -> Side:
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
    return replace(side, disks={v: disk for v, disk in side.disks.items() if v in volumes}, links=links)


def _changed(replica: Replica, node: str, change: Change, at: datetime, *, first: bool) -> Replica:
    if change.object == "resource" and change.action in {"destroy", "rename"}:
        return gone(replica, node, at)
    side = replace(_side(replica, node, at), gone=False)
    if change.object == "resource":
        return put_side(replica, _resource(side, change.states, at))
    if change.object == "device":
        return put_side(replica, _device(side, change, at, first=first))
    if change.object == "connection":
        replica = put_side(replica, _connection(side, change, at, replica.generation))
        return _dropped(replica) if change.states.get("connection") in LET_GO else replica
    return _peer_device(replica, side, change, at)


def _resource(side: Side, states: dict[str, str], at: datetime) -> Side:
    suspended = side.suspended
    if "suspended" in states:
        suspended = tuple(why for why in states["suspended"].split(",") if why not in {"no", "user"})
    since = (side.suspended_since or at) if suspended else None
    return replace(side, role=states.get("role", side.role), suspended=suspended, suspended_since=since)


def _device(side: Side, change: Change, at: datetime, *, first: bool) -> Side:
    if change.action == "destroy":
        return replace(side, disks={v: disk for v, disk in side.disks.items() if v != change.volume})
    old = side.disks.get(change.volume, Disk())
    changes: dict[str, Any] = {}
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
        return replace(disk, failed_at=None, called=False, detached=False)
    if state == "Detaching":
        return replace(disk, detached=True)
    if state == "Attaching":
        return replace(disk, detached=False)
    fell = state == "Failed" or (state == "Diskless" and (was not in {"", "Failed"} or (first and was == "")))
    if fell and not disk.detached and not disk.client and disk.failed_at is None:
        return replace(disk, failed_at=at)
    return disk


def _connection(side: Side, change: Change, at: datetime, generation: str) -> Side:
    old = side.links.get(change.peer)
    if change.action == "destroy":
        if old is None:
            return side
        # 9 destroys it with the peer; 8.4 whenever it stands alone.
        left = replace(old, state="" if generation == "9" else "StandAlone", copies=_idle(old.copies))
        return replace(side, links=side.links | {change.peer: left})
    link = moved(old or Link(changed_at=at), change.states.get("connection", old.state if old else ""), at)
    if old is None and change.action == "exists" and link.state == "StandAlone":
        link = replace(link, waits_since=at)
    refusal = None if link.state == "Connected" and (old is None or old.state != "Connected") else side.refusal
    return replace(side, links=side.links | {change.peer: link}, refusal=refusal)


def _dropped(replica: Replica) -> Replica:
    """Closed in order while a split brain was being looked at, and no resync began: it is unsolved."""
    if replica.split is None or replica.split.unsolved or replica.split.victim:
        return replica
    return replace(replica, split=replace(replica.split, unsolved=True))


def moved(link: Link, state: str, at: datetime) -> Link:
    """The connection in its new state, and whether that is a loss, an orderly end, or a beginning."""
    was = link.state
    if state == was:
        return link
    link = replace(link, state=state, changed_at=at)
    if state == "Connected":
        return replace(link, met=True, lost_at=None, lost_by="", let_go_at=None, waits_since=None)
    if state in LET_GO:
        return replace(link, let_go_at=at, waits_since=None)
    if was == "Connected":  # with or without one of the names of a loss: a dump shows only what comes after
        return replace(link, lost_at=link.lost_at or at, lost_by=state if state in LOST else link.lost_by)
    if was in {"StandAlone", ""} and state in {"Unconnected", "Connecting"}:  # somebody wants it connected, again
        return replace(link, let_go_at=None, waits_since=None if link.lost_at else link.waits_since or at)
    return link


def _idle(copies: dict[str, Copy]) -> dict[str, Copy]:
    return {
        v: replace(copy, replication="Off", disk="DUnknown", resync_since=None, verify_since=None) for v, copy in copies.items()
    }


def _peer_device(replica: Replica, side: Side, change: Change, at: datetime) -> Replica:
    link = side.links.get(change.peer) or Link(changed_at=at)
    old = link.copies.get(change.volume, Copy())
    if change.action == "destroy":
        return put_side(replica, _with_copy(side, change.peer, change.volume, _idle({"": old})[""], at))
    copy = _peer_disk(old, change.states, at)
    replication = change.states.get("replication", old.replication)
    if replication == old.replication:
        return put_side(replica, _with_copy(side, change.peer, change.volume, copy, at))
    copy = replace(
        copy,
        replication=replication,
        resync_since=(old.resync_since or at) if replication in RESYNCS else None,
        verify_since=(old.verify_since or at) if replication in VERIFIES else None,
    )
    replica = put_side(replica, _with_copy(side, change.peer, change.volume, copy, at))
    if replication in RESYNCS:
        return _resync_began(replica, side.node, change.peer, target=replication in TARGETS)
    began = old.resync_since or old.verify_since
    if replication == "Established" and began is not None and old.differs_since is not None and old.differs_since < began:
        return _settled(replica, side.node, change.peer, change.volume, before=began)
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


def _with_copy(side: Side, peer: str, volume: str, copy: Copy, at: datetime) -> Side:
    link = side.links.get(peer) or Link(changed_at=at)
    old = link.copies.get(volume)
    changed_at = at if old is None or (old.replication, old.disk) != (copy.replication, copy.disk) else link.changed_at
    link = replace(link, copies=link.copies | {volume: copy}, changed_at=changed_at)
    return replace(side, links=side.links | {peer: link})


def _resync_began(replica: Replica, node: str, peer: str, *, target: bool) -> Replica:
    """After a split brain a resync means that the target's own data are thrown away."""
    if replica.split is None:
        return replica
    other = peer_name(replica, node, peer)
    victim, survivor = (node, other) if target else (other, node)
    return replace(replica, split=replace(replica.split, victim=victim, survivor=survivor))


def _settled(replica: Replica, node: str, peer: str, volume: str, *, before: datetime) -> Replica:
    """The copies of a volume are the same again: the word of either end counts for both."""
    ends = [(node, peer)]
    other = other_side(replica, node, peer)
    if other is not None:
        ends += [(other.node, back) for back in other.links if not back or same_node(back, node)]
    for name, key in ends:
        side = replica.sides[name]
        copy = side.links[key].copies.get(volume) if key in side.links else None
        if copy is not None and copy.differs_since is not None and copy.differs_since < before:
            link = side.links[key]
            link = replace(link, copies=link.copies | {volume: replace(copy, differs_since=None)})
            replica = put_side(replica, replace(side, links=side.links | {key: link}))
    return replica


# --- handlers ------------------------------------------------------------------------------------------------------------


def _called(replica: Replica, node: str, call: Call, at: datetime) -> Replica:
    side = _side(replica, node, at)
    key = call.peer
    if replica.generation == "8.4":
        side, key = replace(side, peer_name=call.peer or side.peer_name), ""
    replica = put_side(replica, side)
    name = call.handler
    if name == "initial-split-brain" and call.code is None:
        return replica if replica.split else replace(replica, split=Split(at=at), healed_at=None)
    if name in UNSOLVED:
        split = replica.split or Split(at=at)
        return replica if call.code is not None else replace(replica, split=replace(split, unsolved=True), healed_at=None)
    if name in REFUSING and call.code is not None and call.code not in REFUSING[name]:
        refusal = Refusal(name, call.code, key, at)
        return put_side(replica, replace(side, refusal=refusal))
    if name == "fence-peer":
        return _fenced(replica, side, key, call.code, at)
    if call.code is not None:
        return replica
    if name == "out-of-sync":
        return _differs(replica, side, key, call.volumes, at)
    if name == "local-io-error":
        return put_side(replica, _io_error(side, call.volumes, at))
    if name == "pri-on-incon-degr":
        return put_side(replica, replace(side, no_data_at=side.no_data_at or at))
    return replica if side.told else _without_states(replica, side, key, call, at)


def _fenced(replica: Replica, side: Side, peer: str, code: int | None, at: datetime) -> Replica:
    """An answer that comes after the connection was made again is ignored. (Linux, drbd_nl.c, conn_try_outdate_peer)"""
    link = side.links.get(peer)
    if link is not None and link.state == "Connected":
        return replica
    old = side.fence
    if code is None:
        fence = old if old is not None and old.code is None else Fence(peer, at)
    else:
        fence = Fence(peer, old.called_at if old is not None else at, code)
    return put_side(replace(replica, healed_at=None), replace(side, fence=fence))


def _differs(replica: Replica, side: Side, peer: str, volumes: tuple[str, ...], at: datetime) -> Replica:
    for volume in volumes or ("0",):
        link = side.links.get(peer)
        copy = link.copies.get(volume, Copy()) if link is not None else Copy()
        side = _with_copy(side, peer, volume, replace(copy, differs_since=at), at)
    return put_side(replica, side)


def _io_error(side: Side, volumes: tuple[str, ...], at: datetime) -> Side:
    """9 names all volumes of the resource: then the states say which one it was, when there are any."""
    if side.told and len(volumes) != 1:
        volumes = tuple(v for v in volumes if v in side.disks and side.disks[v].failed_at is not None)
    elif len(volumes) != 1:
        volumes = (", ".join(volumes),)
    disks = dict(side.disks)
    for volume in volumes:
        disk = disks.get(volume, Disk())
        if disk.state != "UpToDate" or not side.told:
            disks[volume] = replace(disk, failed_at=disk.failed_at or at, called=True)
    return replace(side, disks=disks)


def _without_states(replica: Replica, side: Side, peer: str, call: Call, at: datetime) -> Replica:
    """What handlers say of connection, resync and quorum, for a side that has nothing better."""
    volumes = call.volumes or ("0",)
    if call.handler == "disconnected":
        link = side.links.get(peer) or Link(changed_at=at, state="Connected", met=True)
        link = moved(replace(link, state="Connected"), call.cstate or "Unconnected", at)
        return put_side(replace(replica, healed_at=None), replace(side, links=side.links | {peer: link}))
    if call.handler == "quorum-lost":
        return put_side(replica, replace(side, quorum_lost_at=at))
    if call.handler == "before-resync-target":
        side = replace(side, resyncing=tuple(sorted({*side.resyncing, *volumes})))
        return _resync_began(put_side(replica, side), side.node, peer, target=True)
    if call.handler == "after-resync-target":
        side = replace(side, resyncing=tuple(v for v in side.resyncing if v not in volumes))
        replica = put_side(replica, side)
        for volume in volumes:
            replica = _settled(replica, side.node, peer, volume, before=at)
        return replica if side.resyncing else replace(replica, healed_at=at)
    if call.handler == "unfence-peer":
        return replace(replica, healed_at=at)
    return replica
