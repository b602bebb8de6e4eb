"""What a person says to the running bridge."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from bridge.commands.common import Instant, Span, Trouble, ask, config_option, emit, json_option, load, now, who

comment_option = click.option("-m", "--comment", default="", help="Why, in a few words; all who ask will read it.")


@click.command()
@click.argument("incident_id", metavar="ID", type=click.IntRange(1))
@config_option
@comment_option
@click.option("--withdraw", is_flag=True, help="Give it back: reminders go on.")
def ack(incident_id: int, config_path: Path, comment: str, *, withdraw: bool) -> None:
    """Take an incident: no reminders, nobody further is told, and `status` shows who is on it. What gets worse still rings.

    \b
    Examples:
      quorumbell ack 4711 -m "on my way"
      quorumbell ack 4711 --withdraw
    """
    from bridge.serve.control import Ack

    request = Ack(incident=incident_id, comment=comment, withdraw=withdraw, author=who())
    number = ask(load(config_path), request)["incident"]
    if number != incident_id:
        click.echo(f"incident {incident_id} is part of incident {number} now")
    click.echo(f"incident {number} {'was given back' if withdraw else 'is acknowledged'}")


@click.group()
def silence() -> None:
    """Keep bells quiet about some incidents for a while.

    They are still recorded and shown. Who was told of a beginning is also told of the end.
    """


@silence.command()
@click.argument("matchers", metavar="MATCHER...", nargs=-1, required=True)
@config_option
@comment_option
@click.option("--for", "length", type=Span(), help="How long, like 2h or 1h30m.")
@click.option("--until", type=Instant(), help='Or until when, like "2026-11-24 06:00".')
def add(matchers: tuple[str, ...], config_path: Path, comment: str, length: timedelta | None, until: datetime | None) -> None:
    """Begin a silence for incidents that fit all MATCHERs, written as in the routes.

    \b
    Examples:
      quorumbell silence add 'node="n3"' --for 2h -m "new memory"
      quorumbell silence add 'kind=~"replica-.*"' 'cluster="test"' --until "2026-11-24 06:00"
    """
    from bridge.commands.format import instant
    from bridge.core.telling.match import BadMatcher, parse
    from bridge.core.world.event import to_us
    from bridge.serve.control import Silence

    try:
        written = tuple(str(parse(text)) for text in matchers)
    except BadMatcher as error:
        raise Trouble(str(error), 2) from None
    if (length is None) is (until is None):
        raise Trouble("say how long: --for 2h, or --until TIME; one of the two", 2)
    until = until or now() + (length or timedelta(0))
    if until <= now():
        raise Trouble(f"{instant(until)} is over; name a time that is to come", 2)
    said = ask(load(config_path), Silence(matchers=written, until_us=to_us(until), comment=comment, author=who()))
    click.echo(f"silence {said.get('id')} until {instant(until)}: {' '.join(written)}")


@silence.command("list")
@config_option
@json_option
def list_(config_path: Path, *, as_json: bool) -> None:
    """List the silences that are in force."""
    from bridge.serve.control import Silences

    show_silences(ask(load(config_path), Silences())["silences"], "no silences", as_json=as_json)


def show_silences(found: list[dict[str, Any]], nothing: str, *, as_json: bool) -> None:
    from bridge.commands.format import instant, table
    from bridge.core.world.event import from_us

    if as_json:
        emit(found)
    elif found:
        rows = [
            (one["id"], instant(from_us(one["until_us"])), one["author"], " ".join(one["matchers"]), one["comment"])
            for one in found
        ]
        click.echo(table(("ID", "UNTIL", "AUTHOR", "MATCHERS", "COMMENT"), rows))
    else:
        click.echo(nothing, err=True)


@silence.command()
@click.argument("silence_id", metavar="ID")
@config_option
def end(silence_id: str, config_path: Path) -> None:
    """End a silence before its time."""
    from bridge.serve.control import EndSilence

    ask(load(config_path), EndSilence(id=silence_id, author=who()))
    click.echo(f"silence {silence_id} is over")


@click.command()
@click.argument("receivers", nargs=-1)
@config_option
@json_option
def ring(receivers: tuple[str, ...], config_path: Path, *, as_json: bool) -> None:
    """Send a test notice to RECEIVERS, or to all, and say what they answered.

    The running bridge sends it, on the same way as every other notice. Exit code 1 when one of them did not take it.

    \b
    Example:
      quorumbell ring ops-mail
    """
    config = load(config_path)
    from bridge.commands.format import table
    from bridge.config.findings import did_you_mean
    from bridge.serve.control import Ring

    for name in receivers:
        if name not in config.receivers:
            raise Trouble(f"there is no receiver {name!r}; {did_you_mean(name, config.receivers)}", 2)
    verdicts = ask(config, Ring(receivers=receivers, author=who()))["verdicts"]
    if as_json:
        emit(verdicts)
    else:
        click.echo(table(("RECEIVER", "VERDICT", "WHY"), [(one["receiver"], one["verdict"], one["why"]) for one in verdicts]))
    if any(one["verdict"] != "delivered" for one in verdicts):
        raise click.exceptions.Exit(1)
