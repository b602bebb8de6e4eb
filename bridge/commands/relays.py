"""The relays, as `quorumbell status` shows them."""

from datetime import datetime
from typing import Any

from bridge.asked.plain import plain
from bridge.commands.format import ago_of, instant, table


def kept_out_lines(bridge: dict[str, Any], at: datetime) -> list[str]:
    """Relays that sent too much: a line for each."""
    lines = []
    for one in bridge.get("kept_out", ()):
        until = instant(datetime.fromisoformat(one["until"]))
        state = f"kept out until {until}" if _is_out(one, at) else "let in again, and watched"
        lines.append(f"KEPT OUT    the relay of {one['node']} in {one['cluster']}: {one['why']}; {state}")
    return lines


def troubled(edges: list[dict[str, Any]]) -> list[str]:
    """A line for each relay that says what is wrong; of a silent one the table tells."""
    return [
        f"RELAY       {plain(edge['node'])} in {edge['cluster']}: {plain(edge['trouble'])}"
        for edge in edges
        if edge["trouble"] and not edge["silent"] and not edge["kept_out"]
    ]


def _is_out(offence: dict[str, Any] | None, at: datetime) -> bool:
    """Afterwards it is watched for a while."""
    return offence is not None and datetime.fromisoformat(offence["until"]) > at


def heard(edges: list[dict[str, Any]]) -> str:
    silent = sum(edge["silent"] for edge in edges)
    return f"{len(edges) or 'none'} heard{f', {silent} silent now' if silent else ''}"


def edges_table(edges: list[dict[str, Any]], at: datetime) -> str:
    rows = [
        (
            edge["cluster"],
            edge["node"],
            "SILENT" if edge["silent"] else "KEPT OUT" if _is_out(edge["kept_out"], at) else "heard",
            ago_of(edge["last_heard_at"], at),
            edge["backlog"],
            f"{edge['clock_offset_seconds']:+.3f} s",
            ago_of(edge["looked_at"], at) if edge["looked_at"] else "-",
        )
        for edge in edges
    ]
    return table(("CLUSTER", "NODE", "RELAY", "LAST WORD", "BACKLOG", "CLOCK", "CRM_MON"), rows) if rows else ""
