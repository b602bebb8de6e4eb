"""Once a day: what healed before anybody was rung for it, and planned work."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from bridge.core.telling.decide import bundle
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, Kind, State

IT_WAS_NOTHING: Final = "later reports show that it was nothing"


def was_nothing(incident: Incident) -> bool:
    """Later reports took back all that it was concluded from."""
    return incident.reason == IT_WAS_NOTHING


def worth_telling(incident: Incident) -> bool:
    """Whether it is a story of its own that ended. What was dismissed was nothing, except when somebody fenced a node by hand."""
    if incident.state is not State.CLOSED or incident.absorbed_into is not None or was_nothing(incident):
        return False
    return not incident.planned or incident.kind is Kind.NODE_FENCED_BY_ADMIN


def digest(
    receiver: str,
    ended: Iterable[tuple[int, Incident]],
    heard: Collection[int],
    since: datetime,
    until: datetime,
    now: datetime,
    language: str,
) -> Notice | None:
    """The receiver's digest of what ended, by number, without what it heard of; None when there is nothing to tell."""
    untold = [incident for number, incident in ended if number not in heard and worth_telling(incident)]
    if not untold:
        return None
    reason = f"{len(untold)} ended without a ring"
    return bundle(Telling.DIGEST, receiver, untold, now, reason=reason, language=language, since=since, until=until)
