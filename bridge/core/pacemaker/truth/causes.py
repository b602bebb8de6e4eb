"""Why a service that should run does not, where a picture has it. (Pacemaker Explained, constraints, failures, tickets)"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from bridge.core.pacemaker.truth.needs import Needs
from bridge.core.pacemaker.truth.service import Service
from bridge.core.pacemaker.truth.voice import Voice, is_there
from bridge.core.world.picture import Failure, Picture

MOST_NAMED: Final = 10


class Cause(NamedTuple):
    """`code` is a word for the texts, or empty where the picture has none; `words` go on after "runs nowhere: "."""

    code: str = ""
    words: str = ""
    facts: Mapping[str, str] = MappingProxyType({})


def cause_of(voice: Voice, service: Service, needs: Needs) -> Cause:
    picture = voice.picture
    members = [one.name for one in picture.nodes if one.kind == "member" and is_there(one)]
    if (cause := forbidden(voice, service)) is not None:
        return cause
    bans = _bans(picture, service, promoted=False)
    banned = set(bans.values())
    nodes = voice.nodes
    resting = [name for name in members if nodes[name].standby or nodes[name].standby_onfail or nodes[name].maintenance]
    if members and banned.union(resting).issuperset(members):
        words = f"the nodes that it may run on are in standby ({few(resting)})"
        return Cause("standby", words, {"constraints": few(bans), "cause_nodes": few(resting)})
    failed = _failed_on(picture, service)
    if failed and set(failed).union(banned, resting).issuperset(members):
        reason = reason_of(picture, service)
        words = f"it has failed on {few(failed)}, and is not tried again{f': {reason}' if reason else ''}"
        return Cause("failed", words, {"cause_nodes": few(failed)})
    waits = needs.missing(service)
    if waits is not None:
        code = "leads" if waits.leads_nowhere else "waits"
        return Cause(code, f"it needs {waits.name}, which {absence_of(waits)}", {"needs": waits.name})
    return Cause()


def absence_of(service: Service) -> str:
    return "is promoted nowhere" if service.leads_nowhere else "does not run"


def forbidden(voice: Voice, service: Service, *, promoted: bool = False) -> Cause | None:
    """It may run (or, with `promoted`, be promoted) on no node that is there."""
    members = [one.name for one in voice.picture.nodes if one.kind == "member" and is_there(one)]
    bans = _bans(voice.picture, service, promoted=promoted)
    if not members or not set(bans.values()).issuperset(members):
        return None
    ids = few(bans)
    return Cause("forbidden", f"location constraints forbid all nodes ({ids})", {"constraints": ids, "cause_nodes": few(members)})


def _bans(picture: Picture, service: Service, *, promoted: bool) -> dict[str, str]:
    """By constraint the node that it forbids, to run there or only to be promoted there."""
    return {ban.id: ban.node for ban in picture.bans if ban.resource in service.names and (promoted or not ban.promoted_only)}


def few(names: Iterable[str]) -> str:
    known = sorted(names)
    more = len(known) - MOST_NAMED
    return ", ".join([*known[:MOST_NAMED], f"+{more}"] if more > 0 else known)


def _failed_on(picture: Picture, service: Service) -> list[str]:
    """Where it has failed as often as it may."""
    ids = _ids(service)
    return [one.node for one in picture.counts if one.resource in ids and one.fails >= max(1, one.threshold)]


def _ids(service: Service) -> frozenset[str]:
    return frozenset({service.name, *(row.id for row in service.rows)})


def failure_of(picture: Picture, service: Service, node: str = "") -> Failure | None:
    """Its last failure, with its reason if one has one; on that node, if it is given."""
    ids = _ids(service)
    rows = [one for one in picture.failures if one.resource in ids and (not node or one.node == node)]
    return max(rows, key=lambda one: (bool(one.reason), one.last), default=None)


def reason_of(picture: Picture, service: Service) -> str:
    found = failure_of(picture, service)
    return found.reason if found is not None else ""


def ticket_of(picture: Picture, service: Service) -> str:
    """The ticket that it may run with, and that is not here."""
    here = {one.id for one in picture.tickets if one.granted and not one.standby}
    return next((one.ticket for one in picture.ticketed if one.resource in service.names and one.ticket not in here), "")
