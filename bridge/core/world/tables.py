"""The tables of what is known of subjects, incidents, nodes and relays. What only one room knows of is declared there."""

from datetime import datetime
from typing import Final

from bridge.core.world.condition import Condition, Wound
from bridge.core.world.incident import Incident
from bridge.core.world.journal import Journal
from bridge.core.world.node import Node
from bridge.core.world.table import Table

# By incident.
INCIDENT: Final = Table("incident", Incident, aside=Journal.touch_incident)
WOUNDS: Final = Table("wounds", frozenset[str])
"""What keeps it open: subjects, and holds."""

# By subject.
CONDITION: Final = Table("condition", Condition, aside=Journal.touch)
WOUND: Final = Table("wound", Wound)
HOLDER: Final = Table("holder", str)
"""The incident, not yet over, that it was last drawn into."""

# By node.
ACTIVE: Final = Table("active", str, aside=Journal.place)
"""By node and resource: in which role it runs there."""
NODE: Final = Table("node", Node)
CIRCLE: Final = Table("circle", frozenset[str])
"""The nodes known to belong together with it."""
CLAIMS: Final = Table("claims", frozenset[str])
"""The nodes that it says are lost."""
NODE_SEQUENCE: Final = Table("sequence", tuple[int, datetime])
"""The running number of its last alert, and when that was."""
STANDBY: Final = Table("standby", bool)
SILENT: Final = Table("silent", datetime)
"""Since when its relay is."""
WAITS_FOR: Final = Table("waits_for", tuple[str, ...])
"""The resources about which its relay must be heard before there is a verdict."""
