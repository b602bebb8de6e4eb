"""Services as the cluster sees them: well again, where they run, switched off, down though they should run, blocked, failed.

(Pacemaker Explained, resource meta-attributes, failures)
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from bridge.core.pacemaker.down import tell_down
from bridge.core.pacemaker.running import on_good
from bridge.core.pacemaker.tables import BAD_AT, CLONE, FAILED_ON, FLAPPING, HEALED, LAME, STARTED, STOPPED_AT
from bridge.core.pacemaker.truth import inside, promoted
from bridge.core.pacemaker.truth.causes import absence_of, cause_of, failure_of, ticket_of
from bridge.core.pacemaker.truth.ending import SWITCHED_OFF, end_by_order
from bridge.core.pacemaker.truth.finding import AT_WORK, LASTING, Finding, wake
from bridge.core.pacemaker.truth.needs import Needs
from bridge.core.pacemaker.truth.planned import of_resource
from bridge.core.pacemaker.truth.service import PROMOTED, Service, is_busy, services
from bridge.core.pacemaker.truth.voice import ON_ITS_WAY, STILL_SO, Voice, is_there
from bridge.core.world.event import Action, Outcome, Severity, node_subject
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import node
from bridge.core.world.shown import show_doubtful, show_running, show_stopped
from bridge.core.world.tables import ACTIVE, PLAN
from bridge.core.world.world import World

INFINITY: Final = 1_000_000
RECURRING: Final = 1
"""Interval in milliseconds of the monitor that a picture stands for: not 0, which is a probe."""


def look(world: World, voice: Voice) -> Iterator[Finding]:
    busy = is_busy(voice.picture.resources)
    known = services(voice.picture)
    needs = Needs(voice.picture, known)
    waiting: list[Finding] = []
    """Told after what they wait for, whose story they belong to."""
    for service in known:
        gone: list[str] = []
        started = world.get(STARTED, service.name)
        if not _is_settled(world, voice, started[1] if started else None):
            continue
        if all(voice.is_newer_than(one) for one in (world.get(BAD_AT, service.name), world.get(STOPPED_AT, service.name))):
            places = service.places(voice)
            gone = inside.dead_on(world, voice, service, places)
            _tell_more(world, voice, service)
            _place(world, voice, service, {**_still(world, service, gone), **places}, needs, gone)
            _answer(world, voice, service, places)
        if voice.whole and _is_settled(world, voice, world.get(HEALED, world.service(service.name))):
            found = _wrong(world, voice, service, needs, busy=busy)
            if needs.missing(service) is None:
                yield from found
            else:
                waiting += found
            yield from promoted.look(world, voice, service, busy=busy)
            yield from inside.look(world, voice, service, gone)
    yield from waiting


def _still(world: World, service: Service, gone: list[str]) -> dict[str, str]:
    """What is found dead is shown where it ran until it is told: a refresh begins with forgetting where it runs."""
    known = world.runs_on.get(service.name, {})
    return {name: known[name] for name in gone}


def _is_settled(world: World, voice: Voice, started_at: datetime | None) -> bool:
    """It was not started (or found well) since, nor a moment before. If it was, what the picture shows must last."""
    if started_at is None or voice.is_newer_than(started_at):
        return True
    wake(world, started_at + STILL_SO + 2 * ON_ITS_WAY)
    return False


# --- where it runs, and that it is well ----------------------------------------------------------------------------------


def _place(world: World, voice: Voice, service: Service, places: dict[str, str], needs: Needs, gone: list[str]) -> None:
    """Where it runs, of those nodes that the picture speaks of."""
    name, nodes = service.name, voice.nodes
    for other in [*world.runs_on.get(name, {})]:
        seen = is_there(nodes.get(other)) if voice.whole else other == voice.witness
        if seen and other not in places:
            world.put((ACTIVE, other, name), None)
    for other, role in places.items():
        if node(world, other).lost_at is None:
            world.put((ACTIVE, other, name), role)
    if gone or world.wound(world.service(name)) is not None:
        return
    if world.runs_on.get(name):
        show_running(world, name, voice.at)
    elif voice.whole and service.stopped and (words := _arranged(world, voice, service, needs)):
        show_stopped(world, name, voice.at, words)


def _answer(world: World, voice: Voice, service: Service, places: dict[str, str]) -> None:
    """What was wrong with it is over: by the same rules as if each place had told of a good monitor."""
    subject = world.service(service.name)
    wound, incident = world.wound(subject), world.holder(subject)
    if service.first.disabled and (wound is not None or (FLAPPING, service.name) in world.facts):
        end_by_order(world, service.name, voice.at, SWITCHED_OFF)
        return
    if wound is None or incident is None or not voice.is_newer_than(wound.began_at):
        return
    at_rest = any(row.maintenance for row in service.rows) and not incident.facts.get("dead")
    if incident.kind is Kind.RESOURCE_DEGRADED or service.failed or at_rest:
        return
    promoted.end_if_meant(world, service)
    if world.get(CLONE, service.name) and _is_whole(voice, service, places):
        world.put((FAILED_ON, service.name), None)
        world.put((LAME, service.name), None)
    for place, role in sorted(places.items(), key=lambda one: (one[1] != PROMOTED, one[0])):
        if world.wound(subject) is not None and voice.is_newer_than(node(world, place).lost_at):
            on_good(world, _monitor(world, voice, service, place, promoted=role == PROMOTED))


def _is_whole(voice: Voice, service: Service, places: dict[str, str]) -> bool:
    """It runs wherever it may."""
    banned = {ban.node for ban in voice.picture.bans if ban.resource in service.names}
    may = {one.name for one in voice.picture.nodes if one.kind == "member" and is_there(one) and not one.standby}
    return may - banned <= places.keys() or all(row.nodes for row in service.rows)


def _monitor(world: World, voice: Voice, service: Service, place: str, *, promoted: bool) -> Action:
    rc = 8 if promoted else 0
    return Action(
        uid=world.uid or b"",
        witness=voice.witness,
        at=voice.at,
        resource=service.name,
        instance=service.name,
        node=place,
        task="monitor",
        interval_ms=RECURRING,
        rc=rc,
        target_rc=rc,
        status=0,
        outcome=Outcome.GOOD,
    )


# --- what is wrong with it -----------------------------------------------------------------------------------------------


def _wrong(world: World, voice: Voice, service: Service, needs: Needs, *, busy: bool) -> Iterator[Finding]:
    name = service.name
    blocked = [row for row in service.rows if row.blocked and not row.removed]
    if blocked:
        yield Finding(f"blocked {name}", LASTING, partial(_tell_blocked, world, voice, service))
    elif service.failed and not of_resource(service.first):
        yield Finding(f"failed {name}", LASTING, partial(_tell_failed, world, voice, service))
    elif service.stopped and not _arranged(world, voice, service, needs):
        show = partial(show_doubtful, world, name, "the cluster shows it running nowhere")
        yield Finding(f"down {name}", AT_WORK if busy else LASTING, partial(_tell_down, world, voice, service, needs), show)


def _arranged(world: World, voice: Voice, service: Service, needs: Needs) -> str:
    """Why it is right that it does not run; empty if it should."""
    row, picture = service.first, voice.picture
    if picture.options.stop_all or picture.options.maintenance:
        return world.get(PLAN, "cluster") or ""
    if words := of_resource(row):
        return words
    if row.removed:
        return "not in the configuration any more"
    if row.locked_to:
        return f"waits for {row.locked_to}, where it is locked to (shutdown-lock)"
    if service.leads_nowhere and row.target_role == promoted.FOLLOWS:
        return "an administrator lets none be promoted"
    if ticket := ticket_of(picture, service):
        return f"waits for ticket {ticket}, which is not here"
    if service.of_many and not _may_run(voice, service):
        return "no node is there that an instance may run on"
    if world.is_fence_device(service.name) and not picture.options.fencing:
        return "fencing is switched off"
    needed = needs.missing(service)
    if needed is not None and (why := _arranged(world, voice, needed, needs)):
        return f"waits for {needed.name}: {why}"
    return ""


def _may_run(voice: Voice, service: Service) -> bool:
    banned = {ban.node for ban in voice.picture.bans if ban.resource in service.names and not ban.promoted_only}
    nodes = voice.picture.nodes
    return any(is_there(one) and not one.standby and not one.maintenance and one.name not in banned for one in nodes)


def _tell_down(world: World, voice: Voice, service: Service, needs: Needs, since: datetime) -> None:
    cause = cause_of(voice, service, needs)
    subject = world.service(service.name)
    reason = f"{service.name} runs nowhere{f': {cause.words}' if cause.words else ''}"
    if world.wound(subject) is None and (around := _story_around(world, voice, service, needs)) is not None:
        key, why = around
        world.hurt(key, subject, since, Severity.CRITICAL, f"{service.name} runs nowhere: {why}")
        return
    key = tell_down(world, service.name, since, voice.at, reason)
    if world.incident(key).root == subject:
        world.change(key, voice.at, facts={"cause": cause.code, **cause.facts})
    _tell_more(world, voice, service)


def _story_around(world: World, voice: Voice, service: Service, needs: Needs) -> tuple[str, str] | None:
    """The incident that tells of what it waits for, and in words what that is."""
    for one in voice.picture.nodes:
        story = world.holder(node_subject(one.name))
        if one.unclean and story is not None and world.wound(node_subject(one.name)) is not None:
            return story.key, f"the cluster waits until {one.name} is fenced"
    needed = needs.missing(service)
    subject = world.service(needed.name) if needed is not None else None
    story = world.holder(subject) if subject is not None else None
    if needed is None or subject is None or story is None or world.wound(subject) is None:
        return None
    return story.key, f"it needs {needed.name}, which {absence_of(needed)}"


def _tell_blocked(world: World, voice: Voice, service: Service, since: datetime) -> None:
    row = next(row for row in service.rows if row.blocked)
    place = ", ".join(row.nodes)
    reason = f"{service.name} is blocked{f' on {place}' if place else ''}: the cluster does nothing about it any more"
    _hurt(world, voice, service, Kind.RESOURCE_BLOCKED, Severity.CRITICAL, since, reason, {"behind": service.name})


def _tell_failed(world: World, voice: Voice, service: Service, since: datetime) -> None:
    ignored = any(row.ignored for row in service.failed)
    reason = f"{service.name} has failed{', which the cluster is told to ignore (on-fail=ignore)' if ignored else ''}"
    facts = {"ignored": "yes"} if ignored else {}
    _hurt(world, voice, service, Kind.RESOURCE_FAILURE, Severity.WARNING, since, reason, facts)


def _hurt(
    world: World,
    voice: Voice,
    service: Service,
    kind: Kind,
    severity: Severity,
    since: datetime,
    reason: str,
    facts: dict[str, str],
) -> None:
    subject = world.service(service.name)
    wound = world.wound(subject)
    if wound is not None and wound.severity.rank >= severity.rank:
        return
    incident = world.holder(subject) if wound is not None else None
    key = incident.key if incident is not None else world.open_incident(kind, subject, since, severity, reason)
    if incident is not None and incident.root == subject:
        world.change(key, voice.at, kind=kind)
    world.hurt(key, subject, since, severity, reason, outage=False)
    places = ", ".join(sorted({name for row in service.failed for name in row.nodes}))
    told = failure_of(voice.picture, service)
    action = {"action": told.task, "rc": str(told.rc)} if told is not None else {}
    world.change(key, voice.at, facts={"resource": service.name, "failed_on": places, **action, **facts})
    world.confirm(key, voice.at, reason)
    _tell_more(world, voice, service)


# --- what only a picture has ---------------------------------------------------------------------------------------------


def _tell_more(world: World, voice: Voice, service: Service) -> None:
    """The reason that the agent gave, and how often it has failed of how often it may."""
    subject = world.service(service.name)
    incident = world.holder(subject)
    if incident is None or incident.root != subject or world.wound(subject) is None:
        return
    told = failure_of(voice.picture, service, incident.facts.get("failed_on", "")) or failure_of(voice.picture, service)
    facts = {"exit_reason": told.reason} if told is not None and told.reason else {}
    counted = [one for one in voice.picture.counts if one.resource == service.name and (told is None or one.node == told.node)]
    if counted and counted[0].fails < INFINITY:
        facts |= {"fail_count": str(counted[0].fails)}
        facts |= {"threshold": str(counted[0].threshold)} if 0 < counted[0].threshold < INFINITY else {}
    world.change(incident.key, voice.at, facts=facts)
