"""Whom a relay calls next, and when: each bridge of the list in its order, the whole list again after a pause that grows."""

import random

import pytest

from bridge.node.rota import NEXT_ONE, RETRY_FIRST, RETRY_SLOWEST, Rota

BRIDGES = tuple(f"tcp://192.0.2.{number}:7810" for number in (1, 2, 3))


@pytest.fixture
def rota():
    return Rota(BRIDGES, random.Random(1))


def test_each_is_called_in_its_order(rota):
    called = []
    for _ in range(5):
        rota.turn()
        called.append(rota.endpoint)
    assert called == [*BRIDGES, *BRIDGES[:2]]


def test_the_pause_after_the_whole_list_grows_and_who_is_welcomed_begins_anew(rota):
    pauses = []
    for _ in range(18):
        rota.turn()
        pauses.append(rota.failed(was_active=False))
    assert {pause for at, pause in enumerate(pauses, 1) if at % 3} == {NEXT_ONE}
    rounds = pauses[2::3]
    assert all(0.8 * RETRY_FIRST * 2**at <= pause <= 1.2 * RETRY_FIRST * 2**at for at, pause in enumerate(rounds[:3]))
    assert all(0.8 * RETRY_SLOWEST <= pause <= 1.2 * RETRY_SLOWEST for pause in rounds[4:])
    rota.welcomed()
    assert 0.8 * RETRY_FIRST <= rota.failed(was_active=True) <= 1.2 * RETRY_FIRST, "who was there may be there in a moment"
