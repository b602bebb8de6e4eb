from datetime import datetime, timedelta
from pathlib import Path

import click

from bridge.commands.common import Instant, Span, Trouble, ask, config_option, json_option, load, now, who
from bridge.commands.operator import comment_option, show_silences


@click.group()
def planned() -> None:
    """Work on a part of a cluster: a silence, and a downtime in Opsview, which begin and end together.

    What is worked on is node=NAME, resource=NAME, guest=NAME, replica=NAME, or the whole "cluster". What begins elsewhere rings
    as ever.
    """


@planned.command()
@click.argument("cluster")
@click.argument("what")
@config_option
@comment_option
@click.option("--for", "length", type=Span(), help="How long, like 2h or 1h30m.")
@click.option("--until", type=Instant(), help='Or until when, like "2026-11-24 06:00".')
def begin(cluster: str, what: str, config_path: Path, comment: str, length: timedelta | None, until: datetime | None) -> None:
    """Begin planned work on WHAT in CLUSTER. It ends by itself.

    \b
    Examples:
      quorumbell planned begin ha1 node=n3 --for 2h -m "new memory"
      quorumbell planned begin ha1 resource=vm-a --until "2026-11-24 06:00"
    """
    from bridge.commands.format import instant
    from bridge.core.world.event import to_us
    from bridge.serve.control import Planned

    if (length is None) is (until is None):
        raise Trouble("say how long: --for 2h, or --until TIME; one of the two", 2)
    until = until or now() + (length or timedelta(0))
    if until <= now():
        raise Trouble(f"{instant(until)} is over; name a time that is to come", 2)
    request = Planned(cluster=cluster, what=what, until_us=to_us(until), comment=comment, author=who())
    said = ask(load(config_path), request)
    click.echo(f"planned work {said['id']} on {what} of {cluster} until {instant(until)}")
    if not said["known"]:
        click.echo(f"nothing of {cluster} that was heard of yet belongs to {what}; is it the right name?", err=True)


@planned.command("list")
@config_option
@json_option
def list_(config_path: Path, *, as_json: bool) -> None:
    """List the planned work that is going on."""
    from bridge.serve.control import Silences

    found = [one for one in ask(load(config_path), Silences())["silences"] if one["planned"]]
    show_silences(found, "no planned work", as_json=as_json)


@planned.command()
@click.argument("planned_id", metavar="ID")
@config_option
def end(planned_id: str, config_path: Path) -> None:
    """End planned work before its time."""
    from bridge.serve.control import EndPlanned

    ask(load(config_path), EndPlanned(id=planned_id, author=who()))
    click.echo(f"planned work {planned_id} is over")
