"""What a picture shows and no alert has told: it must last a while before it is told, for the cluster may be at work on it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.core.pacemaker.tables import FINDINGS, IDLE, WAKES
from bridge.core.pacemaker.truth.voice import ALL, Voice
from bridge.core.world.world import World

AT_ONCE: Final = timedelta(0)
LASTING: Final = timedelta(seconds=17)
"""The relay has looked again meanwhile, and would have said that it is over."""
AT_WORK: Final = timedelta(minutes=2)
"""The cluster is starting or stopping something: what waits for that takes its time."""

TOGETHER: Final = timedelta(seconds=2)
"""Times so close to one another are one."""


class Finding(NamedTuple):
    """`name` tells it from all others; `tell` is given since when it is so, and called at every look as long as it lasts."""

    name: str
    hold: timedelta
    tell: Callable[[datetime], None]


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
    for one in found:
        due = since[one.name] + one.hold
        if one.name in idle:  # it may only seem to be, between two steps of the same work
            due = min(since[one.name] + AT_WORK, idle[one.name] + LASTING)
        if due <= voice.at:
            one.tell(since[one.name])
        else:
            wake(world, due)


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
