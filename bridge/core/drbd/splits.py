"""Split brains: between whom they are, as far as is known by now, and those that no handler told of."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from bridge.core.drbd.names import link_back, peer_name, split_key, split_nodes
from bridge.core.drbd.state import Link, Replica, Side, Split, replace

SUSPECTED_AFTER: Final = timedelta(seconds=5)
"""A side that is taken down gives its connection up too, and is gone within moments."""


def known_by_now(replica: Replica, now: datetime) -> Replica:
    """With the names that are known now, and with what both ends' words lead to."""
    suspicions = {key: (at, ends) for key, at, ends in _suspicions(replica) if now >= at + SUSPECTED_AFTER}
    splits = {
        key: split
        for key, split in (_named(replica) if replica.splits else {}).items()
        if not split.suspected or split.victim or key in suspicions
    }
    for key, (at, ends) in suspicions.items():
        if key not in splits:
            nodes = split_nodes(replica, *ends)
            splits[key] = Split(at=at, nodes=nodes, ends=(ends,), unsolved=True, suspected=True)
    return replace(replica, splits=splits) if splits != replica.splits else replica


def _named(replica: Replica) -> dict[str, Split]:
    """A peer that was called by an address may have got its name since; then two splits may turn out to be one."""
    found: dict[str, Split] = {}
    for old_key, old in replica.splits.items():
        key = split_key(replica, *old.ends[0]) if old.ends else old_key
        nodes = {name for end in old.ends for name in split_nodes(replica, *end)} or set(old.nodes)
        names = {peer: peer_name(replica, node, peer) for node, peer in old.ends if peer}
        victim, survivor = names.get(old.victim, old.victim), names.get(old.survivor, old.survivor)
        split = replace(old, nodes=tuple(sorted(nodes)), victim=victim, survivor=survivor)
        found[key] = _joined(found[key], split) if key in found else split
    return found


def _joined(one: Split, other: Split) -> Split:
    return Split(
        at=min(one.at, other.at),
        nodes=tuple(sorted({*one.nodes, *other.nodes})),
        ends=tuple(sorted({*one.ends, *other.ends})),
        unsolved=one.unsolved or other.unsolved,
        suspected=one.suspected and other.suspected,
        victim=one.victim or other.victim,
        survivor=one.survivor or other.survivor,
    )


def _suspicions(replica: Replica) -> Iterator[tuple[str, datetime, tuple[str, str]]]:
    """Both were Primary while they were cut, and one gave the connection up when they met again: that is what DRBD does with a
    split brain, and nobody who knows of it would write on both."""
    for side in replica.sides.values():
        for peer, link in side.links.items():
            if side.gone or link.cut_since is None or link.dropped_at is None or side.refusal is not None:
                continue
            if _was_primary(side, link.cut_since) and _peer_was_primary(replica, side, peer, link, link.cut_since):
                yield split_key(replica, side.node, peer), link.dropped_at, (side.node, peer)


def _was_primary(side: Side, since: datetime) -> bool:
    return side.role == "Primary" or (side.primary_until is not None and side.primary_until > since)


def _peer_was_primary(replica: Replica, side: Side, peer: str, link: Link, since: datetime) -> bool:
    """By its own word, or else by what was last heard of it over the connection."""
    other, _ = link_back(replica, side.node, peer)
    return _was_primary(other, since) if other is not None and other.told else link.peer_was_primary
