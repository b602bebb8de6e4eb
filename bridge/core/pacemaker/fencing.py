"""Nodes are fenced: by the cluster or by a person, in vain, again and again. (Pacemaker Administration, alerts)"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.drbd.redundancy import consider
from bridge.core.pacemaker.membership import settle_accusations
from bridge.core.pacemaker.node_failure import Span, cause_of, give_up, take_down
from bridge.core.pacemaker.quorum import show_quorum_by_fencing
from bridge.core.pacemaker.tables import FENCING, FENCINGS, NODE_FENCINGS, STOP_FAILED_ON
from bridge.core.world.event import Fencing, Severity, Subject, node_subject
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.nodes import meet, node, set_node
from bridge.core.world.shown import forget_activity
from bridge.core.world.tables import ACTIVE, CLAIMS, HOLDER
from bridge.core.world.world import World

SAME_FENCING: Final = timedelta(seconds=10)
"""Two words without a reference (before 2.1.3 some lack it) about one target are one attempt within this time."""
NO_MORE_ATTEMPTS: Final = timedelta(minutes=10)


def on_fencing(world: World, event: Fencing) -> None:
    meet(world, event.witness, event.target)
    if _already_told(world, event):
        world.say(f"this fencing of {event.target} was told before", world.get(HOLDER, node_subject(event.target)))
    elif event.action == "on":
        world.say(f"{event.target} was switched on or unfenced: no fencing")
        world.note(Subject(f"fencing/{event.target}"), Severity.OK, event.at, "fencing worked: it was switched on")
    elif event.rc != 0:
        _on_failed_attempt(world, event)
    else:
        _on_fenced(world, event)


def _already_told(world: World, event: Fencing) -> bool:
    name = f"{event.target}/{event.ref or f'{event.action}/{event.rc}'}"
    before = world.get(FENCING, name)
    world.put((FENCING, name), event.at)
    return before is not None and (bool(event.ref) or event.at - before < SAME_FENCING)


def by_admin(event: Fencing) -> bool:
    return event.client.startswith("stonith_admin")


def ordered(event: Fencing, behind: str, incident: Incident | None) -> bool:
    """Whether a person had a well node fenced: it stood not `behind` a failed stop, and nothing critical was open.

    A person who confirms by hand that a node is off (`stonith_admin --confirm`) is the same client, with "a human" as
    executioner: that ends a fencing which failed, so an incident is open, and it stays the failure of the node.
    """
    return by_admin(event) and not behind and (incident is None or incident.severity is not Severity.CRITICAL)


def _on_fenced(world: World, event: Fencing) -> None:
    name, at = event.target, event.at
    known = node(world, name)
    incident = world.holder(node_subject(name))
    world.heal(Subject(f"fencing/{name}"), at, f"fencing of {name} worked")
    world.note(Subject(f"fencing/{name}"), Severity.OK, at, f"fencing worked ({event.action})")
    stuck = world.get(STOP_FAILED_ON, name) or ()
    behind = ", ".join(stuck)
    by_order = ordered(event, behind, incident)
    if known.fenced_at is not None:
        forget_activity(world, name, at, Severity.UNKNOWN, f"was heard of on {name}, which was fenced")
    if by_order:
        key = _fenced_by_admin(world, name, known.lost_at or at, event)
    else:
        show_quorum_by_fencing(world, name, at)
        _had_not_left(world, name)
        key = give_up(world, name, at, f"{name} was fenced ({event.action}) by {event.executioner or 'the cluster'}", fenced=True)
    facts = {"fencing_action": event.action, "fenced_by": event.executioner, "fencing_client": event.client}
    if behind:
        facts |= {"behind": behind}
    if world.incident(key).kind is not Kind.QUORUM_LOST:
        facts |= {"node": name}
    world.change(key, at, facts={**facts, "fencing_result": event.result})
    set_node(world, name, lost_at=known.lost_at or at, fenced_at=at, attempts=0)
    world.put((CLAIMS, name), None)
    world.cancel_timer("unfenced", name)
    settle_accusations(world, name, at)
    consider(world, key, at)
    if not by_order:
        _look_for_loop(world, name, key, at)


def _had_not_left(world: World, name: str) -> None:
    """It announced its going, and the cluster had to fence it all the same: what ran there was not stopped before."""
    for resource, role in node(world, name).left_with:
        if not world.runs_on.get(resource):
            world.put((ACTIVE, name, resource), role)
    set_node(world, name, left=False, left_with=())


def _fenced_by_admin(world: World, name: str, began: datetime, event: Fencing) -> str:
    subject = node_subject(name)
    reason = f"{name} was fenced ({event.action}) by an administrator, from {event.origin}"
    key = cause_of(world, name)
    if key is None:
        key = world.open_incident(Kind.NODE_FENCED_BY_ADMIN, subject, began, Severity.WARNING, reason)
    world.hurt(key, subject, began, Severity.WARNING, reason)
    world.change(key, event.at, kind=Kind.NODE_FENCED_BY_ADMIN, root=subject, severity=Severity.WARNING)
    world.confirm(key, event.at, reason)
    take_down(world, name, key, Span(began, event.at), Severity.WARNING)
    return key


def _look_for_loop(world: World, name: str, key: str, at: datetime) -> None:
    """Three fencings of one story, or of one node, within ten minutes are a loop that somebody must break."""
    since = at - world.settings.loop_window
    story = (*(when for when in world.get(FENCINGS, key) or () if when > since), at)
    own = (*(when for when in world.get(NODE_FENCINGS, name) or () if when > since), at)
    world.put((FENCINGS, key), story)
    world.put((NODE_FENCINGS, name), own)
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
    if known.fenced_at is not None and at - known.fenced_at < SAME_FENCING:
        world.say(f"an attempt to fence {name} failed that another made needless", world.get(HOLDER, node_subject(name)))
        return
    set_node(world, name, attempts=known.attempts + 1)
    reason = f"fencing of {name} failed: {event.result}"
    key = cause_of(world, name)
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
