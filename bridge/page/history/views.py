"""The history as a page and as a file."""

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.asked.status import now_of
from bridge.core.normalise import EVERYWHERE, normalise
from bridge.core.telling.match import BadMatcher, parse
from bridge.core.telling.quiet import Silence
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, Silenced
from bridge.core.world.world import SERVICES
from bridge.ledger.outages import MOST_READ, Absence
from bridge.ledger.reader import Reader
from bridge.page.history.months import BadMonth, Line, Month, Work, beside, month, month_of, tally
from bridge.page.history.strip import days, strip
from bridge.page.history.table import table
from bridge.page.render import page, person_of
from bridge.page.site import one_at_a_time
from bridge.page.story.incident import lane_name
from bridge.texts.words import number

MOST_ROWS: Final = 300
LONGEST_WORK: Final = timedelta(days=60)
"""Planned work that began earlier is not looked for."""


class Asked(NamedTuple):
    month: Month
    cluster: str
    now: datetime
    wrong: str = ""


class Rows(NamedTuple):
    """What the ledger says of a month."""

    absences: list[Absence]
    services: list[Condition]
    """As they are now."""
    heard: dict[str, datetime]
    work: list[Work]


@one_at_a_time
async def history(request: Request) -> Response:
    zone, asked = await _asked(request)
    rows: Rows = await request.app.state.site.read(partial(_look, asked))
    lines = _tallied(rows, asked)
    language = person_of(request).language
    longest = sorted(lines, key=lambda line: line.away, reverse=True)[:MOST_ROWS]
    shown = {(line.cluster, line.subject) for line in longest}
    since = min(rows.heard.values(), default=None)
    return page(
        request,
        "history.html",
        asked=asked,
        before=beside(asked.month, -1, zone).name,
        after=beside(asked.month, 1, zone).name if asked.month.ended_at <= asked.now else "",
        clusters=sorted(rows.heard.keys() - {EVERYWHERE}),
        lines=[(line, strip(line, asked.month, asked.now)) for line in lines if (line.cluster, line.subject) in shown],
        left_out=len(lines) - len(shown),
        days=days(asked.month, zone),
        # Who is not well without being away has no outage, and must not look as if all were well.
        now_known=defaultdict(
            lambda: None, {(one.cluster, one.subject): one for one in rows.services if one.severity != Severity.OK}
        ),
        since=since,
        is_cut=len(rows.absences) >= MOST_READ,
        most=MOST_READ,
        goes_on=asked.month.began_at <= asked.now < asked.month.ended_at,
        percent=partial(percent, language=language),
        number=partial(number, language=language),
        lane_name=lane_name,
    )


@one_at_a_time
async def as_csv(request: Request) -> Response:
    _, asked = await _asked(request)
    rows = await request.app.state.site.read(partial(_look, asked))
    text = table(_tallied(rows, asked), asked.month, person_of(request).zone)
    named = {"content-disposition": f'attachment; filename="quorumbell-history-{asked.month.name}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=named)


async def _asked(request: Request) -> tuple[ZoneInfo, Asked]:
    zone = ZoneInfo(person_of(request).zone)
    now = now_of(await request.app.state.site.bridge())
    text, cluster = request.query_params.get("month", ""), request.query_params.get("cluster", "")
    try:
        return zone, Asked(month(text, zone) if text else month_of(now, zone), cluster, now)
    except BadMonth as error:
        return zone, Asked(month_of(now, zone), cluster, now, str(error))


def _look(asked: Asked, ledger: Reader) -> Rows:
    one = asked.month
    services = [each for each in ledger.conditions() if each.subject.startswith(SERVICES)]
    return Rows(
        absences=ledger.absences(one.began_at, one.ended_at, asked.cluster or None),
        services=[each for each in services if asked.cluster in {"", each.cluster}],
        heard=ledger.first_heard(),
        work=list(work_of(ledger, one.began_at - LONGEST_WORK)),
    )


def work_of(ledger: Reader, since: datetime) -> Iterable[Work]:
    """Each planned work that began since; the last word about it says when it ended."""
    found: dict[str, Work] = {}
    for report in ledger.reports_of(ledger.understood(EVERYWHERE, since)):
        event = normalise(report.report())
        if isinstance(event, Silenced) and event.planned:
            began_at = found[event.silence_id].began_at if event.silence_id in found else event.at
            if (silence := _silence(event)) is not None:
                found[event.silence_id] = Work(began_at, silence)
    return found.values()


def _silence(event: Silenced) -> Silence | None:
    try:
        matchers = tuple(parse(text) for text in event.matchers)
    except BadMatcher:
        return None
    return Silence(
        id=event.silence_id,
        matchers=matchers,
        author=event.author,
        comment=event.comment,
        until=event.until,
        planned=event.planned,
    )


def _tallied(rows: Rows, asked: Asked) -> list[Line]:
    subjects = [(each.cluster, each.subject) for each in rows.services]
    return tally(rows.absences, subjects, asked.month, asked.now, rows.heard, rows.work)


def percent(part: float, language: str) -> str:
    """Rounded down: what was ever away is never 100 %."""
    text = "100" if part >= 1 else f"{math.floor(part * 100_000) / 1000:.3f}"
    return f"{text.replace('.', ',') if language == 'de' else text} %"


routes: Final[list[Any]] = [Route("/history", history), Route("/history.csv", as_csv)]
