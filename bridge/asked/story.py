"""The whole story of an incident: each report, what was made of it, who was told, and how the telling went."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from bridge.asked import shapes
from bridge.core.world.incident import Incident
from bridge.ledger.reader import Reader
from bridge.ledger.records import NoticeRow, StoredReport

MOST_SHOWN: Final = 500
"""Reports of an incident, from its beginning and from its end."""
LATE: Final = timedelta(seconds=5)


class Story(NamedTuple):
    """`absorbed` turned out to be part of this incident; `left_out` reports lie between the first and the last."""

    number: int
    incident: Incident
    absorbed: list[tuple[int, Incident]]
    reports: list[tuple[int, StoredReport]]
    left_out: int
    notices: list[NoticeRow]


class Line(NamedTuple):
    """When, what `who` does or has done to it (`reports`, `tell`, `to`), the words, and why, or what came of it.

    `late` is how much later it arrived, where that says something; `about` the number of the report or notice.
    """

    at: datetime
    way: str
    who: str
    words: str
    why: str
    about: int
    late: timedelta | None = None


def story(ledger: Reader, incident_id: int, most: int = MOST_SHOWN) -> Story | None:
    """By the number of the incident, or of one that became part of it. None when there is none of that number."""
    found = ledger.story(incident_id)
    if found is None:
        return None
    number, incident = found
    absorbed = ledger.absorbed(incident.key)
    reports, left_out = ledger.ends([incident.key, *(one.key for _, one in absorbed)], most)
    numbers = (number, *(one for one, _ in absorbed))
    notices = {row.notice.id: row for one in numbers for row in ledger.notices(one)}
    return Story(number, incident, absorbed, reports, left_out, list(notices.values()))


def shape(told: Story) -> dict[str, Any]:
    """As `explain --json` prints it."""
    return shapes.incident(told.number, told.incident) | {
        "absorbed": [number for number, _ in told.absorbed],
        "reports": [shapes.report(one) for _, one in told.reports],
        "reports_left_out": told.left_out,
        "notices": [shapes.notice(row) for row in told.notices],
    }


def lines(told: Story) -> list[Line]:
    """In the order of happening."""
    return sorted([*_reported(told), *_notices(told)], key=lambda one: one.at)


def _reported(told: Story) -> Iterator[Line]:
    for number, one in told.reports:
        late = one.received_at - one.at
        words, why = shapes.says(one.body), one.unreadable or one.decision
        yield Line(one.at, "reports", one.node, words, why, number, late if late > LATE else None)


def _notices(told: Story) -> Iterator[Line]:
    for row in told.notices:
        notice = row.notice
        yield Line(notice.at, "tell", notice.receiver, notice.kind.value, notice.reason, notice.id)
        for one in row.tries:
            yield Line(one.at, "to", notice.receiver, f"{notice.kind} {one.verdict}", one.why, notice.id)
