"""Which rule understands which event, and which answers which timer."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from bridge.core.drbd import redundancy, rules
from bridge.core.drbd.events import HandlerCalled, ReplicasListed, StatesChanged
from bridge.core.pacemaker import (
    attributes,
    down,
    fencing,
    flapping,
    losing,
    membership,
    pictures,
    quorum,
    resources,
    running,
    stopped,
    unfencing,
    unseen,
)
from bridge.core.pacemaker.truth import arranged, believe
from bridge.core.world import relays
from bridge.core.world.event import Action, AttributeSet, ClockSet, EdgeHeard, EdgeSaid, Event, Fencing, NodeSeen
from bridge.core.world.picture import PictureTold
from bridge.core.world.world import World

RULES: Final[dict[type[Event], Callable[[World, Any], None]]] = {
    NodeSeen: believe.and_truth(rules.and_replicas(membership.on_node_seen)),
    Fencing: believe.and_truth(rules.and_replicas(fencing.on_fencing)),
    Action: believe.and_truth(resources.on_action),
    AttributeSet: attributes.on_attribute,
    EdgeHeard: believe.and_truth(rules.and_replicas(relays.on_edge)),
    EdgeSaid: relays.on_edge_said,
    ClockSet: relays.on_clock_set,
    HandlerCalled: rules.on_called,
    StatesChanged: rules.on_states,
    ReplicasListed: rules.on_listed,
    PictureTold: rules.and_replicas(pictures.on_part),
}

TIMERS: Final[dict[str, Callable[[World, str, datetime], None]]] = {
    "clear": World.end,
    "quorum": quorum.on_quorum,
    "unseen": unseen.on_seen,
    "edge": relays.on_still_silent,
    "unfenced": losing.on_unfenced,
    "unnamed": fencing.on_unnamed,
    "fencing-quiet": fencing.on_fencing_quiet,
    "unfencing-quiet": unfencing.on_unfencing_quiet,
    "given-up": running.on_given_up,
    "down": down.on_down,
    "settled": stopped.on_settled,
    "cleaned": attributes.on_cleaned,
    "flapping": flapping.on_flapping_quiet,
    "calm": flapping.on_calm,
    "redundancy": redundancy.on_redundancy,
    "truth": believe.on_time,
    "planned": arranged.on_too_long,
    "replica": rules.on_time,
    "replica-steady": rules.on_steady,
}
