"""The relay's line to a bridge: greets, keeps the beat, gives up what is silent, sends no more than the bridge wants."""

import logging
import random
from itertools import pairwise
from types import SimpleNamespace

import pytest
import zmq

from bridge.node.life import State
from bridge.node.link import MOST_IN_FLIGHT, REPEAT_WORDS_AFTER, Link
from bridge.wire import codec
from bridge.wire.codec import Hello, NotNow, Ping, Pong, Refused, Taken, Welcome
from tests.node.bridge_double import Bridge


class Side:
    """A link and its bridge; `now` is the test's."""

    def __init__(self):
        self.now, self.in_flight, self.fresh, self.answers = 100.0, 0, 0, []
        self.context, self.poller = zmq.Context(), zmq.Poller()
        self.bridge = Bridge(self.turn)
        settings = SimpleNamespace(bridges=(self.bridge.endpoint,), keys=None, bridge_key=None)
        self.link = Link(
            settings,
            self.context,
            self.poller,
            hello=lambda: Hello(node="n1", instance=str(self.fresh)),
            ping=lambda token: Ping(token, backlog=7),
            fresh=self.on_fresh,
            chance=random.Random(1),
        )

    def on_fresh(self):
        self.fresh += 1

    def turn(self):
        self.link.tick(self.now, self.in_flight)
        for ready, _ in self.poller.poll(5):
            self.answers += self.link.on_readable(ready, self.now)

    def until(self, true):
        for _ in range(1000):
            if true():
                return
            self.turn()
        raise AssertionError("it never came")

    def hello(self):
        """Of this connection: one before it may have said it twice."""
        while self.bridge.hears(Hello).instance != str(self.fresh):
            pass

    def greet(self, **welcome):
        self.hello()
        self.bridge.says(Welcome("desk", **welcome))
        self.until(lambda: self.link.state is State.ACTIVE)

    def close(self):
        self.link.close(0)
        self.bridge.close()
        self.context.term()


@pytest.fixture
def side():
    side = Side()
    yield side
    side.close()


def test_nothing_may_be_sent_before_it_is_welcome(side):
    assert side.bridge.hears(Hello).node == "n1"
    assert (side.link.may_send, side.link.takes_pictures, side.fresh) == (False, False, 1)
    side.bridge.says(Welcome("desk", window=17, window_bytes=5, max_event=9, pictures=1))
    side.until(lambda: side.link.may_send)
    assert (side.link.window, side.link.window_bytes, side.link.max_event) == (17, 5, 9)
    assert (side.link.bridge, side.link.takes_pictures) == (f"desk at {side.bridge.endpoint}", True)


def test_a_bridge_that_wants_more_than_we_may_gets_what_we_may(side):
    side.greet(window=60_000, max_event=1 << 30)
    assert (side.link.window, side.link.max_event, side.link.takes_pictures) == (MOST_IN_FLIGHT, codec.MAX_EVENT, False)


def test_a_connection_is_pinged_every_second_and_each_ping_says_how_long_the_last_answer_took(side):
    side.bridge.hears(Hello)
    side.now += 0.5
    side.bridge.says(Welcome("desk"))
    first = side.bridge.hears(Ping)
    assert (first.backlog, first.answered, first.round_trip_ns) == (7, "hello", 500_000_000)
    side.now += 0.9
    assert side.bridge.hears_nothing(Ping), "a second is not over"
    side.bridge.says(Pong(b"another."[:8], 3))
    side.until(lambda: side.link.window == 3)
    side.bridge.says(Pong(first.token, 5))
    side.until(lambda: side.link.window == 5)
    side.now += 0.1
    second = side.bridge.hears(Ping)
    assert second.token != first.token
    assert (second.answered, second.round_trip_ns) == (first.token.hex(), 900_000_000)


def test_a_hello_that_is_not_answered_is_said_again_ever_more_slowly_and_counts_from_the_first(side):
    side.bridge.hears(Hello)
    began, at = side.now, []
    while side.now < began + 2.9:
        at += [side.now - began] * (not side.bridge.hears_nothing(Hello, 0.02))
        side.now += 0.05
    gaps = [later - sooner for sooner, later in pairwise(at)]
    assert 2 <= len(at) <= 5
    assert gaps == sorted(gaps)
    side.bridge.says(Welcome("desk"))
    assert side.bridge.hears(Ping).round_trip_ns == pytest.approx((side.now - began) * 1e9, abs=2e8)


def given_up(side, caplog, words):
    with caplog.at_level(logging.WARNING, "quorumbell.relay"):
        side.until(lambda: side.fresh == 2)
    assert any(words in one for one in caplog.messages), caplog.messages
    assert side.link.window == 0 or not side.link.may_send


def test_whoever_never_answers_a_hello_is_given_up_after_three_seconds(side, caplog):
    side.bridge.hears(Hello)
    side.now += 2.9
    side.turn()
    assert side.fresh == 1
    side.now += 0.2
    given_up(side, caplog, "no bridge answers at tcp://127.0.0.1:")
    side.bridge.hears(Hello)


def test_whoever_falls_silent_is_given_up_after_three_seconds_and_tried_again_at_once(side, caplog):
    side.greet()
    side.now += 3.1
    given_up(side, caplog, f"the bridge at {side.bridge.endpoint} has been silent for 3 s")


def test_whoever_answers_but_acknowledges_nothing_is_given_up_too(side, caplog):
    side.greet()
    side.in_flight = 1
    for number in range(1, 4):
        side.bridge.says(Pong(side.bridge.hears(Ping).token, number))
        side.until(lambda number=number: side.link.window == number)
        side.now += 1.0
    side.turn()
    assert side.fresh == 1
    side.now += 0.1
    given_up(side, caplog, "has acknowledged nothing for 3 s")


@pytest.mark.parametrize("answer", [Taken((bytes(16),), 8), Refused(bytes(16), 1, "no")])
def test_an_answer_about_a_report_is_handed_on_and_is_progress(side, answer):
    side.greet()
    side.in_flight = 1
    for _ in range(5):
        side.now += 1.0
        ping = side.bridge.hears(Ping)
        side.bridge.says(Pong(ping.token, 8))
        before = len(side.answers)
        side.bridge.says(answer)
        side.until(lambda before=before: len(side.answers) > before)
    assert side.answers == [answer] * 5
    assert side.fresh == 1


def test_a_window_that_is_shut_is_no_lack_of_progress_and_opens_with_the_next_word(side):
    side.greet(window=0)
    assert not side.link.may_send
    side.in_flight = 1
    for _ in range(5):
        side.now += 1.0
        side.bridge.says(Pong(side.bridge.hears(Ping).token, 0))
        side.until(lambda: side.link._heard_at == side.now)
    side.bridge.says(Pong(b"01234567", 4))
    side.until(lambda: side.link.may_send)
    side.turn()
    assert side.fresh == 1


def test_a_bridge_that_takes_nothing_now_is_left_for_a_while_and_says_why(side, caplog):
    side.bridge.hears(Hello)
    with caplog.at_level(logging.WARNING, "quorumbell.relay"):
        side.bridge.says(NotNow("draining", ("tcp://other:1",)))
        side.until(lambda: side.link.state is State.DOWN)
    (words,) = caplog.messages
    assert words.endswith("takes nothing now: draining; it names tcp://other:1")
    side.turn()
    assert side.fresh == 1, "not at once"
    side.now += 5.0
    side.until(lambda: side.fresh == 2)


def test_the_same_words_are_logged_again_only_after_five_minutes(side, caplog):
    told = []
    with caplog.at_level(logging.INFO, "quorumbell.relay"):
        for pause in (0.0, REPEAT_WORDS_AFTER - 20, 30.0):
            side.now += pause
            side.hello()
            side.bridge.says(NotNow("draining"))
            side.until(lambda: side.link.state is State.DOWN)
            side.now += 5.0
            told.append(sum("draining" in one for one in caplog.messages))
    assert told == [1, 1, 2]


def test_what_nobody_understands_is_passed_over_and_what_comes_after_is_heard(side, caplog):
    side.greet()
    with caplog.at_level(logging.WARNING, "quorumbell.relay"):
        side.bridge._router.send_multipart([side.bridge._whom, b"Z9"])
        side.bridge.says(Pong(b"01234567", 4))
        side.until(lambda: side.link.window == 4)
    assert "sent what I do not understand" in caplog.text


def test_nothing_is_sent_into_a_line_that_is_closed(side):
    side.greet()
    side.link.close(0)
    assert (side.link.may_send, side.link.send(codec.Bye())) == (False, False)
