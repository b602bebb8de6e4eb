"""CRM_alert_* and the old CRM_notify_*: what a call of the alert hook means. (Pacemaker Administration, alerts)

One report gives one event, or says why it gives none. Words (`desc`) differ between versions and are never compared; the codes
decide. What makes no sense is Unreadable, never guessed.
"""

import re
from collections.abc import Callable
from typing import Final

from bridge.core.world.event import Action, AttributeSet, Event, Fencing, NodeSeen, Outcome, Report
from bridge.core.world.reading import Body, Senseless, happened, happened_at, integer, name_of, named, order_of, stamp_of, text

OK, NOT_RUNNING, RUNNING_PROMOTED = 0, 7, 8
DEGRADED: Final = {190: 0, 191: 8}
"""OCF codes of a resource that runs, but badly, and the code it should have had."""
COMPLETE, CANCELLED, PENDING = 0, 1, -1

_FENCING: Final = re.compile(
    r"Operation (?P<action>\S+) of (?P<target>\S+) by (?P<by>.+?) for (?P<client>.+?)@(?P<origin>\S+): "
    r"(?P<result>.*?)(?: \(ref=(?P<ref>[^)]+)\))?",
    re.DOTALL,
)
"""One pattern for 1.1.15 to 3.0; before 2.1.3 the result is the text of an errno and `<no-one>` the unknown executioner."""


_UNIQUE_INSTANCE: Final = re.compile(r"(.+):\d+")


def read_alert(report: Report) -> Event:
    """The event of a call with a kind. Raises Senseless."""
    reader = _READERS.get(text(report.body, "CRM_alert_kind"))
    if reader is None:
        raise Senseless(f"CRM_alert_kind={report.body.get('CRM_alert_kind')!r} is none of node, fencing, resource, attribute")
    return reader(report, report.body)


def _node(report: Report, body: Body) -> Event:
    word = text(body, "CRM_alert_desc")
    if word not in {"member", "lost"}:
        raise Senseless(f"CRM_alert_desc={word!r} of a node event is neither member nor lost")
    stamp = stamp_of(body)
    return NodeSeen(
        uid=report.uid,
        witness=report.node,
        at=happened(report, stamp),
        stamp=stamp,
        order=order_of(report),
        node=name_of(body, "CRM_alert_node"),
        member=word == "member",
        remote=body.get("CRM_alert_nodeid") == "0",
    )


def _fencing(report: Report, body: Body) -> Event:
    return _fencing_event(report, text(body, "CRM_alert_desc"), integer("CRM_alert_rc", body.get("CRM_alert_rc")))


def _fencing_event(report: Report, words: str, rc: int) -> Fencing:
    found = _FENCING.fullmatch(words)
    if found is None:
        raise Senseless(f"the text of the fencing is of no known form: {words[:200]!r}")
    stamp = stamp_of(report.body)
    return Fencing(
        uid=report.uid,
        witness=report.node,
        at=happened(report, stamp),
        stamp=stamp,
        order=order_of(report),
        target=named(found["target"]),
        action=found["action"],
        rc=rc,
        executioner="" if found["by"] in {"the cluster", "<no-one>"} else found["by"],
        client=found["client"],
        origin=found["origin"],
        result=found["result"],
        ref=found["ref"] or "",
    )


def _resource(report: Report, body: Body) -> Event:
    name = name_of(body, "CRM_alert_rsc")
    task = text(body, "CRM_alert_task")
    interval = integer("CRM_alert_interval", body.get("CRM_alert_interval"))
    codes = [integer(key, body.get(key)) for key in ("CRM_alert_rc", "CRM_alert_target_rc", "CRM_alert_status")]
    rc, target_rc, status = codes
    took = body.get("CRM_alert_exec_time")
    stamp = stamp_of(body)
    return Action(
        uid=report.uid,
        witness=report.node,
        at=happened(report, stamp),
        stamp=stamp,
        order=order_of(report),
        resource=plain_name(name),
        instance=name,
        node=name_of(body, "CRM_alert_node"),
        task=task,
        interval_ms=interval,
        rc=rc,
        target_rc=target_rc,
        status=status,
        outcome=outcome(rc, target_rc, status, probe=task == "monitor" and interval == 0),
        words=text(body, "CRM_alert_desc"),
        exec_ms=integer("CRM_alert_exec_time", took) if took else None,
        version=text(body, "CRM_alert_version"),
    )


def _attribute(report: Report, body: Body) -> Event:
    stamp = stamp_of(body)
    return AttributeSet(
        uid=report.uid,
        witness=report.node,
        at=happened(report, stamp),
        stamp=stamp,
        order=order_of(report),
        node=name_of(body, "CRM_alert_node"),
        name=name_of(body, "CRM_alert_attribute_name"),
        value=text(body, "CRM_alert_attribute_value"),
    )


def read_clustermon(report: Report) -> Event:
    """ClusterMon's call: no kind, time or interval. A fencing carries the stale `rsc` of an earlier event: task decides."""
    body = report.body
    task = text(body, "CRM_notify_task")
    rc = integer("CRM_notify_rc", body.get("CRM_notify_rc"))
    if task == "st_notify_fence":
        return _fencing_event(report, text(body, "CRM_notify_desc"), rc)
    name = name_of(body, "CRM_notify_rsc")
    target_rc = integer("CRM_notify_target_rc", body.get("CRM_notify_target_rc"))
    status = integer("CRM_notify_status", body.get("CRM_notify_status"))
    probe = task == "monitor" and target_rc == NOT_RUNNING
    return Action(
        uid=report.uid,
        witness=report.node,
        at=happened_at(report),
        order=order_of(report),
        resource=plain_name(name),
        instance=name,
        node=name_of(body, "CRM_notify_node"),
        task=task,
        interval_ms=0,
        rc=rc,
        target_rc=target_rc,
        status=status,
        outcome=outcome(rc, target_rc, status, probe=probe),
        words=text(body, "CRM_notify_desc"),
        timed=False,
    )


_READERS: Final[dict[str, Callable[[Report, Body], Event]]] = {
    "node": _node,
    "fencing": _fencing,
    "resource": _resource,
    "attribute": _attribute,
}


def outcome(rc: int, target_rc: int, status: int, *, probe: bool) -> Outcome:
    """What the codes of a finished action say. (Pacemaker Explained, OCF return codes; execution status of 1.1.15 to 3.0)"""
    if status == PENDING:
        return Outcome.PENDING
    if status == CANCELLED:
        return Outcome.CANCELLED
    if status != COMPLETE:
        return Outcome.FAILED
    if rc == target_rc:
        return Outcome.GOOD
    if probe and rc in {OK, RUNNING_PROMOTED}:
        return Outcome.FOUND
    if DEGRADED.get(rc) == target_rc:
        return Outcome.DEGRADED
    return Outcome.FAILED


def plain_name(resource: str) -> str:
    """`web` of `web:0`: instances of one clone are one resource."""
    found = _UNIQUE_INSTANCE.fullmatch(resource)
    return found[1] if found else resource
