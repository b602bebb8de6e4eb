"""Resources fail: start, stop, monitor, probe, promotion, migration; and what does not heal. (Pacemaker Explained)"""

from datetime import datetime
from typing import Final

from bridge.core.pacemaker.clones import note_lame, what_is_missing
from bridge.core.pacemaker.devices import note_device
from bridge.core.pacemaker.down import tried_everywhere
from bridge.core.pacemaker.flapping import look_for_flapping
from bridge.core.pacemaker.tables import (
    BAD_AT,
    CLONE,
    FAILED_ON,
    LAME,
    MIGRATION,
    NEEDS_PROMOTE,
    STOP_FAILED_ON,
    TROUBLE,
)
from bridge.core.pacemaker.trouble import OWN_KINDS, PROMOTED, SOON, STARTS, own_incident, set_active
from bridge.core.world.event import Action, Severity, Subject
from bridge.core.world.fence_devices import is_needless
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.journal import TIMER
from bridge.core.world.lists import with_listed
from bridge.core.world.tables import ACTIVE, HOLDER, PLAN
from bridge.core.world.world import World

HARD: Final = frozenset({2, 3, 4, 5, 6})
"""OCF codes that no retry heals: arguments, unimplemented, permissions, not installed, not configured."""
NOT_INSTALLED: Final = 7


def on_degraded(world: World, event: Action) -> None:
    subject = world.service(event.resource)
    set_active(world, event, "promoted" if event.rc in PROMOTED else "started")
    if world.wound(subject) is not None:
        world.say(f"{event.resource} runs degraded on {event.node}", world.get(HOLDER, subject))
        return
    reason = f"{event.resource} runs on {event.node}, but degraded"
    key = own_incident(world, Kind.RESOURCE_DEGRADED, event, reason, Severity.WARNING)
    world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    world.change(key, event.at, facts=_facts(event))


def on_failed(world: World, event: Action) -> None:
    world.put((BAD_AT, event.resource), event.at)
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
    key = own_incident(world, kind, event, reason, Severity.WARNING)
    if world.wound(subject) is None:
        world.hurt(key, subject, event.at, Severity.WARNING, reason, outage=False)
    incident = world.incident(key)
    world.change(key, event.at, facts=_facts(event) | with_listed(world, incident, "tried_on", event.node))
    world.say(reason, key)


def _on_failed_stop(world: World, event: Action) -> None:
    resource, name, at = event.resource, event.node, event.at
    subject = world.service(resource)
    reason = f"{resource} cannot be stopped on {name}: {_words(event)}"
    story = _stuck_together(world, event) or world.holder(subject) or world.holder(Subject(f"node/{name}"))
    key = story.key if story is not None else world.open_incident(Kind.RESOURCE_BLOCKED, subject, at, Severity.CRITICAL, reason)
    world.hurt(key, subject, at, Severity.CRITICAL, reason)
    first = story is None or not story.facts.get("behind")
    facts = with_listed(world, world.incident(key), "behind", resource)
    if first and world.incident(key).kind in OWN_KINDS:
        world.change(key, at, kind=Kind.RESOURCE_BLOCKED, root=subject)
    world.change(key, at, severity=Severity.CRITICAL, facts=facts | _facts(event) if first else facts)
    world.confirm(key, at, reason)
    if story is not None and first:
        world.alarm(key, at, f"{resource} cannot be stopped")
    stuck = world.get(STOP_FAILED_ON, name) or ()
    if resource not in stuck:
        world.put((STOP_FAILED_ON, name), (*stuck, resource))
    note_trouble(world, name, key, at)
    world.say(reason, key)


def _stuck_together(world: World, event: Action) -> Incident | None:
    """The incident of another resource that could not be stopped on this node just now: the node is sick, or will be fenced."""
    trouble = world.get(TROUBLE, event.node)
    if trouble is None or event.at - trouble[1] > SOON:
        return None
    subject = world.service(event.resource)
    for other in world.get(STOP_FAILED_ON, event.node) or ():
        story = world.holder(world.service(other))
        if story is None or other == event.resource:
            continue
        known = world.holder(subject)
        if known is not None and known.root == subject:
            world.absorb(known.key, story.key, event.at, f"neither {event.resource} nor {other} can be stopped on {event.node}")
        return world.incident(story.key)
    return None


def _on_failed_migration(world: World, event: Action) -> None:
    subject = world.service(event.resource)
    reason = f"live migration of {event.resource} failed on {event.node}: {_words(event)}"
    key = own_incident(world, Kind.MIGRATION_FAILURE, event, reason, Severity.WARNING)
    world.put((MIGRATION, event.resource), value=True)
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
        world.put((ACTIVE, name, resource), None)
    wound = world.wound(subject)
    fresh = wound is None or not (wound.outage or (LAME, resource) in world.facts)
    reason = f"{resource}: {event.task} failed on {name}: {_words(event)}"
    key = own_incident(world, _kind(world, event), event, reason, _first_severity(world, event))
    incident = world.incident(key)
    if incident.kind in {Kind.RESOURCE_DEGRADED, Kind.RESOURCE_MISCONFIGURED, Kind.MULTIPLE_ACTIVE}:
        world.change(key, at, kind=_kind(world, event))
    if event.task == "promote" or event.target_rc in PROMOTED:
        world.put((NEEDS_PROMOTE, resource), value=True)  # a start is no answer to what the promoted instance did
    severity = Severity.WARNING if is_needless(world, resource, key) else _first_severity(world, event)
    world.hurt(key, subject, at, severity, reason, outage=_is_missed(world, event))
    world.put((FAILED_ON, resource), name)
    note_lame(world, event)
    wound = world.wound(subject)
    failures = int(incident.facts.get("failures", "0")) + 1 if incident.root == subject else 1
    lesser = {"missing_on": ""} if wound is None or wound.outage else what_is_missing(world, resource)
    facts = _facts(event) | {"failures": str(failures), **lesser, **_goes_on(incident)}
    if event.task == "start":
        facts |= {**with_listed(world, incident, "tried_on", name), "given_up": ""}
    if world.get(PLAN, subject) is not None:
        facts |= {"planned": "yes"}
    if incident.root == subject:
        world.change(key, at, facts=facts)
    if world.get(TIMER, "down", resource) is None:  # however often it fails meanwhile
        world.set_timer(at + world.settings.down_after, "down", resource)
    note_trouble(world, name, key, at)
    note_device(world, resource, name, at)
    world.say(reason, key)
    if event.task == "start":
        tried_everywhere(world, resource, name, at)
    if fresh:
        look_for_flapping(world, resource, key, at)


def _goes_on(incident: Incident) -> dict[str, str]:
    return {"ended_by": ""} if incident.facts.get("ended_by") else {}


def _is_missed(world: World, event: Action) -> bool:
    """Whether the service is away with what failed. An instance that ran is missed until another one answers; one that only was
    to run is no loss while others do, or one is promoted where one must be. One with a number of its own is missed by itself."""
    others = {name: role for name, role in world.runs_on.get(event.resource, {}).items() if name != event.node}
    if event.task not in STARTS or not world.get(CLONE, event.resource) or ":" in event.instance:
        return True
    return "promoted" not in others.values() if world.get(NEEDS_PROMOTE, event.resource) else not others


def note_trouble(world: World, name: str, key: str, at: datetime) -> None:
    world.put((TROUBLE, name), (key, at))


def _kind(world: World, event: Action) -> Kind:
    if world.is_fence_device(event.resource):
        return Kind.FENCE_DEVICE_FAILURE
    if world.is_guest(event.resource):
        return Kind.GUEST_FAILURE
    return Kind.RESOURCE_FAILURE


def _first_severity(world: World, event: Action) -> Severity:
    planned = world.get(PLAN, world.service(event.resource)) is not None
    return Severity.CRITICAL if world.is_fence_device(event.resource) and not planned else Severity.WARNING


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
