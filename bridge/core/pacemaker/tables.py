"""The tables of what Pacemaker's words leave behind, by resource where nothing else is said."""

from datetime import datetime
from typing import Final

from bridge.core.world.event import Fencing
from bridge.core.world.journal import Journal
from bridge.core.world.series import Series
from bridge.core.world.table import Table
from bridge.core.world.tables import HEARD, INCIDENT

# Where it runs, and what it is.
CLONE: Final = Table("clone", bool, goes_with=HEARD)
SEEN_ON: Final = Table("seen_on", str, goes_with=HEARD)
"""The node of its last action."""
STARTED: Final = Table("started", tuple[str, datetime], goes_with=HEARD)
STOPPED_AT: Final = Table("stopped_at", datetime, aside=Journal.let_pass)
FOUND: Final = Table("found", dict[str, datetime], goes_with=HEARD)
"""The nodes on which probes found it running, and when."""
UNTIMED: Final = Table("untimed", tuple[datetime, frozenset[str]], aside=Journal.let_pass)
"""By the words of an untimed action: when it was told, and by whom."""

# What is wrong with it.
FAILED_ON: Final = Table("failed_on", str, goes_with=HEARD)
START_FAILED: Final = Table("start_failed", frozenset[str], goes_with=HEARD)
"""The nodes on which a start failed."""
TRIED_AT: Final = Table("tried_at", datetime, goes_with=HEARD)
"""When a start last failed."""
LAME: Final = Table("lame", dict[str, str], goes_with=HEARD)
"""Of a clone, by node: the instance that failed there, and has not been well since."""
WHOLE: Final = Table("whole", int, goes_with=HEARD)
"""Of a clone: how many instances there were before one failed."""
STOP_FAILED_ON: Final = Table("stop_failed_on", tuple[str, ...])
"""By node: what cannot be stopped there."""
NEEDS_PROMOTE: Final = Table("needs_promote", bool, goes_with=HEARD)
MIGRATION: Final = Table("migration", bool, goes_with=HEARD)
"""Its live migration failed."""
FAIL_COUNTS: Final = Table("fail_counts", frozenset[tuple[str, str]], goes_with=HEARD)
"""(attribute, node) of those that are not empty."""
BAD_AT: Final = Table("bad_at", datetime, aside=Journal.let_pass)
"""When an action of it last failed."""
EPISODES: Final = Table("episodes", Series, goes_with=HEARD)
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
LEFT_DOWN: Final = Table("left_down", str, goes_with=INCIDENT)
"""By incident of a node that a person had fenced: the incident of what does not start elsewhere."""
HEALED: Final = Table("healed", datetime, aside=Journal.let_pass)
"""By subject: when it was well again."""

# Nodes.
FENCING: Final = Table("fencing", datetime, aside=Journal.let_pass)
"""By target and reference: when it was told."""
FENCED: Final = Table("fenced", tuple[datetime, str, bool, bool])
"""By target: when it was last fenced, by which action, whether a person asked for it, and whether it was well until then."""
FENCINGS: Final = Table("fencings", Series, goes_with=INCIDENT)
NODE_FENCINGS: Final = Table("node_fencings", Series)
INSIDE: Final = Table("inside", str, goes_with=HEARD)
"""By container: the node inside it, which is in trouble."""
SICK_DEVICES: Final = Table("sick_devices", dict[str, tuple[str, datetime]])
"""The fence devices that failed lately, on which nodes, and when."""
UNNAMED: Final = Table("unnamed", tuple[Fencing, ...])
"""By number of a node: its fencings, as long as nobody has told whose number it is."""
NODE_ID: Final = Table("node_id", str)
"""By Corosync's number: the name of the node."""
FALLS: Final = Table("falls", tuple[str, datetime])
"""By attribute: the incident of the node that last lost its way to the outside, and when."""
FALLEN: Final = Table("fallen", dict[str, tuple[datetime, str, str]])
"""By node: its attributes that tell of no way to the outside; when that was told, the value, and the one before."""
ATTRIBUTE: Final = Table("attribute", str)
"""By attribute and node."""
CONTAINER: Final = Table("container", str)
"""By remote or guest node, from a picture: the resource that it lives in; empty of a machine of its own."""

# Pictures of the cluster.
ONLOOKERS: Final = Table("onlookers", frozenset[str])
"""Under `all`: the nodes that have shown one."""
FINDINGS: Final = Table("findings", dict[str, datetime])
"""By the first node of the cluster: what its pictures show and nobody has told, and since when."""
IDLE: Final = Table("idle", dict[str, datetime])
"""By the first node of the cluster, of the same: since when the cluster does not seem to be at work on it."""
STIRRED: Final = Table("stirred", datetime)
"""Under `all`, of a cluster that shows pictures: when its last event happened."""
WAKES: Final = Table("wakes", tuple[datetime, ...])
"""Under `all`: when the last pictures are looked at again."""
LISTED: Final = Table("listed", frozenset[str])
"""By the first node of the cluster: the subjects that its last picture showed."""
FENCED_BEFORE: Final = Table("fenced_before", frozenset[str])
"""By node: the fencings of it that a picture showed while it was there."""
