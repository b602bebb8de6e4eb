"""Nodes come and go. (Pacemaker Administration, alerts; Corosync membership)

Lost is not yet a verdict. Whoever announced its going, or was emptied before, left in good order. Whoever is fenced, is given up
by the cluster (its resources start elsewhere), or stays lost for a while, has failed. What a cut-off node says of others is void.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.drbd.redundancy import consider_besides
from bridge.core.pacemaker.containers import container_of, host_story, lost_with, story_of_container
from bridge.core.pacemaker.devices import let_go
from bridge.core.pacemaker.node_failure import (
    Span,
    cause_of,
    doubt,
    give_back,
    give_up,
    is_of_another,
    take_down,
    trust,
)
from bridge.core.pacemaker.ordered import TERMINATE
from bridge.core.pacemaker.quorum import look_for_quorum, lose_quorum, regain_quorum, show_quorum_by_majority, without_quorum
from bridge.core.pacemaker.tables import ATTRIBUTE, NODE_ID, STOP_FAILED_ON, STOPPED_AT
from bridge.core.pacemaker.unfencing import end_unfencing, is_unfencing
from bridge.core.world.event import CLUSTER, AttributeSet, NodeSeen, Severity, Subject, node_subject, subject_name
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.node import Node
from bridge.core.world.nodes import EMPTIED_WITHIN, accusers, circle, claims, is_heard, is_void, meet, node, set_node
from bridge.core.world.relays import excuse, look_for_relay
from bridge.core.world.shown import forget_activity, show_cluster, show_member
from bridge.core.world.tables import CLAIMS, HOLDER, STANDBY
from bridge.core.world.world import World

ANNOUNCED_FOR: Final = timedelta(minutes=15)
"""A shutdown that was announced longer ago than this is not the reason of a loss."""
NO_MORE_ATTEMPTS_BACK: Final = timedelta(seconds=60)
TRUE: Final = frozenset({"on", "true", "yes", "y", "1"})


def on_node_seen(world: World, event: NodeSeen) -> None:
    meet(world, event.witness, event.node)
    if event.node_id:
        world.put((NODE_ID, event.node_id), event.node)
    if event.remote:
        set_node(world, event.node, remote=True)
    if event.witness == event.node:
        world.say("a node's word about itself is no news")
    elif event.member:
        _on_member(world, event)
    else:
        _on_lost(world, event)


def _on_lost(world: World, event: NodeSeen) -> None:
    name = event.node
    world.put((CLAIMS, event.witness), claims(world, event.witness) | {name})
    known = node(world, name)
    if is_void(world, event.witness):
        world.say(
            f"{event.witness} is itself cut off: its word about {name} is void", world.get(HOLDER, node_subject(event.witness))
        )
    elif known.left:
        world.say(f"{name} is known to have left in good order")
    elif known.lost_at is not None:
        _another_accuser(world, name, event.at)
    elif (why := _left_in_good_order(world, name, known, event.at)) is not None:
        running = tuple(sorted(world.runs_there.get(name, {}).items()))
        set_node(world, name, left=True, left_with=running, announced_at=None)
        forget_activity(world, name, event.at, Severity.INFO, f"ended with {name}, which left in good order")
        excuse(world, name, event.at)
        end_unfencing(world, name, event.at, f"{name} left in good order")
        world.note(node_subject(name), Severity.INFO, event.at, f"left in good order: {why}")
        world.say(f"{name} left in good order: {why}")
    else:
        _suspect(world, name, event)
    settle_accusations(world, name, event.at)
    look_for_quorum(world, event.witness, event.at)


def _another_accuser(world: World, name: str, at: datetime) -> None:
    incident = world.holder(node_subject(name))
    if incident is None:
        world.say(f"{name} is known to be lost")
        return
    world.change(incident.key, at, facts={"lost_by": ", ".join(accusers(world, name))})
    world.say(f"{name} is known to be lost: one more witness", incident.key)


def _left_in_good_order(world: World, name: str, known: Node, at: datetime) -> str | None:
    if known.announced_at is not None and at - known.announced_at < ANNOUNCED_FOR:
        return "it announced its shutdown"
    if world.get(STOP_FAILED_ON, name):
        return None
    if world.runs_there.get(name):
        return None
    if known.emptied_at is not None and at - known.emptied_at < EMPTIED_WITHIN:
        return "its resources had just been stopped or moved away cleanly"
    if known.remote and (stopped := world.get(STOPPED_AT, name)) is not None and at - stopped < EMPTIED_WITHIN:
        return "its connection was stopped cleanly"
    return None


def _suspect(world: World, name: str, event: NodeSeen) -> None:
    subject = node_subject(name)
    set_node(world, name, lost_at=event.at, stopped=())
    container, around = container_of(world, name), host_story(world, name)
    key = around.key if around is not None else cause_of(world, name)
    if key is None and container is not None:
        key = story_of_container(world, name, container, event.at)
    key = key or show_quorum_by_majority(world, name, event.at) or _mutual(world, name, event)
    if key is None:
        key = world.open_incident(
            Kind.NODE_FAILURE,
            subject,
            event.at,
            Severity.WARNING,
            f"{name} is lost; neither announced nor yet fenced",
            watch=True,
        )
    world.hurt(key, subject, event.at, Severity.WARNING, "lost")
    if is_unfencing(world, name):
        end_unfencing(world, name, event.at, f"{name} is lost")
        world.change(key, event.at, kind=Kind.NODE_FAILURE, root=subject)
    if node(world, name).remote and world.wound(world.service(name)) is not None:
        take_down(world, name, key, Span(event.at, event.at), Severity.WARNING)
    if not is_of_another(world, key, name):
        world.change(key, event.at, facts={"node": name, "lost_by": event.witness})
    doubt(world, name, event.at)
    world.say(f"{name} is lost", key)
    if container is None and around is None:  # nobody fences a container, and whoever is lost with its host waits for the host
        world.set_timer(event.at + world.settings.unfenced_after, "unfenced", name)
    lost_with(world, name, key, event.at)
    edge = world.holder(Subject(f"relay/{name}"))
    if edge is not None and edge.kind is Kind.EDGE_SILENT:
        world.absorb(edge.key, key, event.at, f"{name} is silent because it is lost")


def _mutual(world: World, name: str, event: NodeSeen) -> str | None:
    """Two nodes, or two halves, that call each other lost: the cluster is split, and it is not yet clear who will survive."""
    witness = event.witness
    incident = world.holder(node_subject(witness))
    if incident is None or node(world, witness).lost_at is None or witness not in claims(world, name):
        return None
    if incident.kind is Kind.NODE_FAILURE and incident.state is State.WATCHING:
        reason = f"{witness} and {name} call each other lost"
        world.change(incident.key, event.at, kind=Kind.CLUSTER_PARTITION, root=CLUSTER, reason=reason)
        world.change(incident.key, event.at, facts={"cut_off": f"{witness}, {name}"})
        world.draw_in(incident.key, CLUSTER, event.at)
        show_cluster(world, event.at)
    return incident.key


def settle_accusations(world: World, name: str, at: datetime) -> None:
    """Drops every suspicion that rests on void words only: the cut-off side's view of the others."""
    for other in sorted(circle(world, name)):
        known = node(world, other)
        if known.lost_at is None or known.fenced_at is not None or accusers(world, other):
            continue
        incident = world.holder(node_subject(other))
        set_node(world, other, lost_at=None)
        trust(world, other, at)
        give_back(world, other, at, "it was never lost", away=False)
        world.cancel_timer("unfenced", other)
        if incident is not None and incident.root == node_subject(other) and incident.state is State.WATCHING:
            world.dismiss(incident.key, at, f"only cut-off nodes called {other} lost")
        elif incident is not None:
            world.heal(node_subject(other), at, f"only cut-off nodes called {other} lost")


def on_unfenced(world: World, name: str, at: datetime) -> None:
    """A timer: the node has been lost for a while, and nobody fenced it."""
    known = node(world, name)
    incident = world.holder(node_subject(name))
    if known.lost_at is None or known.fenced_at is not None or incident is None:
        return
    for witness in accusers(world, name):
        if without_quorum(world, witness):
            lose_quorum(world, witness, at, "too many nodes are lost, and none of them is fenced")
            return
    if at < (until := known.lost_at + world.settings.redundancy_after) and _may_be_rebooting(world, name, incident):
        world.set_timer(until, "unfenced", name)
        return
    give_up(world, name, at, f"{name} is lost and was not fenced: the cluster waits")
    world.change(incident.key, at, facts={"unfenced": "yes"})
    if claims(world, name) & circle(world, name):
        world.change(incident.key, at, kind=Kind.CLUSTER_PARTITION, root=CLUSTER, facts={"cut_off": name})
        world.draw_in(incident.key, CLUSTER, at)
        show_cluster(world, at)


def _may_be_rebooting(world: World, name: str, incident: Incident) -> bool:
    """Emptied some time ago, and nothing else says that it failed: as one that was set to standby to be worked on. A cluster that
    fences would have fenced it."""
    known = node(world, name)
    emptied = known.emptied_at is not None and not world.runs_there.get(name) and not world.get(STOP_FAILED_ON, name)
    return emptied and known.attempts == 0 and incident.state is State.WATCHING


def _on_member(world: World, event: NodeSeen) -> None:
    if is_void(world, event.witness) and node(world, event.witness).fenced_at is None:
        world.say(f"{event.witness} is itself cut off: its word about {event.node} is void")
        return
    come_back(world, event.node, event.at, f"{event.node} is a member again")


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
    was_lost_at = known.lost_at if known.fenced_at is None else None
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


def on_shutdown(world: World, event: AttributeSet) -> None:
    """The transient attribute `shutdown`: the node wants to leave; its deletion comes with its return."""
    asked = event.value not in {"", "0"}
    set_node(world, event.node, announced_at=event.at if asked else None)
    world.say(f"{event.node} announces its shutdown" if asked else f"{event.node} has no shutdown pending")
    _show_plan(world, event.node, event.at)


def on_standby(world: World, event: AttributeSet) -> None:
    """The transient attribute `standby`: in standby until its next start. (Pacemaker Explained, node attributes)"""
    asked = event.value.lower() in TRUE
    world.put((STANDBY, event.node), asked or None)
    world.say(f"{event.node} is {'in standby' if asked else 'not in standby'}")
    _show_plan(world, event.node, event.at)


def _show_plan(world: World, name: str, at: datetime) -> None:
    known = node(world, name)
    if known.lost_at is None and not known.left:
        show_member(world, name, at)
