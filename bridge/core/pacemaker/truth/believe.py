"""A picture comes, or a moment to look at the last ones again: what follows from them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from bridge.core.pacemaker.tables import ONLOOKERS, STIRRED
from bridge.core.pacemaker.truth import gone, nodes, planned, quorum, services, silent
from bridge.core.pacemaker.truth.finding import Finding, awake, wake, weigh
from bridge.core.pacemaker.truth.topology import learn
from bridge.core.pacemaker.truth.voice import ALL, ON_ITS_WAY, STILL_SO, Voice, onlookers, voices
from bridge.core.world.event import Action, EdgeHeard, Event, Outcome
from bridge.core.world.nodes import circle
from bridge.core.world.picture import Picture
from bridge.core.world.world import World


def on_picture(world: World, witness: str, picture: Picture, at: datetime) -> None:
    world.put((ONLOOKERS, ALL), frozenset(onlookers(world)) | {witness})
    if not picture.running or not picture.nodes:
        return
    learn(world, witness, picture)
    for voice in voices(world, witness, at, fresh=True):
        if voice.whole or voice.witness == witness:
            _judge(world, voice)


def on_time(world: World, _: str, at: datetime) -> None:
    """A timer: something has lasted, or happened since the last picture, and no newer one came."""
    awake(world, at)
    seen: set[str] = set()
    for name in onlookers(world):
        if name not in seen:
            seen |= circle(world, name)
            for voice in voices(world, name, at):
                _judge(world, voice)


def and_truth(rule: Callable[[World, Any], None]) -> Callable[[World, Any], None]:
    """A rule about what may be wrong. If the next look shows nothing else than the last one did, no picture comes, and that is a
    word, too."""

    def both(world: World, event: Event) -> None:
        rule(world, event)
        if (ONLOOKERS, ALL) not in world.facts:
            return
        if not isinstance(event, EdgeHeard):
            world.put((STIRRED, ALL), event.at)
        if not (isinstance(event, Action) and event.outcome is Outcome.GOOD):
            wake(world, event.at + (ON_ITS_WAY if isinstance(event, EdgeHeard) else STILL_SO + 2 * ON_ITS_WAY))

    return both


def _judge(world: World, voice: Voice) -> None:
    weigh(world, voice, list(_found(world, voice)))


def _found(world: World, voice: Voice) -> Iterator[Finding]:
    yield from quorum.look(world, voice)
    if voice.whole:
        planned.follow(world, voice)
        yield from nodes.look(world, voice)
    yield from services.look(world, voice)
    if voice.whole:
        silent.look(world, voice)
        gone.let_go(world, voice)
