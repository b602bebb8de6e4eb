"""What crm_mon shows, reduced to what matters, and spelled alike for all versions. Equal states give equal pictures: nothing in
one changes with each call. Fields and their meaning: bridge/core/world/picture.py. (Pacemaker, xml/api/crm_mon-*.rng)

    1.1        <crm_mon version=…>, roles Master and Slave, agents with two colons
    2.0        <pacemaker-result>; 2.1 calls the roles Promoted and Unpromoted; `maintenance` of a resource comes with 3.0, and is
               concluded before from what it can come from
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from bridge.node.rows import MOST_VALUES, Row, name, names, number, row, words, yes
from bridge.node.xml_tree import Element

ROOTS: Final = frozenset({"pacemaker-result", "crm_mon"})
SKIPPED: Final = frozenset({"operation_history", "xml"})
MOST_FENCINGS: Final = 50
INFINITY: Final = 1_000_000
_ROLES: Final = {"Master": "Promoted", "Slave": "Unpromoted"}
_STATUS: Final = {"done": "complete"}
_NO_NEWS: Final = "Monitoring"
"""Stands on running and stopped resources alike."""
_KEY: Final = re.compile(r"(.+)_([a-z-]+)_(\d+)")
_COUNTS_ALONE: Final = ("#health", "ping", "p_ping", "ethmonitor")
"""Attributes whose change is a reason to tell; others (free memory, say) go along with it."""

Meta = Mapping[str, Mapping[str, str]]
"""Of the configuration, by id: what is set there, as text."""


class Above(NamedTuple):
    """What an instance inherits, and what it belongs to."""

    managed: bool = True
    maintenance: bool = False
    disabled: bool = False
    target_role: str = ""
    within: Mapping[str, Any] = {}


def reduced(root: Element, meta: Meta) -> Row:
    """The picture, as fields of a report. `meta`: of resources, groups, clones and bundles."""
    summary = root.first("summary")
    if not summary.children:
        state = root.first("pacemakerd").get("state") or summary.first("stack").get("pacemakerd-state")
        return {"running": False, "why": f"pacemakerd: {names([state])[0]}" if state else "crm_mon shows no cluster"}
    dc, options = summary.first("current_dc"), _options(summary.first("cluster_options"))
    nodes = sorted((_node(one) for one in root.first("nodes").all("node")), key=lambda one: one["name"])
    resting = frozenset(one["name"] for one in nodes if one.get("maintenance"))
    above = Above(maintenance=options.get("maintenance", False))
    told = row(
        version=name(dc, "version"),
        dc=name(dc, "name"),
        quorate=yes(dc, "with_quorum"),
        mixed=yes(dc, "mixed_version"),
        changed=_changed(summary.first("last_change")),
        options=options,
        nodes=nodes,
        resources=list(_resources(root.first("resources"), above, Told(meta, resting))),
    )
    return told | _history(root)


def telling(says: Row) -> Row:
    """What of it is a reason to tell: who wrote the configuration last is none, nor a number that goes along."""
    counts = [one for one in says.get("attributes", ()) if "expected" in one or _counts(one["name"])]
    return {**says, "changed": None, "attributes": counts}


def _counts(attribute: str) -> bool:
    return attribute.startswith(_COUNTS_ALONE)


def _changed(element: Element) -> Row:
    return row(**{key: name(element, key) for key in ("time", "user", "client", "origin")})


def _options(element: Element) -> Row:
    usual = {"fencing": True, "symmetric": True, "no_quorum_policy": "stop"}
    fencing = {"fencing-enabled", "stonith-enabled"} & element.values.keys()
    return row(
        usual,
        maintenance=yes(element, "maintenance-mode"),
        stop_all=yes(element, "stop-all-resources"),
        fencing=yes(element, *fencing) if fencing else True,
        symmetric=yes(element, "symmetric-cluster") if "symmetric-cluster" in element.values else True,
        no_quorum_policy=name(element, "no-quorum-policy") or "stop",
    )


def _node(element: Element) -> Row:
    flags = ("online", "standby", "standby_onfail", "maintenance", "pending", "unclean", "shutdown", "expected_up")
    return row(
        {"kind": "member", "health": "green"},
        name=name(element, "name"),
        kind=name(element, "type") or "member",
        health=name(element, "health") or "green",
        resource=name(element, "id_as_resource"),
        container=name(element, "container_id"),
        **{flag: yes(element, flag) for flag in flags},
    )


# --- resources -----------------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """What else there is to conclude from: the configuration, and which nodes are in maintenance."""

    meta: Meta
    resting: frozenset[str]


def _resources(inside: Element, above: Above, told: Told) -> Iterator[Row]:
    """One row an instance. Those of a clone stand in an order that does not depend on the version."""
    for element in inside.children:
        if element.tag == "resource":
            yield _resource(element, above, told)
        elif element.tag in {"group", "replica"}:
            yield from _resources(element, _below(element, above, told), told)
        elif element.tag in {"clone", "bundle"}:
            rows = list(_resources(element, _below(element, above, told), told))
            place = {one: number for number, one in reversed(list(enumerate(_key(row) for row in rows)))}
            yield from sorted(rows, key=lambda one: (place[_key(one)], one.get("nodes", []), one.get("role", "")))


def _key(one: Row) -> tuple[str, str]:
    return one["id"], one.get("replica", "")


def _below(element: Element, above: Above, told: Told) -> Above:
    own, flags = _within(element), told.meta.get(element.get("id"), {})
    role = element.get("target_role") or flags.get("target-role", "")
    return Above(
        managed=above.managed and not _is_false(element, "managed"),
        maintenance=above.maintenance or yes(element, "maintenance") or flags.get("maintenance") == "true",
        disabled=above.disabled or yes(element, "disabled") or role == "Stopped",
        target_role=_role(role) or above.target_role,
        within={**above.within, **own},
    )


def _within(element: Element) -> Row:
    if element.tag == "clone":
        return {"clone": name(element, "id"), "promotable": yes(element, "multi_state"), "unique": yes(element, "unique")}
    return {element.tag: name(element, "id")}


def _resource(element: Element, above: Above, told: Told) -> Row:
    nodes = sorted(names(node.get("name") for node in element.all("node")))[:MOST_VALUES]
    flags = told.meta.get(element.get("id").partition(":")[0], {})
    target = _role(element.get("target_role") or flags.get("target-role", "")) or above.target_role
    managed = above.managed and not _is_false(element, "managed")
    pending = name(element, "pending")
    concluded = not managed and (above.maintenance or flags.get("maintenance") == "true" or not told.resting.isdisjoint(nodes))
    return row(
        {"role": "Started", "managed": True},
        id=name(element, "id"),
        agent=name(element, "resource_agent").replace("::", ":", 1),
        role=_role(name(element, "role")) or "Started",
        nodes=nodes,
        target_role=target,
        managed=managed,
        maintenance=yes(element, "maintenance") if "maintenance" in element.values else concluded,
        disabled=above.disabled or target == "Stopped",
        active=yes(element, "active"),
        blocked=yes(element, "blocked"),
        failed=yes(element, "failed"),
        ignored=yes(element, "failure_ignored"),
        removed=yes(element, "removed", "orphaned"),
        pending="" if pending == _NO_NEWS else pending,
        locked_to=name(element, "locked_to"),
        **above.within,
    )


def _role(role: str) -> str:
    return _ROLES.get(role, role)


def _is_false(element: Element, key: str) -> bool:
    return element.get(key) == "false"


# --- what happened, and what is set --------------------------------------------------------------------------------------


def _history(root: Element) -> Row:
    counts = [row for node in root.first("node_history").all("node") for row in _counts_of(node)]
    attributes = [
        row(node=name(node, "name"), name=name(one, "name"), value=words(one, "value"), expected=name(one, "expected"))
        for node in root.first("node_attributes").all("node")
        for one in node.all("attribute")
    ]
    return row(
        failures=_sorted(_failure(one) for one in root.first("failures").all("failure")),
        counts=_sorted(counts),
        fencings=[_fencing(one) for one in root.first("fence_history").all("fence_event")][:MOST_FENCINGS],
        bans=_sorted(_ban(one) for one in root.first("bans").all("ban")),
        tickets=_sorted(_ticket(one) for one in root.first("tickets").all("ticket")),
        attributes=_sorted(attributes),
    )


def _sorted(rows: Any) -> list[Row]:
    return sorted(rows, key=lambda one: [str(one.get(key, "")) for key in ("resource", "node", "id", "name", "task")])


def _failure(element: Element) -> Row:
    key = _KEY.fullmatch(name(element, "op_key", "id"))
    status = name(element, "status").lower()
    return row(
        resource=key[1] if key else name(element, "op_key", "id"),
        node=name(element, "node"),
        task=name(element, "task") or (key[2] if key else ""),
        interval_ms=number(element, "interval") or int(key[3][:12] if key else 0),
        rc=number(element, "exitcode"),
        status=_STATUS.get(status, status),
        reason=words(element, "exitreason"),
        last=name(element, "last-rc-change"),
        exec_ms=number(element, "exec"),
    )


def _counts_of(node: Element) -> list[Row]:
    return [
        row(
            resource=name(one, "id"),
            node=name(node, "name"),
            fails=INFINITY if one.get("fail-count") == "INFINITY" else number(one, "fail-count"),
            threshold=INFINITY if one.get("migration-threshold") == "INFINITY" else number(one, "migration-threshold"),
            last=name(one, "last-failure"),
        )
        for one in node.all("resource_history")
        if one.get("fail-count", "0") != "0"
    ]


def _fencing(element: Element) -> Row:
    told = {key: name(element, key) for key in ("action", "target", "client", "origin", "status", "delegate", "completed")}
    return row(**told, reason=words(element, "exit-reason"))


def _ban(element: Element) -> Row:
    return row(
        id=name(element, "id"),
        resource=name(element, "resource"),
        node=name(element, "node"),
        promoted_only=yes(element, "promoted-only", "promoted_only", "master_only"),
    )


def _ticket(element: Element) -> Row:
    return row(id=name(element, "id"), granted=name(element, "status") == "granted", standby=yes(element, "standby"))
