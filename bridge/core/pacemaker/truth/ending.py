"""What was wrong with a service is over because somebody took it out of the game: switched it off, or deleted it."""

from datetime import datetime

from bridge.core.pacemaker.running import ANSWERED
from bridge.core.pacemaker.tables import BYSTANDER, FLAPPING
from bridge.core.world.event import Severity
from bridge.core.world.tables import HOLDER
from bridge.core.world.world import World


def end_by_order(world: World, resource: str, at: datetime, why: str) -> None:
    """`why` goes on after the name, and stands in the incident as how it ended."""
    subject = world.service(resource)
    key = world.get(HOLDER, subject)
    for table in (*ANSWERED, BYSTANDER):
        world.put((table, resource), None)
    for timer in ("down", "settled", "cleaned", "calm"):
        world.cancel_timer(timer, resource)
    reason = f"{resource} {why}"
    if key is not None and world.wound(subject) is not None:
        if world.incident(key).root == subject:
            world.change(key, at, facts={"ended_by": why})
        world.heal(subject, at, reason)
    _end_series(world, resource, at, reason)
    world.note(subject, Severity.INFO, at, why.removeprefix("was "))


def _end_series(world: World, resource: str, at: datetime, reason: str) -> None:
    series = world.get(FLAPPING, resource)
    if series is None:
        return
    world.put((FLAPPING, resource), None)
    world.cancel_timer("flapping", resource)
    world.release(series, f"flapping {resource}", at, reason, waited=True)
