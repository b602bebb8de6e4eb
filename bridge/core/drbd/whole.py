"""When all is well with a replica, what is then forgotten, and when to look again though nobody speaks."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from bridge.core.drbd import degraded
from bridge.core.drbd.events import VERIFIES
from bridge.core.drbd.fold_states import TRYING, wanted
from bridge.core.drbd.names import link_back, split_key
from bridge.core.drbd.splits import SUSPECTED_AFTER, known_by_now
from bridge.core.drbd.state import Copy, Link, Replica, Side, Split, put_side, replace

GOOD: Final = VERIFIES | {"Established"}
"""Not the handshake in front of a resync either, in which both may still call themselves up to date."""
SPLIT_VERDICT_AFTER: Final = timedelta(seconds=60)
"""No resync and no word for so long after the handshake found a split brain: nobody solved it."""
DISK_GRACE: Final = timedelta(seconds=5)
"""8.4 detaches in order through Failed and Diskless; then the device is destroyed within moments."""
FROZEN_AFTER: Final = timedelta(seconds=50)
"""I/O that waits for fencing, or a fencing that does not answer, for so long: known before the hold of a lost connection, 60 s,
is over, so that it rings once and as what it is."""
NEVER_MET_AFTER: Final = timedelta(seconds=120)
MAJOR_AFTER: Final = timedelta(minutes=10)
"""A connection lost for so long is critical: a second failure would find one copy only."""
STALE_AFTER: Final = timedelta(seconds=120)
"""The other end's older word against a connection that stands again: its relay is silent."""
TOGETHER: Final = timedelta(seconds=5)
"""An orderly end at one side, and at the other what looked like a loss."""
FORGOTTEN_AFTER: Final = timedelta(hours=1)
AWAY_AFTER: Final = timedelta(minutes=30)
"""Whoever left in order and is not back after that is shown: it takes longer than a reboot, or was forgotten."""


def is_whole(replica: Replica, since: datetime, now: datetime) -> bool:
    """Every copy that was wanted before `since` is up to date and connected to every other, and nothing is frozen.

    One that nobody has had for an hour is not missed; but that two sides differ does not end by taking both down."""
    told = [side for side in replica.sides.values() if side.told]
    if not told:
        return replica.healed_at is not None
    if is_down(replica):
        return not replica.splits and all(now >= side.said_at + FORGOTTEN_AFTER for side in told)
    here = [side for side in told if not side.gone]
    return all(_is_well(side) and all(_link_is_whole(replica, side, peer, since, now) for peer in side.links) for side in here)


def is_down(replica: Replica) -> bool:
    """No node has it any more, of those that would say so."""
    told = [side for side in replica.sides.values() if side.told]
    return bool(told) and all(side.gone for side in told)


def _is_well(side: Side) -> bool:
    if side.suspended or side.fails_io:
        return False
    return all(disk.quorum and (disk.state == "UpToDate" or disk.client) for disk in side.disks.values())


def _link_is_whole(replica: Replica, side: Side, peer: str, since: datetime, now: datetime) -> bool:
    link = side.links[peer]
    if not link.state or stands(replica, side, peer, now):
        return True
    excused = link.lost_at is None and link.let_go_at is not None and link.let_go_at < since
    return excused and split_key(replica, side.node, peer) not in replica.splits


def stands(replica: Replica, side: Side, peer: str, now: datetime) -> bool:
    """Connected, and all copies over there are good: by its own word, or by the other end's later one when this one is silent."""
    if link_stands(side.links[peer]):
        return True
    _, back = link_back(replica, side.node, peer)
    return back is not None and link_stands(back) and side.said_at < back.changed_at <= now - STALE_AFTER


def link_stands(link: Link) -> bool:
    return link.state == "Connected" and all(_copy_is_good(copy) for copy in link.copies.values())


def _copy_is_good(copy: Copy) -> bool:
    return copy.replication in GOOD and (copy.disk == "UpToDate" or copy.client)


# --- forgetting ----------------------------------------------------------------------------------------------------------


def up_to(replica: Replica, now: datetime) -> Replica:
    """What time alone and both ends' words have settled, and without what is over."""
    for side in replica.sides.values():
        replica = _excused(replica, side)
    replica = known_by_now(replica, now)
    standing = degraded.stuck(replica, now)
    replica = replace(replica, stuck=standing) if standing != replica.stuck else replica
    splits = {key: _judged(split, now) for key, split in replica.splits.items() if not _is_over(replica, key, split.at)}
    replica = replace(replica, splits=splits) if splits != replica.splits else replica
    return _forgotten(replica) if is_whole(replica, now, now) else replica


def _excused(replica: Replica, side: Side) -> Replica:
    """What looked like a loss at this end was an orderly end at the other, which had not lost it itself."""
    closed = {}
    for peer, link in side.links.items():
        _, back = link_back(replica, side.node, peer)
        if link.lost_at is None or back is None or back.let_go_at is None or back.lost_at is not None:
            continue
        if back.let_go_at > link.lost_at + TOGETHER:
            continue
        if back.let_go_at < link.lost_at - TOGETHER and not is_away(back):
            closed[peer] = wanted(replace(link, lost_at=None, lost_by=""), link.lost_at)  # it had left itself, and is back
        else:
            closed[peer] = replace(link, lost_at=None, lost_by="", let_go_at=back.let_go_at)
    return put_side(replica, replace(side, links=side.links | closed)) if closed else replica


def is_away(link: Link) -> bool:
    """Closed in order, and not wanted again at this end; what closed at the other end leaves this one trying."""
    return link.let_go_at is not None and link.state not in TRYING


def closed_in_order(replica: Replica) -> bool:
    """Some connection was closed, and none was lost."""
    links = [link for side in replica.sides.values() for link in side.links.values()]
    return any(link.let_go_at for link in links) and not any(link.lost_at for link in links)


def _judged(split: Split, now: datetime) -> Split:
    if split.unsolved or split.victim or now < split.at + SPLIT_VERDICT_AFTER:
        return split
    return replace(split, unsolved=True)


def _is_over(replica: Replica, key: str, at: datetime) -> bool:
    """The two are connected again with good copies, by the word of each that has events2."""
    ends = [
        (side, link)
        for side in replica.sides.values()
        if side.told and not side.gone
        for peer, link in side.links.items()
        if split_key(replica, side.node, peer) == key
    ]
    return bool(ends) and all(link_stands(link) and link.changed_at > at and _is_well(side) for side, link in ends)


def _forgotten(replica: Replica) -> Replica:
    """All is whole: what led here is no longer of interest, unless it was said after the last good word."""
    words = [link.changed_at for side in replica.sides.values() if side.told for link in side.links.values()]
    last = max([*words, *([replica.healed_at] if replica.healed_at else [])], default=None)
    if last is None:
        return replica
    down = is_down(replica)
    for side in replica.sides.values():
        left = _side_forgotten(side, last)
        replica = put_side(replica, _links_forgotten(left) if down else left)
    return replace(replica, splits={key: split for key, split in replica.splits.items() if split.at > last})


def _links_forgotten(side: Side) -> Side:
    """Nobody has the replica any more: its connections are not lost, they are not wanted."""
    return replace(side, links={peer: replace(link, lost_at=None, lost_by="") for peer, link in side.links.items()})


def _side_forgotten(side: Side, last: datetime) -> Side:
    if side.fence is not None and side.fence.called_at <= last:
        side = replace(side, fence=None)
    if side.refusal is not None and side.refusal.at <= last:
        side = replace(side, refusal=None)
    no_data_at = side.no_data_at if side.no_data_at and side.no_data_at > last else None
    quorum_lost_at = side.quorum_lost_at if side.quorum_lost_at and side.quorum_lost_at > last else None
    side = replace(side, no_data_at=no_data_at, quorum_lost_at=quorum_lost_at)
    if side.told:
        return side
    links = {peer: link for peer, link in side.links.items() if link.changed_at > last}
    disks = {v: disk for v, disk in side.disks.items() if disk.failed_at is not None and disk.failed_at > last}
    return replace(side, links=links, disks=disks)


# --- when to look again --------------------------------------------------------------------------------------------------


def due(replica: Replica, now: datetime, *, live: bool) -> datetime | None:
    """When, without a further event, there may be something else to say. `live`: a story is being told."""
    return min((at for at in _instants(replica, live=live) if at > now), default=None)


def _instants(replica: Replica, *, live: bool) -> Iterator[datetime]:
    yield from degraded.instants(replica)
    for split in replica.splits.values():
        yield split.at + SPLIT_VERDICT_AFTER
    for side in replica.sides.values():
        yield from (disk.failed_at + DISK_GRACE for disk in side.disks.values() if disk.failed_at is not None)
        if side.fence is not None and side.fence.code is None:
            yield side.fence.called_at + FROZEN_AFTER
        if side.suspended_since is not None:
            yield side.suspended_since + FROZEN_AFTER
        for link in side.links.values():
            yield from _instants_of(link)
            if live:
                yield link.changed_at + STALE_AFTER
        if side.gone and live:
            yield side.said_at + FORGOTTEN_AFTER


def _instants_of(link: Link) -> Iterator[datetime]:
    if link.lost_at is not None:
        yield link.lost_at + MAJOR_AFTER
    if link.waits_since is not None:
        yield link.waits_since + NEVER_MET_AFTER
    if link.dropped_at is not None:
        yield link.dropped_at + SUSPECTED_AFTER
    if link.let_go_at is not None:
        yield link.let_go_at + NEVER_MET_AFTER
        yield link.let_go_at + AWAY_AFTER
