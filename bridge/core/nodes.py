"""Nodes come and go: membership, shutdown, fencing, quorum. (Pacemaker Administration, alerts; Corosync membership)

Lost is not yet a verdict. Whoever announced its going, or was emptied before, left in good order. Whoever is fenced, is given up
by the cluster (its resources start elsewhere), or stays lost for a while, has failed. What a cut-off node says of others is void.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from bridge.core.event import CLUSTER, AttributeSet, EdgeHeard, EdgeSaid, Fencing, NodeSeen, Severity, Subject, node_subject
from bridge.core.incident import Kind, State
from bridge.core.world import World

ANNOUNCED_FOR: Final = timedelta(minutes=15)
"""A shutdown that was announced longer ago than this is not the reason of a loss."""
EMPTIED_WITHIN: Final = timedelta(seconds=60)
SAME_FENCING: Final = timedelta(seconds=10)
"""Two words without a reference (before 2.1.3 some lack it) about one target are one attempt within this time."""
NO_MORE_ATTEMPTS: Final = timedelta(minutes=10)
NO_MORE_ATTEMPTS_BACK: Final = timedelta(seconds=60)


class Span(NamedTuple):
    """From when something was so, and when that became known."""

    began_at: datetime
    known_at: datetime


class Node(msgspec.Struct, frozen=True):
    """What is known of one node. `lost_at` and `fenced_at` are None while it is there."""

    lost_at: datetime | None = None
    was_lost_at: datetime | None = None
    fenced_at: datetime | None = None
    announced_at: datetime | None = None
    emptied_at: datetime | None = None
    left: bool = False
    attempts: int = 0
    remote: bool = False


def node(world: World, name: str) -> Node:
    found: Node | None = world.get("node", name)
    return found or Node()


def _set(world: World, name: str, **changes: object) -> None:
    world.put(("node", name), msgspec.structs.replace(node(world, name), **changes))


def circle(world: World, name: str) -> frozenset[str]:
    """The nodes known to belong together: those that spoke about each other."""
    found: frozenset[str] | None = world.get("circle", name)
    return found or frozenset({name})


def meet(world: World, one: str, other: str) -> None:
    mine = circle(world, one)
    if other in mine:
        return
    together = mine | circle(world, other)
    for name in together:
        world.put(("circle", name), together)


def claims(world: World, witness: str) -> frozenset[str]:
    """The nodes that a witness says are lost."""
    found: frozenset[str] | None = world.get("claims", witness)
    return found or frozenset()


def accusers(world: World, name: str) -> list[str]:
    return sorted(witness for witness in circle(world, name) if name in claims(world, witness) and not is_void(world, witness))


def _support(world: World, witness: str) -> int:
    return len(circle(world, witness)) - len(claims(world, witness))


def is_void(world: World, witness: str) -> bool:
    """Whether a witness speaks from the losing side: fenced, or called lost by somebody who sees more nodes than it does."""
    if node(world, witness).fenced_at is not None:
        return True
    mine = _support(world, witness)
    return any(witness in claims(world, other) and _support(world, other) > mine for other in circle(world, witness) - {witness})


def on_node_seen(world: World, event: NodeSeen) -> None:
    meet(world, event.witness, event.node)
    if event.remote:
        _set(world, event.node, remote=True)
    if event.witness == event.node:
        world.say("a node's word about itself is no news")
    elif event.member:
        _on_member(world, event)
    else:
        _on_lost(world, event)


# --- lost ------------------------------------------------------------------------------------------------------------


def _on_lost(world: World, event: NodeSeen) -> None:
    name = event.node
    world.put(("claims", event.witness), claims(world, event.witness) | {name})
    known = node(world, name)
    if is_void(world, event.witness):
        world.say(
            f"{event.witness} is itself cut off: its word about {name} is void", world.get("holder", node_subject(event.witness))
        )
    elif known.left:
        world.say(f"{name} is known to have left in good order")
    elif known.lost_at is not None:
        _another_accuser(world, name, event.at)
    elif (why := _left_in_good_order(world, name, known, event.at)) is not None:
        _set(world, name, left=True, announced_at=None)
        forget_activity(world, name)
        world.say(f"{name} left in good order: {why}")
    else:
        _suspect(world, name, event)
    _settle_accusations(world, name, event.at)


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
    if world.get("stop_failed_on", name):
        return None
    if world.runs_there.get(name):
        return None
    if known.emptied_at is not None and at - known.emptied_at < EMPTIED_WITHIN:
        return "its resources had just been stopped or moved away cleanly"
    if known.remote and (stopped := world.get("stopped_at", name)) is not None and at - stopped < EMPTIED_WITHIN:
        return "its connection was stopped cleanly"
    return None


def _suspect(world: World, name: str, event: NodeSeen) -> None:
    subject = node_subject(name)
    _set(world, name, lost_at=event.at)
    key = _cause(world, name) or _mutual(world, name, event)
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
    if node(world, name).remote and world.wound(world.service(name)) is not None:
        take_down(world, name, key, Span(event.at, event.at), Severity.WARNING)
    world.change(key, event.at, facts={"node": name, "lost_by": event.witness})
    world.say(f"{name} is lost", key)
    world.set_timer(event.at + world.settings.unfenced_after, "unfenced", name)
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
    return incident.key


def _cause(world: World, name: str) -> str | None:
    """The incident that a node's failure belongs to: one about the node, a stop that failed on it, its remote connection."""
    for subject in (node_subject(name), Subject(f"fencing/{name}")):
        holder = world.holder(subject)
        if holder is not None:
            return holder.key
    for resource in world.get("stop_failed_on", name) or ():
        holder = world.holder(world.service(resource))
        if holder is not None:
            return holder.key
    connection = world.service(name)
    holder = world.holder(connection)
    return holder.key if holder is not None and world.wound(connection) is not None else None


def _settle_accusations(world: World, name: str, at: datetime) -> None:
    """Drops every suspicion that rests on void words only: the cut-off side's view of the others."""
    for other in sorted(circle(world, name)):
        known = node(world, other)
        if known.lost_at is None or known.fenced_at is not None or accusers(world, other):
            continue
        incident = world.holder(node_subject(other))
        _set(world, other, lost_at=None)
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
    give_up(world, name, at, f"{name} is lost and was not fenced: the cluster waits")
    world.change(incident.key, at, facts={"unfenced": "yes"})
    if claims(world, name) & circle(world, name):
        world.change(incident.key, at, kind=Kind.CLUSTER_PARTITION, root=CLUSTER, facts={"cut_off": name})
        world.draw_in(incident.key, CLUSTER, at)


# --- failed ----------------------------------------------------------------------------------------------------------


def give_up(world: World, name: str, at: datetime, reason: str) -> str:
    """The node has failed: its own last words about what runs on it are void, and what ran there is away. Gives the incident."""
    subject = node_subject(name)
    key = _cause(world, name)
    began = node(world, name).lost_at or at
    if key is None:
        key = world.open_incident(Kind.NODE_FAILURE, subject, began, Severity.CRITICAL, reason)
    world.hurt(key, subject, began, Severity.CRITICAL, reason)
    incident = world.incident(key)
    if incident.kind is not Kind.FENCING_LOOP and incident.kind is not Kind.QUORUM_LOST:
        world.change(key, at, kind=Kind.NODE_FAILURE, root=subject)
    world.change(key, at, severity=Severity.CRITICAL, facts={"node": name})
    world.confirm(key, at, reason)
    take_down(world, name, key, Span(began, at))
    return key


def take_down(world: World, name: str, key: str, span: Span, severity: Severity = Severity.CRITICAL) -> None:
    """What ran on the node is away; an instance of a clone is missed only when it was the promoted one or the last."""
    for resource, role in sorted(world.runs_there.get(name, {}).items()):
        world.put(("active", name, resource), None)
        subject = world.service(resource)
        if world.runs_on.get(resource) and role != "promoted":
            world.draw_in(key, subject, span.known_at)
            continue
        if role == "promoted" and world.runs_on.get(resource):
            world.put(("needs_promote", resource), value=True)
        world.hurt(key, subject, span.began_at, severity, f"ran on {name}")
        world.set_timer(span.known_at + world.settings.down_after, "down", resource)
    for resource in world.get("stop_failed_on", name) or ():
        world.put(("stop_failed", resource), None)
    world.put(("stop_failed_on", name), None)


def forget_activity(world: World, name: str) -> None:
    for resource in list(world.runs_there.get(name, {})):
        world.put(("active", name, resource), None)


# --- back ------------------------------------------------------------------------------------------------------------


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
            world.put(("claims", witness), lost - {name})
    world.put(("claims", name), None)
    known = node(world, name)
    away = known.lost_at is not None or known.fenced_at is not None or known.left
    was_lost_at = known.lost_at if known.fenced_at is None else None
    _set(world, name, lost_at=None, fenced_at=None, was_lost_at=was_lost_at, left=False, announced_at=None, emptied_at=None)
    world.cancel_timer("unfenced", name)
    incident = world.holder(node_subject(name))
    if incident is not None and world.wound(node_subject(name)) is not None:
        world.change(incident.key, at, facts={"node_back": "yes"})
        world.heal(node_subject(name), at, why)
    elif not away:
        world.say(f"{name} is known to be a member")
    else:
        world.say(why)
    if world.wound(Subject(f"fencing/{name}")) is not None:
        world.set_timer(at + NO_MORE_ATTEMPTS_BACK, "fencing-quiet", name)
    _regain_quorum(world, at)


RESTARTED_WITHIN: Final = timedelta(minutes=10)


def note_life(world: World, witness: str, sequence: int, at: datetime) -> None:
    """The running number of a node's alerts begins anew whenever Pacemaker starts there: what ran before is gone.

    If the node was called lost meanwhile and nobody fenced it, it died all the same: the survivors died too, or nobody told.
    """
    before: int | None = world.get("sequence", witness)
    world.put(("sequence", witness), sequence)
    if before is None or sequence + 3 >= before:
        return
    known = node(world, witness)
    began = known.lost_at or known.was_lost_at
    incident = world.holder(node_subject(witness))
    if incident is not None and began is not None and known.fenced_at is None and at - began < RESTARTED_WITHIN:
        reason = f"{witness} was lost and has started again"
        world.confirm(incident.key, at, reason)
        world.change(incident.key, at, severity=Severity.CRITICAL, reason=reason)
        take_down(world, witness, incident.key, Span(began, at))
    if known.lost_at is not None:
        come_back(world, witness, at, f"{witness} has started again")
    world.put(("claims", witness), None)
    forget_activity(world, witness)


# --- fencing ---------------------------------------------------------------------------------------------------------


def on_fencing(world: World, event: Fencing) -> None:
    meet(world, event.witness, event.target)
    if _already_told(world, event):
        world.say(f"this fencing of {event.target} was told before", world.get("holder", node_subject(event.target)))
    elif event.action == "on":
        world.say(f"{event.target} was switched on or unfenced: no fencing")
    elif event.rc != 0:
        _on_failed_attempt(world, event)
    else:
        _on_fenced(world, event)


def _already_told(world: World, event: Fencing) -> bool:
    name = f"{event.target}/{event.ref or f'{event.action}/{event.rc}'}"
    before: datetime | None = world.get("fencing", name)
    world.put(("fencing", name), event.at)
    return before is not None and (bool(event.ref) or event.at - before < SAME_FENCING)


def by_admin(event: Fencing) -> bool:
    return event.client.startswith("stonith_admin")


def _on_fenced(world: World, event: Fencing) -> None:
    name, at = event.target, event.at
    known = node(world, name)
    incident = world.holder(node_subject(name))
    world.heal(Subject(f"fencing/{name}"), at, f"fencing of {name} worked")
    behind = ", ".join(world.get("stop_failed_on", name) or ())
    asked_for = by_admin(event) and not behind and (incident is None or incident.severity is not Severity.CRITICAL)
    if known.fenced_at is not None:
        forget_activity(world, name)
    if asked_for:
        key = _fenced_by_admin(world, name, known.lost_at or at, event)
    else:
        key = give_up(world, name, at, f"{name} was fenced ({event.action}) by {event.executioner or 'the cluster'}")
    facts = {"fencing_action": event.action, "fenced_by": event.executioner, "fencing_client": event.client}
    if behind:
        facts |= {"behind": behind}
    world.change(key, at, facts={**facts, "node": name, "fencing_result": event.result})
    _set(world, name, lost_at=known.lost_at or at, fenced_at=at, attempts=0)
    world.put(("claims", name), None)
    world.cancel_timer("unfenced", name)
    _settle_accusations(world, name, at)
    if not asked_for:
        _look_for_loop(world, name, key, at)


def _fenced_by_admin(world: World, name: str, began: datetime, event: Fencing) -> str:
    subject = node_subject(name)
    reason = f"{name} was fenced ({event.action}) by an administrator, from {event.origin}"
    key = _cause(world, name)
    if key is None:
        key = world.open_incident(Kind.NODE_FENCED_BY_ADMIN, subject, began, Severity.WARNING, reason)
    world.hurt(key, subject, began, Severity.WARNING, reason)
    world.change(key, event.at, kind=Kind.NODE_FENCED_BY_ADMIN, root=subject, severity=Severity.WARNING)
    world.confirm(key, event.at, reason)
    for resource in sorted(world.runs_there.get(name, {})):
        world.put(("active", name, resource), None)
        if world.runs_on.get(resource):
            world.draw_in(key, world.service(resource), event.at)
        else:
            world.hurt(key, world.service(resource), began, Severity.WARNING, f"ran on {name}")
            world.set_timer(event.at + world.settings.down_after, "down", resource)
    return key


def _look_for_loop(world: World, name: str, key: str, at: datetime) -> None:
    """Three fencings of one story, or of one node, within ten minutes are a loop that somebody must break."""
    since = at - world.settings.loop_window
    story = (*(when for when in world.get("fencings", key) or () if when > since), at)
    own = (*(when for when in world.get("node_fencings", name) or () if when > since), at)
    world.put(("fencings", key), story)
    world.put(("node_fencings", name), own)
    count = max(len(story), len(own))
    if count < world.settings.loop_count:
        return
    incident = world.incident(key)
    behind = incident.facts.get("behind", "")
    root = world.service(behind.split(", ", maxsplit=1)[0]) if behind else node_subject(name)
    if incident.kind is not Kind.FENCING_LOOP:
        world.change(key, at, kind=Kind.FENCING_LOOP, root=root)
        world.alarm(key, at, f"nodes are fenced again and again ({count} times)")
    world.draw_in(key, root, at)
    fenced = ", ".join(sorted(s.removeprefix("node/") for s in world.incident(key).subjects if s.startswith("node/")))
    world.change(key, at, facts={"fenced_nodes": fenced, "failures": str(count)})


def _on_failed_attempt(world: World, event: Fencing) -> None:
    name, at = event.target, event.at
    subject = Subject(f"fencing/{name}")
    known = node(world, name)
    _set(world, name, attempts=known.attempts + 1)
    reason = f"fencing of {name} failed: {event.result}"
    key = _cause(world, name)
    if key is None:
        key = world.open_incident(Kind.FENCING_FAILURE, subject, at, Severity.CRITICAL, reason)
    world.hurt(key, subject, at, Severity.CRITICAL, reason)
    incident = world.incident(key)
    if incident.kind is not Kind.FENCING_LOOP:
        root = node_subject(name) if known.lost_at is not None else subject
        world.change(key, at, kind=Kind.FENCING_FAILURE, root=root)
    world.change(
        key,
        at,
        severity=Severity.CRITICAL,
        facts={
            "node": name,
            "fencing_failures": str(known.attempts + 1),
            "fencing_result": event.result,
            "fencing_action": event.action,
            "fencing_client": event.client,
        },
    )
    world.confirm(key, at, reason)
    world.alarm(key, at, f"fencing of {name} failed")
    world.say(f"{reason} (attempt {known.attempts + 1})", key)
    world.set_timer(at + NO_MORE_ATTEMPTS, "fencing-quiet", name)


def on_fencing_quiet(world: World, name: str, at: datetime) -> None:
    """A timer: nobody tries to fence the node any more. If it is there, that story is over."""
    if node(world, name).lost_at is None:
        world.heal(Subject(f"fencing/{name}"), at, f"{name} is a member, and nobody tries to fence it any more")


# --- quorum ----------------------------------------------------------------------------------------------------------


def without_quorum(world: World, witness: str) -> bool:
    """Whether the witness sees at most half of three nodes or more, not all of the missing ones fenced, and is not cut off."""
    size, lost = len(circle(world, witness)), claims(world, witness)
    if size < 3 or len(lost) * 2 < size or is_void(world, witness):
        return False
    return any(node(world, name).fenced_at is None for name in lost)


def lose_quorum(world: World, witness: str, at: datetime, reason: str) -> str:
    lost = sorted(claims(world, witness))
    began = min((when for name in lost if (when := node(world, name).lost_at) is not None), default=at)
    holder = world.holder(CLUSTER)
    key = holder.key if holder is not None else world.open_incident(Kind.QUORUM_LOST, CLUSTER, began, Severity.CRITICAL, reason)
    world.hurt(key, CLUSTER, began, Severity.CRITICAL, f"{witness} sees no quorum")
    for name in lost:
        incident = world.holder(node_subject(name))
        if incident is not None and incident.key != key:
            world.absorb(incident.key, key, at, f"{name} is one of the nodes that the quorum is missing")
        world.hurt(key, node_subject(name), began, Severity.CRITICAL, "lost")
        world.cancel_timer("unfenced", name)
    world.change(key, at, kind=Kind.QUORUM_LOST, root=CLUSTER, facts={"lost_nodes": ", ".join(lost), "node": witness})
    world.confirm(key, at, reason)
    return key


def quorum_incident(world: World, witness: str) -> str | None:
    holder = world.holder(CLUSTER)
    if holder is None or holder.kind is not Kind.QUORUM_LOST or not claims(world, witness):
        return None
    return holder.key if world.wound(CLUSTER) is not None else None


def _regain_quorum(world: World, at: datetime) -> None:
    holder = world.holder(CLUSTER)
    if holder is None or world.wound(CLUSTER) is None:
        return
    missing = [s for s in holder.subjects if s.startswith("node/") and world.wound(s) is not None]
    members = len(circle(world, holder.facts.get("node", "")))
    if len(missing) * 2 < members:
        world.heal(CLUSTER, at, "enough nodes are members again")


# --- the rest --------------------------------------------------------------------------------------------------------


def on_shutdown(world: World, event: AttributeSet) -> None:
    """The transient attribute `shutdown`: the node wants to leave; its deletion comes with its return."""
    asked = event.value not in {"", "0"}
    _set(world, event.node, announced_at=event.at if asked else None)
    world.say(f"{event.node} announces its shutdown" if asked else f"{event.node} has no shutdown pending")


def emptied(world: World, name: str, at: datetime) -> None:
    """A clean stop on a node, or a clean start elsewhere of what ran there: it may be about to leave in good order."""
    _set(world, name, emptied_at=at)


def on_edge(world: World, event: EdgeHeard) -> None:
    subject = Subject(f"relay/{event.node}")
    known = node(world, event.node)
    incident = world.holder(node_subject(event.node))
    if not event.silent:
        if world.heal(subject, event.at, f"the relay of {event.node} is heard again") is None:
            world.say(f"the relay of {event.node} is heard")
    elif known.left:
        world.say(f"{event.node} left in good order: its silence is no news")
    elif incident is not None and known.lost_at is not None:
        world.draw_in(incident.key, subject, event.at)
        world.say(f"{event.node} is silent because it is lost", incident.key)
    else:
        key = world.open_incident(
            Kind.EDGE_SILENT, subject, event.at, Severity.WARNING, f"no word from the relay of {event.node}"
        )
        world.change(key, event.at, facts={"node": event.node, "silent_since": event.at.isoformat()})
        world.hurt(key, subject, event.at, Severity.WARNING, "silent", outage=False)


def on_edge_said(world: World, event: EdgeSaid) -> None:
    """A relay about itself: shown with the node, not rung."""
    severity = Severity.OK if event.over else Severity.WARNING
    world.note(Subject(f"relay/{event.node}"), severity, event.at, event.why)
    world.say(f"the relay of {event.node}: {event.why}")
