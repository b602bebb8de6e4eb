"""The relay's line to a bridge: says hello, keeps the beat, gives up what is silent, and goes on to the next.

Heartbeats of libzmq are answered by its own thread even when the peer's program hangs, hence our own.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from typing import Any, Final

import zmq

from bridge.node.dealer import HANDSHAKES, Dealer
from bridge.node.life import LIFE, State, Step
from bridge.node.rota import Rota
from bridge.node.settings import Settings
from bridge.wire import codec

HELLO_FIRST: Final = 0.2
HELLO_SLOWEST: Final = 2.0
PING_EVERY: Final = 1.0
STALLED_AFTER: Final = 3.0
REPEAT_WORDS_AFTER: Final = 300.0
MOST_MESSAGES: Final = 256
MOST_IN_FLIGHT: Final = 400
"""Reports, whatever window a bridge gives: each is answered at most once before we read, and the socket must have room for it."""

log = logging.getLogger("quorumbell.relay")


class Link:
    """`hello` and `ping` make the two messages about ourselves; `fresh` is told of each new socket."""

    def __init__(
        self,
        settings: Settings,
        context: zmq.Context[Any],
        poller: zmq.Poller,
        *,
        hello: Callable[[], codec.Hello],
        ping: Callable[[bytes], codec.Ping],
        fresh: Callable[[], None],
        chance: random.Random,
    ) -> None:
        self._dealer = Dealer(settings, context, poller)
        self._rota = Rota(settings.bridges, chance)
        self._hello = hello
        self._ping = ping
        self._fresh = fresh
        self.state = State.DOWN
        self.window = 0
        self.window_bytes = codec.WINDOW_BYTES
        self.max_event = codec.MAX_EVENT
        self.bridge = ""
        """Which bridge has welcomed us last."""
        self._pictures = False
        self._open_at = self._opened_at = self._hello_at = self._ping_at = 0.0
        self._hello_gap = HELLO_FIRST
        self._heard_at = self._progress_at = 0.0
        self._ping_sent: tuple[bytes, float] = (b"", 0.0)
        self._hello_sent_at: float | None = None
        self._answered: tuple[str, int] = ("", 0)
        """What was last answered, and after how many nanoseconds."""
        self._said: tuple[str, float] = ("", 0.0)

    @property
    def may_send(self) -> bool:
        return self.state is State.ACTIVE and self.window > 0

    @property
    def takes_pictures(self) -> bool:
        """Whether a bridge listens that understands them."""
        return self.state is State.ACTIVE and self._pictures

    def send(self, message: codec.Message) -> bool:
        """False when libzmq would have to queue it for nobody."""
        return self._dealer.send(codec.encode(message))

    def take_over(self, settings: Settings, now: float, *, same_name: bool) -> None:
        """Other bridges, or another name or key of ours: the line stays if it is one that they would make, too."""
        stays = self._rota.replace(settings.bridges) and same_name
        self._dealer.take_over(settings)
        self._open_at = now
        self._said = ("", 0.0)
        if not stays and self.state is not State.DOWN:
            self.send(codec.Bye())
            self._step(Step.LOST)
            self.close(200)

    def tick(self, now: float, in_flight: int) -> None:
        """All that time does to the line."""
        endpoint = self._rota.endpoint
        if not in_flight or self.window == 0:
            self._progress_at = now
        if self.state is State.DOWN and now >= self._open_at:
            self._open(now)
        elif self.state is State.GREETING and now - self._opened_at > STALLED_AFTER:
            self._fail(Step.SILENCE, now, f"no bridge answers at {endpoint}: check its address, the network, and that it runs")
        elif self.state is State.GREETING and now >= self._hello_at:
            self._greet(now)
        elif self.state is State.ACTIVE and now - self._heard_at > STALLED_AFTER:
            self._fail(Step.SILENCE, now, f"the bridge at {endpoint} has been silent for {STALLED_AFTER:.0f} s")
        elif self.state is State.ACTIVE and now - self._progress_at > STALLED_AFTER:
            self._fail(Step.SILENCE, now, f"the bridge at {endpoint} has acknowledged nothing for {STALLED_AFTER:.0f} s")
        elif self.state is State.ACTIVE and now >= self._ping_at:
            self._send_ping(now)

    def on_readable(self, ready: object, now: float) -> list[codec.Message]:
        """What came in: the answers about reports are handed back, the rest is dealt with here. `ready` may be another's."""
        if ready is self._dealer.monitor:
            self._watch(now)
        elif ready is self._dealer.socket:
            return self._receive(now)
        return []

    def close(self, linger_ms: int) -> None:
        self.window = 0
        self._dealer.close(linger_ms)

    def _step(self, step: Step) -> None:
        after = LIFE[self.state, step]
        log.debug("link %s: %s -> %s", self._rota.endpoint, self.state.value, after.value)
        self.state = after

    def _open(self, now: float) -> None:
        self._rota.turn()
        self._dealer.open(self._rota.endpoint, ipv6=self._rota.ipv6)
        self._opened_at = self._hello_at = now
        self._hello_gap = HELLO_FIRST
        self._hello_sent_at, self._answered = None, ("", 0)
        self._step(Step.OPEN)
        self._fresh()

    def _greet(self, now: float) -> None:
        if self.send(self._hello()):
            self._hello_sent_at = now if self._hello_sent_at is None else self._hello_sent_at
            self._hello_at = now + self._hello_gap
            self._hello_gap = min(HELLO_SLOWEST, self._hello_gap * 2)
        else:
            self._hello_at = now + 0.05  # not connected yet

    def _send_ping(self, now: float) -> None:
        token = os.urandom(codec.TOKEN_BYTES)
        answered, took = self._answered
        if self.send(self._ping(token)._replace(answered=answered, round_trip_ns=took)):
            self._ping_sent = (token, now)
        self._ping_at = now + PING_EVERY

    def _receive(self, now: float) -> list[codec.Message]:
        found: list[codec.Message] = []
        for _ in range(MOST_MESSAGES):
            frames = self._dealer.receive()
            if frames is None:
                break
            self._heard_at = now
            try:
                message = codec.decode(frames)
            except codec.Malformed as wrong:
                log.warning("the bridge at %s sent what I do not understand: %s", self._rota.endpoint, wrong)
                continue
            self._hear(message, now)
            if isinstance(message, (codec.Taken, codec.Refused, codec.Drill)):
                found.append(message)
        return found

    def _hear(self, message: codec.Message, now: float) -> None:
        if isinstance(message, codec.Welcome):
            self._welcomed(message, now)
        elif isinstance(message, codec.NotNow):
            others = f"; it names {', '.join(message.endpoints)}" if message.endpoints else ""
            words = f"the bridge at {self._rota.endpoint} takes nothing now: {message.reason}{others}"
            self._fail(Step.TURNED_AWAY, now, words)
        elif isinstance(message, codec.Pong):
            self._set_window(message.window, now)
            token, sent_at = self._ping_sent
            if message.token == token:
                self._answered = token.hex(), int((now - sent_at) * 1e9)
        elif isinstance(message, codec.Taken):
            self._progress_at = now
            self._set_window(message.window, now)
        elif isinstance(message, codec.Refused):
            self._progress_at = now

    def _welcomed(self, welcome: codec.Welcome, now: float) -> None:
        self.window_bytes = welcome.window_bytes
        self.max_event = min(codec.MAX_EVENT, welcome.max_event)
        self.bridge, self._pictures = f"{welcome.bridge} at {self._rota.endpoint}", welcome.pictures > 0
        if self.state is State.GREETING:
            self._say(logging.INFO, f"bridge {welcome.bridge} at {self._rota.endpoint} has welcomed us", now)
            self._rota.welcomed()
            self._answered = "hello", int((now - (self._hello_sent_at or now)) * 1e9)
            self._heard_at = self._progress_at = self._ping_at = now
        self._set_window(welcome.window, now)
        self._step(Step.WELCOME)

    def _set_window(self, window: int, now: float) -> None:
        if window and not self.window:
            self._progress_at = now
        self.window = min(window, MOST_IN_FLIGHT)

    def _watch(self, now: float) -> None:
        """What libzmq saw of the connection; a failed handshake is told nowhere else."""
        while (happened := self._dealer.happened()) is not None:
            if happened in HANDSHAKES:
                self._fail(Step.LOST, now, self._dealer.why(happened, self._rota.endpoint))
            elif happened == zmq.EVENT_HANDSHAKE_SUCCEEDED and self.state is State.GREETING:
                self._greet(now)
            elif happened == zmq.EVENT_DISCONNECTED:
                self._fail(Step.LOST, now, f"the connection to {self._rota.endpoint} was cut")

    def _fail(self, step: Step, now: float, words: str) -> None:
        if (self.state, step) not in LIFE:
            return  # a second message of the socket that was just given up
        self._say(logging.WARNING, words, now)
        pause = self._rota.failed(was_active=self.state is State.ACTIVE)
        self._step(step)
        if self.state is State.STALLED:
            self._step(Step.GIVE_UP)
        self.close(0)
        self._open_at = now + (0.0 if step is Step.SILENCE else pause)

    def _say(self, level: int, words: str, now: float) -> None:
        """Each new thing once; the same thing again only after five minutes."""
        if words == self._said[0] and now - self._said[1] < REPEAT_WORDS_AFTER:
            return
        self._said = (words, now)
        log.log(level, "%s", words)
