"""What both ends know of a drill: its stories, and how what it makes is marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

STORIES: Final = {
    "failover": "a node is lost and fenced, its service starts elsewhere, the node comes back",
    "split-brain": "a DRBD replica has split, and is joined again",
    "fencing-failure": "a node is lost and cannot be fenced, then it can, its service starts elsewhere, the node comes back",
}
ALERT, HANDLER, OWN = "CRM_alert_drill", "DRBD_drill", "drill"
"""The field of the mark in a report that was written by the alert hook, by DRBD's handler, by the relay itself."""
SOURCE: Final = "drill"
"""The source of a relay's own reports about a drill, and of all of a drill's in the ledger."""


class Mark(NamedTuple):
    """Steps are counted from 1; 0 is about the whole."""

    drill: str
    story: str
    step: int
    of: int

    def __str__(self) -> str:
        return f"{self.drill} {self.story} {self.step}/{self.of}"


def mark_of(body: Mapping[str, Any]) -> Mark | None:
    """None when there is none that can be read."""
    said = next((body[name] for name in (ALERT, HANDLER, OWN) if name in body), None)
    try:
        drill, story, place = str(said).split(" ")
        step, _, of = place.partition("/")
        return Mark(drill, story, int(step), int(of))
    except ValueError:
        return None
