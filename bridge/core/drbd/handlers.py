"""DRBD_* and the lines of events2: what a report of DRBD means. (drbd.conf(5), handlers; Linux, drivers/block/drbd)

Two kinds of report come from a node:

    src "drbd"         a handler was called: `handler` (its name), all DRBD_* variables and UP_TO_DATE_NODES as the kernel and
                       drbdadm set them; for fence-peer also `rc`, the exit code of the real one that ours is chained behind
                       (absent when ours is called before it)
    src "drbd-events"  what `drbdsetup events2` printed: `line1`, `line2`, … about one resource, the first with its time, as
                       `bridge.node.events2.Differences` gives them; with `dump` they are all there is of the resource. `dump`
                       and `resources`, `resources2`, … (names with blanks between): all resources of the node; it has no other

Both generations give the same events. Names: 8.4 gives the peer's in DRBD_PEER, 9 by its node id. The volume: 8.4 gives one
number; in 9 drbdadm overwrites the kernel's number with all of the resource's, and only DRBD_BACKING_DEV, looked up in
DRBD_LL_DISK, still tells which it was. Variables that are missing are normal: people call drbdadm by hand.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bridge.core.drbd.events import HANDLERS, Call, HandlerCalled, ReplicasListed, StatesChanged
from bridge.core.drbd.lines import Line, NotALine, generation, instant, item, parse
from bridge.core.world.event import Event, Report, to_us
from bridge.core.world.reading import Senseless, head, integer, name_of, named, text

Body = Mapping[str, Any]
ANSWERING: Final = frozenset({"fence-peer"})
"""Only here the code that we are handed is somebody's answer; our own is no news."""
_WORD: Final = re.compile(r"(?:\\.|[^\s\\])+")


# --- handlers ------------------------------------------------------------------------------------------------------------


def read_handler(report: Report) -> Event:
    """The event of a call of a handler. Raises Senseless."""
    body = report.body
    name = name_of(body, "handler")
    if name not in HANDLERS:
        raise Senseless(f"handler={name!r} is no handler of DRBD 8.4 or 9")
    code = text(body, "rc")
    call = Call(
        handler=name,
        peer=_peer(body),
        volumes=_volumes(body),
        code=integer("rc", code) if name in ANSWERING and code else None,
        cstate=text(body, "DRBD_CSTATE"),
    )
    return HandlerCalled(
        **head(report),
        resource=name_of(body, "DRBD_RESOURCE"),
        node=report.node,
        call=call,
        generation="9" if "DRBD_MY_NODE_ID" in body else "8.4" if "DRBD_PEER" in body or "DRBD_PEERS" in body else "",
    )


def _peer(body: Body) -> str:
    """Empty for what concerns this node alone (local-io-error, quorum-lost), and when a person called drbdadm by hand."""
    named = text(body, "DRBD_PEER")
    return named or text(body, f"DRBD_NODE_ID_{text(body, 'DRBD_PEER_NODE_ID')}").partition(" ")[0]


def _volumes(body: Body) -> tuple[str, ...]:
    """The one that it is about, or all that it may be about."""
    volumes = text(body, "DRBD_VOLUME").split()
    backing = text(body, "DRBD_BACKING_DEV")
    disks = [re.sub(r"\\(.)", r"\1", word) for word in _WORD.findall(text(body, "DRBD_LL_DISK"))]
    if len(volumes) > 1 and backing in disks and disks.index(backing) < len(volumes):
        return (volumes[disks.index(backing)],)
    return tuple(volumes)


# --- events2 -------------------------------------------------------------------------------------------------------------


def read_states(report: Report) -> Event:
    """The event of lines of events2, or of a list of all resources. Raises Senseless."""
    body = report.body
    if "resources" in body:
        listed = tuple(named(one) for key in body if key.startswith("resources") for one in text(body, key).split())
        return ReplicasListed(
            **head(report),
            node=report.node,
            resources=listed,
        )
    try:
        lines = list(_lines(body))
    except NotALine as wrong:
        raise Senseless(str(wrong)) from None
    if not lines:
        raise Senseless("a report of events2 without a line")
    resource = lines[0].resource
    if not resource or any(line.resource != resource for line in lines):
        raise Senseless("a report of events2 whose lines are not about one resource")
    return StatesChanged(
        **head(report, stamp=stamp_of_states(body)),
        resource=named(resource),
        node=report.node,
        items=tuple(said for line in lines if (said := item(line)) is not None),
        whole=body.get("dump") is True,
        generation=generation(lines),
    )


def stamp_of_states(body: Body) -> int | None:
    """When drbdsetup says that it happened, in microseconds by its node's wall clock. Raises Senseless."""
    number = 1
    while line := text(body, f"line{number}"):
        words = line.split(maxsplit=1)
        if words and (at := instant(words[0])) is not None:
            return to_us(at)
        number += 1
    return None


def _lines(body: Body) -> Iterator[Line]:
    number = 1
    while f"line{number}" in body:
        yield parse(text(body, f"line{number}"))
        number += 1
