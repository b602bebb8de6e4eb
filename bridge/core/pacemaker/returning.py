"""Nodes are there again: back after a loss, or never lost, whatever was said by those who were cut off. (Corosync membership)"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.drbd.redundancy import consider_besides
from bridge.core.pacemaker.connectivity import is_there_again
from bridge.core.pacemaker.devices import let_go
from bridge.core.pacemaker.node_failure import give_back, is_of_another, trust
from bridge.core.pacemaker.ordered import TERMINATE
from bridge.core.pacemaker.quorum import regain_quorum
from bridge.core.pacemaker.tables import ATTRIBUTE
from bridge.core.world.event import Subject, node_subject, subject_name
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.nodes import accusers, circle, claims, is_heard, node, set_node
from bridge.core.world.relays import look_for_relay
from bridge.core.world.shown import show_cluster, show_member
from bridge.core.world.tables import CLAIMS, STANDBY
from bridge.core.world.world import World

NO_MORE_ATTEMPTS_BACK: Final = timedelta(seconds=60)


def settle_accusations(world: World, name: str, at: datetime) -> None:
    """Drops every suspicion that rests on void words only: the cut-off side's view of the others."""
    for other in sorted(circle(world, name)):
        known = node(world, other)
        if known.lost_at is None or known.fenced_at is not None or accusers(world, other):
            continue
        incident = world.holder(node_subject(other))
        set_node(world, other, lost_at=None)
        trust(world, other, at)
        is_there_again(world, other, at, since=None)
        give_back(world, other, at, "it was never lost", away=False)
        world.cancel_timer("unfenced", other)
        if incident is not None and incident.root == node_subject(other) and incident.state is State.WATCHING:
            world.dismiss(incident.key, at, f"only cut-off nodes called {other} lost")
        elif incident is not None:
            world.heal(node_subject(other), at, f"only cut-off nodes called {other} lost")


def come_back(world: World, name: str, at: datetime, why: str) -> None:
    """The node is there: nobody's word that it is lost counts any longer, nor do its own old words about others."""
    for witness in circle(world, name):
        lost = claims(world, witness)
        if name in lost:
            world.put((CLAIMS, witness), lost - {name})
    trust(world, name, at)
    known = node(world, name)
    away = known.lost_at is not None or known.fenced_at is not None or known.left
    if away:  # a newcomer also calls those members that were there all the time: their words stand
        world.put((CLAIMS, name), None)
    was_lost_at = known.lost_at or known.was_lost_at if known.fenced_at is None else None  # several say that it is back
    set_node(
        world,
        name,
        lost_at=None,
        fenced_at=None,
        was_lost_at=was_lost_at,
        back_at=at,
        left=False,
        left_with=(),
        given_up=False,
        announced_at=None,
        emptied_at=None,
        ordered_at=None,
    )
    world.put((ATTRIBUTE, TERMINATE, name), None)
    world.cancel_timer("unfenced", name)
    if away:
        world.put((STANDBY, name), None)
        is_there_again(world, name, at, since=known.lost_at or known.fenced_at)
    incident = world.holder(node_subject(name))
    if incident is not None and world.wound(node_subject(name)) is not None:
        _healed_by_return(world, name, incident, at, why)
    elif not away:
        world.say(f"{name} is known to be a member")
        show_member(world, name, at)
    else:
        world.say(why)
        show_member(world, name, at)
    show_cluster(world, at)
    look_for_relay(world, name, at)
    if world.wound(Subject(f"fencing/{name}")) is not None:
        world.set_timer(at + NO_MORE_ATTEMPTS_BACK, "fencing-quiet", name)
    regain_quorum(world, at)


def _healed_by_return(world: World, name: str, incident: Incident, at: datetime, why: str) -> None:
    if incident.state is State.WATCHING and incident.root == node_subject(name) and not is_heard(world, name):
        reason = f"{name} was away for a moment; nobody fenced it, and no report of its own is there to say why: as in a restart"
        world.dismiss(incident.key, at, reason)
        return
    if not is_of_another(world, incident.key, name):
        world.change(incident.key, at, facts={"node_back": "yes"})
    world.heal(node_subject(name), at, why)
    _about_who_is_still_away(world, incident.key, name, at)
    let_go(world, incident.key, at)
    consider_besides(world, incident.key, at)


def _about_who_is_still_away(world: World, key: str, back: str, at: datetime) -> None:
    """Several nodes failed in one story, which has the name of one that is back."""
    incident = world.incident(key)
    away = sorted(name for name in world.wounds(key) if name.startswith("node/"))
    if away and incident.kind is Kind.NODE_FAILURE and incident.root == node_subject(back):
        subject = Subject(away[0])
        world.change(key, at, root=subject, facts={"node": subject_name(subject), "node_back": ""})
