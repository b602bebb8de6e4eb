"""What is wrong now, who is heard, what is owed: one shape for the terminal, for programs and for the page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from bridge.asked import shapes
from bridge.asked.asking import Silent, read, running
from bridge.config.config import Config
from bridge.core.telling.circuit import Health
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, from_us, subject_name
from bridge.ledger.reader import Reader
from bridge.ledger.records import Queue

FROM_MEMORY: Final = ("gravest", "relays", "open_incidents", "known_at", "held", "busy_seconds", "ledger_away")
"""What the bridge says when it is busy, and the ledger says better."""

UNFINISHED: Final = ("watching", "open", "clearing")


def whole(config: Config, of_each: Callable[[Any], Any] = dict) -> dict[str, Any]:
    """As `status --json` prints it; `of_each` is what becomes of an incident's shape, before the next one is read. Raises Silent
    when the ledger cannot be read and the bridge runs, else LedgerError."""
    bridge = running(config)
    look = partial(_look, bridge.get("acknowledged", {}), of_each)
    counts, incidents, edges, conditions, boards, healths, queues = read(config, bridge, look)
    bells = [name for name, receiver in config.receivers.items() if not receiver.board]
    held = {name: bridge.get("held_back", {}).get(name, 0) if bridge["running"] else None for name in bells}
    edges = _edges(edges, bridge, troubles(conditions))
    bridge = {name: value for name, value in bridge.items() if name not in {*FROM_MEMORY, "acknowledged"}}
    at = now_of(bridge)
    return {
        "bridge": bridge,
        "ledger": config.bridge.ledger,
        "counts": {name: value.isoformat() if isinstance(value, datetime) else value for name, value in counts.items()},
        "incidents": incidents,
        "edges": edges,
        "boards": [shapes.board(one) for one in boards if one.receiver in config.receivers],
        "receivers": [
            shapes.receiver(name, healths.get(name, Health()), queues.get(name, Queue()), held[name], at) for name in bells
        ],
    }


def from_memory(error: Silent, ledger: str) -> dict[str, Any]:
    """The same shape while the ledger cannot be read; `counts` is null, and what only the ledger knows is missing."""
    bridge = dict(error.bridge)
    gravest, edges = bridge.pop("gravest", []), bridge.pop("relays", [])
    incidents = [{name: value for name, value in one.items() if name != "summaries"} for one in gravest]
    ours = {"bridge": bridge, "ledger": ledger, "ledger_trouble": str(error), "counts": None}
    return {**ours, "incidents": incidents, "edges": edges, "boards": [], "receivers": []}


def now_of(bridge: dict[str, Any]) -> datetime:
    """By the bridge's own time: that is the time of all that it wrote down."""
    return from_us(bridge["now_us"]) if "now_us" in bridge else datetime.now(UTC)


def troubles(conditions: Sequence[Condition]) -> dict[tuple[str, str], str]:
    """What relays say is wrong with them, in their words."""
    found = [one for one in conditions if one.subject.startswith("relay/") and one.severity is Severity.WARNING]
    return {(one.cluster, subject_name(one.subject)): one.why for one in found}


def _look(taken: Mapping[str, str], of_each: Callable[[Any], Any], ledger: Reader) -> tuple[Any, ...]:
    open_now = ledger.each_incident(UNFINISHED)
    return (
        ledger.counts(),
        [of_each(shapes.incident(number, one) | {"acknowledged_by": taken.get(one.key)}) for number, one in open_now],
        ledger.edges(),
        ledger.conditions(),
        ledger.boards(),
        ledger.healths(),
        ledger.queues(),
    )


def _edges(edges: Sequence[Any], bridge: dict[str, Any], trouble: dict[tuple[str, str], str]) -> list[dict[str, Any]]:
    kept_out = {(one["cluster"], one["node"]): one for one in bridge.get("kept_out", ())}
    looks = {(one["cluster"], one["node"]): one["looked_at"] for one in bridge.pop("looks", ())}
    return [
        shapes.edge(one) | {"kept_out": kept_out.get(place), "looked_at": looks.get(place), "trouble": trouble.get(place)}
        for one in edges
        for place in [(one.cluster, one.node)]
    ]
