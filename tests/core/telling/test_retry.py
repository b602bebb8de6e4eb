"""When a notice is tried again, and when no more."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.core.telling.retry import KEPT_TRYING_FOR, LONGEST, LONGEST_WISH, MOST_ATTEMPTS, next_attempt, settled

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def wait(attempts: int, jitter: float = 0.0, after: timedelta | None = None) -> timedelta:
    at = next_attempt(TryLater("not now", after), attempts, NOW, jitter)
    assert at is not None
    return at - NOW


@pytest.mark.parametrize("verdict", [Delivered(), GiveUp("never")])
def test_what_is_finished_is_not_tried_again(verdict):
    assert next_attempt(verdict, 1, NOW, 0.5) is None
    assert settled(verdict, 10_000) is verdict


def test_the_first_retry_comes_within_seconds_and_the_waits_grow():
    waits = [wait(attempt) for attempt in range(1, MOST_ATTEMPTS)]
    assert waits[0] == timedelta(seconds=2)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST


def test_trying_ends_after_about_a_day_and_says_so():
    spent = sum((wait(attempt) for attempt in range(1, MOST_ATTEMPTS)), timedelta(0))
    assert KEPT_TRYING_FOR - LONGEST <= spent <= KEPT_TRYING_FOR + LONGEST
    last = TryLater("450 greylisted")
    assert settled(last, MOST_ATTEMPTS - 1) is last
    given_up = settled(last, MOST_ATTEMPTS)
    assert isinstance(given_up, GiveUp)
    assert "450 greylisted" in given_up.why
    assert str(MOST_ATTEMPTS) in given_up.why
    assert next_attempt(last, MOST_ATTEMPTS, NOW, 0) is None


def test_jitter_only_lengthens_and_by_a_quarter_at_most():
    assert wait(5, 0.0) < wait(5, 0.5) < wait(5, 0.999) < wait(5) * 1.25


@pytest.mark.parametrize(
    "after,expected",
    [
        (timedelta(seconds=1), timedelta(seconds=2)),
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(days=3), LONGEST_WISH),
        (timedelta(seconds=-5), timedelta(seconds=2)),
    ],
)
def test_a_wish_is_a_lower_bound_within_reason(after, expected):
    assert wait(1, after=after) == expected


def test_an_unknown_number_of_attempts_is_no_crash():
    assert wait(0) == LONGEST
