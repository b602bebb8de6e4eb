"""The lives of a node's Pacemaker, which the running number of its alerts tells apart. (Pacemaker Administration, alerts)"""

from datetime import datetime, timedelta
from typing import Final

from bridge.core.pacemaker.node_failure import Span, give_back, take_down
from bridge.core.pacemaker.returning import come_back
from bridge.core.pacemaker.unseen import is_unexplained, on_began_anew
from bridge.core.world.event import Severity, node_subject
from bridge.core.world.nodes import node, set_node
from bridge.core.world.shown import forget_activity
from bridge.core.world.tables import CLAIMS, NODE_SEQUENCE
from bridge.core.world.world import World

STAMPED_TOGETHER: Final = timedelta(seconds=1)
"""Calls of one moment may be numbered in another order than they are stamped. No Pacemaker starts again so soon."""
ARRIVED_TOGETHER: Final = timedelta(seconds=3)
"""Without a time of their own (1.1.x) calls come in the order of arrival, in which one overtakes another by more."""
FIRST_NUMBERS: Final = 20
"""With some recipients, and some calls lost, the first that is heard of a new life has such a number."""
RESTARTED_WITHIN: Final = timedelta(minutes=10)


def _begins_anew(before: int, now: int, after: timedelta, *, stamped: bool) -> bool:
    """Whether the number fell because it begins at 1 again, and not because calls overtook each other."""
    return now < before and now <= FIRST_NUMBERS and after > (STAMPED_TOGETHER if stamped else ARRIVED_TOGETHER)


def note_life(world: World, witness: str, sequence: int, at: datetime, *, stamped: bool) -> None:
    """The running number of a node's alerts begins anew whenever Pacemaker starts there: what ran before is gone.

    If the node was called lost meanwhile and nobody fenced it, it died all the same: the survivors died too, or nobody told.
    """
    before = world.get(NODE_SEQUENCE, witness)
    world.put((NODE_SEQUENCE, witness), (sequence, at))
    if before is not None and sequence > before[0] and node(world, witness).lost_at is None and node(world, witness).taken:
        give_back(world, witness, at, "Pacemaker has not started anew there", away=True)
    if before is None or not _begins_anew(before[0], sequence, at - before[1], stamped=stamped):
        return
    if is_unexplained(world, witness):
        on_began_anew(world, witness, at)
    set_node(world, witness, taken=())
    known = node(world, witness)
    began = known.lost_at or known.was_lost_at
    incident = world.holder(node_subject(witness))
    if incident is not None and began is not None and known.fenced_at is None and at - began < RESTARTED_WITHIN:
        reason = f"{witness} was lost and has started again"
        world.confirm(incident.key, at, reason)
        world.change(incident.key, at, severity=Severity.CRITICAL, reason=reason)
        take_down(world, witness, incident.key, Span(began, at))
    if known.lost_at is not None:
        come_back(world, witness, at, f"{witness} has started again")
    world.put((CLAIMS, witness), None)
    forget_activity(world, witness, at, Severity.UNKNOWN, f"ran on {witness} until Pacemaker began anew there")
