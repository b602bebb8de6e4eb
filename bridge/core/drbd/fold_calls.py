"""The handlers that DRBD called, folded into the state of a replica. (drbd.conf(5), section handlers)

Where a side has events2, these add what no state says: split brain, differences, the answers of fence-peer and before-resync.
"""

from datetime import datetime
from typing import Final

from bridge.core.drbd.events import Call, HandlerCalled, StatesChanged
from bridge.core.drbd.fold_states import changed, moved, only_shown, resync_began, settled, with_copy
from bridge.core.drbd.names import split_key, split_nodes
from bridge.core.drbd.state import (
    Copy,
    Disk,
    Fence,
    Link,
    Refusal,
    Replica,
    Side,
    Split,
    put_side,
    replace,
    side_of,
)

UNSOLVED: Final = frozenset({"split-brain", "pri-lost-after-sb", "pri-lost"})
REFUSING: Final = {"before-resync-target": frozenset({0}), "before-resync-source": frozenset({0, 3})}
"""Handlers whose answer can stop a resync, and the answers that do not. (Linux, drbd_receiver.c)"""


def apply(replica: Replica, event: HandlerCalled | StatesChanged) -> Replica:
    """The state after an event."""
    if event.generation and event.generation != replica.generation:
        replica = replace(replica, generation=event.generation)
    if isinstance(event, HandlerCalled):
        return _called(replica, event.node, event.call, event.at)
    side = replace(side_of(replica, event.node, event.at), told=True, said_at=event.at)
    if event.whole:
        side = only_shown(side, event, replica.generation)
    replica = put_side(replica, side)
    for item in event.items:
        if isinstance(item, Call):
            replica = _called(replica, event.node, item, event.at)
        else:
            replica = changed(replica, event.node, item, event.at, first=event.whole)
    return replica


def _called(replica: Replica, node: str, call: Call, at: datetime) -> Replica:
    side = side_of(replica, node, at)
    key = call.peer
    if replica.generation == "8.4":
        side, key = replace(side, peer_name=call.peer or side.peer_name), ""
    replica = put_side(replica, side)
    name = call.handler
    if name == "initial-split-brain" or name in UNSOLVED:
        return replica if call.code is not None else _split(replica, node, key, at, unsolved=name in UNSOLVED)
    if name in REFUSING and call.code is not None and call.code not in REFUSING[name]:
        return put_side(replica, replace(side, refusal=Refusal(name, call.code, key, at)))
    if name == "fence-peer":
        return _fenced(replica, side, key, call.code, at)
    if call.code is not None:
        return replica
    if name == "out-of-sync":
        return put_side(replica, _differs(side, key, call.volumes, at))
    if name == "local-io-error":
        return put_side(replace(replica, healed_at=None), _io_error(side, call.volumes, at))
    if name == "pri-on-incon-degr":
        return put_side(replace(replica, healed_at=None), replace(side, no_data_at=side.no_data_at or at))
    return replica if side.told else _without_states(replica, side, key, call, at)


def _split(replica: Replica, node: str, peer: str, at: datetime, *, unsolved: bool) -> Replica:
    """The handshake finds it, and finds it again when a person has it solved: that is no new one."""
    key = split_key(replica, node, peer)
    split = replica.splits.get(key) or Split(at=at, nodes=())
    nodes = tuple(sorted({*split.nodes, *split_nodes(replica, node, peer)}))
    ends = tuple(sorted({*split.ends, (node, peer)}))
    split = replace(split, nodes=nodes, ends=ends, unsolved=split.unsolved or unsolved, suspected=False)
    return replace(replica, splits=replica.splits | {key: split}, healed_at=None)


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


def _differs(side: Side, peer: str, volumes: tuple[str, ...], at: datetime) -> Side:
    for volume in volumes or ("0",):
        link = side.links.get(peer)
        copy = link.copies.get(volume, Copy()) if link is not None else Copy()
        side = with_copy(side, peer, volume, replace(copy, differs_since=at), at)
    return side


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
        link = side.links.get(peer) or Link(changed_at=at, state="Connected")
        link = moved(replace(link, state="Connected"), call.cstate or "Unconnected", at)
        return put_side(replace(replica, healed_at=None), replace(side, links=side.links | {peer: link}))
    if call.handler == "quorum-lost":
        return put_side(replace(replica, healed_at=None), replace(side, quorum_lost_at=at))
    if call.handler == "before-resync-source":
        return resync_began(replica, side.node, peer, target=False)
    if call.handler == "before-resync-target":
        side = replace(side, resyncing=tuple(sorted({*side.resyncing, *volumes})))
        return resync_began(put_side(replica, side), side.node, peer, target=True)
    if call.handler == "after-resync-target":
        side = replace(side, resyncing=tuple(v for v in side.resyncing if v not in volumes))
        replica = put_side(replica, side)
        for volume in volumes:
            replica = settled(replica, side.node, peer, volume, before=at)
        return replica if side.resyncing else replace(replica, healed_at=at)
    if call.handler == "unfence-peer":
        return replace(replica, healed_at=at)
    return replica
