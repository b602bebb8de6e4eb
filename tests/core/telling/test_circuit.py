"""The circuit of a receiver, as a table; and that jitter and wishes only lengthen, but never beyond their bounds."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.telling.circuit import OPENS_AFTER, Circuit, Health, after
from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.core.telling.retry import LONGEST, LONGEST_WISH, STEPS
from tests.core.telling.conftest import NOW

LATER = TryLater("503")
SECOND = timedelta(seconds=1)


def failed(times, jitter=0.0):
    health = Health()
    for _ in range(times):
        health = after(health, LATER, NOW, jitter)
    return health


def test_it_opens_after_failures_in_a_row_and_is_half_open_after_its_pause():
    before = failed(OPENS_AFTER - 1)
    assert (before.circuit(NOW), before.paused_until) == (Circuit.CLOSED, None)
    opened = failed(OPENS_AFTER)
    pause = STEPS[OPENS_AFTER - 1]
    assert opened.circuit(NOW) is Circuit.OPEN
    assert opened.circuit(NOW + pause - SECOND) is Circuit.OPEN
    assert opened.circuit(NOW + pause) is Circuit.HALF_OPEN
    assert (opened.failing_since, opened.failure) == (NOW, "503")


@pytest.mark.parametrize("verdict, kept", [(Delivered(), "503"), (GiveUp("no such room"), "no such room")])
def test_any_answer_closes_it(verdict, kept):
    well = after(failed(40), verdict, NOW + SECOND, 0.5)
    assert (well.failures, well.failing_since, well.paused_until) == (0, None, None)
    assert well.circuit(NOW) is Circuit.CLOSED
    assert well.failure == kept, "what was wrong last is still shown"
    assert (well.success_at == NOW + SECOND) is isinstance(verdict, Delivered)


def test_a_single_wish_for_rest_pauses_without_a_row_of_failures():
    health = after(Health(), TryLater("429", after=timedelta(minutes=7)), NOW, 0.0)
    assert health.paused_until == NOW + timedelta(minutes=7)
    assert health.circuit(NOW + timedelta(minutes=8)) is Circuit.CLOSED


def test_a_clock_that_was_set_back_closes_no_door():
    health = failed(30)
    assert health.circuit(NOW - timedelta(days=1)) is Circuit.HALF_OPEN


def test_when_it_last_answered_and_when_not_is_kept_whatever_comes_next():
    heard = after(Health(), Delivered(), NOW, 0.0)
    failing = after(heard, LATER, NOW + SECOND, 0.0)
    refused = after(failing, GiveUp("no such room"), NOW + 2 * SECOND, 0.0)
    again = after(refused, Delivered(), NOW + 3 * SECOND, 0.0)
    assert [(one.success_at, one.failure_at) for one in (heard, failing, refused, again)] == [
        (NOW, None),
        (NOW, NOW + SECOND),
        (NOW, NOW + 2 * SECOND),
        (NOW + 3 * SECOND, NOW + 2 * SECOND),
    ]


def test_the_longest_pause_that_may_be_is_kept():
    """A receiver's longest wish, and the most jitter."""
    health = after(failed(30), TryLater("503", after=LONGEST_WISH * 9), NOW, 0.999)
    assert health.circuit(NOW) is Circuit.OPEN


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True), st.integers(0, 10**6))
def test_a_pause_is_bounded(times, jitter, wish):
    health = after(failed(times - 1), TryLater("503", after=timedelta(seconds=wish)), NOW, jitter)
    pause = (health.paused_until or NOW) - NOW
    assert pause <= max(LONGEST, LONGEST_WISH) * 5 / 4
    assert pause >= min(timedelta(seconds=wish), LONGEST_WISH)
