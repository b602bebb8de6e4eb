"""Nodes are lost, and it is not yet clear what that means: fenced, given up, cut off, or lost for a while, they have failed."""

from datetime import datetime

from bridge.core.pacemaker.connectivity import goes_away
from bridge.core.pacemaker.containers import container_of, host_story, lost_with, story_of_container
from bridge.core.pacemaker.node_failure import Span, cause_of, doubt, give_up, is_of_another, take_down
from bridge.core.pacemaker.quorum import lose_quorum, show_quorum_by_majority, without_quorum
from bridge.core.pacemaker.tables import STOP_FAILED_ON
from bridge.core.pacemaker.unfencing import end_unfencing, is_unfencing
from bridge.core.world.event import CLUSTER, NodeSeen, Severity, Subject, node_subject
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.nodes import accusers, circle, claims, node, set_node
from bridge.core.world.shown import show_cluster
from bridge.core.world.world import World


def suspect(world: World, name: str, event: NodeSeen) -> None:
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
    goes_away(world, name, event.at, f"{name} is lost", for_good=False)
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
