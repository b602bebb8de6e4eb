from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.commands.common import Trouble, config_option, emit, json_option, load, now, reading

if TYPE_CHECKING:
    from bridge.asked.story import Line
    from bridge.core.world.incident import Incident

WAYS: Final = {"reports": "{} reports", "tell": "tell {}", "to": "to {}"}


@click.command()
@click.argument("incident_id", metavar="ID", type=click.IntRange(1))
@config_option
@json_option
def explain(incident_id: int, config_path: Path, *, as_json: bool) -> None:
    """Tell the whole story of an incident: each report, what was made of it, who was told, and how the telling went.

    \b
    Example:
      quorumbell explain 4711
    """
    config = load(config_path)
    from bridge.asked.story import MOST_SHOWN, lines, shape, story

    with reading(config) as ledger:
        told = story(ledger, incident_id)
    if told is None:
        raise Trouble(f"there is no incident {incident_id}; quorumbell incidents lists them")
    if as_json:
        emit(shape(told))
        return
    if told.number != incident_id:
        click.echo(f"incident {incident_id} is part of incident {told.number} now\n")
    click.echo(_head(told.number, told.incident))
    click.echo()
    if told.left_out:
        click.echo(
            f"of its reports the first {MOST_SHOWN} and the last {MOST_SHOWN} are shown; {told.left_out} lie between them\n"
        )
    for line in lines(told):
        click.echo(_shown(line))


def _head(number: int, incident: "Incident") -> str:
    from bridge.asked.plain import plain
    from bridge.commands.format import instant, span
    from bridge.texts import summary

    ended = f"over since {instant(incident.over_at)}" if incident.over_at else "not over"
    lines = [
        f"incident {number}: {summary(incident)}",
        f"{incident.kind}, {incident.severity} (peak {incident.peak}), {incident.state}, cluster {plain(incident.cluster)}",
        f"began {instant(incident.opened_at)}, {ended}, {span((incident.over_at or now()) - incident.opened_at)}",
        f"concerns {plain(', '.join(sorted({incident.root, *incident.subjects})))}"
        + (f" and {incident.more_subjects} more" if incident.more_subjects else ""),
    ]
    away = [
        f"{plain(subject)} {'still' if seconds is None else 'at least ' + span(timedelta(seconds=seconds))}"
        + _often(incident, subject)
        for subject, seconds in incident.seconds_away.items()
    ]
    return "\n".join([*lines, f"away: {', '.join(away)}"] if away else lines)


def _often(incident: "Incident", subject: str) -> str:
    """`, 4312 times, the longest 2 min 5 s`; nothing of what was away once."""
    from bridge.commands.format import span

    absences = [one for one in incident.outages if one.subject == subject]
    times = sum(one.times for one in absences)
    if times == 1:
        return ""
    return f", {times} times, the longest {span(max(one.longest(now()) for one in absences))}"


def _shown(line: "Line") -> str:
    from bridge.asked.plain import plain
    from bridge.commands.format import instant, span

    delay = "" if line.late is None else f", arrived {span(line.late)} later"
    what = WAYS[line.way].format(line.who)
    first = f"{instant(line.at, fine=True)}  {plain(what):16}  {plain(line.words + delay)}"
    return f"{first}\n{'':27}→ {plain(line.why)}" if line.why else first


__all__: list[Any] = ["explain"]
