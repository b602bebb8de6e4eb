"""The tables of what Pacemaker's words leave behind, by resource where nothing else is said."""

from datetime import datetime
from typing import Final

from bridge.core.world.journal import Journal
from bridge.core.world.table import Table
from bridge.core.world.tables import INCIDENT

# Where it runs, and what it is.
CLONE: Final = Table("clone", bool)
SEEN_ON: Final = Table("seen_on", str)
"""The node of its last action."""
STARTED: Final = Table("started", tuple[str, datetime])
STOPPED_AT: Final = Table("stopped_at", datetime, aside=Journal.let_pass)
FOUND: Final = Table("found", dict[str, datetime])
"""The nodes on which probes found it running, and when."""
UNTIMED: Final = Table("untimed", tuple[datetime, frozenset[str]])
"""By the words of an untimed action: when it was told, and by whom."""

# What is wrong with it.
FAILED_ON: Final = Table("failed_on", str)
START_FAILED: Final = Table("start_failed", frozenset[str])
"""The nodes on which a start failed."""
STOP_FAILED: Final = Table("stop_failed", str)
"""The node on which it cannot be stopped."""
STOP_FAILED_ON: Final = Table("stop_failed_on", tuple[str, ...])
"""By node: what cannot be stopped there."""
NEEDS_PROMOTE: Final = Table("needs_promote", bool)
MIGRATION: Final = Table("migration", bool)
"""Its live migration failed."""
FAIL_COUNTS: Final = Table("fail_counts", frozenset[tuple[str, str]])
"""(attribute, node) of those that are not empty."""
EPISODES: Final = Table("episodes", tuple[tuple[datetime, str], ...])
"""When it failed lately, and in which incidents."""
FLAPPING: Final = Table("flapping", str)
"""The incident that tells of it."""
TROUBLE: Final = Table("trouble", tuple[str, datetime])
"""By node: the incident of the last failure there."""
BYSTANDER: Final = Table("bystander", tuple[str, datetime, str])
"""The incident in whose course it was stopped, when, and on which node."""
BYSTANDERS: Final = Table("bystanders", tuple[str, ...], goes_with=INCIDENT)
"""By incident, the other way round."""
DOWN_TOLD: Final = Table("down_told", datetime, goes_with=INCIDENT)
"""By incident: when there was an alarm for what is down."""
HEALED: Final = Table("healed", datetime, aside=Journal.let_pass)
"""By subject: when it was well again."""

# Nodes.
FENCING: Final = Table("fencing", datetime, aside=Journal.let_pass)
"""By target and reference: when it was told."""
FENCINGS: Final = Table("fencings", tuple[datetime, ...], goes_with=INCIDENT)
NODE_FENCINGS: Final = Table("node_fencings", tuple[datetime, ...])
ATTRIBUTE: Final = Table("attribute", str)
"""By attribute and node."""
