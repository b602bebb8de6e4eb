from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.commands.common import Trouble, config_option, emit, json_option, load, now, reading

if TYPE_CHECKING:
    from bridge.core.telling.circuit import Health
    from bridge.ledger.ledger import NoticeRow

STATES = ("pending", "leased", "delivered", "given-up", "withdrawn")


@click.command()
@config_option
@json_option
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only these; may stand several times.")
@click.option("--incident", "incident_id", type=click.IntRange(1), help="Only those of this incident.")
@click.option("--receiver", help="Only those to this receiver.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many, the newest."
)
def deliveries(
    config_path: Path, *, as_json: bool, states: tuple[str, ...], incident_id: int | None, receiver: str | None, limit: int
) -> None:
    """List notices: who is told what, how often it was tried, what the receiver answered; below, what boards do not show.

    \b
    Examples:
      quorumbell deliveries --state given-up
      quorumbell deliveries --state pending --state leased --receiver ops-mail
    """
    config = load(config_path)
    from bridge.asked import shapes
    from bridge.commands.format import table
    from bridge.commands.status import untrue as untrue_table

    with reading(config) as ledger:
        boards = [shapes.board(one) for one in ledger.boards() if one.receiver in config.receivers]
        rows = ledger.notices(incident_id, states or None, limit, receiver)
        healths = ledger.healths()
    unfiltered = not states and incident_id is None
    untrue = [one for one in boards if receiver in {None, one["receiver"]} and one["untrue"] and unfiltered]
    if as_json:
        emit([shapes.notice(row) for row in rows])
    elif rows:
        heads = ("NOTICE", "INCIDENT", "RECEIVER", "KIND", "DECIDED", "STATE", "TRIES", "NEXT OR LAST", "LAST WORD")
        click.echo(table(heads, [_row(row) for row in rows]))
        for name in sorted({row.notice.receiver for row in rows if row.state.value in {"pending", "leased"}} & healths.keys()):
            if healths[name].failures:
                click.echo(f"{name} {_trouble(healths[name])}", err=True)
    elif untrue:
        pass
    elif receiver and receiver not in config.receivers:
        raise Trouble(f"there is no receiver {receiver}; configured are {', '.join(config.receivers) or 'none'}")
    else:
        click.echo("no deliveries", err=True)
    if untrue and not as_json:
        click.echo(("\n" if rows else "") + untrue_table(untrue))


def _trouble(health: "Health") -> str:
    from bridge.commands.format import ago

    rests = health.paused_until is not None and health.paused_until > now()
    then = "only what is urgent is tried before the next probe" if rests else "the next notice is tried when it is due"
    return f"failed {health.failures} times in a row since {ago(health.failing_since, now())} ({health.failure}); {then}"


def _row(row: "NoticeRow") -> tuple[object, ...]:
    from bridge.commands.format import ago, instant

    notice = row.notice
    when = ago(row.next_at, now()) if row.state.value in {"pending", "leased"} else instant(row.delivered_at)
    if row.state.value == "pending" and row.next_at <= now():
        when = "now"
    return (
        notice.id,
        notice.incident_id or f"{len(notice.numbers) + notice.left_out} incidents",
        notice.receiver,
        notice.kind,
        instant(notice.at),
        row.state,
        row.attempts,
        when,
        row.last_word,
    )
