"""The history for other programs: numbers as they are, one line for each guest and service."""

import csv
import io
from collections.abc import Sequence

from bridge.core.world.event import subject_name
from bridge.page.history.months import Line, Month

HEADS = (
    "month",
    "zone",
    "cluster",
    "sort",
    "name",
    "known_seconds",
    "away_seconds",
    "times",
    "longest_seconds",
    "planned_seconds",
    "planned_times",
    "available",
    "still_away",
    "about",
)


def table(lines: Sequence[Line], one: Month, zone: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADS)
    for line in lines:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in _cells(line, one, zone)])
    return out.getvalue()


def _cells(line: Line, one: Month, zone: str) -> tuple[object, ...]:
    return (
        one.name,
        zone,
        line.cluster,
        line.subject.partition("/")[0],
        subject_name(line.subject),
        round(line.known.total_seconds()),
        round(line.away.total_seconds(), 3),
        line.times,
        round(line.longest.total_seconds(), 3),
        round(line.planned.total_seconds(), 3),
        line.planned_times,
        "" if line.available is None else round(line.available, 8),
        int(line.still),
        int(line.about),
    )


def harmless(text: str) -> str:
    """A name that a spreadsheet would take for a formula stays a name."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
