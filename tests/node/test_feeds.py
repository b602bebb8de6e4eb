"""A feed that raises is told, left alone for a minute, and holds nobody up."""

import json
import os

import pytest
import zmq

from bridge.node.feeds import RESTS, Feeds
from bridge.wire.body import boot_id, moment

HERE = moment(boot_id())


class Sick:
    """Raises as long as it is `ill`, and has something to read all the time."""

    def __init__(self):
        self.ill = False
        self.asked = 0
        self.ours, self._theirs = os.pipe()
        os.write(self._theirs, b"x")

    def fileno(self):
        return self.ours

    def on_tick(self, _now, _moment):
        self.asked += 1
        if self.ill:
            raise ValueError("of a kind that nobody thought of")
        return []

    on_readable = on_tick

    def close(self):
        os.close(self.ours)
        os.close(self._theirs)


class Well:
    def __init__(self):
        self.asked = 0

    def fileno(self):
        return -1

    def on_tick(self, _now, _moment):
        self.asked += 1
        return []


@pytest.fixture
def sick():
    one = Sick()
    yield one
    one.close()


def test_one_that_raises_is_told_and_rests_and_the_others_go_on(sick):
    told, poller, well = [], zmq.Poller(), Well()
    feeds = Feeds([sick, well], poller, lambda bodies: told.extend(json.loads(body) for _, body in bodies))
    feeds.on_tick(0.0, HERE)
    assert [handle for handle, _ in poller.poll(0)] == [sick.ours]

    sick.ill = True
    feeds.on_readable(sick.ours, 1.0, HERE)
    assert poller.poll(0) == [], "what it does not read does not keep the loop awake"
    for second in range(2, 40):
        feeds.on_tick(float(second), HERE)
    assert (sick.asked, well.asked) == (2, 39)
    assert [(one["edge"], one["why"]) for one in told] == [
        ("sick", "the relay's own sick fails, please report that: ValueError: of a kind that nobody thought of")
    ]

    feeds.on_tick(1.0 + RESTS, HERE)
    assert (sick.asked, len(told)) == (3, 1), "told once"
    sick.ill = False
    feeds.on_tick(1.0 + 2 * RESTS, HERE)
    assert told[-1]["over"]
    assert [handle for handle, _ in poller.poll(0)] == [sick.ours]


def test_one_in_whose_place_another_came_is_neither_asked_nor_waited_for(sick):
    poller, well, other = zmq.Poller(), Well(), Well()
    feeds = Feeds([sick, well], poller, lambda _: None)
    feeds.on_tick(0.0, HERE)
    assert sick.ours in dict(poller.sockets)

    feeds.replace([sick], [other])
    feeds.on_tick(1.0, HERE)
    feeds.on_readable(sick.ours, 1.0, HERE)
    assert (sick.asked, well.asked, other.asked) == (1, 2, 1)
    assert dict(poller.sockets) == {}
