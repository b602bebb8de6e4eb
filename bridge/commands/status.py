from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.commands.common import config_option, emit, json_option, load, now, reading

if TYPE_CHECKING:
    from bridge.config.config import Config


@click.command()
@config_option
@json_option
def status(config_path: Path, *, as_json: bool) -> None:
    """What is wrong now, who is heard, what is owed.

    \b
    Examples:
      quorumbell status
      quorumbell status --json | jq .incidents[].summary
    """
    config = load(config_path)
    from bridge.commands import shapes
    from bridge.core.telling.circuit import Health
    from bridge.ledger.ledger import Queue

    with reading(config) as ledger:
        counts = ledger.counts()
        incidents = ledger.incidents(state=["watching", "open", "clearing"])
        edges = ledger.edges()
        boards = [one for one in ledger.boards() if one.receiver in config.receivers]
        healths, queues = ledger.healths(), ledger.queues()
    bridge = _running(config)
    bells = [name for name, receiver in config.receivers.items() if not receiver.board]
    held = {name: bridge.get("held_back", {}).get(name, 0) if bridge["running"] else None for name in bells}
    taken = bridge.pop("acknowledged", {})
    kept_out = {(one["cluster"], one["node"]): one for one in bridge.get("kept_out", ())}
    result = {
        "bridge": bridge,
        "ledger": config.bridge.ledger,
        "counts": {name: value.isoformat() if isinstance(value, datetime) else value for name, value in counts.items()},
        "incidents": [shapes.incident(number, one) | {"acknowledged_by": taken.get(one.key)} for number, one in incidents],
        "edges": [shapes.edge(one) | {"kept_out": kept_out.get((one.cluster, one.node))} for one in edges],
        "boards": [shapes.board(one) for one in boards],
        "receivers": [
            shapes.receiver(name, healths.get(name, Health()), queues.get(name, Queue()), held[name], now()) for name in bells
        ],
    }
    if as_json:
        emit(result)
    else:
        click.echo(_text(result))


def _running(config: "Config") -> dict[str, Any]:
    from bridge.serve.control import ControlError, Hello, ask

    try:
        return {"running": True, **ask(config.bridge.control, Hello(), timeout=3)}
    except ControlError as error:
        return {"running": False, "why": str(error)}


def _text(result: dict[str, Any]) -> str:
    from bridge.commands import shapes

    counts, bridge = result["counts"], result["bridge"]
    lines = [
        f"bridge      {_bridge(bridge)}",
        f"ledger      {result['ledger']}: {counts['reports']} reports, {counts['unreadable']} unreadable",
        f"deliveries  {_queue(counts)}",
        f"relays      {_relays(result['edges'])}",
        f"incidents   {len(result['incidents']) or 'none'}",
        *_kept_out(bridge),
        *faults(bridge),
    ]
    tables = [
        _edges(result["edges"]),
        receivers(result["receivers"]),
        _boards(result["boards"]),
        shapes.untrue(result["boards"]),
        _incidents(result["incidents"]),
    ]
    return "\n\n".join(["\n".join(lines), *filter(None, tables)])


def _bridge(bridge: dict[str, Any]) -> str:
    if not bridge["running"]:
        return f"does not answer ({bridge['why']})"
    from bridge.commands.format import instant
    from bridge.core.world.event import from_us

    since = f", since {instant(from_us(bridge['since_us']))}" if "since_us" in bridge else ""
    return f"runs, {bridge.get('name', '')} {bridge.get('version', '')}, process {bridge.get('pid', '?')}{since}"


def _kept_out(bridge: dict[str, Any]) -> list[str]:
    """Relays that sent too much: a line for each."""
    from bridge.commands.format import instant

    lines = []
    for one in bridge.get("kept_out", ()):
        until = datetime.fromisoformat(one["until"])
        state = f"kept out until {instant(until)}" if until > now() else "let in again, and watched"
        lines.append(f"KEPT OUT    the relay of {one['node']} in {one['cluster']}: {one['why']}; {state}")
    return lines


def faults(bridge: dict[str, Any]) -> list[str]:
    """Errors of Quorumbell itself since the bridge was started: a line for each kind."""
    lines = [
        f"OUR ERROR   {one['count']} times while it was {one['where']}: {one['what']}"
        + (f" (report {one['report']})" if one["report"] else "")
        for one in bridge.get("faults", ())
    ]
    cure = "            each was set aside and nothing else stopped; the bridge's log has the trace: please report it"
    return [*lines, cure] if lines else []


def _queue(counts: dict[str, Any]) -> str:
    from bridge.commands.format import ago

    if not counts["pending_notices"] and not counts["given_up_notices"]:
        return "nothing is owed"
    oldest = counts["oldest_pending_at"]
    waits = f", the oldest since {ago(datetime.fromisoformat(oldest), now())}" if oldest else ""
    return f"{counts['pending_notices']} owed{waits}; {counts['given_up_notices']} given up (quorumbell deliveries)"


def _relays(edges: list[dict[str, Any]]) -> str:
    silent = sum(edge["silent"] for edge in edges)
    return f"{len(edges) or 'none'} heard{f', {silent} silent now' if silent else ''}"


def _edges(edges: list[dict[str, Any]]) -> str:
    from bridge.commands.format import ago, table

    rows = [
        (
            edge["cluster"],
            edge["node"],
            "SILENT" if edge["silent"] else "KEPT OUT" if edge["kept_out"] else "heard",
            ago(datetime.fromisoformat(edge["last_heard_at"]) if edge["last_heard_at"] else None, now()),
            edge["backlog"],
            f"{edge['clock_offset_seconds']:+.3f} s",
        )
        for edge in edges
    ]
    return table(("CLUSTER", "NODE", "RELAY", "LAST WORD", "BACKLOG", "CLOCK"), rows) if rows else ""


def _boards(boards: list[dict[str, Any]]) -> str:
    from bridge.commands.format import ago, table

    def when(text: str | None) -> str:
        return ago(datetime.fromisoformat(text) if text else None, now())

    rows = [
        (
            one["receiver"],
            one["objects"],
            f"{one['owed']}, the oldest since {when(one['owed_since'])}" if one["owed"] else "0",
            when(one["taken_at"]),
            when(one["seen_at"]),
            len(one["untrue"]),
            one["last_word"] or "-",
        )
        for one in boards
    ]
    heads = ("BOARD", "SERVICES", "OWED", "LAST SUCCESS", "READ BACK", "NOT TRUE", "TROUBLE")
    return table(heads, rows) if rows else ""


def receivers(found: list[dict[str, Any]]) -> str:
    from bridge.commands.format import ago, table

    rows = [
        (
            one["name"],
            _health(one),
            one["pending"],
            _when(one["oldest_pending_at"]),
            "?" if one["held_back"] is None else one["held_back"],
            _when(one["last_success_at"]),
            f"{ago(datetime.fromisoformat(one['last_failure_at']), now())}: {one['last_failure']}"
            if one["last_failure_at"]
            else "-",
        )
        for one in found
    ]
    heads = ("RECEIVER", "HEALTH", "OWED", "OLDEST", "HELD BACK", "LAST SUCCESS", "LAST FAILURE")
    return table(heads, rows) if rows else ""


def _health(one: dict[str, Any]) -> str:
    if not one["failures"]:
        return "good" if one["last_success_at"] or one["last_failure_at"] else "never tried"
    until = datetime.fromisoformat(one["paused_until"]) if one["paused_until"] else None
    rest = f", next probe {until.astimezone():%H:%M:%S}" if until and until > now() else ""
    return f"FAILED {one['failures']} times{rest}"


def _when(instant: str | None) -> str:
    from bridge.commands.format import ago

    return ago(datetime.fromisoformat(instant), now()) if instant else "-"


def _incidents(incidents: list[dict[str, Any]]) -> str:
    from bridge.commands.format import ago, table

    rows = [
        (
            one["id"],
            one["severity"],
            one["state"],
            one["kind"],
            one["acknowledged_by"] or "-",
            ago(datetime.fromisoformat(one["opened_at"]), now()),
            one["summary"],
        )
        for one in incidents
    ]
    return table(("ID", "SEVERITY", "STATE", "KIND", "TAKEN BY", "SINCE", "WHAT"), rows) if rows else ""
