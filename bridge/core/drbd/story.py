"""The incident that tells of a replica: one for each cause, until redundancy is back.

Level-triggered: it is made to fit the troubles there are now. A replica that was cut because its node failed belongs to the
node's story, whichever of the two was seen first; replicas that were cut together are one story; one that turns out worse than
cut gets a story of its own. What a story once was it stays: a replica that had no data and has them back is not yet mended.
"""

from datetime import datetime

from bridge.core.drbd import look
from bridge.core.drbd.events import replica_subject
from bridge.core.drbd.flapping import count_loss
from bridge.core.drbd.shared import SHARED, cause, cut_with_others, fits
from bridge.core.drbd.state import Replica, replace
from bridge.core.drbd.tables import DIFFERENCE, REPLICA, STORY, Story
from bridge.core.drbd.told import hold_of, is_about, story_of, tellers, told_in
from bridge.core.drbd.trouble import Trouble, rank, root_of
from bridge.core.drbd.troubles import differences, troubles
from bridge.core.drbd.whole import TOGETHER, closed_in_order, is_down, is_whole
from bridge.core.world.event import Severity, Subject, subject_name
from bridge.core.world.incident import Incident, Kind, State, Step
from bridge.core.world.lists import with_listed
from bridge.core.world.table import Table
from bridge.core.world.world import World


def tell(world: World, replica: Replica, found: list[Trouble], at: datetime) -> None:
    """Makes the story fit the troubles, the worst of which is the last."""
    name = replica.resource
    story = story_of(world, STORY, name)
    found = _of_now(world, story, found)
    if found := found or _orphaned(world, replica, at):
        key = _home(world, replica, story, found, at)
        if world.incident(key).planned and not found[-1].planned:
            world.change(key, at, planned=False, reason=found[-1].why)
        _keep(world, STORY, name, key, found, at)
        _describe(world, replica, key, found, at)
    elif story is not None and story.held:
        if not replica.sides:
            _release(world, STORY, name, story.key, at, f"no node has {name} any more")
        elif is_whole(replica, world.incident(story.key).opened_at, at):
            _end(world, replica, story.key, at)
        elif _was_asked_for(world, replica, story.key, at):
            world.put((STORY, name), None)
            world.dismiss(story.key, at, f"the connection of {name} was closed in order")
        else:
            world.put((STORY, name), Story(story.key, True, Severity.WARNING))
            _describe(world, replica, story.key, [], at)


def _of_now(world: World, story: Story | None, found: list[Trouble]) -> list[Trouble]:
    """What was asked for is shown while there is nothing else to tell, and keeps no other story open."""
    real = [trouble for trouble in found if not trouble.planned]
    shown = story is None or not story.held or world.incident(story.key).planned
    return real or (found if shown else [])


def _orphaned(world: World, replica: Replica, at: datetime) -> list[Trouble]:
    """The incident that told of the replica turned out to be nothing; the replica itself is still not whole."""
    name = replica.resource
    last = world.get(STORY, name)
    if last is None or not last.held or story_of(world, STORY, name) is not None:
        return []
    world.put((STORY, name), None)
    incident = told_in(world, last.key)
    since = incident.opened_at if incident is not None else at
    if not replica.sides or is_whole(replica, since, at):
        return []
    why = f"{name} was cut, and is not complete yet"
    return [Trouble(kind=Kind.REPLICA_DISCONNECTED, severity=Severity.WARNING, why=why, since=since)]


def _was_asked_for(world: World, replica: Replica, key: str, at: datetime) -> bool:
    """The word of the one end, that it is lost, came a moment before the other's, that it was closed."""
    incident = world.incident(key)
    fresh = incident.kind is Kind.REPLICA_DISCONNECTED and at - incident.opened_at <= TOGETHER
    return fresh and closed_in_order(replica) and _is_own(world, incident, replica.resource)


def tell_differences(world: World, replica: Replica, at: datetime) -> None:
    """That copies differ unnoticed is a story of its own, which no reconnect ends."""
    name, found = replica.resource, differences(replica)
    story = story_of(world, DIFFERENCE, name)
    if found:
        key = story.key if story is not None else _open(world, replica, found, at)
        _keep(world, DIFFERENCE, name, key, found, at)
        told = look.now(replica, found, Kind.REPLICA_OUT_OF_SYNC, {}, at)
        world.change(key, at, facts=look.facts(replica, found, Kind.REPLICA_OUT_OF_SYNC) | told)
    elif story is not None and story.held:
        _release(world, DIFFERENCE, name, story.key, at, f"the copies of {name} are the same again")


# --- which incident ------------------------------------------------------------------------------------------------------


def _home(world: World, replica: Replica, story: Story | None, found: list[Trouble], at: datetime) -> str:
    """The incident that these troubles belong to."""
    name, worst = replica.resource, found[-1]
    because_of = cause(world, replica, found) if worst.kind in SHARED or worst.by_wire else None
    if story is None:
        return because_of or cut_with_others(world, name, worst, at) or _open(world, replica, found, at)
    incident = world.incident(story.key)
    if because_of is not None and because_of != story.key and (incident.kind in SHARED or worst.by_wire):
        world.absorb(story.key, because_of, at, f"{name} was cut because of {world.incident(because_of).root}")
        return because_of
    if because_of is not None:
        return story.key
    own = _is_own(world, incident, name)
    other = cut_with_others(world, name, worst, at) if worst.by_wire and incident.kind is not worst.kind else None
    if other is None and (own or fits(incident, worst)):
        return story.key
    if not own:
        _leave(world, name, story, at)
    into = other or _open(world, replica, found, at)
    if own or (incident.root.startswith("drbd/") and not tellers(world, story.key)):
        world.absorb(story.key, into, at, f"{name} is told of with what became of it")
    return into


def _open(world: World, replica: Replica, found: list[Trouble], at: datetime) -> str:
    worst, since = found[-1], min(trouble.since for trouble in found)
    key = world.open_incident(worst.kind, root_of(replica, worst), min(since, at), worst.severity, worst.why)
    world.change(key, at, planned=worst.planned)
    return key


def _is_own(world: World, incident: Incident, name: str) -> bool:
    """Whether the incident tells of this replica alone."""
    return is_about(incident, name) and not any(other != name for other in tellers(world, incident.key))


def _leave(world: World, name: str, story: Story, at: datetime) -> None:
    """From an incident that is another's, or several replicas': what happens to this one now is its own."""
    world.put((STORY, name), None)
    incident = world.incident(story.key)
    others = [other for other in tellers(world, story.key) if other != name]
    if is_about(incident, name) and others:
        world.leave(story.key, [subject for subject in world.members(story.key) if _of(subject, name)], at)
        world.change(story.key, at, root=replica_subject(others[0]), facts={"replicas": ", ".join(others)})
        replica: Replica = world.facts[REPLICA, others[0]]
        _describe(world, replica, story.key, troubles(replica, at), at)
    if story.held:
        world.release(story.key, hold_of(STORY, name), at, f"{name} has a story of its own")


def _of(subject: Subject, name: str) -> bool:
    return subject.startswith("drbd/") and subject_name(subject).partition("@")[0] == name


# --- its life ------------------------------------------------------------------------------------------------------------


def _keep(world: World, table: Table[Story], name: str, key: str, found: list[Trouble], at: datetime) -> None:
    """The incident stays open because of this replica."""
    story = story_of(world, table, name)
    if story is None or not story.held:
        world.keep_open(key, hold_of(table, name))
        if world.incident(key).state is State.CLEARING:
            world.step(key, Step.RELAPSE, at, found[-1].why)
        if table is STORY:
            count_loss(world, name, key, at)
    severity = max((trouble.severity for trouble in found), key=lambda one: one.rank)
    world.put((table, name), Story(key, True, severity, found[-1].kind))
    sides = sorted({node for trouble in found for node in (trouble.node, *trouble.nodes) if node})
    for subject in (replica_subject(name), *(replica_subject(name, node) for node in sides)):
        world.draw_in(key, subject, at)


def _end(world: World, replica: Replica, key: str, at: datetime) -> None:
    name, down = replica.resource, is_down(replica)
    if _is_own(world, world.incident(key), name):
        world.change(key, at, facts={"nowhere": "yes" if down else ""})
    why = f"no node has had {name} for an hour" if down else f"{name} is connected, all its copies are up to date"
    _release(world, STORY, name, key, at, why)


def _release(world: World, table: Table[Story], name: str, key: str, at: datetime, why: str) -> None:
    world.put((table, name), Story(key, False))
    world.say(why, key)
    world.release(key, hold_of(table, name), at, why)


def is_frozen(world: World, key: str) -> bool:
    """Whether a replica that the incident tells of is worse than without its other side."""
    stories = [story_of(world, STORY, name) for name in tellers(world, key)]
    return any(story is not None and story.worst is not Kind.REPLICA_DISCONNECTED for story in stories)


def hand_over(world: World, key: str, into: str, at: datetime) -> None:
    """The replicas that an incident tells of are told of in another from now on."""
    for name in tellers(world, key):
        story: Story = world.facts[STORY, name]
        world.put((STORY, name), replace(story, key=into))
        world.keep_open(into, hold_of(STORY, name))
        world.draw_in(into, replica_subject(name), at)
        world.release(key, hold_of(STORY, name), at, f"{name} is told of in another incident")


def _describe(world: World, replica: Replica, key: str, found: list[Trouble], at: datetime) -> None:
    """What the incident is, now that this is known."""
    _blinked(world, replica.resource, key, at)
    incident = world.incident(key)
    if not incident.root.startswith("drbd/"):
        for trouble in found:
            if trouble.severity is Severity.CRITICAL and trouble.kind is not Kind.REPLICA_DISCONNECTED:
                world.alarm(key, at, f"{replica.resource}: {trouble.why}")
        return
    if found:
        _grow(world, replica, incident, found[-1], at)
    incident = world.incident(key)
    mine = story_of(world, STORY, replica.resource)
    if mine is not None and mine.severity is not incident.severity:
        world.change(key, at, severity=_worst_of(world, key))
    facts = with_listed(world, incident, "replicas", replica.resource)
    if is_about(incident, replica.resource):
        facts |= look.facts(replica, found, incident.kind)
        facts |= look.now(replica, found, incident.kind, incident.facts, incident.opened_at)
    world.change(key, at, facts=facts)


def _worst_of(world: World, key: str) -> Severity:
    stories = [story for name in tellers(world, key) if (story := story_of(world, STORY, name)) is not None]
    return max((story.severity for story in stories), key=lambda one: one.rank, default=Severity.WARNING)


def _grow(world: World, replica: Replica, incident: Incident, worst: Trouble, at: datetime) -> None:
    """It is worse than it was, or it is now known which side it is about."""
    own = _is_own(world, incident, replica.resource)
    worse = rank(worst.kind) > rank(incident.kind)
    lesser = own and worst.kind is Kind.REPLICA_DEGRADED and incident.kind is Kind.REPLICA_DISCONNECTED
    clearer = own and worst.kind is incident.kind and worst.node and "@" not in incident.root
    if not worse and not clearer and not lesser:
        return
    root = root_of(replica, worst) if own else incident.root
    if worse and incident.severity is Severity.CRITICAL is worst.severity:
        world.alarm(incident.key, at, worst.why)
    world.change(incident.key, at, kind=worst.kind, root=root, reason=worst.why)
    world.say(worst.why, incident.key)


def _blinked(world: World, name: str, key: str, at: datetime) -> None:
    """The node was only suspected, and is back; its replica is not whole: that is what there is to tell."""
    incident = world.incident(key)
    if incident.state is State.WATCHING and not any(world.wound(subject) for subject in world.members(key)):
        root = replica_subject(name)
        world.change(key, at, kind=Kind.REPLICA_DISCONNECTED, root=root, severity=Severity.WARNING)
        world.draw_in(key, root, at)
        world.confirm(key, at, f"the node is back, but {name} is not whole")
