"""When a route may ring: tables of the wall clock, and properties over the days on which clocks are moved."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.telling.intervals import Calendar, Daily, Interval
from tests.conftest import examples

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
OFFICE = Interval(zone=BERLIN, times=((8 * 60, 18 * 60),), weekdays=frozenset(range(5)))
NIGHT = Interval(zone=BERLIN, times=((22 * 60, 6 * 60),), weekdays=frozenset({4}))
ODD_ZONES = [
    # summer time begins and ends; half an hour at Lord Howe; at midnight in Santiago and Beirut; Samoa left out a day; none at all
    *(
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Asia/Beirut",
        "Pacific/Apia",
        "Asia/Kolkata",
    ),
]
DAYS = [
    date(2026, 3, 28),
    date(2026, 3, 29),
    date(2026, 10, 24),
    date(2026, 10, 25),
    date(2026, 11, 1),
    date(2026, 3, 8),
    date(2026, 4, 4),
    date(2026, 10, 3),
    date(2026, 9, 5),
    date(2011, 12, 29),
    date(2026, 6, 10),
    date(2026, 12, 31),
]


def berlin(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    "interval, local, holds",
    [
        (OFFICE, "2026-11-24 08:00", True),
        (OFFICE, "2026-11-24 07:59:59.999", False),
        (OFFICE, "2026-11-24 18:00", False),
        (OFFICE, "2026-11-28 12:00", False),  # a Saturday
        (NIGHT, "2026-11-27 22:00", True),  # a Friday
        (NIGHT, "2026-11-28 05:59", True),  # Friday's night goes on
        (NIGHT, "2026-11-28 06:00", False),
        (NIGHT, "2026-11-27 05:00", False),  # Thursday's night
        (NIGHT, "2026-11-28 22:30", False),
        (Interval(zone=BERLIN, days=((-1, -1),)), "2026-02-28 12:00", True),
        (Interval(zone=BERLIN, days=((-1, -1),)), "2028-02-28 12:00", False),
        (Interval(zone=BERLIN, days=((1, 7),), weekdays=frozenset({0})), "2026-12-07 00:00", True),  # the first Monday
        (Interval(zone=BERLIN, days=((1, 7),), weekdays=frozenset({0})), "2026-12-14 00:00", False),
        (Interval(zone=BERLIN, months=frozenset({12})), "2026-11-30 23:59", False),
        (Interval(zone=BERLIN), "2026-11-30 23:59", True),
    ],
)
def test_the_wall_clock_of_the_place_decides(interval, local, holds):
    assert interval.holds(berlin(local)) is holds


def test_what_waits_is_told_when_it_opens():
    calendar = Calendar(only=(OFFICE,))
    friday_night, monday = berlin("2026-11-27 23:00"), berlin("2026-11-30 08:00")
    assert calendar.opens_at(friday_night) == monday
    assert calendar.opens_at(monday) == monday
    assert calendar.closes_at(monday) == berlin("2026-11-30 18:00")
    assert Calendar(never=(OFFICE,)).opens_at(monday) == berlin("2026-11-30 18:00")


def test_a_skipped_hour_never_comes_and_a_doubled_one_comes_twice():
    early = Calendar(only=(Interval(zone=BERLIN, times=((150, 165),)),))  # 02:30 to 02:45
    assert early.opens_at(berlin("2026-03-29 00:00")) == berlin("2026-03-30 02:30")
    first = early.opens_at(berlin("2026-10-25 00:00"))
    second = early.opens_at(first + 15 * MINUTE)
    assert (first, second) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC))


def test_from_two_to_four_begins_when_the_clock_jumps_over_it():
    calendar = Calendar(only=(Interval(zone=BERLIN, times=((150, 240),)),))
    assert calendar.opens_at(berlin("2026-03-29 00:00")) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_what_never_opens_is_said_so():
    impossible = Calendar(only=(Interval(days=((30, 30),), months=frozenset({2})),))
    assert impossible.opens_at(datetime(2026, 1, 1, tzinfo=UTC)) is None
    leap = Calendar(only=(Interval(days=((29, 29),), months=frozenset({2})),))
    assert leap.opens_at(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


minutes = st.integers(0, 95).map(lambda quarter: 15 * quarter)
spans = st.tuples(minutes, minutes).filter(lambda span: span[0] != span[1])
intervals = st.builds(
    Interval,
    zone=st.sampled_from(ODD_ZONES).map(ZoneInfo),
    times=st.lists(spans, max_size=2).map(tuple),
    weekdays=st.frozensets(st.integers(0, 6), max_size=6),
    days=st.sampled_from([(), (), ((25, -1),), ((1, 15), (-3, -1))]),
)


@examples(300)
@given(st.sampled_from(DAYS), st.integers(0, 24 * 60), st.lists(intervals, max_size=2), st.lists(intervals, max_size=1))
def test_the_next_opening_is_the_first_minute_that_a_patient_watcher_finds(day, minute, only, never):
    calendar = Calendar(only=tuple(only), never=tuple(never))
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=14) + minute * MINUTE
    for found, wanted in ((calendar.opens_at(begin), True), (calendar.closes_at(begin), False)):
        watched = (begin + number * MINUTE for number in range(2 * 24 * 60))
        first = next((at for at in watched if calendar.is_open(at) is wanted), None)
        if first is None:
            assert found is None or found >= begin + timedelta(days=2)
        else:
            assert found == first


@examples(200)
@given(st.sampled_from(DAYS), st.sampled_from(ODD_ZONES), st.integers(0, 24 * 60 - 1))
def test_a_daily_hour_comes_once_a_day(day, zone, minute):
    daily = Daily(minute=minute, zone=ZoneInfo(zone))
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=3)
    end, seen = at + timedelta(days=6), []
    while (at := daily.after(at)) < end:
        seen.append(at)
        assert daily.last(at) == at
        assert daily.last(at + timedelta(seconds=1)) == at
    dates = [one.astimezone(ZoneInfo(zone)).date() for one in seen]
    assert len(dates) == len(set(dates)), "never twice on one day"
    for one in seen:
        local = one.astimezone(ZoneInfo(zone))
        assert 0 <= local.hour * 60 + local.minute - minute <= 60, "at that time, or right after the clocks skipped it"
    assert len(seen) >= 5


def test_a_weekly_hour():
    monday = Daily(minute=450, zone=BERLIN, weekdays=frozenset({0}))
    assert monday.after(berlin("2026-11-24 07:30")) == berlin("2026-11-30 07:30")
    assert monday.last(berlin("2026-11-24 07:30")) == berlin("2026-11-23 07:30")
