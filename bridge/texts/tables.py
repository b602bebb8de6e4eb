"""The parts of a message that are not sentences: outages, what was drawn in, and the plain frame around all of it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from bridge.core.world.event import Subject, subject_name
from bridge.core.world.incident import Incident
from bridge.core.world.outage import Outage
from bridge.texts import layout, words
from bridge.texts.facts import clean

MOST_ROWS: Final = 40
MOST_NAMES: Final = 20
MANY: Final = 6
"""Absences of one subject from which on the longest of them is told, too."""
_SORTS: Final = {"guest": "guest", "resource": "service", "node": "node", "drbd": "replica"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One outage; `share` is its part of the longest, in per cent."""

    what: str
    away: str
    share: int


class Outages(msgspec.Struct, frozen=True, kw_only=True):
    rows: tuple[Row, ...] = ()
    left_out: int = 0


def label(subject: Subject, language: str) -> str:
    """`guest vm-a`, `service web`: the word for a subject's sort, and its name."""
    sort = _SORTS.get(subject.partition("/")[0])
    name = clean(subject_name(subject))
    return f"{words.LABELS[language][sort]} {name}" if sort else name


def outages(incident: Incident, now: datetime, language: str) -> Outages:
    """One row for each subject, away once or several times in all; the longest first."""
    totals: dict[Subject, Away] = {}
    for outage in incident.outages:
        totals[outage.subject] = totals.get(outage.subject, Away()).and_then(outage, now)
    ordered = sorted(totals.items(), key=lambda item: (-item[1].length, item[0]))
    longest = max((away.length for _, away in ordered), default=timedelta(0)) or timedelta(seconds=1)
    rows = tuple(_row(subject, away, longest, language) for subject, away in ordered[:MOST_ROWS])
    return Outages(rows=rows, left_out=max(0, len(ordered) - MOST_ROWS) + incident.more_away)


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """How long one subject was away in all, how often, and whether it still is."""

    length: timedelta = timedelta(0)
    times: int = 0
    longest: timedelta = timedelta(0)
    still: bool = False

    def and_then(self, outage: Outage, now: datetime) -> "Away":
        return Away(
            length=self.length + outage.lasted(now),
            times=self.times + outage.times,
            longest=max(self.longest, outage.longest(now)),
            still=self.still or outage.ended_at is None,
        )


def _row(subject: Subject, away: Away, longest: timedelta, language: str) -> Row:
    labels = words.LABELS[language]
    told = words.at_least(away.length, language)
    if away.still:
        told = labels["still"].format(told)
    if away.times >= MANY:
        told = f"{told}, {labels['longest'].format(words.number(away.times, language), words.span(away.longest, language))}"
    elif away.times > 1:
        told = f"{told}, {labels['in_all'].format(away.times)}"
    return Row(what=label(subject, language), away=told, share=max(1, round(100 * (away.length / longest))))


def involved(incident: Incident, language: str) -> str:
    """What was drawn in beside the root and beside what stands in the table of outages."""
    shown = {_whole(incident.root), *(outage.subject for outage in incident.outages)}
    worth = [one for one in incident.subjects if not {one, _whole(one)} & shown and one.partition("/")[0] in _SORTS]
    names = [label(subject, language) for subject in worth]
    more = max(0, len(names) - MOST_NAMES) + incident.more_subjects
    return ", ".join([*names[:MOST_NAMES], words.LABELS[language]["and_more"].format(more)] if more else names)


def _whole(subject: Subject) -> Subject:
    """`drbd/r0` of `drbd/r0@alpha`: a replica's own sides need not be told beside it."""
    return Subject(subject.partition("@")[0]) if subject.startswith("drbd/") else subject


def plain_body(frame: dict[str, Any]) -> str:
    labels: dict[str, str] = frame["labels"]
    parts = ["\n".join(layout.wrap(frame["headline"])), layout.plain(frame["story"])]
    parts += [f"{frame['on_page']}: {frame['link']}"] if frame["link"] else []
    parts += [_plain_section(section.title, section.lines) for section in frame["sections"]]
    if frame["outages"].rows:
        rows = "\n".join(f"    {row}" for row in aligned(frame["outages"], labels))
        parts.append(f"{labels['outages']}:\n{rows}")
    if frame["involved"]:
        parts.append("\n".join(layout.wrap(f"{labels['involved']}: {frame['involved']}.")))
    if frame["runbook"]:
        title = labels["runbook"]
        parts.append(f"{title}\n{'-' * len(title)}\n" + layout.plain(frame["runbook"]))
    parts.append("-- \n" + "\n".join(line for foot in frame["foot"] for line in layout.wrap(foot)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain_section(title: str, lines: Iterable[layout.Line]) -> str:
    return f"{title}\n{'-' * len(title)}\n" + "\n".join(part for line in lines for part in _plain_line(line))


def _plain_line(line: layout.Line) -> list[str]:
    text = f"{line.number}, {line.text}" if line.number else line.text
    return [*layout.wrap(text, lead="* "), *([f"  {line.link}"] if line.link else [])]


def aligned(told: Outages, labels: dict[str, str]) -> list[str]:
    wide = max(len(row.what) for row in told.rows)
    lines = [f"{row.what:<{wide}}  {row.away}" for row in told.rows]
    return [*lines, labels["more"].format(told.left_out)] if told.left_out else lines
