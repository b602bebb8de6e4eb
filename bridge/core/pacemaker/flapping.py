"""Many failures with successes between them are one flapping incident, until it has been quiet for long enough."""

from datetime import datetime, timedelta

from bridge.core.pacemaker.tables import EPISODES, FLAPPING
from bridge.core.pacemaker.trouble import OWN_KINDS
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind
from bridge.core.world.series import Series
from bridge.core.world.world import World


def look_for_flapping(world: World, resource: str, key: str, at: datetime) -> None:
    """Three failures with successes between them within ten minutes are one flapping incident, with the earlier ones in it."""
    settings = world.settings
    world.cancel_timer("calm", resource)
    world.change(key, at, facts={"quiet_since": ""})
    incident = world.incident(key)
    goes_on = incident.kind is Kind.RESOURCE_FLAPPING
    before = world.get(EPISODES, resource) or Series()
    series = before.and_then(at, key, within=settings.flapping_window, least=settings.flapping_count, goes_on=goes_on)
    world.put((EPISODES, resource), series)
    if goes_on:
        world.set_timer(at + settings.flapping_quiet, "flapping", resource)
        world.change(key, at, facts={"failures": str(series.count)})
    elif series.count >= settings.flapping_count and incident.kind in OWN_KINDS:
        for _, earlier in series.last[:-1]:
            if earlier != key and world.incident(earlier).root == incident.root:
                world.absorb(earlier, key, at, f"the failures of {resource} are a series")
        reason = f"{resource} failed {series.count} times within {_minutes(settings.flapping_window)}, with successes between"
        world.change(key, at, kind=Kind.RESOURCE_FLAPPING, facts={"failures": str(series.count)})
        world.keep_open(key, f"flapping {resource}")
        world.alarm(key, at, reason, Severity.WARNING)
        world.put((FLAPPING, resource), key)
        world.set_timer(at + settings.flapping_quiet, "flapping", resource)


def look_for_calm(world: World, resource: str, key: str, at: datetime) -> None:
    """It is well again: for long enough, and the series is no emergency any more, though not yet over."""
    if world.incident(key).kind is Kind.RESOURCE_FLAPPING and world.get(FLAPPING, resource) is not None:
        world.set_timer(at + world.settings.clear_after, "calm", resource)


def on_calm(world: World, resource: str, at: datetime) -> None:
    """A timer: it has been well for its usual time."""
    key = world.get(FLAPPING, resource)
    if key is None:
        return
    while (into := world.incident(key).absorbed_into) is not None:
        key = into
    since = at - world.settings.clear_after
    if world.wound(world.service(resource)) is None and world.incident(key).kind is Kind.RESOURCE_FLAPPING:
        facts = {"quiet_since": since.isoformat()}
        world.change(key, at, severity=Severity.WARNING, facts=facts, reason=f"{resource} is quiet since {since:%H:%M:%S} (UTC)")


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
