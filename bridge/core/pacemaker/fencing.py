"""Nodes are fenced: by the cluster or by a person, in vain, again and again. (Pacemaker Administration, alerts)"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.drbd.redundancy import consider
from bridge.core.pacemaker.clones import nothing_is_missed
from bridge.core.pacemaker.connectivity import goes_away
from bridge.core.pacemaker.devices import gather_devices, let_go
from bridge.core.pacemaker.node_failure import Span, cause_of, give_up, is_of_another, take_down
from bridge.core.pacemaker.ordered import (
    SAME_FENCING,
    by_admin,
    by_whom,
    fenced_by_person,
    is_order,
    is_told_twice,
    is_well_before,
    was_lost_before,
)
from bridge.core.pacemaker.quorum import show_quorum_by_fencing
from bridge.core.pacemaker.returning import settle_accusations
from bridge.core.pacemaker.tables import FENCED, FENCING, FENCINGS, NODE_FENCINGS, STOP_FAILED_ON, UNNAMED
from bridge.core.pacemaker.unfencing import on_unfencing
from bridge.core.world.event import Fencing, Severity, Subject, node_subject
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.nodes import meet, node, set_node
from bridge.core.world.series import Series
from bridge.core.world.shown import forget_activity
from bridge.core.world.tables import ACTIVE, CIRCLE, CLAIMS, HOLDER
from bridge.core.world.world import World

NAMED_WITHIN: Final = timedelta(seconds=10)
"""The node that was fenced is called lost, with its number and its name, a moment before or after."""
MOST_HELD: Final = 20
UNTOLD: Final = "reboot or off"
"""What was done to a fenced node when the text does not tell: then it names another thing than `on`."""
NO_MORE_ATTEMPTS: Final = timedelta(minutes=10)


def on_fencing(world: World, event: Fencing) -> None:
    if event.target.isdecimal() and (CIRCLE, event.target) not in world.facts:
        world.put((UNNAMED, event.target), (*(world.get(UNNAMED, event.target) or ()), event)[-MOST_HELD:])
        world.set_timer(event.at + NAMED_WITHIN, "unnamed", event.target)
        world.say(f"whose number {event.target} is, another word may tell")
    else:
        _on_attempt(world, event)


def on_unnamed(world: World, number: str, at: datetime) -> None:
    """A timer: nobody has told whose number it is. The fencing is told all the same."""
    for event in world.get(UNNAMED, number) or ():
        _on_attempt(world, msgspec.structs.replace(event, at=at))
    world.put((UNNAMED, number), None)


def _on_attempt(world: World, event: Fencing) -> None:
    meet(world, event.witness, event.target)
    if _already_told(world, event):
        world.say(f"this fencing of {event.target} was told before", world.get(HOLDER, node_subject(event.target)))
    elif event.action == "on":
        on_unfencing(world, event)
    elif event.rc != 0:
        _on_failed_attempt(world, event)
    elif is_told_twice(world, event):
        _told_twice(world, event)
    else:
        _on_fenced(world, event)


def _already_told(world: World, event: Fencing) -> bool:
    name = f"{event.target}/{event.ref or f'{event.action}/{event.rc}'}"
    before = world.get(FENCING, name)
    world.put((FENCING, name), event.at)
    return before is not None and (bool(event.ref) or event.at - before < SAME_FENCING)


def _is_well(behind: str, incident: Incident | None) -> bool:
    """Whether nothing else asks for its fencing: it stands not `behind` a failed stop, and nothing critical is open.

    A person who confirms by hand that a node is off (`stonith_admin --confirm`) is the same client as one who fences, with "a
    human" as executioner: that ends a fencing which failed, so an incident is open, and it stays the failure of the node.
    """
    return not behind and (incident is None or incident.severity is not Severity.CRITICAL)


def _told_twice(world: World, event: Fencing) -> None:
    """A person's fencing, and the cluster's own of the same node at the same moment: it was asked for, whoever is told first."""
    name = event.target
    if is_well_before(world, name):
        fenced_by_person(world, name, event.at, event.client if by_admin(event) else "")
    world.say(f"{name} was fenced by an administrator, and the cluster asked for the same", world.get(HOLDER, node_subject(name)))


def _on_fenced(world: World, event: Fencing) -> None:
    name, at = event.target, event.at
    known = node(world, name)
    incident = world.holder(node_subject(name))
    world.heal(Subject(f"fencing/{name}"), at, f"fencing of {name} worked")
    world.note(Subject(f"fencing/{name}"), Severity.OK, at, f"fencing worked{_how(event)}")
    stuck = world.get(STOP_FAILED_ON, name) or ()
    behind = ", ".join(stuck)
    well = _is_well(behind, incident)
    by_order = well and is_order(world, event)
    goes_away(world, name, at, f"{name} was fenced", for_good=True)
    if known.fenced_at is not None:
        forget_activity(world, name, at, Severity.UNKNOWN, f"was heard of on {name}, which was fenced")
    world.put((FENCED, name), (at, event.action, is_order(world, event), well and not was_lost_before(world, name, at)))
    if by_order:
        key = _fenced_by_admin(world, name, known.lost_at or at, event)
    else:
        show_quorum_by_fencing(world, name, at)
        _had_not_left(world, name)
        key = give_up(world, name, at, f"{name} was fenced{_how(event)} by {event.executioner or 'the cluster'}", fenced=True)
        _can_be_started(world, name, at)
    client = "" if by_order and not by_admin(event) else event.client
    facts = {"fencing_action": event.action or UNTOLD, "fenced_by": event.executioner, "fencing_client": client}
    if behind:
        facts |= {"behind": behind}
    if world.incident(key).kind is not Kind.QUORUM_LOST:
        facts |= {"node": name}
    if not is_of_another(world, key, name):
        world.change(key, at, facts={**facts, "fencing_result": event.result})
    set_node(world, name, lost_at=known.lost_at or at, fenced_at=at, attempts=0, taken=())
    world.put((CLAIMS, name), None)
    world.cancel_timer("unfenced", name)
    settle_accusations(world, name, at)
    nothing_is_missed(world, name, at, f"{name} was fenced")
    consider(world, key, at)
    if not by_order:
        _look_for_loop(world, name, key, at)


def _can_be_started(world: World, name: str, at: datetime) -> None:
    """What ran on the node waited for this: from now on it is news that it runs nowhere."""
    for resource, _ in node(world, name).taken:
        if world.wound(world.service(resource)) is not None:
            world.set_timer(at + world.settings.down_after, "down", resource)


def _had_not_left(world: World, name: str) -> None:
    """It announced its going, and the cluster had to fence it all the same: what ran there was not stopped before."""
    for resource, role in node(world, name).left_with:
        if not world.runs_on.get(resource):
            world.put((ACTIVE, name, resource), role)
    set_node(world, name, left=False, left_with=())


def _fenced_by_admin(world: World, name: str, began: datetime, event: Fencing) -> str:
    subject = node_subject(name)
    reason = f"{name} was fenced{_how(event)} {by_whom(event.client, event.origin)}"
    key = cause_of(world, name)
    if key is None or _others_are_away(world, key, subject):
        key = world.open_incident(Kind.NODE_FENCED_BY_ADMIN, subject, began, Severity.WARNING, reason)
    world.hurt(key, subject, began, Severity.WARNING, reason)
    world.change(key, event.at, kind=Kind.NODE_FENCED_BY_ADMIN, root=subject, severity=Severity.WARNING)
    world.confirm(key, event.at, reason)
    world.say(reason, key)
    take_down(world, name, key, Span(began, event.at), Severity.WARNING)
    return key


def _others_are_away(world: World, key: str, subject: Subject) -> bool:
    """It failed with other nodes once, which are still missed; that somebody fences it now is no part of that."""
    return any(name.startswith("node/") and name != subject for name in world.wounds(key))


def _how(event: Fencing) -> str:
    return f" ({event.action})" if event.action else ""


def _look_for_loop(world: World, name: str, key: str, at: datetime) -> None:
    """Three fencings of one story, or of one node, within ten minutes are a loop that somebody must break."""
    settings = world.settings
    goes_on = world.incident(key).kind is Kind.FENCING_LOOP
    count = 0
    for place in ((FENCINGS, key), (NODE_FENCINGS, name)):
        before = world.get(*place) or Series()
        series = before.and_then(at, key, within=settings.loop_window, least=settings.loop_count, goes_on=goes_on)
        world.put(place, series)
        count = max(count, series.count)
    if count < world.settings.loop_count:
        return
    incident = world.incident(key)
    behind = incident.facts.get("behind", "")
    root = world.service(behind.split(", ", maxsplit=1)[0]) if behind else node_subject(name)
    if incident.kind is not Kind.FENCING_LOOP:
        world.change(key, at, kind=Kind.FENCING_LOOP, root=root)
        world.alarm(key, at, f"nodes are fenced again and again ({count} times)")
    world.draw_in(key, root, at)
    fenced = ", ".join(sorted(s.removeprefix("node/") for s in world.members(key) if s.startswith("node/")))
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
    if known.lost_at is not None:
        take_down(world, name, key, Span(known.lost_at, at))
        gather_devices(world, name, key, at)
    world.alarm(key, at, f"fencing of {name} failed")
    world.say(f"{reason} (attempt {known.attempts + 1})", key)
    world.set_timer(at + NO_MORE_ATTEMPTS, "fencing-quiet", name)


def on_fencing_quiet(world: World, name: str, at: datetime) -> None:
    """A timer: nobody tries to fence the node any more. If it is there, that story is over."""
    if node(world, name).lost_at is None:
        key = world.heal(Subject(f"fencing/{name}"), at, f"{name} is a member, and nobody tries to fence it any more")
        if key is not None:
            let_go(world, key, at)
