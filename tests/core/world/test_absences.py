"""Whatever is written down of an incident's absences after each of its changes adds up to what was."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.world.absences import LAST, every
from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.outage import Outage, began, ended, joined
from tests.conftest import examples

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
EMPTY = Incident(
    key="resource/web@1",
    cluster="alpha",
    kind=Kind.RESOURCE_FLAPPING,
    root="resource/web",
    state=State.OPEN,
    severity=Severity.WARNING,
    peak=Severity.WARNING,
    opened_at=AT,
    changed_at=AT,
)


def second(number):
    return AT + timedelta(seconds=number)


def lengths(outages):
    return sum((one.lasted(one.began_at) for one in outages), timedelta(0))


@examples(100)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 5)), min_size=1, max_size=60), st.integers(1, 9))
def test_each_absence_stays_as_it_was_however_few_the_incident_keeps(spans, most_changes):
    """With up to two absences between two looks, all stay; with more, their sum does."""
    outages, kept, clock, told = (), (), 0, []
    for number, (gap, length) in enumerate(spans):
        clock += gap
        outages = began(outages, "resource/web", second(clock))
        clock += length
        outages = ended(outages, "resource/web", second(clock))
        told.append((second(clock - length), second(clock)))
        if number % most_changes == 0:
            kept = every(replace(EMPTY, outages=outages), kept)
    kept = every(replace(EMPTY, outages=outages), kept)
    assert sum(one.times for one in kept) == len(spans)
    assert lengths(kept) == timedelta(seconds=sum(length for _, length in spans))
    if most_changes <= 4:
        assert sorted((one.began_at, one.ended_at) for one in kept) == told


def test_very_many_absences_of_one_subject_are_one_entry_a_day_and_the_last_fifty():
    outages, kept = (), ()
    for number in range(1000):
        at = AT + timedelta(minutes=5 * number)
        outages = ended(began(outages, "resource/web", at), "resource/web", at + timedelta(seconds=7))
        kept = every(replace(EMPTY, outages=outages), kept)
    assert sum(one.times for one in kept) == 1000
    assert lengths(kept) == timedelta(seconds=7000)
    assert len(kept) <= LAST + 5 + 4
    assert all(one.ended_at.date() == one.began_at.date() for one in kept)


def test_what_turns_out_otherwise_is_corrected():
    was = Outage("resource/web", second(10), second(20))
    earlier = Outage("resource/web", second(5), second(20))
    assert every(replace(EMPTY, outages=(earlier,)), (was,)) == (earlier,)
    assert every(EMPTY, (was,)) == ()


def test_whoever_an_incident_only_counts_stays_as_written_down():
    of_db = Outage("resource/db", second(1), second(2))
    of_web = Outage("resource/web", second(1), second(9))
    assert set(every(replace(EMPTY, outages=(of_web,), more_away=1), (of_db,))) == {of_db, of_web}


def test_what_is_part_of_another_is_told_there_alone():
    mine = tuple(Outage("resource/web", second(number), second(number + 1)) for number in range(0, 40, 4))
    theirs = tuple(Outage("resource/web", second(number), second(number + 1)) for number in range(100, 140, 4))
    into = joined(mine, theirs)
    assert every(replace(EMPTY, outages=theirs, absorbed_into="other"), theirs) == ()
    assert sorted(every(replace(EMPTY, outages=into), mine + theirs), key=lambda one: one.began_at) == [*mine, *theirs]


@pytest.mark.parametrize("known", [(), (Outage("resource/web", second(1), second(3)),)])
def test_where_not_all_was_written_down_the_sum_stands(known):
    whole = Outage("resource/web", second(1), second(60), 4, timedelta(seconds=20), timedelta(seconds=9))
    assert every(replace(EMPTY, outages=(whole,)), known) == (whole,)
