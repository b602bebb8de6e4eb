"""How a replica and each of its sides look on a board: a severity, and the states in DRBD's own words."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from bridge.core.drbd.events import TARGETS
from bridge.core.drbd.names import is_address, link_back, pair, peer_name
from bridge.core.drbd.state import Disk, Link, Replica, Side
from bridge.core.drbd.trouble import Trouble
from bridge.core.drbd.troubles import differences
from bridge.core.drbd.whole import link_stands
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

Look = tuple[Severity, str]

QUIET: Final = frozenset({"", "Off", "Established"})
TWO: Final = 2
PASSING: Final = ("away", "client", "forced", "found", "incomplete", "stuck", "suspected")
"""Facts of what the incident is about, as it is now; what is over was so."""
HANDLERS_ONLY: Final = (Severity.UNKNOWN, "known from its handlers alone, which tell of trouble only")


def _worst(looks: list[Look], otherwise: Look) -> Look:
    """All that is to say, with the worst of the severities."""
    if not looks:
        return otherwise
    severity = max((severity for severity, _ in looks), key=lambda one: one.rank)
    return severity, "; ".join(dict.fromkeys(words for _, words in looks))


def whole(replica: Replica, found: list[Trouble]) -> Look:
    """`drbd/RES`: its connections, and what is wrong."""
    looks = [(trouble.severity, trouble.why) for trouble in reversed(found) if not trouble.planned]
    looks += [(trouble.severity, trouble.why) for trouble in differences(replica)]
    told = [side for side in replica.sides.values() if side.told]
    if told and all(side.gone for side in told):
        return Severity.INFO, f"{replica.resource} is down on {' and '.join(sorted(side.node for side in told))}"
    seen: dict[tuple[str, str], tuple[Severity, str, str]] = {}
    for side in told:
        for peer, link in ({} if side.gone else side.links).items():
            name = peer_name(replica, side.node, peer) or "its peer"
            severity, words = _link(side, link)
            known = seen.get(pair(side.node, name))
            if known is None or severity.rank > known[0].rank:
                seen[pair(side.node, name)] = severity, f"{side.node} to {name}: ", words
    named = len(seen) > 1
    looks += [(severity, who + words if named else words) for _, (severity, who, words) in sorted(seen.items())]
    return _worst(looks, (Severity.OK, "no peer") if told else HANDLERS_ONLY)


def _link(side: Side, link: Link) -> Look:
    """`Connected UpToDate/UpToDate`, as `drbdadm` shows it; of several volumes all that differs."""
    copies = link.copies.values()
    mine = "+".join(dict.fromkeys(disk.state for _, disk in sorted(side.disks.items()) if disk.state)) or "Diskless"
    theirs = "+".join(dict.fromkeys(copy.disk for _, copy in sorted(link.copies.items()))) or "DUnknown"
    busy = next((copy.replication for copy in copies if copy.replication not in QUIET), "")
    state = busy or link.state or "not configured"
    good = link_stands(link) and all(disk.state == "UpToDate" or disk.client for disk in side.disks.values())
    return Severity.OK if good else Severity.WARNING, f"{state} {mine}/{theirs}"


def of_side(replica: Replica, side: Side, found: list[Trouble]) -> Look:
    """`drbd/RES@NODE`: its role and disks, what freezes it, and whether it has its peers."""
    if side.gone:
        return Severity.INFO, f"{replica.resource} is down on {side.node}"
    looks = [(trouble.severity, trouble.why) for trouble in reversed(found) if side.node in {trouble.node, *trouble.nodes}]
    if not side.told:
        return _worst(looks, HANDLERS_ONLY)
    disks = sorted(side.disks.items())
    own: list[Look] = [(Severity.OK, side.role)] if side.role else []
    own += [_disk(disk, f"volume {volume} " if len(disks) > 1 else "") for volume, disk in disks]
    own += [(Severity.CRITICAL, f"I/O is frozen ({', '.join(side.suspended)})")] if side.suspended else []
    return _worst(looks + own + list(_peers(replica, side)), (Severity.OK, "configured"))


def silent(look: Look, node: str) -> Look:
    """Nobody tells of this side any more: what was bad is still bad, what was good is unknown."""
    severity, words = look
    return max(severity, Severity.UNKNOWN, key=lambda one: one.rank), f"the relay of {node} is silent; last heard: {words}"


def _disk(disk: Disk, volume: str) -> Look:
    good = disk.state == "UpToDate" or disk.client
    words = f"{volume}{'diskless client' if disk.client else disk.state}" + ("" if disk.quorum else ", no quorum")
    return Severity.OK if good and disk.quorum else Severity.WARNING, words


def _peers(replica: Replica, side: Side) -> Iterator[Look]:
    for peer, link in sorted(side.links.items()):
        name = peer_name(replica, side.node, peer) or "its peer"
        _, back = link_back(replica, side.node, peer)
        target = next((copy.replication for copy in link.copies.values() if copy.replication in TARGETS), "")
        if link.state != "Connected":
            yield Severity.WARNING, f"not connected to {name} ({link.state or 'gone'})"
        elif back is not None and back.state != "Connected" and back.changed_at > link.changed_at:
            yield Severity.WARNING, f"{name} has not got it ({back.state or 'gone'})"
        elif target:
            yield Severity.WARNING, f"{target}: copies from {name}"
        else:
            yield Severity.OK, f"connected to {name}"


def said(replica: Replica, what: Callable[[Side], str]) -> str:
    """`alpha Primary, bravo Secondary`, of those that said so."""
    words = {side.node: what(side) for side in replica.sides.values() if not side.gone}
    return ", ".join(f"{node} {word}" for node, word in sorted(words.items()) if word)


def facts(replica: Replica, found: list[Trouble], kind: Kind) -> dict[str, str]:
    """What every text of this replica may want to name; the nodes are those between which it happened."""
    told = {
        "generation": replica.generation,
        "roles": said(replica, lambda side: side.role),
        "disks": said(replica, lambda side: "/".join(disk.state for _, disk in sorted(side.disks.items()))),
        "links": said(replica, lambda side: "/".join(sorted({link.state for link in side.links.values() if link.state}))),
        "many": "yes" if _is_many(replica) else "",
    }
    pairs = sorted({ends for trouble in found if trouble.kind is kind for ends in trouble.pairs})
    meant = sorted({trouble.node for trouble in found if trouble.kind is kind and trouble.node})
    linked = {name for ends in pairs for name in ends if name}
    if linked:
        told["link"] = "; ".join(dict.fromkeys(", ".join(name for name in ends if name) for ends in pairs))
    if found:
        told["nodes"] = ", ".join(sorted(linked if len(linked) >= TWO else {*linked, *replica.sides}))
    known = {name: value for name, value in told.items() if value}
    ends = pairs[0] if len(pairs) == 1 and all(name and not is_address(name) for name in pairs[0]) else ()
    called = "; ".join(f"{node} {peer}" for node in ends for peer in _calls(replica, node, {*ends} - {node}))
    all_sides = ", ".join(meant) if len(meant) > 1 else ""
    return known | {"sure": "yes" if ends else "", "called": called, "all_sides": all_sides}


def _is_many(replica: Replica) -> bool:
    """Whether more than two have it, by what any of them says."""
    known = [1 + sum(link.state != "" for link in side.links.values()) for side in replica.sides.values()]
    return max([len(replica.sides), *known]) > TWO


def _calls(replica: Replica, node: str, names: set[str]) -> Iterator[str]:
    """What drbdadm calls the peer on that node, where that is not its name."""
    side = replica.sides.get(node)
    for peer in side.links if side is not None else ():
        if peer and peer not in names and peer_name(replica, node, peer) in names:
            yield peer


def _gives_up(replica: Replica) -> bool:
    """The handler of a split brain runs before DRBD gives the connection up: for that moment `Connected` would mislead."""
    split = [one.nodes for one in replica.splits.values() if one.unsolved and not one.victim]
    return any(
        link.state == "Connected" and side.node in nodes and peer_name(replica, side.node, peer) in nodes
        for nodes in split
        for side in replica.sides.values()
        for peer, link in side.links.items()
    )


def _apart(replica: Replica, since: datetime) -> bool:
    """Some connection is not made; one that was closed in order before the story began is none of it."""
    links = [link for side in replica.sides.values() if side.told and not side.gone for link in side.links.values()]
    open_ones = [link for link in links if link.let_go_at is None or link.let_go_at >= since]
    return any(link.state not in {"Connected", ""} for link in open_ones)


def now(replica: Replica, found: list[Trouble], kind: Kind, known: Mapping[str, str], since: datetime) -> dict[str, str]:
    """The facts of the troubles that make the incident what it is; what others add does not displace what is known.

    `eased`: it is not so any more, but the redundancy is not yet back.
    """
    eased = not any(trouble.kind is kind for trouble in found)
    frozen = any("frozen" in trouble.facts for trouble in found)
    told = (dict.fromkeys(PASSING, "") if not eased else {}) | {
        "frozen": "yes" if frozen else "",
        "eased": "yes" if eased else "",
    }
    if kind is Kind.REPLICA_DISCONNECTED and _apart(replica, since):
        told["eased"] = ""
    told |= {name: fact for one in found if one.kind is not kind for name, fact in one.facts.items() if name not in known}
    for trouble in found:
        told |= trouble.facts if trouble.kind is kind else {}
    if _gives_up(replica):
        told["links"] = ""
    victims = sorted({split.victim for split in replica.splits.values() if split.victim})
    return told | ({"victim": ", ".join(victims)} if victims else {})


__all__ = ["Look", "facts", "now", "of_side", "said", "whole"]
