from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.commands.common import Instant, config_option, emit, json_option, load, now, reading

if TYPE_CHECKING:
    from bridge.core.world.incident import Incident

STATES = {"open": ["watching", "open", "clearing"], "closed": ["closed"], "all": None}


@click.command()
@config_option
@json_option
@click.option("--state", type=click.Choice(list(STATES)), default="all", show_default=True, help="Which incidents.")
@click.option("--since", type=Instant(), help="Opened after this time; 2h means two hours ago.")
@click.option("--until", type=Instant(), help="Opened before this time.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many, the newest."
)
def incidents(
    config_path: Path, *, as_json: bool, state: str, since: datetime | None, until: datetime | None, limit: int
) -> None:
    """List incidents, the newest first, with how long they lasted.

    Those that turned out to be part of another, or nothing, are left out.

    \b
    Examples:
      quorumbell incidents --state open
      quorumbell incidents --since 24h --json
      quorumbell incidents --since "2026-11-24 03:00" --until "2026-11-24 04:00"
    """
    config = load(config_path)
    from bridge.asked import shapes
    from bridge.commands.format import table
    from bridge.core.telling.digest import was_nothing

    with reading(config) as ledger:
        found = ledger.incidents(state=STATES[state], since=since, until=until, limit=limit)
    shown = [(number, one) for number, one in found if one.absorbed_into is None and not was_nothing(one)]
    if as_json:
        emit([shapes.incident(number, one) for number, one in shown])
    elif shown:
        click.echo(table(("ID", "OPENED", "LASTED", "STATE", "PEAK", "CLUSTER", "KIND", "WHAT"), [_row(*one) for one in shown]))
    else:
        click.echo("no incidents", err=True)


def _row(number: int, one: "Incident") -> tuple[object, ...]:
    from bridge.commands.format import instant, span
    from bridge.texts import summary

    lasted = span((one.over_at or now()) - one.opened_at)
    return number, instant(one.opened_at), lasted, one.state, one.peak, one.cluster, one.kind, summary(one)
