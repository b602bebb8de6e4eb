"""A connection that is lost again and again is one story."""

from datetime import datetime

from bridge.core.drbd.tables import LOSSES, UNSTEADY
from bridge.core.drbd.told import hold_of, is_about, told_in
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind, State
from bridge.core.world.series import Series
from bridge.core.world.tables import INCIDENT
from bridge.core.world.world import World


def count_loss(world: World, name: str, key: str, at: datetime) -> None:
    """Several losses within ten minutes are one story, with the earlier ones in it, until ten minutes were quiet.

    What turned out as something else (a split brain, a broken disk, asked for) is told as that, and is no loss of this series."""
    settings = world.settings
    if not _is_mere_loss(world, key):
        return
    before = world.get(LOSSES, name) or Series()
    before = Series(before.count, tuple(row for row in before.last if _is_mere_loss(world, row[1])))
    goes_on = world.get(UNSTEADY, name) is not None
    losses = before.and_then(at, key, within=settings.flapping_window, least=settings.flapping_count, goes_on=goes_on)
    world.put((LOSSES, name), losses)
    if len(losses.last) < settings.flapping_count:
        return
    for _, old in losses.last[:-1]:
        earlier = world.get(INCIDENT, old)
        if earlier is not None and old != key and is_about(earlier, name):
            world.absorb(old, key, at, f"the connection of {name} is lost again and again")
    if world.get(UNSTEADY, name) is None:
        world.keep_open(key, hold_of(UNSTEADY, name))
        world.put((UNSTEADY, name), key)
    world.change(key, at, facts={"failures": str(losses.count)})
    world.alarm(key, at, f"the connection of {name} is lost again and again", Severity.WARNING)
    world.set_timer(at + settings.flapping_quiet, "replica-steady", name)


def _is_mere_loss(world: World, key: str) -> bool:
    incident = told_in(world, key)
    return incident is not None and incident.kind is Kind.REPLICA_DISCONNECTED and not incident.planned


def on_steady(world: World, name: str, at: datetime) -> None:
    """A timer: for ten minutes the connection was not lost anew."""
    key = world.get(UNSTEADY, name)
    world.put((UNSTEADY, name), None)
    incident = told_in(world, key) if key is not None else None
    if incident is not None and incident.state is not State.CLOSED:
        world.release(incident.key, hold_of(UNSTEADY, name), at, f"the connection of {name} has been steady for a while")
