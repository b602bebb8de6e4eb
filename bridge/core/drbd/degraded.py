"""Never whole: connected, but a copy stays incomplete, and no resync moves that could end it. (drbdsetup(8), replication states)

Paused, suspended behind another's, Ahead and Behind for minutes, or Established over a disk that is not up to date. Some of it is
normal for a while, so it has a time of its own. A state that is held for seconds only is no move: loops count as standing still.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.core.drbd.names import is_address, pair, peer_name
from bridge.core.drbd.state import Link, Replica, Side, Stuck, replace
from bridge.core.drbd.trouble import Trouble, told
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

INCOMPLETE: Final = frozenset({"Inconsistent", "Outdated", "Consistent"})
BEHIND: Final = frozenset({"PausedSyncT", "Behind"})
"""Replication states of a side whose own copy lags."""
AHEAD: Final = frozenset({"PausedSyncS", "Ahead"})
"""... and of one whose peer's copy lags."""
IN_TURN: Final = frozenset({"dependency", "max-parallel"})
"""Suspended until another resync is over: its turn comes."""

STANDS_AFTER: Final = timedelta(minutes=10)
IN_TURN_AFTER: Final = timedelta(hours=6)
"""Resyncs before it may take hours; for ever they do not."""
MOVES_AFTER: Final = timedelta(seconds=30)

Copies = dict[str, Stuck]


class _Said(NamedTuple):
    """What one end says of an incomplete copy. `in_turn` is None where it does not speak of a resync."""

    moves: bool
    stalled: bool
    in_turn: bool | None


def stuck(replica: Replica, now: datetime) -> Copies:
    """The incomplete copies, by node and volume, and since when nothing moved."""
    found: dict[tuple[str, str], list[_Said]] = {}
    for node, volume, said in _incomplete(replica):
        found.setdefault((node, volume), []).append(said)
    good = {volume for _, volume in _good(replica)}  # what is good nowhere is only beginning
    return {
        f"{node} {volume}": _went_on(replica.stuck.get(f"{node} {volume}"), node, volume, said, now)
        for (node, volume), said in found.items()
        if volume in good
    }


def _went_on(old: Stuck | None, node: str, volume: str, said: list[_Said], now: datetime) -> Stuck:
    moves = any(one.moves for one in said) and not any(one.stalled for one in said)
    turns = [one.in_turn for one in said if one.in_turn is not None]
    in_turn = bool(turns) and all(turns)
    if old is None:
        return Stuck(node=node, volume=volume, since=now, moves_since=now if moves else None, in_turn=in_turn)
    moved = (old.moves_since is not None and now >= old.moves_since + MOVES_AFTER) or (old.in_turn and not in_turn)
    moves_since = (old.moves_since or now) if moves else None
    return replace(old, since=now if moved else old.since, moves_since=moves_since, in_turn=in_turn)


def _incomplete(replica: Replica) -> Iterator[tuple[str, str, _Said]]:
    """Node and volume of each copy that an end of a connection calls incomplete, and what it says of it."""
    for side in replica.sides.values():
        if not side.told or side.gone:
            continue
        for peer, link in side.links.items():
            if link.state == "Connected":
                yield from _of_link(side, peer_name(replica, side.node, peer), link)


def _of_link(side: Side, name: str, link: Link) -> Iterator[tuple[str, str, _Said]]:
    for volume, copy in link.copies.items():
        state, disk = copy.replication, side.disks.get(volume)
        turn = bool(copy.suspended) and set(copy.suspended) <= IN_TURN if state in AHEAD | BEHIND else None
        if not copy.client and name and (copy.disk in INCOMPLETE or state in AHEAD):
            yield name, volume, _Said(state == "SyncSource", copy.stalled, turn)
        if disk is not None and not disk.client and (disk.state in INCOMPLETE or state in BEHIND):
            yield side.node, volume, _Said(state == "SyncTarget", copy.stalled, turn)


def _good(replica: Replica) -> Iterator[tuple[str, str]]:
    for side in replica.sides.values():
        yield from ((side.node, volume) for volume, disk in side.disks.items() if disk.state == "UpToDate")
        yield from (("", v) for link in side.links.values() for v, copy in link.copies.items() if copy.disk == "UpToDate")


def degraded_troubles(replica: Replica, now: datetime) -> Iterator[Trouble]:
    """All copies in one: it names every side that is meant."""
    standing = [one for one in replica.stuck.values() if _stands(one, now)]
    nodes = sorted({one.node for one in standing})
    if not nodes:
        return
    others = [side.node for side in replica.sides.values() if side.node not in nodes and not side.gone]
    others = others or sorted({name for one in nodes for name in _peers_of(replica, one)})
    yield Trouble(
        kind=Kind.REPLICA_DEGRADED,
        severity=Severity.WARNING,
        why=f"the copy on {' and '.join(nodes)} stays incomplete: no resync moves",
        since=min(one.since for one in standing),
        node=nodes[0] if len(nodes) == 1 and not is_address(nodes[0]) else "",
        nodes=tuple(node for node in nodes if not is_address(node)),
        pairs=tuple(pair(node, other) for node in nodes for other in others),
        facts=told(
            side=", ".join(nodes),
            peer=", ".join(others),
            volume=", ".join(sorted({one.volume for one in standing})),
            stuck=_how(replica, nodes),
        ),
    )


def _stands(one: Stuck, now: datetime) -> bool:
    if one.moves_since is not None and now >= one.moves_since + MOVES_AFTER:
        return False
    return now >= one.since + (IN_TURN_AFTER if one.in_turn else STANDS_AFTER)


def _peers_of(replica: Replica, node: str) -> list[str]:
    side = replica.sides.get(node)
    return [] if side is None else [name for peer in side.links if (name := peer_name(replica, node, peer))]


def _how(replica: Replica, nodes: list[str]) -> str:
    """The states in DRBD's words, as both ends of these nodes' connections say them: `alpha PausedSyncT (suspended: user)`."""
    said: dict[bool, set[str]] = {True: set(), False: set()}
    for side in replica.sides.values():
        for peer, link in side.links.items():
            if link.state == "Connected" and {side.node, peer_name(replica, side.node, peer)} & set(nodes):
                for copy in link.copies.values():
                    why = f" (suspended: {','.join(copy.suspended)})" if copy.suspended else ""
                    why = ", its numbers do not fall" if copy.stalled else why
                    said[copy.replication in AHEAD | BEHIND or copy.stalled].add(f"{side.node} {copy.replication}{why}")
    return ", ".join(sorted(said[True] or said[False]))


def instants(replica: Replica) -> Iterator[datetime]:
    """When there may be something to say of these copies though nobody speaks."""
    for one in replica.stuck.values():
        yield one.since + (IN_TURN_AFTER if one.in_turn else STANDS_AFTER)
        if one.moves_since is not None:
            yield one.moves_since + MOVES_AFTER
