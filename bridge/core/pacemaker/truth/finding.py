"""What a picture shows and no alert has told: it must last a while before it is told, for the cluster may be at work on it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.core.pacemaker.tables import FINDINGS, IDLE, STIRRED, WAKES
from bridge.core.pacemaker.truth.voice import ALL, Voice
from bridge.core.world.world import World

AT_ONCE: Final = timedelta(0)
LASTING: Final = timedelta(seconds=17)
"""So long after an event the cluster may still be about to do something."""
SEEN_TWICE: Final = timedelta(seconds=3)
"""The relay has looked again meanwhile, and would have said that it is over: enough to be shown."""
AT_WORK: Final = timedelta(minutes=2)
"""The cluster is starting or stopping something: what waits for that takes its time."""

TOGETHER: Final = timedelta(seconds=2)
"""Times so close to one another are one."""


class Finding(NamedTuple):
    """`name` tells it from all others. As long as it lasts, `tell` is called at every look after the hold, and `show` at those
    before that, once it is no more only a moment of the cluster's work; both are given since when it is so."""

    name: str
    hold: timedelta
    tell: Callable[[datetime], None]
    show: Callable[[datetime], None] | None = None


def weigh(world: World, voice: Voice, found: Iterable[Finding]) -> None:
    """Tells what has lasted; forgets what is so no more."""
    found = list(found)
    before, idle = world.get(FINDINGS, voice.lead) or {}, world.get(IDLE, voice.lead) or {}
    since = {one.name: before.get(one.name, voice.as_of if one.hold else voice.at) for one in found}
    world.put((FINDINGS, voice.lead), since or None)
    idle = {
        one.name: idle.get(one.name, voice.as_of if one.name in before else since[one.name])
        for one in found
        if one.hold == LASTING
    }
    world.put((IDLE, voice.lead), idle or None)
    stirred = world.get(STIRRED, ALL)
    for one in found:
        began, rests = since[one.name], idle.get(one.name)
        due = _due(one, began, rests)
        seen = due if one.show is None else min(due, _seen(began, rests, stirred))
        if due <= voice.at:
            one.tell(began)
        elif one.show is not None and seen <= voice.at:
            one.show(began)
        for time in {seen, due}:
            if time > voice.at:
                wake(world, time)


def _due(one: Finding, since: datetime, idle: datetime | None) -> datetime:
    """When it has lasted. `idle` is since when the cluster does not seem to be at work on it."""
    if idle is None:
        return since + one.hold
    return min(since + AT_WORK, idle + LASTING)  # it may only seem to be, between two steps of the same work


def _seen(since: datetime, idle: datetime | None, stirred: datetime | None) -> datetime:
    """When it is shown. What no event has told of need only be seen twice."""
    if idle != since:
        return since + AT_WORK
    return since + SEEN_TWICE if stirred is None else max(since + SEEN_TWICE, stirred + LASTING)


def wake(world: World, at: datetime) -> None:
    """The pictures are looked at again then, or a moment later."""
    times = world.get(WAKES, ALL) or ()
    if not any(at <= one < at + TOGETHER for one in times):
        _set(world, (*times, at))


def awake(world: World, at: datetime) -> None:
    """One of these times has come."""
    _set(world, tuple(one for one in world.get(WAKES, ALL) or () if one > at))


def _set(world: World, times: tuple[datetime, ...]) -> None:
    world.put((WAKES, ALL), times or None)
    if times:
        world.set_timer(min(times), "truth", ALL)
