from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from bridge.asked.asking import Silent, control_of, running_at
from bridge.commands.common import Trouble, config_option, emit, json_option, load, now, plainly

SHOWN: Final = 20
"""Incidents that a screen holds, with what stands above them."""
LATELY: Final = timedelta(days=1)


@click.command()
@config_option
@json_option
@click.option("--all", "all_of_it", is_flag=True, help="Show every incident that is not over, not only the gravest.")
def status(config_path: Path, *, as_json: bool, all_of_it: bool) -> None:
    """What is wrong now, who is heard, what is owed.

    \b
    Examples:
      quorumbell status
      quorumbell status --all
      quorumbell status --json | jq .incidents[].summary
    """
    try:
        config = load(config_path)
    except Trouble as broken:
        _from_the_bridge(config_path, broken, as_json=as_json)
        return
    from bridge.asked.status import now_of, whole

    try:
        with plainly():
            result = whole(config)
    except Silent as error:
        _from_memory(error, config.bridge.ledger, as_json=as_json)
        return
    if as_json:
        emit(result)
    else:
        click.echo(
            _text(result if all_of_it else result | {"incidents": _gravest(result["incidents"])}, now_of(result["bridge"]))
        )


def _from_the_bridge(path: Path, broken: Trouble, *, as_json: bool) -> None:
    """The file cannot be used. A bridge that runs goes on with the one before, and is asked; else the mistakes are raised."""
    bridge = running_at(control_of(path), whole=True)
    if not bridge["running"]:
        raise broken
    bridge.pop("busy_seconds", None)  # that is not why
    config = bridge.get("config") or {}
    if not config.get("mistakes"):  # it has not read that one
        bridge["config"] = {**config, "mistakes": broken.message.splitlines()}
    _from_memory(Silent(f"{path} has mistakes", bridge), "the ledger", as_json=as_json)


def _from_memory(error: Silent, ledger: str, *, as_json: bool) -> None:
    from bridge.asked import status
    from bridge.commands import from_memory, relays, reload

    found = status.from_memory(error, ledger)
    if as_json:
        emit(found)
        return
    bridge, at = found["bridge"], from_memory.now_of(found["bridge"])
    told = [*reload.lines(bridge, at), *_lost(bridge), *_clocks(bridge, at)]
    told += [*relays.kept_out_lines(bridge, at), *faults(bridge)]
    head = [f"bridge      {_bridge(bridge)}", *from_memory.lines(found), *told]
    click.echo("\n\n".join(["\n".join(head), *from_memory.tables(found, at)]))


def _text(result: dict[str, Any], at: datetime) -> str:
    from bridge.commands import relays, reload

    counts, bridge = result["counts"], result["bridge"]
    lines = [
        f"bridge      {_bridge(bridge)}",
        f"ledger      {result['ledger']}: {counts['reports']} reports, {counts['unreadable']} unreadable",
        f"deliveries  {_queue(counts, at)}",
        f"relays      {relays.heard(result['edges'])}",
        f"incidents   {_how_many(result['incidents'], counts['open_incidents'])}",
        *reload.lines(bridge, at),
        *_lost(bridge),
        *_clocks(bridge, at),
        *relays.kept_out_lines(bridge, at),
        *relays.troubled(result["edges"]),
        *faults(bridge),
    ]
    tables = [
        relays.edges_table(result["edges"], at),
        receivers(result["receivers"], at),
        _boards(result["boards"], at),
        untrue(result["boards"]),
        _incidents(result["incidents"], at),
    ]
    return "\n\n".join(["\n".join(lines), *filter(None, tables)])


def _bridge(bridge: dict[str, Any]) -> str:
    if not bridge["running"]:
        return f"does not answer ({bridge['why']})"
    from bridge.commands.format import instant
    from bridge.core.world.event import from_us

    since = f", since {instant(from_us(bridge['since_us']))}" if "since_us" in bridge else ""
    return f"runs, {bridge.get('name', '')} {bridge.get('version', '')}, process {bridge.get('pid', '?')}{since}"


def _lost(bridge: dict[str, Any]) -> list[str]:
    """That this ledger is not the one that the bridge had before."""
    from bridge.commands.format import ago, instant

    if not bridge.get("ledger_lost_at"):
        return []
    at = datetime.fromisoformat(bridge["ledger_lost_at"])
    return [
        f"LEDGER LOST {instant(at)}, {ago(at, now())}: deleted or replaced while it was open; what it held is not in this one",
        "            if nobody meant it: quorumbell restore the last backup, with the bridge stopped",
    ]


def _clocks(bridge: dict[str, Any], at: datetime) -> list[str]:
    """Whose clock was set within a day, and how far the bridge's own time is from that of its machine."""
    from bridge.commands.format import ago
    from bridge.core.world.event import from_us

    places = [(f"{one['node']} of {one['cluster']}", one) for one in bridge.get("clocks_set", ())]
    places += [("this machine", bridge["clock_set"])] if bridge.get("clock_set") else []
    lines = [
        f"the clock of {whose} was set {_by(one['by_us'])}, {ago(from_us(one['at_us']), at)}"
        for whose, one in places
        if at - from_us(one["at_us"]) < LATELY
    ]
    ahead = bridge.get("ahead_us", 0)
    if abs(ahead) >= 1_000_000:
        where = f"{abs(ahead) / 1_000_000:.1f} s {'ahead' if ahead > 0 else 'behind'}"
        lines.append(f"this machine's clock is {where} of the bridge's own time, which follows slowly")
    return [f"{'clocks' if not number else '':12}{line}" for number, line in enumerate(lines)]


def _by(microseconds: int) -> str:
    return f"{'on' if microseconds > 0 else 'back'} by {abs(microseconds) / 1_000_000:.1f} s"


def faults(bridge: dict[str, Any]) -> list[str]:
    """Errors of Quorumbell itself since the bridge was started: a line for each kind."""
    lines = [
        f"OUR ERROR   {one['count']} times while it was {one['where']}: {one['what']}"
        + (f" (report {one['report']})" if one["report"] else "")
        for one in bridge.get("faults", ())
    ]
    cure = "            each was set aside and nothing else stopped; the bridge's log has the trace: please report it"
    return [*lines, cure] if lines else []


def _queue(counts: dict[str, Any], at: datetime) -> str:
    from bridge.commands.format import ago_of

    if not counts["pending_notices"] and not counts["given_up_notices"]:
        return "nothing is owed"
    oldest = counts["oldest_pending_at"]
    waits = f", the oldest since {ago_of(oldest, at)}" if oldest else ""
    return f"{counts['pending_notices']} owed{waits}; {counts['given_up_notices']} given up (quorumbell deliveries)"


def _boards(boards: list[dict[str, Any]], at: datetime) -> str:
    from bridge.commands.format import ago_of, table

    rows = [
        (
            one["receiver"],
            one["objects"],
            f"{one['owed']}, the oldest since {ago_of(one['owed_since'], at)}" if one["owed"] else "0",
            ago_of(one["taken_at"], at),
            ago_of(one["seen_at"], at),
            len(one["untrue"]),
            one["last_word"] or one["making"] or "-",
        )
        for one in boards
    ]
    heads = ("BOARD", "SERVICES", "OWED", "LAST SUCCESS", "READ BACK", "NOT TRUE", "TROUBLE")
    return table(heads, rows) if rows else ""


def untrue(boards: list[dict[str, Any]]) -> str:
    """What boards do not show, or show otherwise; "" when all is true."""
    from bridge.commands.format import table

    rows = [
        (one["receiver"], thing["host"], thing["service"], thing["state"], thing["why"])
        for one in boards
        for thing in one["untrue"]
    ]
    return table(("BOARD", "HOST", "SERVICE", "IS", "WHY"), rows) if rows else ""


def receivers(found: list[dict[str, Any]], at: datetime) -> str:
    from bridge.commands.format import ago_of, table

    rows = [
        (
            one["name"],
            _health(one, at),
            one["pending"],
            _when(one["oldest_pending_at"], at),
            "?" if one["held_back"] is None else one["held_back"],
            _when(one["last_success_at"], at),
            f"{ago_of(one['last_failure_at'], at)}: {one['last_failure']}" if one["last_failure_at"] else "-",
        )
        for one in found
    ]
    heads = ("RECEIVER", "HEALTH", "OWED", "OLDEST", "HELD BACK", "LAST SUCCESS", "LAST FAILURE")
    return table(heads, rows) if rows else ""


def _health(one: dict[str, Any], at: datetime) -> str:
    if not one["failures"]:
        return "good" if one["last_success_at"] or one["last_failure_at"] else "never tried"
    until = datetime.fromisoformat(one["paused_until"]) if one["paused_until"] else None
    rest = f", next probe {until.astimezone():%H:%M:%S}" if until and until > at else ""
    return f"FAILED {one['failures']} times{rest}"


def _when(instant: str | None, at: datetime) -> str:
    from bridge.commands.format import ago_of

    return ago_of(instant, at) if instant else "-"


def _gravest(incidents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The worst first, of these what nobody took, then the newest: so many as a screen holds."""
    from bridge.core.world.event import Severity

    def weight(one: dict[str, Any]) -> tuple[Any, ...]:
        return Severity(one["severity"]).rank, one["acknowledged_by"] is None, one["opened_at"], one["id"]

    return incidents if len(incidents) <= SHOWN else sorted(incidents, key=weight, reverse=True)[:SHOWN]


def _how_many(shown: list[dict[str, Any]], number: int) -> str:
    more = number - len(shown)
    return f"{number or 'none'}" + (f"; the {len(shown)} gravest stand below, {more} more with --all" if more > 0 else "")


def _incidents(incidents: list[dict[str, Any]], at: datetime) -> str:
    from bridge.commands.format import ago_of, table

    rows = [
        (
            one["id"],
            one["severity"],
            one["state"],
            one["kind"],
            one["acknowledged_by"] or "-",
            ago_of(one["opened_at"], at),
            one["summary"],
        )
        for one in incidents
    ]
    return table(("ID", "SEVERITY", "STATE", "KIND", "TAKEN BY", "SINCE", "WHAT"), rows) if rows else ""
