"""Which host and service of Opsview shows a subject: by templates; what Opsview's names may not hold becomes `_`."""

import re
import string
from collections.abc import Mapping
from hashlib import blake2s
from typing import Final, NamedTuple

import msgspec

from bridge.core.showing.picture import Target
from bridge.core.world.event import Subject


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """Templates. What stands behind the `: ` of a service is the value of a host variable: one check, many services."""

    host: str
    service: str


DEFAULTS: Final[dict[str, Name]] = {
    "cluster": Name(host="{cluster}", service="Cluster"),
    "node": Name(host="{name}", service="Cluster Node"),
    "fencing": Name(host="{name}", service="Fencing"),
    "resource": Name(host="{cluster}", service="Resource: {name}"),
    "guest": Name(host="{cluster}", service="Guest: {name}"),
    "drbd": Name(host="{cluster}", service="DRBD: {name}"),
    "drbd_side": Name(host="{node}", service="DRBD: {name}"),
    "attribute": Name(host="{node}", service="Attribute: {name}"),
    "storage": Name(host="{node}", service="Storage: {name}"),
    "relay": Name(host="{name}", service="Quorumbell Relay"),
}
OTHERS: Final = Name(host="{cluster}", service="{kind}: {name}")
"""A kind of subject that is younger than this table."""
SIDED: Final = frozenset({"drbd_side", "attribute", "storage"})

LONGEST_PART: Final = 63
# What Opsview takes (opsview-rest.md 2.8, 4.3); letters of any script, as 6.8 does.
_NOT_IN: Final = {
    "host": re.compile(r"[^\w.-]"),
    "check": re.compile(r"[^\w./ -]"),
    "value": re.compile(r"[^\w ./\\()-]"),
}


class _Parts(NamedTuple):
    kind: str
    name: str
    node: str


class Names:
    """`place` is what a board needs: (cluster, subject) to its object, or None for a kind that is hidden."""

    def __init__(self, names: Mapping[str, Name], hidden: frozenset[str]) -> None:
        self._names = DEFAULTS | dict(names)
        self._hidden = hidden

    def place(self, cluster: str, subject: Subject) -> Target | None:
        kind, name, node = _parts(subject)
        if kind in self._hidden:
            return None
        template = self._names.get(kind, OTHERS)
        fields = {"cluster": cluster, "kind": kind, "name": name, "node": node}
        return Target(_fit("host", template.host.format_map(fields)), service_name(template.service.format_map(fields)))


def service_name(text: str) -> str:
    """`Check: value` or `Check`, each part as Opsview takes it."""
    check, colon, value = text.partition(": ")
    return f"{_fit('check', check)}: {_fit('value', value)}" if colon and value else _fit("check", check)


def _fit(part: str, text: str) -> str:
    fitting = _NOT_IN[part].sub("_", text.strip()) or "_"
    if len(fitting) <= LONGEST_PART:
        return fitting
    # Two long names that begin alike stay two.
    return f"{fitting[: LONGEST_PART - 9]}-{blake2s(text.encode(errors='replace'), digest_size=4).hexdigest()}"


def _parts(subject: Subject) -> _Parts:
    kind, _, name = subject.partition("/")
    if kind == "cluster":
        return _Parts(kind, "cluster", "")
    thing, at, node = name.rpartition("@")
    if kind == "drbd" and at:
        return _Parts("drbd_side", thing, node)
    if kind in SIDED and at:
        return _Parts(kind, thing, node)
    return _Parts(kind, name, name if kind in {"node", "relay", "fencing"} else "")


def check_names(names: Mapping[str, Name]) -> None:
    """Raises ValueError with the cure."""
    for kind, name in names.items():
        if kind not in DEFAULTS:
            raise ValueError(f"names.{kind}: there is no such kind of subject; known are {', '.join(DEFAULTS)}")
        allowed = {"cluster", "kind", "name"} | ({"node"} if kind in SIDED | {"node", "relay", "fencing"} else set())
        for field, text in (("host", name.host), ("service", name.service)):
            if not text.strip():
                raise ValueError(f"names.{kind}.{field} is empty; to show none of this kind write hide = [{kind!r}]")
            _check_template(f"names.{kind}.{field}", text, allowed)


def _check_template(where: str, text: str, allowed: set[str]) -> None:
    try:
        fields = [(field, form, conversion) for _, field, form, conversion in string.Formatter().parse(text) if field is not None]
    except ValueError as error:
        raise ValueError(f'{where}: {text!r} is no template: {error}; write it like "DRBD: {{name}}"') from None
    for field, form, conversion in fields:
        if field not in allowed or form or conversion:
            listed = ", ".join(f"{{{name}}}" for name in sorted(allowed))
            raise ValueError(f"{where}: {{{field}}} means nothing there; it may hold {listed}")
