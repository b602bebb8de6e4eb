"""Notices about Quorumbell itself: of no kind of incident, and of no cluster. The key of their incident says what they are."""

from typing import Final

from bridge.core.world.incident import Incident

TEST: Final = "test@"
"""A test notice: nothing is wrong, and the text says only that."""
NOTHING_STORED: Final = "nothing-stored@"
"""The ledger takes nothing: the cluster of the incident is the bridge's name."""

_TEMPLATES: Final = {TEST: "_test", NOTHING_STORED: "_nothing-stored"}


def is_test(incident: Incident) -> bool:
    return incident.key.startswith(TEST)


def is_own(incident: Incident) -> bool:
    return incident.key.startswith(tuple(_TEMPLATES))


def template_of(incident: Incident) -> str:
    """The name of its template, without language and ending."""
    return next((name for key, name in _TEMPLATES.items() if incident.key.startswith(key)), str(incident.kind))


def kind_of(incident: Incident) -> str:
    """For programs that sort what they get."""
    return "nothing-stored" if incident.key.startswith(NOTHING_STORED) else str(incident.kind)
