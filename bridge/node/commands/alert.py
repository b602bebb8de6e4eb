"""Our alert in a cluster's configuration: what it should be, and how it is written. (Pacemaker Explained, alerts)"""

from __future__ import annotations

import difflib
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Final, NamedTuple

ID: Final = "quorumbell"
PROGRAM: Final = "quorumbell-alert"
TIMEOUT: Final = "10s"
"""The hook itself never takes longer than three; this bounds what the system does to it."""
KINDS: Final = ("select_nodes", "select_fencing", "select_resources")
_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}
_TIME: Final = re.compile(rf"(\d+)\s*({'|'.join(_UNITS)})")
ATTRIBUTES: Final = ("shutdown", "terminate")
"""That a node leaves in order, and that a person has it fenced."""


class Change(NamedTuple):
    """`words` are those for cibadmin, behind its name; `difference` is for a person."""

    words: tuple[str, ...]
    difference: str


def connectivity(configuration: ET.Element) -> list[str]:
    """The attributes that the cluster's ping resources set."""
    found = set()
    for primitive in configuration.iter("primitive"):
        if primitive.get("provider") == "pacemaker" and primitive.get("type") == "ping":
            given = {pair.get("name"): pair.get("value") for pair in primitive.iter("nvpair")}
            found.add(given.get("name") or "pingd")
    return sorted(found)


def ours(configuration: ET.Element) -> ET.Element | None:
    """By its path, whatever its id is."""
    alerts = list(configuration.iter("alert"))
    return next((one for one in alerts if (one.get("path") or "").rpartition("/")[2] == PROGRAM), None)


def wanted(hook: str, attributes: Iterable[str], of: str = ID) -> ET.Element:
    alert = ET.Element("alert", {"id": of, "path": hook})
    select = ET.SubElement(alert, "select")
    for kind in KINDS:
        ET.SubElement(select, kind)
    named = ET.SubElement(select, "select_attributes")
    for name in attributes:
        ET.SubElement(named, "attribute", {"id": f"{of}-{name}", "name": name})
    meta = ET.SubElement(alert, "meta_attributes", {"id": f"{of}-meta"})
    ET.SubElement(meta, "nvpair", {"id": f"{of}-timeout", "name": "timeout", "value": TIMEOUT})
    return alert


def change(configuration: ET.Element, hook: str) -> Change | None:
    """What has to be written so that Pacemaker calls the hook for what the bridge understands; None: nothing."""
    known = ours(configuration)
    id_ = ID if known is None else known.get("id", ID)
    right = wanted(hook, [*ATTRIBUTES, *connectivity(configuration)], id_)
    if known is not None:
        _keep(known, right)
        if _meaning(known) == _meaning(right):
            return None
    text = ET.tostring(right, encoding="unicode")
    if known is not None:
        words: tuple[str, ...] = ("--replace", "--xpath", f"//alert[@id='{id_}']", "--xml-text", text)
    elif configuration.find("alerts") is not None:
        words = ("--create", "--scope", "alerts", "--xml-text", text)
    else:
        words = ("--create", "--scope", "configuration", "--xml-text", f"<alerts>{text}</alerts>")
    return Change(words, _difference(known, right))


def removal(configuration: ET.Element) -> Change | None:
    known = ours(configuration)
    if known is None:
        return None
    return Change(("--delete", "--xpath", f"//alert[@id='{known.get('id')}']"), _difference(known, None))


def _keep(known: ET.Element, right: ET.Element) -> None:
    """What an administrator has added stays: instance attributes, recipients, more attributes, a longer time-out."""
    right.extend(list(known.findall("instance_attributes")))
    right.extend(list(known.findall("recipient")))
    if (words := known.get("description")) is not None:
        right.set("description", words)
    named = right.find("select/select_attributes")
    for one in known.findall("select/select_attributes/attribute"):
        if named is not None and one.get("name") not in {other.get("name") for other in named}:
            named.append(one)
    every = known.find("select/select_attributes")
    if every is not None and not len(every) and named is not None:
        named.clear()  # all of them
    for pair in known.findall("meta_attributes/nvpair"):
        mine = right.find("meta_attributes/nvpair")
        if pair.get("name") == "timeout" and mine is not None and _seconds(pair.get("value") or "") >= _seconds(TIMEOUT):
            mine.set("value", pair.get("value") or TIMEOUT)


def _seconds(text: str) -> float:
    """0 for what is no time in Pacemaker's form."""
    found = _TIME.fullmatch(text)
    return float(found[1]) * _UNITS[found[2]] if found else 0.0


def _meaning(alert: ET.Element) -> tuple[object, ...]:
    """Without ids of its parts and the order that they stand in."""
    return (
        alert.get("path"),
        frozenset(one.tag for one in alert.findall("select/*")),
        frozenset(one.get("name") for one in alert.findall("select/select_attributes/attribute")),
        frozenset(
            (one.get("name"), one.get("value")) for one in alert.findall("meta_attributes/nvpair") if one.get("name") == "timeout"
        ),
    )


def _difference(before: ET.Element | None, after: ET.Element | None) -> str:
    old, new = ([] if one is None else _lines(one) for one in (before, after))
    return "\n".join(line for line in difflib.ndiff(old, new) if line[0] != "?")


def _lines(element: ET.Element, depth: int = 0) -> list[str]:
    given = "".join(f' {key}="{value}"' for key, value in element.items())
    margin = "  " * depth
    if not len(element):
        return [f"{margin}<{element.tag}{given}/>"]
    inside = [line for child in element for line in _lines(child, depth + 1)]
    return [f"{margin}<{element.tag}{given}>", *inside, f"{margin}</{element.tag}>"]
