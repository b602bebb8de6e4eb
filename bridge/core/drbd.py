"""DRBD_* and the lines of events2: what a report of DRBD means. (drbd.conf(5), handlers; Linux, drivers/block/drbd)

Both generations give the same events. Names: 8.4 gives the peer's in DRBD_PEER, 9 by its node id. The volume: 8.4 gives one
number; in 9 drbdadm overwrites the kernel's number with all of the resource's, and only DRBD_BACKING_DEV, looked up in
DRBD_LL_DISK, still tells which it was.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bridge.core.drbd_events import HANDLERS, Call, HandlerCalled, ReplicasListed, StatesChanged
from bridge.core.event import EPOCH, Event, Report, Unreadable
from bridge.core.events2 import Line, NotALine, generation, item, parse

Body = Mapping[str, Any]
ANSWERING: Final = frozenset({"fence-peer"})
"""Only here the code that we are handed is somebody's answer; our own is no news."""
_FUTURE: Final = timedelta(days=1)
_WORD: Final = re.compile(r"(?:\\.|[^\s\\])+")


class Senseless(ValueError):  # noqa: N818 - said as it is
    """The report cannot mean anything; the text says which variable is at fault."""


def normalise(report: Report) -> Event | Unreadable:
    """The event that a report of source `drbd` or `drbd-events` tells of."""
    try:
        if report.source == "drbd":
            return _handler(report, report.body)
        return _states(report, report.body)
    except (Senseless, NotALine, OverflowError) as error:
        return Unreadable(uid=report.uid, witness=report.node, why=str(error))


# --- handlers ------------------------------------------------------------------------------------------------------------


def _handler(report: Report, body: Body) -> HandlerCalled:
    name, resource = _text(body, "handler"), _text(body, "DRBD_RESOURCE")
    if name not in HANDLERS:
        raise Senseless(f"handler={name!r} is no handler of DRBD 8.4 or 9")
    if not resource:
        raise Senseless(f"DRBD_RESOURCE is empty: handler {name} was not called by drbdadm")
    code = body.get("rc")
    call = Call(
        handler=name,
        peer=_peer(body),
        volumes=_volumes(body),
        code=int(code) if name in ANSWERING and isinstance(code, int | str) and str(code).isdigit() else None,
        cstate=_text(body, "DRBD_CSTATE"),
    )
    return HandlerCalled(
        uid=report.uid,
        witness=report.node,
        at=_written_at(report),
        order=_order(report),
        resource=resource,
        node=report.node,
        call=call,
        generation="9" if "DRBD_MY_NODE_ID" in body else "8.4" if "DRBD_PEER" in body or "DRBD_PEERS" in body else "",
    )


def _peer(body: Body) -> str:
    """None for what concerns this node alone (local-io-error, quorum-lost), and when a person called drbdadm by hand."""
    named = _text(body, "DRBD_PEER")
    return named or _text(body, f"DRBD_NODE_ID_{_text(body, 'DRBD_PEER_NODE_ID')}").partition(" ")[0]


def _volumes(body: Body) -> tuple[str, ...]:
    """The one that it is about, or all that it may be about."""
    volumes = _text(body, "DRBD_VOLUME").split()
    backing = _text(body, "DRBD_BACKING_DEV")
    disks = [re.sub(r"\\(.)", r"\1", word) for word in _WORD.findall(_text(body, "DRBD_LL_DISK"))]
    if len(volumes) > 1 and backing in disks and disks.index(backing) < len(volumes):
        return (volumes[disks.index(backing)],)
    return tuple(volumes)


# --- events2 -------------------------------------------------------------------------------------------------------------


def _states(report: Report, body: Body) -> Event:
    if "resources" in body:
        listed = tuple(_text(body, "resources").split())
        return ReplicasListed(
            uid=report.uid, witness=report.node, at=_written_at(report), order=_order(report), node=report.node, resources=listed
        )
    lines = list(_lines(body))
    if not lines:
        raise Senseless("a report of events2 without a line")
    resource = lines[0].resource
    if not resource or any(line.resource != resource for line in lines):
        raise Senseless("a report of events2 whose lines are not about one resource")
    stamp = next((line.at for line in lines if line.at is not None), None)
    return StatesChanged(
        uid=report.uid,
        witness=report.node,
        at=_written_at(report) if stamp is None else _believed(stamp + report.offset, report),
        order=_order(report),
        resource=resource,
        node=report.node,
        items=tuple(said for line in lines if (said := item(line)) is not None),
        whole=body.get("dump") is True,
        generation=generation(lines),
    )


def _lines(body: Body) -> Iterator[Line]:
    number = 1
    while f"line{number}" in body:
        yield parse(_text(body, f"line{number}"))
        number += 1


# --- both ----------------------------------------------------------------------------------------------------------------


def _text(body: Body, name: str) -> str:
    value = body.get(name, "")
    return value if isinstance(value, str) else ""


def _written_at(report: Report) -> datetime:
    wall = report.body.get("wall_ns")
    if not isinstance(wall, int):
        return report.received_at
    return _believed(EPOCH + timedelta(microseconds=wall // 1000) + report.offset, report)


def _believed(at: datetime, report: Report) -> datetime:
    """A clock that is more than a day ahead is not."""
    return at if at < report.received_at + _FUTURE else report.received_at


def _order(report: Report) -> tuple[str, int]:
    boot_ns = report.body.get("boot_ns")
    return (_text(report.body, "boot"), boot_ns) if isinstance(boot_ns, int) else ("", 0)
