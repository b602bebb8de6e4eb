"""A month where the reader is, and what of the absences falls into it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from bridge.core.telling.planned import is_over
from bridge.core.telling.quiet import Silence
from bridge.core.world.event import Subject
from bridge.core.world.outage import Outage
from bridge.ledger.outages import Absence

NOTHING: Final = timedelta(0)


class BadMonth(ValueError):  # noqa: N818 - the name of the mistake
    """It is no month of a calendar."""


class Month(NamedTuple):
    """From its first moment to that of the next one, in a zone."""

    year: int
    number: int
    began_at: datetime
    ended_at: datetime

    @property
    def name(self) -> str:
        return f"{self.year:04}-{self.number:02}"


def month(text: str, zone: tzinfo) -> Month:
    """Of `2026-11`. Raises BadMonth."""
    year, dash, number = text.partition("-")
    if not (text.isascii() and dash and year.isdigit() and number.isdigit() and len(text) == 7):
        raise BadMonth(text)
    if not (1971 <= int(year) < 9999 and 1 <= int(number) <= 12):
        raise BadMonth(text)
    return _month(int(year), int(number), zone)


def month_of(at: datetime, zone: tzinfo) -> Month:
    there = at.astimezone(zone)
    return _month(there.year, there.month, zone)


def beside(one: Month, by: int, zone: tzinfo) -> Month:
    """So many months later, or before."""
    year, number = divmod(one.year * 12 + one.number - 1 + by, 12)
    return _month(year, number + 1, zone)


def _month(year: int, number: int, zone: tzinfo) -> Month:
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return Month(year, number, _midnight(year, number, zone), _midnight(*after, zone))


def _midnight(year: int, number: int, zone: tzinfo) -> datetime:
    """In UTC: only there a difference of two instants is the time between them."""
    return datetime(year, number, 1, tzinfo=zone).astimezone(UTC)


class Piece(NamedTuple):
    """What of an absence lies in the month. `about`: it is a share of a sum."""

    began_at: datetime
    ended_at: datetime
    length: timedelta
    times: int
    longest: timedelta
    still: bool = False
    planned: bool = False
    about: bool = False


class Line(NamedTuple):
    """One guest or service in one month. `known` is how much of the month is known at all."""

    cluster: str
    subject: Subject
    known: timedelta
    away: timedelta = NOTHING
    times: int = 0
    longest: timedelta = NOTHING
    planned: timedelta = NOTHING
    planned_times: int = 0
    still: bool = False
    about: bool = False
    pieces: tuple[Piece, ...] = ()

    @property
    def available(self) -> float | None:
        """Of what is known of the month, without planned work, the part in which it was there; None where nothing is known."""
        counted = self.known - self.planned
        return max(0.0, 1 - self.away / counted) if counted > NOTHING else None


class Work(NamedTuple):
    """Planned work: from when to when, and on what."""

    began_at: datetime
    silence: Silence


def piece(outage: Outage, begin: datetime, end: datetime, now: datetime) -> Piece | None:
    """What lies in [begin, end); what has not ended is counted until now."""
    last = outage.ended_at or max(now, outage.began_at)
    start, stop = max(outage.began_at, begin), min(last, end)
    if start > stop or (start == stop and outage.began_at < start) or start >= end:
        return None
    if outage.times == 1:
        still = outage.ended_at is None and stop == last
        return Piece(start, stop, stop - start, 1, stop - start, still=still)
    whole = outage.began_at == start and last == stop
    share = 1.0 if whole else (stop - start) / max(last - outage.began_at, timedelta(microseconds=1))
    times = outage.times if whole else max(1, round(outage.times * share))
    length = outage.lasted(now) * share
    return Piece(start, stop, length, times, min(outage.longest(now), length), about=not whole)


def tally(
    absences: Iterable[Absence],
    subjects: Iterable[tuple[str, Subject]],
    one: Month,
    now: datetime,
    heard: Mapping[str, datetime],
    work: Sequence[Work] = (),
) -> list[Line]:
    """The longest away first. `subjects` are those that are known today; `heard` is since when each cluster is."""
    found: dict[tuple[str, Subject], list[Piece]] = {place: [] for place in subjects}
    for absence in absences:
        cut = piece(absence.outage, one.began_at, one.ended_at, now)
        if cut is not None:
            place = (absence.cluster, absence.outage.subject)
            cut = cut._replace(planned=absence.planned or _is_planned(place, cut, work))
            found.setdefault(place, []).append(cut)
    known = {cluster: max(min(one.ended_at, now) - max(one.began_at, since), NOTHING) for cluster, since in heard.items()}
    lines = [_line(place, known.get(place[0], NOTHING), _apart(pieces)) for place, pieces in found.items()]
    return sorted(lines, key=lambda line: (line.cluster, -line.away, -line.planned, line.subject))


def _is_planned(place: tuple[str, Subject], cut: Piece, work: Sequence[Work]) -> bool:
    """It began while work was planned on what was away."""
    return any(each.began_at <= cut.began_at < each.silence.until and is_over(each.silence, [place]) for each in work)


def _apart(pieces: list[Piece]) -> list[Piece]:
    """In their order; of two incidents that tell of one absence, it counts once."""
    joined: list[Piece] = []
    for one in sorted(pieces, key=lambda each: (each.began_at, each.ended_at)):
        last = joined[-1] if joined else None
        if last is None or one.began_at >= last.ended_at or one.times > 1 or last.times > 1:
            joined.append(one)
            continue
        ended_at = max(last.ended_at, one.ended_at)
        length = ended_at - last.began_at
        joined[-1] = last._replace(
            ended_at=ended_at, length=length, longest=length, still=last.still or one.still, planned=last.planned and one.planned
        )
    return joined


def _line(place: tuple[str, Subject], known: timedelta, pieces: Sequence[Piece]) -> Line:
    unplanned = [one for one in pieces if not one.planned]
    return Line(
        cluster=place[0],
        subject=place[1],
        known=known,
        away=_sum(unplanned),
        times=sum(one.times for one in unplanned),
        longest=max((one.longest for one in unplanned), default=NOTHING),
        planned=_sum([one for one in pieces if one.planned]),
        planned_times=sum(one.times for one in pieces if one.planned),
        still=any(one.still for one in pieces),
        about=any(one.about for one in pieces),
        pieces=tuple(pieces),
    )


def _sum(pieces: Iterable[Piece]) -> timedelta:
    return sum((one.length for one in pieces), NOTHING)
