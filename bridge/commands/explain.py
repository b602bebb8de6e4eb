from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.commands.common import Trouble, config_option, emit, json_option, load, now, reading

if TYPE_CHECKING:
    from bridge.core.world.incident import Incident
    from bridge.ledger.ledger import NoticeRow, StoredReport
    from bridge.ledger.reader import Reader

MOST_SHOWN: Final = 500
"""Reports of an incident, from its beginning and from its end."""
Line = tuple[datetime, str, str, str]
"""When, what it is, its words, and why (or what came of it)."""


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
    from bridge.asked import shapes

    with reading(config) as ledger:
        found = ledger.story(incident_id)
        if found is None:
            raise Trouble(f"there is no incident {incident_id}; quorumbell incidents lists them")
        number, incident = found
        absorbed = _absorbed(ledger, incident)
        keys = [incident.key, *(one.key for _, one in absorbed)]
        reports, left_out = _first_and_last(report for key in keys for _, report in ledger.reports(incident_key=key))
        numbers = (number, *(one for one, _ in absorbed))
        notices = list({row.notice.id: row for number in numbers for row in ledger.notices(number)}.values())
    if as_json:
        emit(
            shapes.incident(number, incident)
            | {
                "absorbed": [one for one, _ in absorbed],
                "reports": [shapes.report(one) for one in reports],
                "reports_left_out": left_out,
                "notices": [shapes.notice(row) for row in notices],
            }
        )
        return
    if number != incident_id:
        click.echo(f"incident {incident_id} is part of incident {number} now\n")
    click.echo(_head(number, incident))
    click.echo()
    if left_out:
        click.echo(f"of its reports the first {MOST_SHOWN} and the last {MOST_SHOWN} are shown; {left_out} lie between them\n")
    for line in sorted([*_told(reports), *_notices(notices)], key=lambda one: one[0]):
        click.echo(_shown(line))


def _first_and_last(reports: "Iterable[StoredReport]") -> "tuple[list[StoredReport], int]":
    """In the order in which they happened; of very many the first and the last that were stored, and how many are left out."""
    rows = iter(reports)
    first = list(islice(rows, MOST_SHOWN))
    last: deque[StoredReport] = deque(maxlen=MOST_SHOWN)
    left_out = -MOST_SHOWN
    for row in rows:
        last.append(row)
        left_out += 1
    return sorted([*first, *last], key=lambda one: one.at), max(0, left_out)


def _absorbed(ledger: "Reader", incident: "Incident") -> list[tuple[int, "Incident"]]:
    """Incidents that turned out to be part of this one; they began at about its time."""
    end = incident.closed_at or incident.changed_at
    near = ledger.incidents(since=incident.opened_at - timedelta(hours=6), until=end + timedelta(hours=6))
    into = {incident.key}
    while True:
        found = [(number, one) for number, one in near if one.absorbed_into in into]
        keys = into | {one.key for _, one in found}
        if keys == into:
            return found
        into = keys


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


def _told(reports: list["StoredReport"]) -> list[Line]:
    from bridge.asked.shapes import says
    from bridge.commands.format import span

    lines = []
    for one in reports:
        late = one.received_at - one.at
        delay = f", arrived {span(late)} later" if late > timedelta(seconds=5) else ""
        lines.append((one.at, f"{one.node} reports", f"{says(one.body)}{delay}", one.unreadable or one.decision))
    return lines


def _notices(notices: list["NoticeRow"]) -> list[Line]:
    lines: list[Line] = []
    for row in notices:
        notice = row.notice
        lines.append((notice.at, f"tell {notice.receiver}", notice.kind.value, notice.reason))
        lines += [(one.at, f"to {notice.receiver}", f"{notice.kind} {one.verdict}", one.why) for one in row.tries]
    return lines


def _shown(line: Line) -> str:
    from bridge.asked.plain import plain
    from bridge.commands.format import instant

    at, what, words, why = line
    first = f"{instant(at, fine=True)}  {plain(what):16}  {plain(words)}"
    return f"{first}\n{'':27}→ {plain(why)}" if why else first


__all__: list[Any] = ["explain"]
