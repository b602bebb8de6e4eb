"""The tables of what is known of replicas, by their names where nothing else is said."""

from datetime import datetime
from typing import Final

import msgspec

from bridge.core.drbd.state import Replica
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind
from bridge.core.world.journal import Journal
from bridge.core.world.series import Series
from bridge.core.world.table import Table
from bridge.core.world.tables import INCIDENT


class Story(msgspec.Struct, frozen=True):
    """The incident that tells of a replica, whether the replica still keeps it open, and the worst that is so now."""

    key: str
    held: bool
    severity: Severity = Severity.OK
    worst: Kind = Kind.REPLICA_DISCONNECTED


REPLICA: Final = Table("replica", Replica, aside=Journal.touch)
REPLICAS: Final = Table("replicas", tuple[str, ...])
"""All names: one fact."""
STORY: Final = Table("story", Story)
DIFFERENCE: Final = Table("difference", Story)
"""The story of copies that differ unnoticed."""
LOSSES: Final = Table("losses", Series)
"""When it was cut lately, and in which incidents."""
UNSTEADY: Final = Table("unsteady", str)
"""The incident that stays open until its connection is steady."""
ONLY_AWAY_SINCE: Final = Table("redundancy", datetime, goes_with=INCIDENT)
"""By incident: since when all that it waits for is the return of nodes."""
