"""What the configuration says and crm_mon does not: which DRBD resource, which guest, what depends on what, whom alerts call.

Only harmless parameters are taken, by the agents that have them: there are passwords in a configuration. (Pacemaker, xml/*.rng)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from bridge.node.picture import Meta
from bridge.node.rows import MOST_VALUES, MOST_WORDS, Row, held, name, names, row, words
from bridge.node.xml_tree import Element

PARAMETERS: Final = {
    "ocf:linbit:drbd": ("drbd_resource",),
    "ocf:heartbeat:drbd": ("drbd_resource",),
    "ocf:heartbeat:VirtualDomain": ("config", "hypervisor"),
    "ocf:heartbeat:Xen": ("name", "xmfile"),
    "ocf:heartbeat:lxc": ("container", "config"),
    "ocf:heartbeat:Filesystem": ("device", "directory", "fstype"),
    "ocf:heartbeat:LVM-activate": ("vgname", "lvname"),
    "ocf:heartbeat:LVM": ("volgrpname",),
    "ocf:heartbeat:IPaddr2": ("ip",),
    "ocf:pacemaker:ping": ("name", "host_list"),
    "ocf:heartbeat:ethmonitor": ("name", "interface"),
    "ocf:pacemaker:remote": ("server",),
}
FENCE_PARAMETERS: Final = ("pcmk_host_list", "pcmk_host_map", "pcmk_host_check", "plug", "port")
META: Final = (
    "remote-node",
    "remote-addr",
    "maintenance",
    "is-managed",
    "target-role",
    "migration-threshold",
    "failure-timeout",
    "allow-migrate",
)
CONTAINERS: Final = ("docker", "podman", "rkt")
KINDS: Final = {
    "select_nodes": "nodes",
    "select_fencing": "fencing",
    "select_resources": "resources",
    "select_attributes": "attributes",
}
MOST_CONSTRAINTS: Final = 2000
"""Of each kind: sets can multiply."""
MINUS_INFINITY: Final = "-INFINITY"
MOVED: Final = "cli-prefer-"


class Configured(NamedTuple):
    says: Row
    meta: Meta


def reduced(root: Element) -> Configured:
    """`root` is a configuration, or holds one."""
    top = root if root.tag == "configuration" else root.first("configuration")
    resources, constraints = top.first("resources"), top.first("constraints")
    sets = {one.get("id"): one for one in _within(resources, "instance_attributes", "meta_attributes") if one.children}
    templates = {one.get("id"): one for one in resources.all("template")}
    meta = {one.get("id"): _meta(one, sets) for one in _within(resources, "primitive", "group", "clone", "master", "bundle")}
    told = {
        "locations": (found for one in constraints.all("rsc_location") for found in _locations(one)),
        "moved": (found for one in constraints.all("rsc_location") for found in _moved(one)),
        "colocations": (found for one in constraints.all("rsc_colocation") for found in _colocations(one)),
        "orders": (found for one in constraints.all("rsc_order") for found in _orders(one)),
        "ticketed": (found for one in constraints.all("rsc_ticket") for found in _ticketed(one)),
    }
    says = row(
        configured=True,
        primitives=[_primitive(one, templates, sets) for one in _within(resources, "primitive")],
        bundles=[_bundle(one) for one in resources.all("bundle")],
        alerts=[_alert(one) for one in top.first("alerts").all("alert")],
        **{kind: list(islice(rows, MOST_CONSTRAINTS)) for kind, rows in told.items()},
    )
    return Configured(says, meta)


def _within(element: Element, *tags: str) -> Iterator[Element]:
    """At any depth, in the order of the text."""
    for child in element.children:
        if child.tag in tags:
            yield child
        yield from _within(child, *tags)


# --- resources -----------------------------------------------------------------------------------------------------------

Sets = dict[str, Element]


def _primitive(element: Element, templates: Sets, sets: Sets) -> Row:
    template = templates.get(element.get("template"), Element("template", {}))
    of = element if "type" in element.values else template
    agent = ":".join(filter(None, (name(of, "class"), name(of, "provider"), name(of, "type"))))
    wanted = FENCE_PARAMETERS if agent.startswith("stonith:") else PARAMETERS.get(agent, ())
    given = {**_values(template, "instance_attributes", sets), **_values(element, "instance_attributes", sets)}
    meta = {**_values(template, "meta_attributes", sets), **_values(element, "meta_attributes", sets)}
    return row(id=name(element, "id"), agent=agent, parameters=_pairs(given, wanted), meta=_pairs(meta, META))


def _pairs(given: dict[str, str], wanted: tuple[str, ...]) -> list[list[str]]:
    return [[key, held(given[key], MOST_WORDS)] for key in wanted if key in given]


def _values(element: Element, kind: str, sets: Sets) -> dict[str, str]:
    """Of sets without a rule; a set may stand elsewhere, and be referred to."""
    found: dict[str, str] = {}
    for one in element.all(kind):
        its = sets.get(one.get("id-ref"), one)
        if not its.all("rule"):
            found |= {pair.get("name"): pair.get("value") for pair in its.all("nvpair")}
    return found


def _meta(element: Element, sets: Sets) -> dict[str, str]:
    return {key: value for key, value in _values(element, "meta_attributes", sets).items() if key in META}


def _bundle(element: Element) -> Row:
    inside = next(iter(element.all(*CONTAINERS)), Element("", {}))
    return row(
        id=name(element, "id"),
        kind=inside.tag,
        image=words(inside, "image"),
        replicas=name(inside, "replicas", "masters", "promoted-max"),
        network=name(element.first("network"), "ip-range-start"),
    )


# --- constraints ---------------------------------------------------------------------------------------------------------


def _locations(element: Element) -> Iterator[Row]:
    """Those that forbid."""
    rules = [one for one in element.all("rule") if one.get("score") == MINUS_INFINITY]
    if element.get("score") != MINUS_INFINITY and not rules:
        return
    for resource in _named(element, "rsc") or [""]:
        yield row(
            id=name(element, "id"),
            resource=resource,
            pattern=name(element, "rsc-pattern"),
            node=name(element, "node"),
            role=name(element, "role"),
            ruled=bool(rules),
        )


def _moved(element: Element) -> Iterator[Row]:
    """What is left of `crm_resource --move NODE`: a rule has the node where the move has an end, and with 1.1."""
    if element.get("id").startswith(MOVED):
        ruled = [name(one, "value") for one in _within(element, "expression") if one.get("attribute") == "#uname"]
        yield row(id=name(element, "id"), resource=name(element, "rsc"), node=name(element, "node") or next(iter(ruled), ""))


def _colocations(element: Element) -> Iterator[Row]:
    told = {"id": name(element, "id"), "score": name(element, "score")}
    if element.all("resource_set"):
        pairs = [pair for one in element.all("resource_set") for pair in _in_turn([one])]  # between sets it is not so simple
        yield from (row(**told, resource=one, partner=other) for other, one in pairs)
        return
    yield row(
        **told,
        resource=name(element, "rsc"),
        partner=name(element, "with-rsc"),
        role=name(element, "rsc-role"),
        partner_role=name(element, "with-rsc-role"),
    )


def _orders(element: Element) -> Iterator[Row]:
    told = {"id": name(element, "id"), "kind": name(element, "kind"), "score": name(element, "score")}
    if element.all("resource_set"):
        yield from (row(**told, first=first, then=then) for first, then in _in_turn(element.all("resource_set")))
        return
    yield row(
        **told,
        first=name(element, "first"),
        then=name(element, "then"),
        first_action=name(element, "first-action"),
        then_action=name(element, "then-action"),
    )


def _in_turn(sets: list[Element]) -> Iterator[tuple[str, str]]:
    """Of sets: each member after the one before it, or after every member of the set before, where its own order is open."""
    before: list[str] = []
    for one in sets:
        members = names(member.get("id") for member in one.all("resource_ref"))
        yield from ((first, then) for first in before for then in members[:1])
        if one.get("sequential", "true") == "true":
            yield from zip(members, members[1:])
            before = members[-1:]
        else:
            yield from ((first, then) for first in before for then in members[1:])
            before = members


def _ticketed(element: Element) -> Iterator[Row]:
    for resource in _named(element, "rsc"):
        yield row(
            id=name(element, "id"), resource=resource, ticket=name(element, "ticket"), loss_policy=name(element, "loss-policy")
        )


def _named(element: Element, key: str) -> list[str]:
    """One resource, or those of its sets."""
    if key in element.values:
        return [name(element, key)]
    return names(one.get("id") for one in _within(element, "resource_ref"))


# --- alerts --------------------------------------------------------------------------------------------------------------


def _alert(element: Element) -> Row:
    select = element.first("select")
    return row(
        id=name(element, "id"),
        path=words(element, "path"),
        recipients=[words(one, "value") for one in element.all("recipient")][:MOST_VALUES],
        kinds=[kind for tag, kind in KINDS.items() if select.all(tag)],
        attributes=names(one.get("name") for one in select.first("select_attributes").all("attribute"))[:MOST_VALUES],
    )
