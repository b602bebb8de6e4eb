"""How long an incident of each kind must last before it rings anybody. None: it is shown, never rung."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

HOLDS: Final[Mapping[Kind, int | None]] = {
    # never heals by itself, or a machine died: at once
    Kind.NODE_FAILURE: 0,
    Kind.FENCING_FAILURE: 0,
    Kind.FENCING_LOOP: 0,
    Kind.CLUSTER_PARTITION: 0,
    Kind.QUORUM_LOST: 0,
    Kind.RESOURCE_DOWN: 0,
    Kind.RESOURCE_BLOCKED: 0,
    Kind.RESOURCE_FLAPPING: 0,
    Kind.GUEST_FAILURE: 0,
    Kind.REPLICA_SPLIT_BRAIN: 0,
    Kind.REPLICA_IO_ERROR: 0,
    Kind.REPLICA_NO_DATA: 0,
    Kind.REPLICA_QUORUM_LOST: 0,
    Kind.REPLICA_OUT_OF_SYNC: 0,
    Kind.REPLICA_FENCING: 0,
    Kind.PLANNED_TOO_LONG: 0,  # it has lasted for hours
    Kind.REPLICA_DEGRADED: 0,  # told when it has lasted for minutes already
    # the cluster often mends it within seconds
    Kind.RESOURCE_FAILURE: 30,
    Kind.RESOURCE_DEGRADED: 30,
    Kind.RESOURCE_MISCONFIGURED: 30,
    Kind.MIGRATION_FAILURE: 30,
    Kind.MULTIPLE_ACTIVE: 30,
    Kind.FENCE_DEVICE_FAILURE: 30,
    # a short cut of a wire is no news
    Kind.REPLICA_DISCONNECTED: 60,
    Kind.REDUNDANCY_LOST: 60,
    Kind.CONNECTIVITY: 60,
    Kind.EDGE_SILENT: 60,
    # somebody wanted it
    Kind.NODE_FENCED_BY_ADMIN: None,
}

WHILE_NOT_CRITICAL: Final[Mapping[Kind, int | None]] = {
    Kind.GUEST_FAILURE: 30,  # being restarted: like any resource that fails and heals
    Kind.REPLICA_FENCING: None,  # the fencing did what it should
}


GRAVITY: Final[Mapping[Kind, int]] = {
    # all of the cluster, and what it can no longer do by itself
    Kind.QUORUM_LOST: 6,
    Kind.CLUSTER_PARTITION: 5,
    Kind.FENCING_LOOP: 4,
    Kind.FENCING_FAILURE: 4,
    Kind.NODE_FAILURE: 3,
    # data
    Kind.REPLICA_SPLIT_BRAIN: 6,
    Kind.REPLICA_NO_DATA: 5,
    Kind.REPLICA_QUORUM_LOST: 5,
    Kind.REPLICA_OUT_OF_SYNC: 4,
    Kind.REPLICA_IO_ERROR: 3,
    # one service
    Kind.RESOURCE_BLOCKED: 2,
    Kind.RESOURCE_DOWN: 2,
    Kind.GUEST_FAILURE: 2,
    Kind.RESOURCE_FLAPPING: 1,
    Kind.REPLICA_FENCING: 1,
}
"""Of the kinds that ring at once: who was told of one is not rung again for a lesser one that is left of it. All others: 0."""

UNBRAKED: Final = frozenset({Kind.REPLICA_SPLIT_BRAIN, Kind.REPLICA_OUT_OF_SYNC, Kind.FENCING_FAILURE, Kind.FENCING_LOOP})
"""Data is being lost, or the cluster cannot protect it: each rings for itself and at once. No brake, no group, no digest."""


def hold_of(kind: Kind, severity: Severity) -> timedelta | None:
    table = HOLDS if severity is Severity.CRITICAL or kind not in WHILE_NOT_CRITICAL else WHILE_NOT_CRITICAL
    seconds = table[kind]
    return None if seconds is None else timedelta(seconds=seconds)
