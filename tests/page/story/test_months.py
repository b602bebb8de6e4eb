"""What of an outage falls into which month, where the reader is."""

import csv
import io
import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.telling.match import parse
from bridge.core.telling.quiet import Silence
from bridge.core.world.outage import Outage
from bridge.ledger.outages import Absence
from bridge.page.history.months import BadMonth, Work, beside, month, month_of, piece, tally
from bridge.page.history.strip import days, strip
from bridge.page.history.table import table
from tests.conftest import examples

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia")]
WEB = ("alpha", "resource/web")
HEARD = {"alpha": datetime(2026, 1, 1, tzinfo=UTC)}
NOVEMBER = month("2026-11", BERLIN)


def at(day, hour=0, minute=0, month=11):
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def away(begin, end, **more):
    return Outage("resource/web", begin, end, **more)


def lines(*outages, one=NOVEMBER, now=None, planned=False, work=(), heard=None):
    absences = [Absence("alpha", 1, planned, outage) for outage in outages]
    return tally(absences, [WEB], one, now or at(28), HEARD if heard is None else heard, work)


@examples(200)
@given(st.sampled_from(ZONES), st.integers(0, 120 * 86400), st.integers(0, 100 * 86400 * 1000), st.integers(1, 9))
def test_an_outage_is_cut_at_the_end_of_each_month_and_nothing_of_it_is_lost(zone, start, milliseconds, times):
    begin = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(seconds=start)
    end = begin + timedelta(milliseconds=milliseconds)
    several = {} if times == 1 else {"times": times, "in_all": (end - begin) / 2, "longest_of_all": (end - begin) / 3}
    outage = away(begin, end, **several)
    one, found = month_of(begin, zone), []
    while one.began_at <= end:
        found.append(piece(outage, one.began_at, one.ended_at, end + timedelta(days=400)))
        one = beside(one, 1, zone)
    assert beside(month_of(begin, zone), -1, zone).ended_at <= begin
    pieces = [each for each in found if each is not None]
    whole = (end - begin) / 2 if several else end - begin
    assert abs(sum((each.length for each in pieces), timedelta(0)) - whole) <= timedelta(microseconds=10)
    assert sum(each.times for each in pieces) >= 1
    assert all(before.ended_at == after.began_at for before, after in itertools.pairwise(pieces))


@examples(100)
@given(st.sampled_from(ZONES), st.integers(0, 30 * 365 * 86400))
def test_every_instant_lies_in_one_month(zone, seconds):
    instant = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    one = month_of(instant, zone)
    assert one.began_at <= instant < one.ended_at
    assert beside(one, 1, zone).began_at == one.ended_at
    assert month(one.name, zone) == one


def test_a_month_is_that_of_the_reader():
    assert month("2026-10", BERLIN).began_at == at(30, 22, month=9)
    october = month("2026-10", BERLIN)
    assert october.ended_at - october.began_at == timedelta(days=31, hours=1), "the clock was put back on the 25th"


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-1", "2026-1", "0000-01", "²⁰²⁶-11", "9999-12", "2026-11-1"]
)
def test_what_is_no_month_is_refused(text):
    with pytest.raises(BadMonth):
        month(text, BERLIN)


def test_what_is_open_is_counted_up_to_now_and_says_so():
    (line,) = lines(away(at(27), None), now=at(27, 6))
    assert (line.away, line.times, line.still) == (timedelta(hours=6), 1, True)
    (october,) = lines(away(at(20, month=10), None), one=month("2026-10", BERLIN), now=at(27))
    assert not october.still, "it went on into another month"
    assert october.pieces[0].ended_at == october.pieces[0].began_at + october.away


def test_what_lies_outside_is_not_counted():
    before = away(at(1, month=10), NOVEMBER.began_at)
    after = away(NOVEMBER.ended_at, NOVEMBER.ended_at + timedelta(hours=1))
    (line,) = lines(before, after)
    assert (line.times, line.away, line.available) == (0, timedelta(0), 1.0)


def test_two_incidents_that_tell_of_one_absence_count_it_once():
    (line,) = lines(away(at(3, 1), at(3, 3)), away(at(3, 2), at(3, 4)), away(at(3, 4), at(3, 5)))
    assert (line.away, line.times, line.longest) == (timedelta(hours=4), 2, timedelta(hours=3))


def test_planned_work_stands_apart_and_lowers_no_availability():
    (line,) = lines(away(at(3, 1), at(3, 3)), planned=True)
    assert (line.away, line.times, line.planned, line.planned_times, line.available) == (
        timedelta(0),
        0,
        timedelta(hours=2),
        1,
        1,
    )


@pytest.mark.parametrize("what, is_planned", [("resource/web", True), ("resource/db", False)])
def test_what_began_during_work_on_it_is_planned(what, is_planned):
    matchers = (parse('cluster="alpha"'), parse(f'root="{what}"'))
    silence = Silence(id="s", matchers=matchers, author="ann", comment="", until=at(3, 2), planned="resource=web")
    work = [Work(at(3), silence)]
    (line,) = lines(away(at(3, 1), at(3, 3)), away(at(3, 5), at(3, 6)), work=work)
    assert line.planned_times == is_planned
    assert line.times == 2 - is_planned


def test_of_what_nothing_is_known_nothing_is_said():
    (line,) = lines(one=month("2025-11", BERLIN))
    assert line.available is None
    (half,) = lines(heard={"alpha": NOVEMBER.began_at + timedelta(days=15)}, now=NOVEMBER.ended_at + timedelta(days=9))
    assert half.known == timedelta(days=15)
    assert lines(heard={})[0].available is None


def test_of_a_sum_a_share_is_counted_and_is_said_to_be_one():
    several = away(at(31, 12, month=10), at(1, 12), times=10, in_all=timedelta(hours=2), longest_of_all=timedelta(hours=1))
    (line,) = lines(several, one=month("2026-11", ZoneInfo("UTC")))
    assert (line.about, line.times, line.away) == (True, 5, timedelta(hours=1))


def test_a_strip_shows_what_is_known_and_what_was_away():
    november = month("2026-11", ZoneInfo("UTC"))
    (line,) = lines(away(at(16), at(19)), one=november, now=at(28), heard={"alpha": at(4)})
    drawn = strip(line, november, at(28))
    assert (drawn.left, drawn.width) == (10.0, 80.0)
    assert [(bar.left, bar.width) for bar in drawn.bars] == [(50.0, 10.0)]
    assert days(november, ZoneInfo("UTC")) == [(0.0, 1), (23.333, 8), (46.667, 15), (70.0, 22), (93.333, 29)]


@pytest.mark.parametrize("begin", [at(1), at(16), NOVEMBER.ended_at - timedelta(seconds=1)])
def test_an_outage_of_a_second_is_seen(begin):
    (line,) = lines(away(begin, begin + timedelta(seconds=1)), now=at(2, month=12))
    (bar,) = strip(line, NOVEMBER, at(2, month=12)).bars
    assert bar.width >= 0.1, "what is narrower is not drawn"
    assert 0 <= bar.left <= 100 - bar.width


def test_a_month_reckoned_by_hand():
    """October 2026 in Berlin: 31 days and the hour that comes twice on the 25th, so 745 hours, from 30 September 22:00 UTC on. Three
    outages reach into it: over its beginning, through the hour that comes twice, and over its end."""
    outages = (
        away(datetime(2026, 9, 30, 21, 0, tzinfo=UTC), datetime(2026, 9, 30, 23, 30, tzinfo=UTC)),  # 1 h 30 min of it
        away(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # from 02:30 to 02:30
        away(datetime(2026, 10, 31, 22, 0, tzinfo=UTC), datetime(2026, 11, 1, 3, 0, tzinfo=UTC)),  # 1 h of it
    )
    work = away(datetime(2026, 10, 10, 8, 0, tzinfo=UTC), datetime(2026, 10, 10, 13, 0, tzinfo=UTC))
    absences = [*(Absence("alpha", 1, False, one) for one in outages), Absence("alpha", 2, True, work)]
    october, november = (month(name, BERLIN) for name in ("2026-10", "2026-11"))
    heads, row = csv.reader(io.StringIO(table(tally(absences, [WEB], october, at(30), HEARD), october, "Europe/Berlin")))
    found = dict(zip(heads, row, strict=True))
    assert found["known_seconds"] == str(745 * 3600)
    assert (found["away_seconds"], found["times"], found["longest_seconds"]) == ("12600.0", "3", "5400.0")
    assert (found["planned_seconds"], found["planned_times"]) == ("18000.0", "1")
    assert found["available"] == "0.99527027"  # 1 - 3.5 h / (745 h - 5 h)
    (line,) = tally(absences, [WEB], november, at(30) + timedelta(days=2), HEARD)
    assert (line.known, line.away, line.times) == (timedelta(hours=720), timedelta(hours=4), 1)
