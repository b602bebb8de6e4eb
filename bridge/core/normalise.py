"""Report in, event out: the door of the core. What makes no sense is Unreadable, kept and shown, never guessed or dropped."""

from collections.abc import Callable
from typing import Final

from bridge.core.drbd.handlers import read_handler, read_states, stamp_of_states
from bridge.core.pacemaker.alerts import read_alert, read_clustermon
from bridge.core.pacemaker.pictures import read_picture
from bridge.core.world.event import (
    Acknowledged,
    ClockSet,
    EdgeHeard,
    EdgeSaid,
    Event,
    Report,
    Rung,
    Silenced,
    Unreadable,
    from_us,
)
from bridge.core.world.fault import fault
from bridge.core.world.marked import drilled, is_marked
from bridge.core.world.reading import Body, Senseless, head, name_of, stamp_of, text

EVERYWHERE: Final = "*"
"""The cluster of reports that concern the bridge itself: acknowledgements, silences."""


_LATEST: Final = 2**63 // 1000


def normalise(report: Report) -> Event | Unreadable:
    """The event that a report tells of. Never raises: one report must not stop the others."""
    try:
        if is_marked(report.body):
            return drilled(report)
        return READERS.get(report.source, _unknown)(report)
    except (Senseless, OverflowError) as error:
        return Unreadable(uid=report.uid, witness=report.node, why=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and nothing else stops
        found = fault("read", error, report.uid)
        return Unreadable(uid=report.uid, witness=report.node, why=found.why, fault=found)


def stamp_ns(body: Body) -> int | None:
    """When the body of a report says that it happened, in nanoseconds since 1970 by its node's wall clock; None: it says nothing,
    or nothing that a clock can show."""
    try:
        stamp = stamp_of_states(body) if body.get("src") == "drbd-events" else stamp_of(body)
        return stamp * 1000 if stamp is not None and 0 <= stamp <= _LATEST else None
    except Exception:  # noqa: BLE001 - `normalise` meets it again, and tells
        return None


def _unknown(report: Report) -> Event:
    raise Senseless(f"src={report.source!r} is none of {', '.join(sorted(READERS))}")


def _edge(report: Report) -> Event:
    return _edge_said(report, report.node)


def _edge_said(report: Report, node: str) -> Event:
    body = report.body
    return EdgeSaid(
        **head(report),
        node=node,
        what=name_of(body, "edge"),
        why=text(body, "why"),
        over=body.get("over") is True,
    )


def _bridge(report: Report) -> Event:
    body = report.body
    if "clock_set_ms" in body:
        return _clock_set(report)
    if "edge" in body:
        return _edge_said(report, name_of(body, "node"))
    silent = body.get("silent")
    if not isinstance(silent, bool):
        raise Senseless("silent is neither true nor false")
    heard_us = body.get("heard_us")
    return EdgeHeard(
        **head(report, witness=""),
        node=name_of(body, "node"),
        silent=silent,
        gone=body.get("gone") is True,
        heard_at=from_us(heard_us) if type(heard_us) is int else None,
    )


def _clock_set(report: Report) -> Event:
    by_ms = report.body.get("clock_set_ms")
    if type(by_ms) is not int:
        raise Senseless("clock_set_ms is not a number of milliseconds")
    return ClockSet(**head(report, witness=""), node=name_of(report.body, "node"), by_ms=by_ms)


def _operator(report: Report) -> Event:
    body = report.body
    reader = {"ack": _acknowledged, "silence": _silenced, "ring": _rung}.get(text(body, "do"))
    if reader is None:
        raise Senseless(f"do={body.get('do')!r} is neither ack, silence nor ring")
    return reader(report)


def _acknowledged(report: Report) -> Event:
    body = report.body
    return Acknowledged(
        **head(report, witness=""),
        incident_key=name_of(body, "incident_key"),
        author=text(body, "author"),
        comment=text(body, "comment"),
        withdrawn=body.get("withdraw") is True,
    )


def _silenced(report: Report) -> Event:
    body = report.body
    until = body.get("until_us")
    if type(until) is not int:
        raise Senseless("until_us is not a number of microseconds")
    return Silenced(
        **head(report, witness=""),
        silence_id=name_of(body, "silence"),
        matchers=tuple(line for line in text(body, "matchers").split("\n") if line),
        author=text(body, "author"),
        comment=text(body, "comment"),
        until=from_us(until),
        planned=text(body, "planned"),
    )


def _rung(report: Report) -> Event:
    return Rung(**head(report, witness=""), author=text(report.body, "author"), receivers=text(report.body, "receivers"))


READERS: Final[dict[str, Callable[[Report], Event]]] = {
    "pacemaker": read_alert,
    "clustermon": read_clustermon,
    "crm_mon": read_picture,
    "drbd": read_handler,
    "drbd-events": read_states,
    "edge": _edge,
    "bridge": _bridge,
    "operator": _operator,
    "opsview": _operator,
}
