"""Many failures with successes between them are one flapping incident, until it has been quiet for long enough."""

from datetime import datetime, timedelta

from bridge.core.pacemaker.tables import EPISODES, FLAPPING
from bridge.core.pacemaker.trouble import OWN_KINDS
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind
from bridge.core.world.world import World


def look_for_flapping(world: World, resource: str, key: str, at: datetime) -> None:
    """Three failures with successes between them within ten minutes are one flapping incident, with the earlier ones in it."""
    settings = world.settings
    before = tuple(row for row in world.get(EPISODES, resource) or () if at - row[0] < settings.flapping_window)
    episodes = (*before, (at, key))
    world.put((EPISODES, resource), episodes)
    incident = world.incident(key)
    if incident.kind is Kind.RESOURCE_FLAPPING:
        world.set_timer(at + settings.flapping_quiet, "flapping", resource)
        world.change(key, at, facts={"failures": str(len(episodes))})
    elif len(episodes) >= settings.flapping_count and incident.kind in OWN_KINDS:
        for _, earlier in episodes[:-1]:
            if earlier != key and world.incident(earlier).root == incident.root:
                world.absorb(earlier, key, at, f"the failures of {resource} are a series")
        reason = f"{resource} failed {len(episodes)} times within {_minutes(settings.flapping_window)}, with successes between"
        world.change(key, at, kind=Kind.RESOURCE_FLAPPING, facts={"failures": str(len(episodes))})
        world.keep_open(key, f"flapping {resource}")
        world.alarm(key, at, reason, Severity.WARNING)
        world.put((FLAPPING, resource), key)
        world.set_timer(at + settings.flapping_quiet, "flapping", resource)


def on_flapping_quiet(world: World, resource: str, at: datetime) -> None:
    """A timer: no failure for ten minutes. The series is over."""
    key = world.get(FLAPPING, resource)
    if key is None:
        return
    world.put((FLAPPING, resource), None)
    why = f"{resource} has been quiet for {_minutes(world.settings.flapping_quiet)}"
    world.release(key, f"flapping {resource}", at, why, waited=True)


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} minutes"
