"""The tables of what is known of subjects, incidents, nodes and relays. What only one room knows of is declared there."""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.world.condition import Condition, Wound
from bridge.core.world.incident import Incident
from bridge.core.world.journal import Journal
from bridge.core.world.node import Node
from bridge.core.world.table import Table

# By incident.
INCIDENT: Final = Table("incident", Incident, aside=Journal.touch_incident)
WOUNDS: Final = Table("wound_of", bool, aside=Journal.gather)
"""By incident and name: what keeps it open, subjects and holds."""
MORE: Final = {
    name: Table(f"more_{name}", bool, aside=Journal.gather, goes_with=INCIDENT)
    for name in ("subjects", "away", "down", "moved", "behind", "replicas", "tried_on", "unpromoted", "nodes")
}
"""By incident and name: what belongs into one of its lists, and stands there only as a number, since the list is long enough."""

# By subject.
CONDITION: Final = Table("condition", Condition, aside=Journal.touch)
GONE: Final = Table("gone", tuple[datetime, str], aside=Journal.let_pass)
"""Of what there is no more, for a day: since when, and in a word why."""
WOUND: Final = Table("wound", Wound)
HOLDER: Final = Table("holder", str)
"""The incident, not yet over, that it was last drawn into."""

# By resource.
HEARD: Final = Table("heard", datetime, aside=Journal.let_pass, kept=timedelta(days=30))
"""When an action of it was told, to the day. What is not heard of for so long, runs nowhere and is in no story is forgotten."""

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
"""When its relay, which is silent, last spoke."""
WAITS_FOR: Final = Table("waits_for", tuple[str, ...])
"""The resources about which its relay must be heard before there is a verdict."""

# What the cluster's own word (picture.py) taught.
SORT: Final = Table("sort", str, aside=Journal.touch)
"""By resource, from its agent: GUEST, DEVICE or OTHER. Until then its name is all there is."""
GUEST: Final = "guest"
DEVICE: Final = "device"
OTHER: Final = "other"
LASTING: Final = Table("lasting", dict[str, str])
"""By node: what is wrong with its relay until that is over, in words, by what it is."""
REPLICATED: Final = Table("replicated", str, aside=Journal.touch)
"""By resource, from its parameters: the DRBD resource that it makes primary and secondary."""
TOGETHER: Final = Table("together", tuple[str, str, int], aside=Journal.touch, goes_with=HEARD)
"""By resource: its group and its clone or bundle, each "" if it is in none, and its place in the group."""
PLAN: Final = Table("plan", str)
"""By subject: what somebody has arranged for it, in words (`in maintenance`)."""
REMINDED: Final = Table("reminded", str)
"""By subject: the incident that tells that it has been planned for too long."""
REMARK: Final = Table("remark", str)
"""By subject: what is odd about it, and hurts nobody now, in words."""
BLIND: Final = Table("blind", bool)
"""By node: its relay cannot look at the cluster."""
