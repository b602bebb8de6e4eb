"""The last words: when each subject was last told of, and how, in what is too old to be understood again.

However late a report comes: what nobody has answered since is still true, and is understood; what was answered is over. Times
are enough for that, one for each subject and witness that is answered for, never one for each event.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from bridge.core.drbd.events import Call, Change, HandlerCalled, ReplicasListed, StatesChanged
from bridge.core.pacemaker.tables import CLONE
from bridge.core.pacemaker.trouble import PROMOTED
from bridge.core.world.event import Action, AttributeSet, ClockSet, EdgeHeard, EdgeSaid, Event, Fencing, NodeSeen, Outcome
from bridge.core.world.journal import Journal
from bridge.core.world.nodes import node
from bridge.core.world.picture import PictureTold
from bridge.core.world.table import Table
from bridge.core.world.world import World

WORD: Final = Table("word", datetime, aside=Journal.let_pass, kept=timedelta(days=30))
"""By what was said, and whose it is: when that was said last, before the horizon."""
TOGETHER: Final = timedelta(seconds=5)
"""Nothing is started, stopped and started elsewhere within this time; the instances of a clone are."""
FAIL_COUNT: Final = "fail-count-"
ONE_CUT: Final = timedelta(minutes=1)
"""Both sides of a cut notice it within this time."""
STARTS: Final = frozenset({"start", "promote", "migrate_from"})
SAYS_NOTHING: Final = frozenset({Outcome.CANCELLED, Outcome.PENDING})
RECOVERED: Final = frozenset({"Connected", "UpToDate", "SyncSource", "SyncTarget"})
RECOVERIES: Final = frozenset({"after-resync-target", "before-resync-target", "before-resync-source", "unfence-peer"})

Word = tuple[str, ...]
Says = Callable[[Any], Iterator[Word]]
After = Callable[[World, Any], Iterator[Word]]


def remember(world: World, event: Event) -> None:
    """The event goes out of reach: its words stay. Nothing winds back beyond it, so no journal knows of them."""
    for word in WORDS[type(event)][0](event):
        known = world.facts.get((WORD, *word))
        if known is None or known < event.at:
            world.keep((WORD, *word), event.at)


def answered_at(world: World, event: Event) -> datetime | None:
    """When the event was answered, by what is out of reach, too; None if it is still true. What is told of one moment (old
    releases know seconds) does not answer itself."""
    times = [at for word in WORDS[type(event)][1](world, event) if (at := world.facts.get((WORD, *word))) is not None]
    if isinstance(event, Action):
        known = node(world, event.node)
        times += [at for at in (known.lost_at, known.was_lost_at) if at is not None]
    return max((at for at in times if at > event.at), default=None)


def unanswered(world: World, event: Event) -> Event:
    """Of several states told at once those that are still the last word about their object."""
    if not isinstance(event, StatesChanged):
        return event
    items = tuple(one for one in event.items if not _is_answered(world, event, one))
    return event if items in {event.items, ()} else msgspec.structs.replace(event, items=items, whole=False)


def _is_answered(world: World, event: StatesChanged, item: Change | Call) -> bool:
    at = world.facts.get((WORD, *_object(event, item)))
    return at is not None and at > event.at


def _fenced(event: Fencing) -> str:
    if event.action == "on":
        return "unfenced"
    return "fenced" if event.rc == 0 else "not fenced"


def _is_recovery(item: Change | Call) -> bool:
    if isinstance(item, Call):
        return item.handler in RECOVERIES
    return not RECOVERED.isdisjoint(item.states.values())


def _object(event: HandlerCalled | StatesChanged, item: Change | Call) -> Word:
    if isinstance(item, Call):
        return ("handler", event.resource, event.node, item.handler)
    return ("state", event.resource, event.node, item.object, item.peer, item.volume)


def _of_node(event: NodeSeen) -> Iterator[Word]:
    yield ("member" if event.member else "lost", event.node)


def _after_node(world: World, event: NodeSeen) -> Iterator[Word]:
    """Another's word that it is lost goes with this one, but what a node says of others ends with its own fencing, or, if it was
    cut off then, with its return."""
    yield from (("member", event.node), ("fenced", event.node), ("fenced", event.witness))
    if event.member:
        yield ("lost", event.node)
    elif _was_cut_off(world, event):
        yield ("member", event.witness)


def _was_cut_off(world: World, event: NodeSeen) -> bool:
    """Whether the others called the witness lost when it said that of one of them."""
    at = world.facts.get((WORD, "lost", event.witness))
    return at is not None and at > event.at - ONE_CUT


def _of_fencing(event: Fencing) -> Iterator[Word]:
    yield (_fenced(event), event.target)


def _after_fencing(_: World, event: Fencing) -> Iterator[Word]:
    yield (_fenced(event), event.target)
    if event.action != "on":
        yield from (("fenced", event.target), ("member", event.target))


def _of_action(event: Action) -> Iterator[Word]:
    if event.outcome in SAYS_NOTHING or event.task == "notify":
        return
    yield ("action", event.resource, event.node)
    if event.outcome is Outcome.FOUND or (event.outcome is Outcome.GOOD and event.task in STARTS):
        yield ("started", event.resource)
        if ":" in event.instance:
            yield ("started", event.instance)
        if event.task == "promote":
            yield ("promoted", event.resource)


def _after_action(world: World, event: Action) -> Iterator[Word]:
    """That it was started anywhere answers for all of it. Of what runs in several places the instance of that number does, and
    for the promoted one another that is promoted; the rest is a lesser trouble."""
    yield from (("action", event.resource, event.node), ("cleaned", event.resource, event.node), ("fenced", event.node))
    if not (world.get(CLONE, event.resource) or len(world.runs_on.get(event.resource, ())) > 1):
        if not _started_together(world, event):
            yield ("started", event.resource)
    elif ":" in event.instance:
        yield ("started", event.instance)
    elif event.task in {"promote", "demote"} or event.target_rc in PROMOTED:
        yield ("promoted", event.resource)


def _started_together(world: World, event: Action) -> bool:
    """Whether it is the start of one instance of several, another of which was told in time."""
    at = world.facts.get((WORD, "started", event.resource))
    return event.task in STARTS and event.outcome is Outcome.GOOD and at is not None and at - event.at < TOGETHER


def _of_attribute(event: AttributeSet) -> Iterator[Word]:
    yield ("attribute", event.name, event.node)
    if event.name.startswith(FAIL_COUNT) and not event.value:
        yield ("cleaned", event.name.removeprefix(FAIL_COUNT).partition("#")[0].partition(":")[0], event.node)


def _after_attribute(_: World, event: AttributeSet) -> Iterator[Word]:
    yield from (("attribute", event.name, event.node), ("fenced", event.node))


def _of_replica(event: HandlerCalled | StatesChanged) -> Iterator[Word]:
    items = (event.call,) if isinstance(event, HandlerCalled) else event.items
    for item in items:
        yield _object(event, item)
    if any(_is_recovery(item) for item in items):
        yield ("recovered", event.resource, event.node)
    if isinstance(event, StatesChanged) and event.whole:
        yield ("whole", event.resource, event.node)


def _after_handler(_: World, event: HandlerCalled) -> Iterator[Word]:
    yield _object(event, event.call)
    yield from (("recovered", event.resource, event.node), ("ReplicasListed", event.node))


def _after_states(world: World, event: StatesChanged) -> Iterator[Word]:
    yield from (("whole", event.resource, event.node), ("ReplicasListed", event.node))
    if event.items and all(_is_answered(world, event, one) for one in event.items):
        yield from (_object(event, one) for one in event.items)


def _alone(*names: str) -> tuple[Says, After]:
    """Only the same answers it: what these fields name."""

    def says(event: Event) -> Iterator[Word]:
        yield (type(event).__name__, *(getattr(event, name) for name in names))

    return says, lambda _, event: says(event)


WORDS: Final[dict[type[Event], tuple[Says, After]]] = {
    NodeSeen: (_of_node, _after_node),
    Fencing: (_of_fencing, _after_fencing),
    Action: (_of_action, _after_action),
    AttributeSet: (_of_attribute, _after_attribute),
    HandlerCalled: (_of_replica, _after_handler),
    StatesChanged: (_of_replica, _after_states),
    ReplicasListed: _alone("node"),
    EdgeHeard: _alone("node"),
    EdgeSaid: _alone("node", "what"),
    ClockSet: _alone("node"),
    PictureTold: _alone("node"),  # all its parts are of one moment
}
"""By event: the words that it leaves, and those after which it is over."""
