"""What was wrong with a service is over because somebody took it out of the game: switched it off, or deleted it."""

from datetime import datetime
from typing import Final

from bridge.core.pacemaker.running import ANSWERED
from bridge.core.pacemaker.tables import BYSTANDER, FLAPPING
from bridge.core.world.event import Severity
from bridge.core.world.tables import HOLDER
from bridge.core.world.world import World

SWITCHED_OFF: Final = "switched-off"
DELETED: Final = "deleted"
WORDS: Final = {
    SWITCHED_OFF: "switched off by an administrator",
    DELETED: "deleted from the configuration",
}


def end_by_order(world: World, resource: str, at: datetime, how: str) -> None:
    """`how` is one of WORDS, and stands in the incident."""
    subject = world.service(resource)
    key = world.get(HOLDER, subject)
    for table in (*ANSWERED, BYSTANDER):
        world.put((table, resource), None)
    for timer in ("down", "settled", "cleaned", "calm"):
        world.cancel_timer(timer, resource)
    reason = f"{resource} was {WORDS[how]}"
    if key is not None and world.wound(subject) is not None:
        if world.incident(key).root == subject:
            world.change(key, at, facts={"ended_by": how})
        world.heal(subject, at, reason)
    _end_series(world, resource, at, reason)
    world.note(subject, Severity.INFO, at, WORDS[how])


def _end_series(world: World, resource: str, at: datetime, reason: str) -> None:
    series = world.get(FLAPPING, resource)
    if series is None:
        return
    world.put((FLAPPING, resource), None)
    world.cancel_timer("flapping", resource)
    world.release(series, f"flapping {resource}", at, reason, waited=True)
