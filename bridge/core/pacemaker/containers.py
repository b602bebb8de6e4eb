"""Nodes inside containers and virtual machines: of a bundle, or a guest node. Nobody fences them; the cluster starts their
container again, and that is the story. (Pacemaker Explained, bundles; Pacemaker Remote, guest nodes)

A bundle's names tell what belongs together: `web-0` is the node, and the connection, inside the container `web-docker-0`. A guest
node is known by its virtual machine, which was started on the same host a moment before the connection, and is where that is now.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.tables import CONTAINER, INSIDE, SEEN_ON, STARTED
from bridge.core.world.event import Severity, node_subject, subject_name
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.nodes import node
from bridge.core.world.tables import HOLDER
from bridge.core.world.world import SAME_STORY, World

ENGINES: Final = ("docker", "podman", "rkt")
BOOTS_WITHIN: Final = timedelta(minutes=5)
"""A connection is started when the machine behind it has booted."""
LEAST: Final = 3
"""Characters of a name that another name may contain and be related to it."""


def container_of(world: World, name: str) -> str | None:
    """The resource that a remote node lives in; None of a machine of its own, as far as is known."""
    if not node(world, name).remote:
        return None
    if (told := world.get(CONTAINER, name)) is not None:
        return told or None
    base, _, number = name.rpartition("-")
    bundle = (f"{base}-{engine}-{number}" for engine in ENGINES)
    found = next((one for one in bundle if world.get(SEEN_ON, one) is not None), None)
    return found or _machine_of(world, name)


def _machine_of(world: World, name: str) -> str | None:
    started = world.get(STARTED, name)
    hosts = [*world.runs_on.get(name, {})] or ([started[0]] if started is not None else [world.get(SEEN_ON, name) or ""])
    there = {one for host in hosts for one in world.runs_there.get(host, {})}
    guests = [one for one in there if one != name and _is_machine(world, one, name)]
    times = {one: when for one in guests if (when := _started_before(world, one, started)) is not None}
    named = [one for one in guests if _related(one, name)]
    return max(times, key=lambda one: (times[one], one)) if times else min(named, default=None)


def _is_machine(world: World, resource: str, name: str) -> bool:
    return not node(world, resource).remote and (world.is_guest(resource) or _related(resource, name))


def _related(resource: str, name: str) -> bool:
    shorter, longer = sorted((resource, name), key=len)
    return len(shorter) >= LEAST and shorter in longer


def _started_before(world: World, resource: str, started: tuple[str, datetime] | None) -> datetime | None:
    own = world.get(STARTED, resource)
    if started is None or own is None or own[0] != started[0]:
        return None
    return own[1] if timedelta(0) <= started[1] - own[1] < BOOTS_WITHIN else None


def host_story(world: World, name: str) -> Incident | None:
    """The story of the lost host that held the connection to a remote node: it is lost with it."""
    host = world.get(SEEN_ON, name)
    if not node(world, name).remote or host is None or node(world, host).lost_at is None:
        return None
    return world.holder(node_subject(host))


def lost_with(world: World, host: str, key: str, at: datetime) -> None:
    """The remote nodes that were called lost a moment before their host was."""
    for name in [one for one in world.runs_there.get(host, {}) if node(world, one).lost_at is not None]:
        incident = world.holder(node_subject(name))
        if (
            incident is not None
            and incident.key != key
            and _is_about(world, incident, name)
            and at - incident.opened_at < SAME_STORY
        ):
            world.absorb(incident.key, key, at, f"{name} is lost with its host {host}")


def _is_about(world: World, incident: Incident, name: str) -> bool:
    container = container_of(world, name)
    return incident.root in {node_subject(name), world.service(name), world.service(container or name)}


def story_around(world: World, resource: str, at: datetime) -> str | None:
    """The story that the failure of a connection, or of a container, belongs to: that of the other one."""
    container = container_of(world, resource)
    if container is not None:
        return story_of_container(world, resource, container, at)
    name = world.get(INSIDE, resource)
    for subject in (world.service(name), node_subject(name)) if name is not None else ():
        if world.wound(subject) is not None:
            key: str = world.facts[HOLDER, subject]
            return key
    return None


def story_of_container(world: World, name: str, container: str, at: datetime) -> str:
    """A node inside a container is lost, or its connection failed: the container's own failure may have been told before."""
    world.put((INSIDE, container), name)
    subject = world.service(container)
    story = world.holder(subject)
    if story is not None and (world.wound(subject) is not None or story.root == subject):
        return story.key
    reason = f"{name}, inside {container}, does not answer"
    key = world.open_incident(_kind(world, container), subject, at, Severity.WARNING, reason)
    world.change(key, at, facts={"resource": container, "failed_on": world.get(SEEN_ON, container) or ""})
    lost = world.holder(node_subject(name))
    if lost is not None and lost.root == node_subject(name):  # before anybody told in what it lives
        world.absorb(lost.key, key, at, f"{name} lives inside {container}")
    return key


def is_about_container(world: World, incident: Incident) -> bool:
    return world.get(INSIDE, subject_name(incident.root)) is not None


def _kind(world: World, container: str) -> Kind:
    return Kind.GUEST_FAILURE if world.is_guest(container) else Kind.RESOURCE_FAILURE
