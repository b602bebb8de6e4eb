"""When each relay looked at its cluster last (crm_mon), for `status`."""

from collections.abc import Sequence
from datetime import timedelta

from bridge.core.world.event import from_ns
from bridge.intake.peers import PeerState


def shown(relays: Sequence[PeerState]) -> list[dict[str, object]]:
    """Of those that look. To the second: a ping comes once in each."""
    return [{"cluster": one.cluster, "node": one.node, "looked_at": _looked_at(one)} for one in relays if one.looked_ms]


def _looked_at(one: PeerState) -> str:
    heard = from_ns(one.last_heard_ns or 0)
    return (heard - timedelta(milliseconds=one.looked_ms)).isoformat()
