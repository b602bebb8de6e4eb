"""The world in writing: what a cluster's tables hold, so that a restart need not read the whole ledger again.

What is written is the world as it was at the horizon, the place in time before which nothing is understood again; everything
younger is understood anew from the reports. Each table has one type of value, named here.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from bridge.core.incident import Incident
from bridge.core.nodes import Node
from bridge.core.world import Condition, World, Wound

TABLES: Final[dict[str, Any]] = {
    "active": str,
    "attribute": str,
    "bystander": tuple[str, datetime, str],
    "bystanders": tuple[str, ...],
    "circle": frozenset[str],
    "claims": frozenset[str],
    "clone": bool,
    "condition": Condition,
    "episodes": tuple[tuple[datetime, str], ...],
    "fail_counts": frozenset[tuple[str, str]],
    "failed_on": str,
    "fencing": datetime,
    "fencings": tuple[datetime, ...],
    "flapping": bool,
    "found": dict[str, datetime],
    "healed": datetime,
    "holder": str,
    "incident": Incident,
    "migration": bool,
    "needs_promote": bool,
    "node": Node,
    "node_fencings": tuple[datetime, ...],
    "seen_on": str,
    "sequence": int,
    "start_failed": frozenset[str],
    "started": tuple[str, datetime],
    "stop_failed": str,
    "stop_failed_on": tuple[str, ...],
    "stopped_at": datetime,
    "timer": datetime,
    "trouble": tuple[str, datetime],
    "untimed": tuple[datetime, frozenset[str]],
    "wound": Wound,
    "wounds": int,
}

Facts = dict[tuple[str, ...], Any]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster: its horizon (time, witness, sequence, uid), and its facts by table."""

    cluster: str
    horizon: tuple[datetime, str, int, str] | None
    facts: list[tuple[tuple[str, ...], msgspec.Raw]]


def write(pages: list[tuple[str, tuple[Any, ...], Facts]]) -> bytes:
    """Clusters with their horizons and facts, as bytes."""
    return msgspec.json.encode([_page(*page) for page in pages])


def read(data: bytes) -> list[tuple[str, tuple[Any, ...], Facts]]:
    """What `write` was given. Raises msgspec.MsgspecError or KeyError for what another version wrote."""
    return [
        (page.cluster, _place(page.horizon), {key: msgspec.json.decode(raw, type=TABLES[key[0]]) for key, raw in page.facts})
        for page in msgspec.json.decode(data, type=list[Page])
    ]


def at_mark(world: World, mark: int) -> Facts:
    """The facts as they were at a mark of the journal, without winding back."""
    facts = dict(world.facts)
    for key, old in reversed(world.journal[mark:]):
        if old is None:
            facts.pop(key, None)
        else:
            facts[key] = old
    return facts


def _page(cluster: str, horizon: tuple[Any, ...], facts: Facts) -> Page:
    return Page(
        cluster=cluster,
        horizon=(horizon[0], horizon[1], horizon[2], horizon[3].hex()) if horizon else None,
        facts=[(key, msgspec.Raw(msgspec.json.encode(value))) for key, value in facts.items()],
    )


def _place(horizon: tuple[datetime, str, int, str] | None) -> tuple[Any, ...]:
    return () if horizon is None else (horizon[0], horizon[1], horizon[2], bytes.fromhex(horizon[3]))
