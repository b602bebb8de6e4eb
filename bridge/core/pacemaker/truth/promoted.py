"""A promotable service whose instances all run unpromoted: nobody leads. (Pacemaker Explained, promotable clones)"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from bridge.core.pacemaker.down import tell_down
from bridge.core.pacemaker.tables import NEEDS_PROMOTE
from bridge.core.pacemaker.truth.causes import Cause, forbidden, ticket_of
from bridge.core.pacemaker.truth.finding import AT_WORK, LASTING, Finding
from bridge.core.pacemaker.truth.planned import of_resource
from bridge.core.pacemaker.truth.service import Service
from bridge.core.pacemaker.truth.voice import Voice, is_there
from bridge.core.world.world import World

FOLLOWS: Final = "Unpromoted"


def look(world: World, voice: Voice, service: Service, *, busy: bool) -> Iterator[Finding]:
    if is_leaderless(voice, service) and not _is_meant(voice, service):
        hold = AT_WORK if busy else LASTING
        yield Finding(f"unpromoted {service.name}", hold, partial(_tell, world, voice, service))


def is_leaderless(voice: Voice, service: Service) -> bool:
    """Followers alone, all on nodes that are there; what runs on others may lead for all that is known."""
    places = [voice.nodes.get(name) for row in service.rows for name in row.nodes]
    return service.leads_nowhere and bool(places) and all(is_there(one) for one in places)


def _is_meant(voice: Voice, service: Service) -> bool:
    options, row = voice.picture.options, service.first
    at_rest = options.maintenance or options.stop_all or row.removed or of_resource(row)
    return bool(at_rest or row.target_role == FOLLOWS or ticket_of(voice.picture, service))


def end_if_meant(world: World, service: Service) -> None:
    """An administrator wants it so: nobody is missed that leads."""
    if service.first.target_role == FOLLOWS:
        world.put((NEEDS_PROMOTE, service.name), None)


def _tell(world: World, voice: Voice, service: Service, since: datetime) -> None:
    cause = forbidden(voice, service, promoted=True) or Cause()
    world.put((NEEDS_PROMOTE, service.name), value=True)
    words = f"{service.name} is promoted nowhere{f': {cause.words}' if cause.words else ''}"
    key = tell_down(world, service.name, since, voice.at, words)
    if world.incident(key).root == world.service(service.name):
        world.change(key, voice.at, facts={"cause": cause.code, **cause.facts})
