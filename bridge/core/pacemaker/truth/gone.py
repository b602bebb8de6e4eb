"""What is in the configuration no more disappears: its incident ends with that word, and nothing is known of it any more."""

from typing import Any, Final

from bridge.core.pacemaker.connectivity import attribute_subject, goes_away
from bridge.core.pacemaker.tables import FALLEN, LISTED, STOP_FAILED_ON
from bridge.core.pacemaker.truth.arranged import arrange
from bridge.core.pacemaker.truth.ending import DELETED, WORDS, end_by_order
from bridge.core.pacemaker.truth.service import services
from bridge.core.pacemaker.truth.voice import Voice, lead_of
from bridge.core.world.event import Subject, node_subject, subject_name
from bridge.core.world.nodes import circle, claims
from bridge.core.world.table import Table
from bridge.core.world.tables import ACTIVE, CIRCLE, CLAIMS, NODE, SORT, STANDBY
from bridge.core.world.world import World

OF_NODE: Final[tuple[Table[Any], ...]] = (NODE, STANDBY, STOP_FAILED_ON, CLAIMS)


def let_go(world: World, voice: Voice) -> None:
    before, now = world.get(LISTED, voice.lead) or frozenset(), _listed(voice)
    if not (voice.picture.resources or voice.picture.configured):  # half an answer looks like that
        now |= {subject for subject in before if subject.startswith("resource/")}
    for subject in sorted(before - now):
        if subject.startswith("node/"):
            _node(world, voice, subject_name(Subject(subject)))
        else:
            _resource(world, voice, subject_name(Subject(subject)))
    world.put((LISTED, voice.lead), None)
    world.put((LISTED, lead_of(world, voice.witness)), now)


def _listed(voice: Voice) -> frozenset[str]:
    """What was removed and still runs is there."""
    resources = (one.name for one in services(voice.picture) if not (one.first.removed and one.stopped))
    nodes = (node_subject(one.name) for one in voice.picture.nodes)
    return frozenset({*nodes, *(f"resource/{name}" for name in resources)})


def _resource(world: World, voice: Voice, name: str) -> None:
    end_by_order(world, name, voice.at, DELETED)
    for other in [*world.runs_on.get(name, {})]:
        world.put((ACTIVE, other, name), None)
    arrange(world, world.service(name), None, voice.at)
    world.let_go(world.service(name), voice.at, WORDS[DELETED])
    world.put((SORT, name), None)


def _node(world: World, voice: Voice, name: str) -> None:
    reason = f"{name} was {WORDS[DELETED]}"
    for resource in [*world.runs_there.get(name, {})]:
        world.put((ACTIVE, name, resource), None)
    for subject in (node_subject(name), Subject(f"fencing/{name}")):
        incident = world.holder(subject)
        if incident is not None and incident.root == subject and world.wound(subject) is not None:
            world.change(incident.key, voice.at, facts={"ended_by": DELETED})
        world.heal(subject, voice.at, reason)
        arrange(world, subject, None, voice.at)
        world.let_go(subject, voice.at, WORDS[DELETED])
    attributes = [attribute_subject(one, name) for one in world.get(FALLEN, name) or ()]
    goes_away(world, name, voice.at, reason, for_good=True)
    for subject in attributes:
        world.let_go(subject, voice.at, WORDS[DELETED])
    for table in OF_NODE:
        world.put((table, name), None)
    world.cancel_timer("unfenced", name)
    rest = circle(world, name) - {name}
    for other in rest:
        world.put((CLAIMS, other), (claims(world, other) - {name}) or None)
        world.put((CIRCLE, other), rest)
    world.put((CIRCLE, name), None)
