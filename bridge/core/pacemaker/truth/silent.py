"""A silent relay, told apart by what the others' pictures say of its node. That it was fenced, has left or is cut off is the
story of the node (nodes.py); here is what remains: the node is well, and only its word is missing.
"""

from bridge.core.pacemaker.truth.voice import Voice, is_heard, is_there
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind
from bridge.core.world.picture import PICTURE
from bridge.core.world.shown import relay_subject
from bridge.core.world.tables import PLAN, SILENT
from bridge.core.world.world import World


def look(world: World, voice: Voice) -> None:
    for one in voice.picture.nodes:
        if (SILENT, one.name) in world.facts and is_there(one):
            _is_well(world, voice, one.name)


def _is_well(world: World, voice: Voice, name: str) -> None:
    subject = relay_subject(name)
    incident = world.holder(subject)
    if incident is None or incident.kind is not Kind.EDGE_SILENT or world.wound(subject) is None:
        return
    seers = [other for other in voice.nodes if (PICTURE, other) in world.facts and is_heard(world, other)]
    plan = world.get(PLAN, f"node/{name}")
    state = f"online, {plan}" if plan else "online"
    words = f"silent, but {', '.join(seers)} report that {name} is {state}: its relay, or its way to here, is broken"
    if incident.facts.get("seen_by") != ", ".join(seers) or incident.reason != words:
        facts = {"seen_by": ", ".join(seers), "standby": "yes" if plan and "standby" in plan else ""}
        world.hurt(incident.key, subject, voice.at, Severity.WARNING, words, outage=False)
        world.change(incident.key, voice.at, facts=facts, reason=words)
