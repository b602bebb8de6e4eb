"""Resources run, fail, move and stop: what finished actions mean. (Pacemaker Administration, alerts; Pacemaker Explained)

A failure opens or joins an incident; the first good word about the resource anywhere answers it. A clean stop of a healthy
resource is asked for, unless the story of a failure around it explains it better.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.event import CLUSTER, Action, AttributeSet, Outcome, Severity, Subject
from bridge.core.incident import Incident, Kind, State
from bridge.core.nodes import (
    circle,
    come_back,
    emptied,
    give_up,
    is_void,
    lose_quorum,
    meet,
    node,
    on_shutdown,
    quorum_incident,
    without_quorum,
)
from bridge.core.world import World

RUNNING: Final = frozenset({0, 8, 190, 191})
PROMOTED: Final = frozenset({8, 191})
HARD: Final = frozenset({2, 3, 4, 5, 6})
"""OCF codes that no retry heals: arguments, unimplemented, permissions, not installed, not configured."""
NOT_INSTALLED: Final = 7

SOON: Final = timedelta(seconds=60)
"""Stops so soon after a failure on the same node, and failures so soon after a recovery, belong to that story."""
CLONE_STARTS: Final = timedelta(seconds=30)
SAME_WORD: Final = timedelta(seconds=5)
"""ClusterMon: two nodes tell the same action, untimed, within this time."""
TRIED_EVERYWHERE: Final = timedelta(seconds=5)
"""Long enough for a node that was never heard of to try as well."""
FOUND_TOGETHER: Final = timedelta(seconds=30)

OWN_KINDS: Final = frozenset(
    {
        Kind.RESOURCE_FAILURE,
        Kind.RESOURCE_DOWN,
        Kind.RESOURCE_BLOCKED,
        Kind.RESOURCE_FLAPPING,
        Kind.RESOURCE_DEGRADED,
        Kind.RESOURCE_MISCONFIGURED,
        Kind.MIGRATION_FAILURE,
        Kind.MULTIPLE_ACTIVE,
        Kind.GUEST_FAILURE,
        Kind.FENCE_DEVICE_FAILURE,
    }
)
"""The kinds whose root is a resource: one may turn into another."""


def on_action(world: World, event: Action) -> None:
    meet(world, event.witness, event.node)
    _meet_by_resource(world, event)
    if event.outcome in {Outcome.CANCELLED, Outcome.PENDING}:
        world.say(f"{event.resource}: {event.outcome}, which says nothing about the resource")
    elif event.task == "notify":
        world.say(f"{event.resource}: notify is bookkeeping of the cluster")
    elif not event.timed and _told_by_another(world, event):
        world.say(f"{event.resource}: told by {event.witness} too")
    elif _speaks_from_the_grave(world, event):
        world.say(f"{event.node} is cut off: its word about {event.resource} is void", world.get("holder", f"node/{event.node}"))
    else:
        _BY_OUTCOME[event.outcome](world, event)


def _meet_by_resource(world: World, event: Action) -> None:
    """Nodes between which a resource moves belong together."""
    before: str | None = world.get("seen_on", event.resource)
    if before != event.node:
        world.put(("seen_on", event.resource), event.node)
        if before is not None:
            meet(world, before, event.node)


def _told_by_another(world: World, event: Action) -> bool:
    name = f"{event.node}/{event.resource}/{event.task}/{event.rc}/{event.target_rc}/{event.status}"
    before: tuple[datetime, frozenset[str]] | None = world.get("untimed", name)
    if before is not None and event.at - before[0] < SAME_WORD and event.witness not in before[1]:
        world.put(("untimed", name), (before[0], before[1] | {event.witness}))
        return True
    world.put(("untimed", name), (event.at, frozenset({event.witness})))
    return False


def _speaks_from_the_grave(world: World, event: Action) -> bool:
    """A lost node's own actions do not count; those after its fencing show that it is back."""
    known = node(world, event.node)
    if known.fenced_at is not None and event.at > known.fenced_at:
        come_back(world, event.node, event.at, f"{event.node} runs actions again")
        return False
    if known.lost_at is None:
        return False
    return event.witness == event.node and is_void(world, event.witness)


# --- good ------------------------------------------------------------------------------------------------------------


def _on_good(world: World, event: Action) -> None:
    if event.task == "stop":
        _on_stopped(world, event)
    elif event.task == "demote":
        _set_active(world, event, "started")
        world.say(f"{event.resource} was demoted on {event.node}")
    elif event.task == "migrate_to":
        world.say(f"{event.resource} leaves {event.node} by live migration")
    elif event.rc in RUNNING and event.task in {"start", "monitor", "promote", "migrate_from"}:
        _on_running(world, event)
    else:
        world.say(f"{event.resource}: {event.task} on {event.node} went as expected")


def _on_running(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    if event.task == "start":
        _given_up_nodes(world, resource, name, at)
        _learn_clone(world, resource, name, at)
    promoted = event.task == "promote" or event.rc in PROMOTED
    _set_active(world, event, "promoted" if promoted else world.runs_on.get(resource, {}).get(name, "started"))
    _draw_in_bystander(world, event)
    subject = world.service(resource)
    if world.wound(subject) is None:
        world.say(f"{resource} runs on {name}", _recent(world, subject, at))
    elif _answers(world, event, promoted=promoted):
        _recovered(world, event)
    else:
        world.say(f"{resource} runs on {name}, but that is not yet what is missing", world.get("holder", subject))


def _answers(world: World, event: Action, *, promoted: bool) -> bool:
    """Whether a good word answers the trouble: any later success does, but for a lost promoted instance, or a clone's sister."""
    if world.get("needs_promote", event.resource):
        return promoted
    if event.task == "monitor" and world.get("clone", event.resource):
        return world.get("failed_on", event.resource) in {None, event.node}
    return True


def _recovered(world: World, event: Action) -> None:
    resource, name = event.resource, event.node
    subject = world.service(resource)
    for fact in ("stop_failed", "start_failed", "needs_promote", "failed_on", "migration"):
        world.put((fact, resource), None)
    for other in circle(world, name):
        world.put(("stop_failed_on", other), _without(world.get("stop_failed_on", other), resource))
    world.cancel_timer("down", resource)
    world.cancel_timer("settled", resource)
    key = world.facts["holder", subject]
    down = [part for part in world.incident(key).facts.get("down", "").split(", ") if part and part != resource]
    world.change(key, event.at, facts={"down": ", ".join(down)})
    moved = world.incident(key).facts.get("moved", "")
    arrow = f"{resource} → {name}"
    known = [part for part in moved.split(", ") if part and not part.startswith(f"{resource} → ")]
    world.change(key, event.at, facts={"moved": ", ".join([*known, arrow]), "now_on": name})
    what = {"promote": "promoted", "monitor": "found well", "migrate_from": "arrived"}.get(event.task, "started")
    world.heal(subject, event.at, f"{resource} {what} on {name}")
    world.put(("healed", subject), event.at)


def _given_up_nodes(world: World, resource: str, here: str, at: datetime) -> None:
    """A start elsewhere of what ran on a lost node: the cluster has given that node up, fenced or not."""
    for name in list(world.runs_on.get(resource, {})):
        known = node(world, name)
        if name == here:
            continue
        if known.lost_at is not None and known.fenced_at is None:
            give_up(world, name, at, f"{name} is lost, and its resources are started elsewhere")


def _learn_clone(world: World, resource: str, name: str, at: datetime) -> None:
    """Starts on several nodes at about one time are a clone's; else a start elsewhere is a move whose stop was not heard."""
    others = [other for other in world.runs_on.get(resource, {}) if other != name]
    last: tuple[str, datetime] | None = world.get("started", resource)
    if others and last is not None and last[0] != name and at - last[1] < CLONE_STARTS and last[0] in others:
        world.put(("clone", resource), value=True)
    if not world.get("clone", resource):
        for other in others:
            world.put(("active", other, resource), None)
            emptied(world, other, at)
    world.put(("started", resource), (name, at))


def _set_active(world: World, event: Action, role: str) -> None:
    if role == "promoted" or ":" in event.instance:
        world.put(("clone", event.resource), value=True)
    world.put(("active", event.node, event.resource), role)


def _recent(world: World, subject: Subject, at: datetime) -> str | None:
    """The incident whose end this good word still belongs to."""
    healed: datetime | None = world.get("healed", subject)
    if healed is None or at - healed > SOON:
        return None
    key: str | None = world.get("holder", subject)
    return key


# --- stopped ---------------------------------------------------------------------------------------------------------


def _on_stopped(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    subject = world.service(resource)
    was_here = resource in world.runs_there.get(name, {})
    world.put(("active", name, resource), None)
    world.put(("stopped_at", resource), at)
    emptied(world, name, at)
    if _found_twice(world, event):
        return
    if (key := _belongs_to_quorum(world, event)) is not None:
        world.hurt(key, subject, at, Severity.CRITICAL, f"stopped on {name}: no quorum")
        world.say(f"{resource} stopped on {name} for want of quorum", key)
    elif world.wound(subject) is not None:
        _stopped_in_trouble(world, event)
    elif (bystander := _trouble_here(world, name, at)) is not None and was_here and not node(world, name).announced_at:
        world.put(("bystander", resource), (bystander, at, name))
        world.put(("bystanders", bystander), (*(world.get("bystanders", bystander) or ()), resource))
        world.say(f"{resource} stopped on {name} right after a failure there", bystander)
    else:
        world.say(f"{resource} stopped on {name}, as asked")


def _stopped_in_trouble(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    subject = world.service(resource)
    incident = world.holder(subject)
    if incident is None:
        return
    blocked = resource in (world.get("stop_failed_on", name) or ())
    wound = world.wound(subject)
    if blocked:
        world.put(("stop_failed_on", name), _without(world.get("stop_failed_on", name), resource))
        world.put(("stop_failed", resource), None)
        world.set_timer(at + world.settings.down_after, "settled", resource)
        world.say(f"{resource} stopped on {name} in the end", incident.key)
    elif incident.kind is Kind.RESOURCE_DEGRADED or (
        incident.kind is Kind.RESOURCE_FAILURE and wound and wound.why.startswith("probe")
    ):
        world.heal(subject, at, f"{resource} was stopped on {name}")
    elif world.get("migration", resource):
        world.hurt(incident.key, subject, at, Severity.WARNING, f"stopped on {name} after the failed migration")
        world.say(f"{resource} stopped on {name} to be started afresh", incident.key)
    else:
        world.say(f"{resource} stopped on {name} after the failure", incident.key)


def on_settled(world: World, resource: str, at: datetime) -> None:
    """A timer: what could not be stopped has been stopped for a while, and nobody started it again."""
    if not world.runs_on.get(resource):
        world.heal(world.service(resource), at, f"{resource} was stopped in the end, and is not started again")


def _belongs_to_quorum(world: World, event: Action) -> str | None:
    witness = event.witness
    if witness != event.node:
        return None
    if (key := quorum_incident(world, witness)) is not None:
        return key
    if not without_quorum(world, witness):
        return None
    return lose_quorum(world, witness, event.at, f"{witness} has lost most nodes and stops its resources")


def _trouble_here(world: World, name: str, at: datetime) -> str | None:
    recent: tuple[str, datetime] | None = world.get("trouble", name)
    if recent is None or at - recent[1] > SOON:
        return None
    return None if world.incident(recent[0]).state is State.CLOSED else recent[0]


def _draw_in_bystander(world: World, event: Action) -> None:
    """What was stopped because of another's failure and starts again was part of that story, and away so long."""
    bystander: tuple[str, datetime, str] | None = world.get("bystander", event.resource)
    if bystander is None or event.task not in {"start", "promote"}:
        return
    world.put(("bystander", event.resource), None)
    key, stopped_at, name = bystander
    if world.incident(key).state is not State.CLOSED:
        world.hurt(key, world.service(event.resource), stopped_at, Severity.WARNING, f"stopped on {name} with what had failed")


# --- found running ---------------------------------------------------------------------------------------------------


def _on_found(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    world.put(("active", name, resource), "started")
    found = dict(world.get("found", resource) or {})
    world.put(("found", resource), {**{other: when for other, when in found.items() if at - when < FOUND_TOGETHER}, name: at})
    world.say(f"a probe found {resource} running on {name}")


def _found_twice(world: World, event: Action) -> bool:
    """Found running on two nodes, and now it is stopped: it was active in two places."""
    found: dict[str, datetime] = world.get("found", event.resource) or {}
    fresh = sorted(name for name, when in found.items() if event.at - when < FOUND_TOGETHER)
    subject = world.service(event.resource)
    if len(fresh) < 2 or event.node not in fresh or world.get("clone", event.resource):
        return False
    incident = world.holder(subject)
    if incident is not None and incident.kind is Kind.MULTIPLE_ACTIVE:
        world.say(f"{event.resource} stopped on {event.node} too", incident.key)
        return True
    reason = f"{event.resource} was running on {' and '.join(fresh)} at once"
    key = world.open_incident(Kind.MULTIPLE_ACTIVE, subject, found[fresh[0]], Severity.WARNING, reason)
    world.change(key, event.at, facts={"resource": event.resource, "found_on": ", ".join(fresh)})
    world.hurt(key, subject, event.at, Severity.WARNING, reason)
    return True


# --- degraded --------------------------------------------------------------------------------------------------------


def _on_degraded(world: World, event: Action) -> None:
    subject = world.service(event.resource)
    _set_active(world, event, "promoted" if event.rc in PROMOTED else "started")
    if world.wound(subject) is not None:
        world.say(f"{event.resource} runs degraded on {event.node}", world.get("holder", subject))
        return
    reason = f"{event.resource} runs on {event.node}, but degraded"
    key = _own_incident(world, Kind.RESOURCE_DEGRADED, event, reason, Severity.WARNING)
    world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    world.change(key, event.at, facts=_facts(event))


# --- failed ----------------------------------------------------------------------------------------------------------


def _on_failed(world: World, event: Action) -> None:
    if event.probe or (event.task == "monitor" and event.target_rc == NOT_INSTALLED):
        _on_failed_probe(world, event)
    elif event.task == "stop":
        _on_failed_stop(world, event)
    elif event.task in {"migrate_to", "migrate_from"}:
        _on_failed_migration(world, event)
    else:
        _on_failed_run(world, event)


def _on_failed_probe(world: World, event: Action) -> None:
    subject = world.service(event.resource)
    hard = event.rc in HARD or event.status == NOT_INSTALLED
    if world.runs_on.get(event.resource):
        world.say(f"{event.resource}: the probe failed on {event.node} ({event.words}), but it runs elsewhere")
        return
    kind = Kind.RESOURCE_MISCONFIGURED if hard else Kind.RESOURCE_FAILURE
    reason = f"probe of {event.resource} failed on {event.node}: {event.words}"
    key = _own_incident(world, kind, event, reason, Severity.WARNING)
    if world.wound(subject) is None:
        world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    incident = world.incident(key)
    tried = _with_name(incident.facts.get("tried_on", ""), event.node)
    world.change(key, event.at, facts={**_facts(event), "tried_on": tried})
    world.say(reason, key)


def _on_failed_stop(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    subject = world.service(resource)
    reason = f"{resource} cannot be stopped on {name}: {_words(event)}"
    known = world.holder(subject)
    story = known or world.holder(Subject(f"node/{name}"))
    key = story.key if story is not None else world.open_incident(Kind.RESOURCE_BLOCKED, subject, at, Severity.CRITICAL, reason)
    world.hurt(key, subject, at, Severity.CRITICAL, reason)
    incident = world.incident(key)
    if incident.kind in OWN_KINDS:
        world.change(key, at, kind=Kind.RESOURCE_BLOCKED, root=subject)
    world.change(key, at, severity=Severity.CRITICAL, facts={**_facts(event), "behind": resource})
    world.confirm(key, at, reason)
    if story is not None:
        world.alarm(key, at, f"{resource} cannot be stopped")
    stuck = world.get("stop_failed_on", name) or ()
    if resource not in stuck:
        world.put(("stop_failed_on", name), (*stuck, resource))
    world.put(("stop_failed", resource), name)
    _note_trouble(world, name, key, at)
    world.say(reason, key)


def _on_failed_migration(world: World, event: Action) -> None:
    subject = world.service(event.resource)
    reason = f"live migration of {event.resource} failed on {event.node}: {_words(event)}"
    key = _own_incident(world, Kind.MIGRATION_FAILURE, event, reason, Severity.WARNING)
    world.put(("migration", event.resource), value=True)
    world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    if world.incident(key).kind in OWN_KINDS:
        world.change(key, event.at, kind=Kind.MIGRATION_FAILURE)
    world.change(key, event.at, facts=_facts(event))
    world.set_timer(event.at + world.settings.down_after, "down", event.resource)
    world.say(reason, key)


def _on_failed_run(world: World, event: Action) -> None:
    """start, promote, demote, a recurring monitor, reload: the cluster will recover the resource, if it can."""
    resource, name, at = event.resource, event.node, event.at
    subject = world.service(resource)
    if event.task == "start":
        world.put(("active", name, resource), None)
    wound = world.wound(subject)
    fresh = wound is None or not wound.outage
    reason = f"{resource}: {event.task} failed on {name}: {_words(event)}"
    key = _own_incident(world, _kind(world, event), event, reason, _first_severity(world, event))
    incident = world.incident(key)
    if incident.kind in {Kind.RESOURCE_DEGRADED, Kind.RESOURCE_MISCONFIGURED, Kind.MULTIPLE_ACTIVE}:
        world.change(key, at, kind=_kind(world, event))
    world.hurt(key, subject, at, _first_severity(world, event), reason)
    world.put(("failed_on", resource), name)
    failures = int(incident.facts.get("failures", "0")) + 1 if incident.root == subject else 1
    facts = _facts(event) | {"failures": str(failures)}
    if event.task == "start":
        facts["tried_on"] = _with_name(incident.facts.get("tried_on", ""), name)
    if incident.root == subject:
        world.change(key, at, facts=facts)
    world.set_timer(at + world.settings.down_after, "down", resource)
    _note_trouble(world, name, key, at)
    world.say(reason, key)
    if event.task == "start":
        _tried_everywhere(world, resource, name, at)
    if fresh:
        _look_for_flapping(world, resource, key, at)


def _tried_everywhere(world: World, resource: str, name: str, at: datetime) -> None:
    """When the start has failed on every node that is known to be there, a short while shows that it is down."""
    tried = frozenset(world.get("start_failed", resource) or ()) | {name}
    world.put(("start_failed", resource), tried)
    there = {
        other
        for other in circle(world, name)
        if (known := node(world, other)).lost_at is None and not known.left and not known.remote
    }
    if len(there) > 1 and there <= tried:
        world.set_timer(at + TRIED_EVERYWHERE, "down", resource)


def _kind(world: World, event: Action) -> Kind:
    if world.settings.is_fence_device(event.resource):
        return Kind.FENCE_DEVICE_FAILURE
    if world.settings.is_guest(event.resource):
        return Kind.GUEST_FAILURE
    return Kind.RESOURCE_FAILURE


def _first_severity(world: World, event: Action) -> Severity:
    return Severity.CRITICAL if world.settings.is_fence_device(event.resource) else Severity.WARNING


def _own_incident(world: World, kind: Kind, event: Action, reason: str, severity: Severity) -> str:
    """The incident that this trouble of the resource belongs to, or a new one."""
    subject = world.service(event.resource)
    holder = world.holder(subject)
    if holder is not None and _still_about(world, holder, subject, event.at):
        return holder.key
    remote = world.service(event.node)
    if remote != subject and world.wound(remote) is not None:
        story: str = world.facts["holder", remote]
        return story
    return world.open_incident(kind, subject, event.at, severity, reason)


def _still_about(world: World, holder: Incident, subject: Subject, at: datetime) -> bool:
    """A wounded subject's trouble stays in its story; a healed one's only for a while: no old story swallows a new one."""
    if world.wound(subject) is not None or holder.root == subject:
        return True
    healed: datetime | None = world.get("healed", subject)
    return healed is not None and at - healed < SOON


def _look_for_flapping(world: World, resource: str, key: str, at: datetime) -> None:
    """Three failures with successes between them within ten minutes are one flapping incident, with the earlier ones in it."""
    settings = world.settings
    before = tuple(row for row in world.get("episodes", resource) or () if at - row[0] < settings.flapping_window)
    episodes = (*before, (at, key))
    world.put(("episodes", resource), episodes)
    incident = world.incident(key)
    if incident.kind is Kind.RESOURCE_FLAPPING:
        world.set_timer(at + settings.flapping_quiet, "flapping", resource)
        world.change(key, at, facts={"failures": str(len(episodes))})
    elif len(episodes) >= settings.flapping_count and incident.kind in OWN_KINDS:
        for _, earlier in episodes[:-1]:
            if earlier != key and world.incident(earlier).root == incident.root:
                world.absorb(earlier, key, at, f"the failures of {resource} are a series")
        reason = f"{resource} failed {len(episodes)} times within {_minutes(settings.flapping_window)}, with successes between"
        world.change(key, at, kind=Kind.RESOURCE_FLAPPING, facts={"failures": str(len(episodes))})
        world.keep_open(key, f"flapping {resource}")
        world.alarm(key, at, reason, Severity.WARNING)
        world.put(("flapping", resource), key)
        world.set_timer(at + settings.flapping_quiet, "flapping", resource)


def on_flapping_quiet(world: World, resource: str, at: datetime) -> None:
    """A timer: no failure for ten minutes. The series is over."""
    key: str | None = world.get("flapping", resource)
    if key is not None:
        world.put(("flapping", resource), None)
        world.release(key, f"flapping {resource}", at, f"{resource} has been quiet for {_minutes(world.settings.flapping_quiet)}")


def on_down(world: World, resource: str, at: datetime) -> None:
    """A timer: it failed, or its node did, a while ago. If it runs nowhere, it is down, and a person is needed."""
    subject = world.service(resource)
    wound, incident = world.wound(subject), world.holder(subject)
    if wound is None or incident is None or not wound.outage or world.runs_on.get(resource):
        return
    reason = f"{resource} runs nowhere"
    world.hurt(incident.key, subject, at, Severity.CRITICAL, reason)
    if incident.kind in {Kind.RESOURCE_FAILURE, Kind.MIGRATION_FAILURE, Kind.RESOURCE_MISCONFIGURED, Kind.MULTIPLE_ACTIVE}:
        world.change(incident.key, at, kind=Kind.RESOURCE_DOWN, root=subject)
    down = _with_name(incident.facts.get("down", ""), resource)
    world.change(incident.key, at, facts={"down": down})
    world.alarm(incident.key, at, reason)
    for other in world.get("bystanders", incident.key) or ():
        bystander: tuple[str, datetime, str] | None = world.get("bystander", other)
        if bystander is not None:
            world.put(("bystander", other), None)
            why = f"stopped with {resource}, and not started again"
            world.hurt(incident.key, world.service(other), bystander[1], Severity.CRITICAL, why)


def _note_trouble(world: World, name: str, key: str, at: datetime) -> None:
    world.put(("trouble", name), (key, at))


def _facts(event: Action) -> dict[str, str]:
    facts = {"resource": event.resource, "action": event.task, "failed_on": event.node, "rc": str(event.rc)}
    if event.words:
        facts["rc_words"] = event.words
    if event.timed_out:
        facts["timed_out"] = "yes"
        if event.exec_ms:
            facts["timeout_ms"] = str(event.exec_ms)
    if event.version:
        facts["pacemaker_version"] = event.version
    return facts


def _words(event: Action) -> str:
    if event.timed_out:
        return f"timed out after {event.exec_ms / 1000:g} s" if event.exec_ms else "timed out"
    return event.words or f"code {event.rc}"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} minutes"


def _with_name(names: str, name: str) -> str:
    known = [part for part in names.split(", ") if part]
    return names if name in known else ", ".join([*known, name])


def _without(names: tuple[str, ...] | None, name: str) -> tuple[str, ...] | None:
    return tuple(other for other in names or () if other != name) or None


_BY_OUTCOME: Final = {
    Outcome.GOOD: _on_good,
    Outcome.FOUND: _on_found,
    Outcome.DEGRADED: _on_degraded,
    Outcome.FAILED: _on_failed,
}


# --- attributes ------------------------------------------------------------------------------------------------------


def on_attribute(world: World, event: AttributeSet) -> None:
    meet(world, event.witness, event.node)
    if event.name == "shutdown":
        on_shutdown(world, event)
    elif event.name.startswith("fail-count-"):
        _on_fail_count(world, event)
    elif world.settings.is_connectivity(event.name):
        _on_connectivity(world, event)
    else:
        world.say(f"attribute {event.name} of {event.node} is no news")


def _on_fail_count(world: World, event: AttributeSet) -> None:
    """The administrator's cleanup empties a fail count that stood: an all-clear, if the resource runs or nobody starts it."""
    resource = event.name.removeprefix("fail-count-").partition("#")[0].partition(":")[0]
    counted: frozenset[tuple[str, str]] = world.get("fail_counts", resource) or frozenset()
    mark = (event.name, event.node)
    known = mark in counted
    world.put(("fail_counts", resource), (counted | {mark} if event.value else counted - {mark}) or None)
    subject = world.service(resource)
    if event.value or not known:
        world.say(f"{event.name} of {event.node} is {event.value or 'empty'}", world.get("holder", subject))
        return
    world.say(f"failures of {resource} on {event.node} were cleaned up", world.get("holder", subject))
    if world.wound(subject) is not None:
        world.set_timer(event.at + world.settings.down_after, "cleaned", resource)


def on_cleaned(world: World, resource: str, at: datetime) -> None:
    """A timer: failures were cleaned up, and nothing failed since; what runs nowhere is not wanted to run."""
    subject = world.service(resource)
    if world.get("timer", "down", resource) is None and not world.get("fail_counts", resource):
        world.heal(subject, at, f"failures of {resource} were cleaned up, and it did not fail again")


def _on_connectivity(world: World, event: AttributeSet) -> None:
    """`pingd` and its like at 0, a health attribute at red: the node has lost its way to the outside, or is not healthy."""
    subject = Subject(f"attribute/{event.name}@{event.node}")
    before = world.get("attribute", event.name, event.node)
    world.put(("attribute", event.name, event.node), event.value or None)
    bad = event.value == "red" if event.name.startswith("#health") else event.value == "0"
    if bad and world.wound(subject) is None:
        reason = f"{event.name} of {event.node} is {event.value}"
        key = world.open_incident(Kind.CONNECTIVITY, subject, event.at, Severity.WARNING, reason)
        facts = {"node": event.node, "attribute": event.name, "value": event.value, "before": before or ""}
        world.change(key, event.at, facts=facts)
        world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    elif not bad and world.heal(subject, event.at, f"{event.name} of {event.node} is {event.value or 'gone'}") is None:
        world.say(f"{event.name} of {event.node} is {event.value or 'empty'}")


__all__ = ["CLUSTER", "on_action", "on_attribute", "on_cleaned", "on_down", "on_flapping_quiet", "on_settled"]
