"""Whose name a name is: which node stands at the other end of a connection.

DRBD calls a peer as the configuration does: with or without its domain, or by an address (floating peers), and 8.4's events2
calls every peer the same. A wrong answer here sends a person to the wrong machine, so what is not sure stays unknown: an exact
name goes before all else, then the addresses of the paths, then the name without its domain where only one node fits, then the
node ids. (drbd.conf(5), `floating`, `node-id`; drbd-utils, drbdadm_postparse.c)
"""

import re
from collections.abc import Iterator
from typing import Final

from bridge.core.drbd.state import Link, Replica, Side

_ADDRESS: Final = re.compile(r"\d{1,3}(\.\d{1,3}){3}(_\d+)?|.*:.*")
"""`192.0.2.11_7781`, or anything with a colon, which no host name holds."""


def is_address(name: str) -> bool:
    return _ADDRESS.fullmatch(name) is not None


def same_node(one: str, other: str) -> bool:
    """A name and the same name with its domain are one node; two domains are two nodes."""
    return one == other or (one != "" != other and (one.startswith(f"{other}.") or other.startswith(f"{one}.")))


def _only(found: list[Side]) -> Side | None:
    return found[0] if len(found) == 1 else None


def other_side(replica: Replica, node: str, peer: str) -> Side | None:
    """The side at the other end of a connection, if it ever spoke. 8.4 has one peer, whatever it is called."""
    exact = replica.sides.get(peer)
    if exact is not None and peer != node:
        return exact
    others = [side for side in replica.sides.values() if side.node != node]
    if not peer:
        return _only(others)
    return _by_path(replica, node, peer, others) or _by_short_name(replica, node, peer) or _by_id(replica, node, peer, others)


def _link(replica: Replica, node: str, peer: str) -> Link | None:
    side = replica.sides.get(node)
    return side.links.get(peer) if side is not None else None


def _by_path(replica: Replica, node: str, peer: str, others: list[Side]) -> Side | None:
    """The one that calls our peer's address its own."""
    link = _link(replica, node, peer)
    theirs = {remote for _, remote in link.paths} if link is not None else set()
    return _only([side for side in others if theirs & {local for one in side.links.values() for local, _ in one.paths}])


def _by_short_name(replica: Replica, node: str, peer: str) -> Side | None:
    """The one node of that name, if this side calls no other peer so. Whoever has another domain may be another machine."""
    if is_address(peer):
        return None
    mine = replica.sides[node].links if node in replica.sides else {}
    if any(_short(name) == _short(peer) for name in mine if name != peer and not is_address(name)):
        return None
    side = _only([side for side in replica.sides.values() if _short(side.node) == _short(peer)])
    return side if side is not None and side.node != node else None


def _short(name: str) -> str:
    return name.partition(".")[0]


def _by_id(replica: Replica, node: str, peer: str, others: list[Side]) -> Side | None:
    """Nobody is its own peer: the one that knows the ids of others but not this one has it. Only where that fits one alone."""
    link = _link(replica, node, peer)
    if link is None or not link.node_id:
        return None
    side = _only([side for side in others if _may_be(side, link.node_id)])
    rivals = [one for name, one in replica.sides[node].links.items() if name != peer and one.node_id]
    return side if side is not None and not any(_may_be(side, one.node_id) for one in rivals) else None


def _may_be(side: Side, node_id: str) -> bool:
    ids = {link.node_id for link in side.links.values()}
    return ids not in (set(), {""}) and node_id not in ids


def peer_name(replica: Replica, node: str, peer: str) -> str:
    """The peer's name, as well as it is known; "" if nobody said it."""
    other = other_side(replica, node, peer)
    if other is not None:
        return other.node
    if is_address(peer):
        return _named_elsewhere(replica, node, peer) or peer
    side = replica.sides.get(node)
    return peer or (side.peer_name if side is not None else "")


def _named_elsewhere(replica: Replica, node: str, peer: str) -> str:
    """What others call the node with that id or address, when they call it by a name."""
    link = _link(replica, node, peer)
    if link is None:
        return ""
    links = [(name, one) for side in replica.sides.values() for name, one in side.links.items()]
    names = {name for name, one in links if name and not is_address(name) and _same_end(one, link)}
    return names.pop() if len(names) == 1 else ""


def _same_end(one: Link, other: Link) -> bool:
    same_id = one.node_id != "" and one.node_id == other.node_id
    return same_id or bool({peer for _, peer in one.paths} & {peer for _, peer in other.paths})


def link_back(replica: Replica, node: str, peer: str) -> tuple[Side | None, Link | None]:
    """The side at the other end of a connection, and what it says of the same connection."""
    other = other_side(replica, node, peer)
    if other is None:
        return None, None
    if (exact := other.links.get(node)) is not None:
        return other, exact
    return other, next((other.links[name] for name in names_back(replica, other, node)), None)


def names_back(replica: Replica, other: Side, node: str) -> Iterator[str]:
    """What a side calls its connection to a node."""
    for name in other.links:
        back = other_side(replica, other.node, name)
        if not name or (back is not None and back.node == node):
            yield name


def pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)


def split_key(replica: Replica, node: str, peer: str) -> str:
    """8.4 has one connection, and one side of it may not know the other's name."""
    return "" if replica.generation == "8.4" else " ".join(pair(node, peer_name(replica, node, peer)))


def split_nodes(replica: Replica, node: str, peer: str) -> tuple[str, ...]:
    return tuple(sorted(name for name in (node, peer_name(replica, node, peer)) if name))
