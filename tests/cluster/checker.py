"""Holds what crm_mon says against what is shown and told, point by point. Imports nothing of ours, and knows only what people read.

What it asks for: green is only what the cluster says is well. What is not well is not green, and what ought to run and does not is
told. What somebody arranged (standby, maintenance, unmanaged, disabled, an orderly shutdown) is not red, and is said in words or is
in downtime. What is well is neither red nor the root of something critical. What is not there any more is not red.

Of the pictures, those of machines with quorum speak for the cluster; without a quorum nobody does, and the lost nodes, and what the
survivors still list as running there, are nobody's to call well.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, str]
"""Host and service of the board."""

SAYS = {
    "standby": r"standby",
    "maintenance": r"maintenance|unmanaged|not managed",
    "disabled": r"switched off|disabled|as asked",
    "away": r"good order|shut down|switched off",
}
"""Words, one of which must be read where somebody arranged it so."""
GUESTS = ("ocf:heartbeat:VirtualDomain", "ocf:heartbeat:Xen", "ocf:heartbeat:lxc")


@dataclass(frozen=True)
class Shown:
    state: str
    """ok, warning, critical or unknown."""
    text: str
    downtime: bool


@dataclass(frozen=True)
class Node:
    name: str
    online: bool
    unclean: bool
    plans: frozenset[str]


@dataclass
class Service:
    """A resource, with all of its instances."""

    name: str
    guest: bool
    runs: bool = False
    missing: bool = False
    """Not all of its instances run."""
    blocked: bool = False
    plans: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Truth:
    quorate: bool
    nodes: dict[str, Node]
    services: dict[str, Service]


def contradictions(
    pictures: Mapping[str, str], status: Mapping[str, Any], board: Mapping[Place, Shown], cluster: str, relays: set[str]
) -> list[str]:
    """`pictures` by machine; `status` as `quorumbell status --json` has it; `board` what it was told so far; `relays` those that
    run and reach the bridge. Empty is well.
    """
    truth = truth_of(pictures)
    told = [one for one in status["incidents"] if one["cluster"] == cluster and one["state"] != "clearing"]
    found = [*_quorum(truth, board, cluster), *_gone(truth, board, cluster), *_silent(status, relays)]
    for node in truth.nodes.values():
        found += _node(node, board.get((node.name, "Cluster Node")), told)
    for service in truth.services.values():
        kind = "Guest" if service.guest else "Resource"
        found += _service(service, truth, board.get((cluster, f"{kind}: {service.name}")), told)
    return found


# --- what crm_mon says


def truth_of(pictures: Mapping[str, str]) -> Truth:
    """Of pictures that can all speak, the one of the coordinator itself is the newest."""
    assert pictures, "nobody can be asked what is true"
    roots = {name: ET.fromstring(text) for name, text in pictures.items()}
    ranked = sorted(roots.items(), key=lambda one: (_quorate(one[1]), _coordinator(one[1]) == one[0]), reverse=True)
    _, root = ranked[0]
    nodes = {node.name: node for node in map(_node_of, root.findall("nodes/node"))}
    return Truth(_quorate(root), nodes, _services_of(root, nodes))


def _quorate(root: ET.Element) -> bool:
    return root.find("summary/current_dc[@with_quorum='true']") is not None


def _coordinator(root: ET.Element) -> str | None:
    dc = root.find("summary/current_dc")
    return None if dc is None else dc.get("name")


def _node_of(row: ET.Element) -> Node:
    up = row.get("online") == "true" and row.get("pending") == "false"
    plans = {plan for plan in ("standby", "maintenance") if row.get(plan) == "true"}
    if not up and row.get("unclean") == "false":
        plans.add("away")
    return Node(row.get("name", ""), up, row.get("unclean") == "true", frozenset(plans))


def _services_of(root: ET.Element, nodes: Mapping[str, Node]) -> dict[str, Service]:
    found: dict[str, Service] = {}
    for row in root.iter("resource"):
        if row.get("orphaned") == "true":
            continue
        name = row.get("id", "").partition(":")[0]
        agent = row.get("resource_agent", "").replace("::", ":")
        _instance(found.setdefault(name, Service(name, agent in GUESTS)), row, nodes)
    return found


def _instance(service: Service, row: ET.Element, nodes: Mapping[str, Node]) -> None:
    """One good instance is a service; one that is blocked is somebody's work."""
    places = [nodes.get(node.get("name", "")) for node in row.findall("node")]
    there = row.get("active") == "true" and any(place and place.online and not place.unclean for place in places)
    failed, managed = row.get("failed") == "true", row.get("managed") == "true"
    service.runs |= there and not failed
    service.missing |= not there or failed
    service.blocked |= row.get("blocked") == "true"
    if row.get("target_role") == "Stopped":
        service.plans.add("disabled")
    if not managed and row.get("blocked") == "false":
        service.plans.add("maintenance")


# --- what must hold


def _node(node: Node, shown: Shown | None, told: list[dict[str, Any]]) -> Iterator[str]:
    subject = f"node/{node.name}"
    if shown is None:
        yield f"{subject}: nothing is shown"
        return
    if node.unclean:
        yield from _must_be(subject, "unclean", shown, "warning", "critical", "unknown")
        yield from _must_be_told(subject, "unclean", told)
    elif node.plans and (node.online or shown.state == "ok"):
        # One that is away was shut down or fenced, which crm_mon does not tell apart: not green, or it is said in words.
        yield from _arranged(subject, node.plans, shown)
    elif not node.online:
        yield from _must_be(subject, "not online", shown, "warning", "critical", "unknown")
    else:
        yield from _must_be(subject, "online", shown, "ok")
    if node.online and not node.unclean:
        yield from _not_critical(subject, "online", told)


def _service(service: Service, truth: Truth, shown: Shown | None, told: list[dict[str, Any]]) -> Iterator[str]:
    subject = f"{'guest' if service.guest else 'resource'}/{service.name}"
    if shown is None:
        yield f"{subject}: nothing is shown"
    elif service.blocked:
        yield from _must_be(subject, "blocked", shown, "critical")
        yield from _must_be_told(subject, "blocked", told)
    elif service.plans and (service.runs or "disabled" in service.plans):
        yield from _arranged(subject, service.plans, shown)
        yield from _not_critical(subject, "arranged so", told)
    elif service.plans:
        yield from _must_be(subject, "does not run, and nobody looks after it", shown, "warning", "unknown")
        yield from _not_critical(subject, "arranged so", told)
    elif service.runs:
        yield from _must_be(subject, "started", shown, "ok", *(["warning"] if service.missing else []))
        yield from _not_critical(subject, "started", told)
    else:
        why = "stopped" if truth.quorate else "without a quorum"
        yield from _must_be(subject, why, shown, "critical", "unknown")
        yield from _must_be_told(subject, why, told)


def _quorum(truth: Truth, board: Mapping[Place, Shown], cluster: str) -> Iterator[str]:
    shown = board.get((cluster, "Cluster"))
    if shown is None:
        yield "cluster: nothing is shown"
    elif truth.quorate:
        yield from _must_be("cluster", "quorate", shown, "ok")
    else:
        yield from _must_be("cluster", "without a quorum", shown, "critical", "unknown")


def _gone(truth: Truth, board: Mapping[Place, Shown], cluster: str) -> Iterator[str]:
    """What is shown and crm_mon does not know: deleted, or never heard of."""
    for (host, service), shown in board.items():
        kind, _, name = service.partition(": ")
        if (
            host == cluster
            and kind in {"Resource", "Guest"}
            and name not in truth.services
            and shown.state in {"warning", "critical"}
        ):
            yield f"{kind.lower()}/{name}: is not in the cluster, and shown as {shown.state}: {shown.text}"


def _silent(status: Mapping[str, Any], relays: set[str]) -> Iterator[str]:
    for edge in status["edges"]:
        if edge["node"] in relays and edge["silent"]:
            yield f"relay/{edge['node']}: it runs, and is called silent"


def _must_be(subject: str, why: str, shown: Shown, *states: str) -> Iterator[str]:
    if shown.state not in states:
        yield f"{subject}: {why}, and shown as {shown.state}: {shown.text}"


def _arranged(subject: str, plans: frozenset[str] | set[str], shown: Shown) -> Iterator[str]:
    if shown.downtime:
        return
    yield from _must_be(subject, f"arranged ({', '.join(sorted(plans))})", shown, "ok")
    if not any(re.search(SAYS[plan], shown.text) for plan in plans):
        yield f"{subject}: {', '.join(sorted(plans))}, and nothing says so: {shown.state}: {shown.text}"


def _must_be_told(subject: str, why: str, told: list[dict[str, Any]]) -> Iterator[str]:
    if not any(subject == one["root"] or subject in one["subjects"] for one in told):
        yield f"{subject}: {why}, and no open incident names it"


def _not_critical(subject: str, why: str, told: list[dict[str, Any]]) -> Iterator[str]:
    for one in told:
        if one["root"] == subject and one["severity"] == "critical" and not one["planned"]:
            yield f"{subject}: {why}, and #{one['id']} ({one['kind']}) is open and critical: {one['summary']}"
