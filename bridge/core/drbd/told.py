"""Which incident tells of a replica, and which replicas keep an incident open."""

from typing import Any, Final

from bridge.core.drbd.state import replace
from bridge.core.drbd.tables import STORY, Story
from bridge.core.world.event import subject_name
from bridge.core.world.incident import Incident, State
from bridge.core.world.table import Table
from bridge.core.world.tables import INCIDENT
from bridge.core.world.world import World

REDUNDANCY: Final = "drbd/"
"""How the holds begin by which replicas keep an incident open."""


def story_of(world: World, table: Table[Story], name: str) -> Story | None:
    """The story of a replica where it is told now; None if there is none, or somebody has ended it."""
    story = world.get(table, name)
    if story is None:
        return None
    incident = told_in(world, story.key)
    return None if incident is None or incident.state is State.CLOSED else replace(story, key=incident.key)


def told_in(world: World, key: str) -> Incident | None:
    """The incident that this one has become a part of, or itself."""
    incident = world.get(INCIDENT, key)
    while incident is not None and incident.absorbed_into is not None:
        incident = world.get(INCIDENT, incident.absorbed_into)
    return incident


def hold_of(table: Table[Any], name: str) -> str:
    """The name by which a replica keeps an incident open."""
    return f"{REDUNDANCY}{name}" if table is STORY else f"{table}/{name}"


def is_about(incident: Incident, name: str) -> bool:
    """Whether the replica, or a side of it, is at the root."""
    return incident.root.startswith("drbd/") and subject_name(incident.root).partition("@")[0] == name


def tellers(world: World, key: str) -> list[str]:
    """The replicas that keep an incident open, by name."""
    return sorted(hold.removeprefix(REDUNDANCY) for hold in world.wounds(key) if hold.startswith(REDUNDANCY))
