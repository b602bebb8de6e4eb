"""Which incident tells of a replica, and which replicas keep an incident open."""

from typing import Final

import msgspec

from bridge.core.drbd.state import replace
from bridge.core.world.event import Severity, subject_name
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.world import World

REDUNDANCY: Final = "drbd/"
"""How the holds begin by which replicas keep an incident open."""


class Story(msgspec.Struct, frozen=True):
    """The incident that tells of a replica, whether the replica still keeps it open, and the worst that is so now."""

    key: str
    held: bool
    severity: Severity = Severity.OK
    worst: Kind = Kind.REPLICA_DISCONNECTED


def story_of(world: World, table: str, name: str) -> Story | None:
    """The story of a replica where it is told now; None if there is none, or somebody has ended it."""
    story: Story | None = world.get(table, name)
    if story is None:
        return None
    incident = told_in(world, story.key)
    return None if incident is None or incident.state is State.CLOSED else replace(story, key=incident.key)


def told_in(world: World, key: str) -> Incident | None:
    """The incident that this one has become a part of, or itself."""
    incident: Incident | None = world.get("incident", key)
    while incident is not None and incident.absorbed_into is not None:
        incident = world.get("incident", incident.absorbed_into)
    return incident


def hold_of(table: str, name: str) -> str:
    """The name by which a replica keeps an incident open."""
    return f"{REDUNDANCY}{name}" if table == "story" else f"{table}/{name}"


def is_about(incident: Incident, name: str) -> bool:
    """Whether the replica, or a side of it, is at the root."""
    return incident.root.startswith("drbd/") and subject_name(incident.root).partition("@")[0] == name


def tellers(world: World, key: str) -> list[str]:
    """The replicas that keep an incident open, by name."""
    return sorted(hold.removeprefix(REDUNDANCY) for hold in world.get("wounds", key) or () if hold.startswith(REDUNDANCY))
