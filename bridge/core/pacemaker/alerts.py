"""CRM_alert_* and the old CRM_notify_*: what a call of the alert hook means. (Pacemaker Administration, alerts)

One report gives one event, or says why it gives none. Words (`desc`) differ between versions and are never compared; the codes
decide. What makes no sense is Unreadable, never guessed.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from bridge.core.world.event import Action, AttributeSet, Event, Fencing, NodeSeen, Outcome, Report
from bridge.core.world.reading import Body, Senseless, head, integer, name_of, named, text

ALERT, NOTIFY = "CRM_alert", "CRM_notify"
"""How the variables of a call begin."""
OK, NOT_RUNNING, RUNNING_PROMOTED = 0, 7, 8
DEGRADED: Final = {190: 0, 191: 8}
"""OCF codes of a resource that runs, but badly, and the code it should have had."""
COMPLETE, CANCELLED, PENDING = 0, 1, -1

_FENCING: Final = (
    re.compile(
        r"Operation (?P<action>\S+) of (?P<target>.+?) by (?P<by>.+?) for (?P<client>.+?)@(?P<origin>a node|[^\s:]+): "
        r"(?P<result>.*?)(?: \(ref=(?P<ref>\(none\)|[^)]+)\))?",
        re.DOTALL,
    ),
    re.compile(
        r"Operation (?P<action>\S+) requested by (?P<origin>.+?) for peer (?P<target>.+?): "
        r"(?P<result>.*?)(?: \(ref=(?P<ref>\(none\)|[^)]+)\))?",
        re.DOTALL,
    ),
)
"""The text of the alerts of 1.1.15 to 3.0; before 2.1.3 the result is the text of an errno. Then that of crm_mon's external agent
up to 2.1.2 (and of the notifications of 1.1.14): it names neither client nor executioner, and no action but the message's own
name, `st_notify_fence`."""
NOBODY: Final = frozenset(
    {"the cluster", "<no-one>", "a client", "a node", "no node", "(none)", "(unknown)", "(null)", "<unknown>"}
)
"""What stands in the text for a name that is not known."""
UNTOLD: Final = frozenset({"st_notify_fence", "(unknown)", "(null)"})
"""What stands in the text for an action that is not known."""


_UNIQUE_INSTANCE: Final = re.compile(r"(.+):\d+")


def read_alert(report: Report) -> Event:
    """The event of a call with a kind. Raises Senseless."""
    reader = _READERS.get(text(report.body, "CRM_alert_kind"))
    if reader is None:
        raise Senseless(f"CRM_alert_kind={report.body.get('CRM_alert_kind')!r} is none of node, fencing, resource, attribute")
    return reader(report)


def _node(report: Report) -> Event:
    body = report.body
    word = text(body, "CRM_alert_desc")
    if word not in {"member", "lost"}:
        raise Senseless(f"CRM_alert_desc={word!r} of a node event is neither member nor lost")
    return NodeSeen(
        **head(report),
        node=name_of(body, "CRM_alert_node"),
        member=word == "member",
        remote=body.get("CRM_alert_nodeid") == "0",
        node_id=_node_id(body),
    )


def _fencing(report: Report, call: str) -> Fencing:
    words, rc = text(report.body, f"{call}_desc"), _number(report.body, f"{call}_rc")
    found = next((match for form in _FENCING if (match := form.fullmatch(words))), None)
    if found is None:
        raise Senseless(f"the text of the fencing is of no known form: {words[:200]!r}")
    told = {name: "" if value is None or value in NOBODY else value for name, value in found.groupdict().items()}
    return Fencing(
        **head(report),
        target=named(told["target"]) if told["target"] else name_of(report.body, f"{call}_node"),
        action="" if told["action"] in UNTOLD else told["action"],
        rc=rc,
        executioner=told.get("by", ""),
        client=told.get("client", ""),
        origin=told["origin"],
        result=told["result"],
        ref=told["ref"],
    )


def _action(report: Report, call: str) -> Action:
    """What was done with a resource. ClusterMon gives no interval: there a monitor that expects nothing running is a probe."""
    body, timed = report.body, call == ALERT
    name = name_of(body, f"{call}_rsc")
    task = text(body, f"{call}_task")
    interval = _number(body, f"{call}_interval") if timed else 0
    rc = _number(body, f"{call}_rc")
    target_rc, status = _number(body, f"{call}_target_rc"), _number(body, f"{call}_status")
    probe = task == "monitor" and (interval == 0 if timed else target_rc == NOT_RUNNING)
    return Action(
        **head(report),
        resource=plain_name(name),
        instance=name,
        node=name_of(body, f"{call}_node"),
        task=task,
        interval_ms=interval,
        rc=rc,
        target_rc=target_rc,
        status=status,
        outcome=outcome(rc, target_rc, status, probe=probe),
        words=text(body, f"{call}_desc"),
        exec_ms=_number(body, "CRM_alert_exec_time") if timed and body.get("CRM_alert_exec_time") else None,
        version=text(body, "CRM_alert_version") if timed else "",
        timed=timed,
    )


def _attribute(report: Report) -> Event:
    body = report.body
    return AttributeSet(
        **head(report),
        node=name_of(body, "CRM_alert_node"),
        name=name_of(body, "CRM_alert_attribute_name"),
        value=text(body, "CRM_alert_attribute_value"),
        node_id=_node_id(body),
    )


def _node_id(body: Body) -> str:
    """Empty where it is not told, and of remote and guest nodes, which all have 0."""
    told = text(body, "CRM_alert_nodeid")
    return "" if told == "0" else named(told)


def read_clustermon(report: Report) -> Event:
    """ClusterMon's call: no kind, time or interval. A fencing carries the stale `rsc` of an earlier event: task decides."""
    if text(report.body, "CRM_notify_task") == "st_notify_fence":
        return _fencing(report, NOTIFY)
    return _action(report, NOTIFY)


def _number(body: Body, key: str) -> int:
    return integer(key, body.get(key))


_READERS: Final[dict[str, Callable[[Report], Event]]] = {
    "node": _node,
    "fencing": partial(_fencing, call=ALERT),
    "resource": partial(_action, call=ALERT),
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
