"""Resources run: a good start, promotion or monitor, what it answers, and what it teaches about clones and places."""

from datetime import datetime, timedelta
from typing import Any, Final

from bridge.core.drbd.redundancy import consider
from bridge.core.pacemaker.clones import ease, is_told_away, missing, note_ran_before, note_well, tell_absence, tell_missing
from bridge.core.pacemaker.containers import is_about_container
from bridge.core.pacemaker.flapping import look_for_calm
from bridge.core.pacemaker.node_failure import give_up
from bridge.core.pacemaker.probes import note_found
from bridge.core.pacemaker.stopped import draw_in_bystander, on_stopped
from bridge.core.pacemaker.tables import (
    BAD_AT,
    CLONE,
    FAILED_ON,
    HEALED,
    LAME,
    MIGRATION,
    NEEDS_PROMOTE,
    START_FAILED,
    STARTED,
    STOP_FAILED_ON,
    TRIED_AT,
)
from bridge.core.pacemaker.trouble import PROMOTED, SOON, STARTS, set_active, without_name
from bridge.core.pacemaker.unfencing import end_unfencing
from bridge.core.pacemaker.unseen import confirm_by_start, is_restart_under_services
from bridge.core.world.event import Action, Severity, Subject, node_subject
from bridge.core.world.lists import with_listed
from bridge.core.world.nodes import circle, emptied, node, set_node
from bridge.core.world.shown import show_running
from bridge.core.world.table import Table
from bridge.core.world.tables import ACTIVE, HOLDER, WOUND
from bridge.core.world.world import World

RUNNING: Final = frozenset({0, 8, 190, 191})
CLONE_STARTS: Final = timedelta(seconds=30)
FENCING_IS_TOLD: Final = timedelta(seconds=5)
"""The fencing comes before the starts, but its alerts may be overtaken by theirs; and it says who asked for it."""
ANSWERED: Final[tuple[Table[Any], ...]] = (START_FAILED, TRIED_AT, NEEDS_PROMOTE, FAILED_ON, LAME, MIGRATION)
"""What no longer counts of a resource that runs."""


def on_good(world: World, event: Action) -> None:
    if event.task == "stop":
        on_stopped(world, event)
    elif event.task == "demote":
        set_active(world, event, "started")
        show_running(world, event.resource, event.at)
        world.say(f"{event.resource} was demoted on {event.node}")
    elif event.task == "migrate_to":
        _show_migration(world, event)
        world.say(f"{event.resource} leaves {event.node} by live migration")
    elif event.rc in RUNNING and event.task in {"start", "monitor", "promote", "migrate_from"}:
        _on_running(world, event)
    else:
        world.say(f"{event.resource}: {event.task} on {event.node} went as expected")


def _on_running(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    was_clone = world.get(CLONE, resource)
    if not world.is_fence_device(resource):  # which may run on a node that is not unfenced
        end_unfencing(world, name, at, f"{resource} runs on {name}")
    if event.task == "start":
        given_up_nodes(world, resource, name, at)
        note_ran_before(world, resource, name, at)
        learn_clone(world, resource, name, at)
    promoted = event.task == "promote" or event.rc in PROMOTED
    set_active(world, event, "promoted" if promoted else world.runs_on.get(resource, {}).get(name, "started"))
    note_well(world, event)
    draw_in_bystander(world, event)
    subject = world.service(resource)
    if world.wound(subject) is None:
        world.say(f"{resource} runs on {name}", _recent(world, subject, at))
        if not was_clone:
            tell_missing(world, resource)
    elif _is_older(world, event):
        world.say(f"{resource} ran on {name} before it failed", world.get(HOLDER, subject))
    elif not _answers(world, event, promoted=promoted):
        _not_yet(world, event)
    elif missing(world, resource):
        ease(world, resource, at)
        consider(world, world.facts[HOLDER, subject], at)
    else:
        _recovered(world, event)
    show_running(world, resource, at)


def _is_older(world: World, event: Action) -> bool:
    """Whether it is told too late to be the answer: what is wrong began after it."""
    wound, bad_at = world.facts[WOUND, world.service(event.resource)], world.get(BAD_AT, event.resource)
    return bool(wound.began_at > event.at or (bad_at is not None and bad_at > event.at))


def _not_yet(world: World, event: Action) -> None:
    key = world.facts[HOLDER, world.service(event.resource)]
    if is_told_away(world, key, event.resource):
        tell_absence(world, key, event.resource, event.at)
    world.say(f"{event.resource} runs on {event.node}, but that is not yet what is missing", key)


def _show_migration(world: World, event: Action) -> None:
    """On its way, and running all the time."""
    world.note(world.service(event.resource), Severity.OK, event.at, f"moves live from {event.node}")


def on_found(world: World, event: Action) -> None:
    """A probe met it where the cluster did not know of it. What ran nowhere runs again, whoever started it."""
    note_found(world, event)
    nowhere = not world.runs_on.get(event.resource)
    set_active(world, event, "promoted" if event.rc in PROMOTED else "started")
    note_well(world, event)
    wound = world.wound(world.service(event.resource))
    if nowhere and wound is not None and wound.outage and _answers(world, event, promoted=event.rc in PROMOTED):
        _recovered(world, event)
    show_running(world, event.resource, event.at)


def _answers(world: World, event: Action, *, promoted: bool) -> bool:
    """Whether a good word answers the trouble: any later success does, but for a lost promoted instance, or a clone's sister."""
    if world.get(NEEDS_PROMOTE, event.resource):
        return promoted
    if event.task == "monitor" and world.get(CLONE, event.resource):
        return world.get(FAILED_ON, event.resource) in {None, event.node}
    return True


def _recovered(world: World, event: Action) -> None:
    resource, name = event.resource, event.node
    subject = world.service(resource)
    for table in ANSWERED:
        world.put((table, resource), None)
    for other in circle(world, name):
        world.put((STOP_FAILED_ON, other), without_name(world.get(STOP_FAILED_ON, other), resource))
    world.cancel_timer("down", resource)
    world.cancel_timer("settled", resource)
    key = world.facts[HOLDER, subject]
    if event.task in STARTS:
        confirm_by_start(world, key, event.at, f"{resource} had to be started on {name}")
    elif is_restart_under_services(world, key) and world.wounds(key) == {subject}:
        world.dismiss(key, event.at, f"Pacemaker began anew on {name}, under services that went on running")
        return
    tell_absence(world, key, resource, event.at)
    incident = world.incident(key)
    facts = with_listed(world, incident, "moved", resource, name) | {"missing_on": ""}
    if incident.root == subject or not is_about_container(world, incident):
        facts |= {"now_on": name}
    if event.task in STARTS:
        facts |= {"restarted": "yes"}
    world.change(key, event.at, facts=facts)
    what = {"promote": "promoted", "monitor": "found well", "migrate_from": "arrived"}.get(event.task, "started")
    world.heal(subject, event.at, f"{resource} {what} on {name}")
    world.put((HEALED, subject), event.at)
    look_for_calm(world, resource, key, event.at)
    consider(world, key, event.at)


def given_up_nodes(world: World, resource: str, here: str, at: datetime) -> None:
    """A start elsewhere of what ran on a lost node: the cluster has given that node up, fenced or not."""
    for name in list(world.runs_on.get(resource, {})):
        known = node(world, name)
        if name == here:
            continue
        if known.lost_at is not None and known.fenced_at is None:
            give_up(world, name, at, _given_up(name), sure=False)
            set_node(world, name, given_up=True)
            world.set_timer(at + FENCING_IS_TOLD, "given-up", name)


def on_given_up(world: World, name: str, at: datetime) -> None:
    """A timer: nobody has told of its fencing."""
    incident = world.holder(node_subject(name))
    if incident is not None and node(world, name).given_up:
        world.confirm(incident.key, at, _given_up(name))


def _given_up(name: str) -> str:
    return f"{name} is lost, and its resources are started elsewhere"


def learn_clone(world: World, resource: str, name: str, at: datetime) -> None:
    """Starts on several nodes at about one time are a clone's; else a start elsewhere is a move whose stop was not heard."""
    others = [other for other in world.runs_on.get(resource, {}) if other != name]
    last = world.get(STARTED, resource)
    if others and last is not None and last[0] != name and at - last[1] < CLONE_STARTS and last[0] in others:
        world.put((CLONE, resource), value=True)
    if not world.get(CLONE, resource):
        for other in others:
            world.put((ACTIVE, other, resource), None)
            emptied(world, other, at)
    world.put((STARTED, resource), (name, at))


def _recent(world: World, subject: Subject, at: datetime) -> str | None:
    """The incident whose end this good word still belongs to."""
    healed = world.get(HEALED, subject)
    if healed is None or at - healed > SOON:
        return None
    return world.get(HOLDER, subject)
