"""The relay's line to a bridge: one fresh socket per attempt, and a life that is a table.

A reconnect inside libzmq is never trusted: a peer that was refused once does not try again, and what was queued for the old
connection is gone. Heartbeats of libzmq are answered by its own thread even when the peer's program hangs, hence our own.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.node.settings import Settings
from bridge.wire import codec

HELLO_FIRST: Final = 0.2
HELLO_SLOWEST: Final = 2.0
PING_EVERY: Final = 1.0
STALLED_AFTER: Final = 3.0
RETRY_FIRST: Final = 0.5
RETRY_SLOWEST: Final = 5.0
REPEAT_WORDS_AFTER: Final = 300.0

log = logging.getLogger("quorumbell.relay")


class State(Enum):
    DOWN = "down"  # no socket; the next is opened in a moment
    GREETING = "greeting"  # hello is said until it is answered
    ACTIVE = "active"  # may send, within the window
    STALLED = "stalled"  # nobody answers: the socket is given up


class Step(Enum):
    OPEN = "open"
    WELCOME = "welcome"
    TURNED_AWAY = "turned away"
    LOST = "lost"
    SILENCE = "silence"
    GIVE_UP = "give up"


LIFE: Final = {
    (State.DOWN, Step.OPEN): State.GREETING,
    (State.GREETING, Step.WELCOME): State.ACTIVE,
    (State.GREETING, Step.TURNED_AWAY): State.DOWN,
    (State.GREETING, Step.LOST): State.DOWN,
    (State.GREETING, Step.SILENCE): State.STALLED,
    (State.ACTIVE, Step.WELCOME): State.ACTIVE,  # the answer to a hello that was said twice
    (State.ACTIVE, Step.TURNED_AWAY): State.DOWN,
    (State.ACTIVE, Step.LOST): State.DOWN,
    (State.ACTIVE, Step.SILENCE): State.STALLED,
    (State.STALLED, Step.GIVE_UP): State.DOWN,
}

HANDSHAKES: Final = {
    int(zmq.EVENT_HANDSHAKE_FAILED_AUTH): (
        "the bridge at {endpoint} does not know this node's key {public}: "
        "bring node.public to the bridge and enrol it there (quorumbell setup keys)"
    ),
    int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL): (
        "what answers at {endpoint} does not speak as we do (one side with keys, one without?): "
        "check `bridge`, `key` and `bridge_key`"
    ),
    int(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL): (
        "the bridge at {endpoint} hung up during the handshake; most likely bridge_key is not its key: "
        "copy bridge.public from the bridge again"
    ),
}


class Link:
    """Owns the DEALER. `hello` and `ping` make the two messages about ourselves; `fresh` is told of each new socket."""

    def __init__(
        self,
        settings: Settings,
        context: zmq.Context[Any],
        poller: zmq.Poller,
        *,
        hello: Callable[[], codec.Hello],
        ping: Callable[[bytes, int], codec.Ping],
        fresh: Callable[[], None],
        chance: random.Random,
    ) -> None:
        self._settings = settings
        self._context = context
        self._poller = poller
        self._hello = hello
        self._ping = ping
        self._fresh = fresh
        self._chance = chance
        self.state = State.DOWN
        self.window = 0
        self.window_bytes = codec.WINDOW_BYTES
        self.max_event = codec.MAX_EVENT
        self.socket: zmq.Socket[bytes] | None = None
        self.monitor: zmq.Socket[bytes] | None = None
        self._at = -1
        self._tries = 0
        self._open_at = self._opened_at = self._hello_at = self._ping_at = 0.0
        self._hello_gap = HELLO_FIRST
        self._heard_at = self._progress_at = 0.0
        self._ping_sent: tuple[bytes, float] = (b"", 0.0)
        self._round_trip_ns = 0
        self._said: tuple[str, float] = ("", 0.0)

    @property
    def endpoint(self) -> str:
        return self._settings.bridges[self._at]

    @property
    def may_send(self) -> bool:
        return self.state is State.ACTIVE and self.window > 0

    def tick(self, now: float, in_flight: int) -> None:
        """All that time does to the line."""
        if not in_flight or self.window == 0:
            self._progress_at = now
        if self.state is State.DOWN and now >= self._open_at:
            self._open(now)
        elif self.state is State.GREETING and now - self._opened_at > STALLED_AFTER:
            self._fail(
                Step.SILENCE, now, f"no bridge answers at {self.endpoint}: check its address, the network, and that it runs"
            )
        elif self.state is State.GREETING and now >= self._hello_at:
            self._greet(now)
        elif self.state is State.ACTIVE and now - self._heard_at > STALLED_AFTER:
            self._fail(Step.SILENCE, now, f"the bridge at {self.endpoint} has been silent for {STALLED_AFTER:.0f} s")
        elif self.state is State.ACTIVE and now - self._progress_at > STALLED_AFTER:
            self._fail(Step.SILENCE, now, f"the bridge at {self.endpoint} has acknowledged nothing for {STALLED_AFTER:.0f} s")
        elif self.state is State.ACTIVE and now >= self._ping_at:
            self._send_ping(now)

    def _step(self, step: Step) -> None:
        after = LIFE[self.state, step]
        log.debug("link %s: %s -> %s", self.endpoint if self._at >= 0 else "-", self.state.value, after.value)
        self.state = after

    def _open(self, now: float) -> None:
        self._at = (self._at + 1) % len(self._settings.bridges)
        self.socket = self._make_socket()
        self.monitor = self.socket.get_monitor_socket()
        self.socket.connect(self.endpoint)
        self._poller.register(self.socket, zmq.POLLIN)
        self._poller.register(self.monitor, zmq.POLLIN)
        self._opened_at = self._hello_at = now
        self._hello_gap = HELLO_FIRST
        self._step(Step.OPEN)
        self._fresh()

    def _make_socket(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        if self._settings.keys is not None and self._settings.bridge_key is not None:
            socket.curve_publickey = self._settings.keys.public
            socket.curve_secretkey = self._settings.keys.secret
            socket.curve_serverkey = self._settings.bridge_key
        return socket

    def _greet(self, now: float) -> None:
        if self.send(self._hello()):
            self._hello_at = now + self._hello_gap
            self._hello_gap = min(HELLO_SLOWEST, self._hello_gap * 2)
        else:
            self._hello_at = now + 0.05  # not connected yet

    def _send_ping(self, now: float) -> None:
        token = os.urandom(codec.TOKEN_BYTES)
        if self.send(self._ping(token, self._round_trip_ns)):
            self._ping_sent = (token, now)
        self._ping_at = now + PING_EVERY

    def send(self, message: codec.Message) -> bool:
        """False when libzmq would have to queue it for nobody."""
        if self.socket is None:
            return False
        try:
            self.socket.send_multipart(codec.encode(message), zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def receive(self, now: float, most: int = 256) -> list[codec.Message]:
        """What came in: the answers about reports are handed back, the rest is dealt with here."""
        found: list[codec.Message] = []
        for _ in range(most):
            socket = self.socket
            if socket is None:
                break
            try:
                frames = socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            self._heard_at = now
            try:
                message = codec.decode(frames)
            except codec.Malformed as wrong:
                log.warning("the bridge at %s sent what I do not understand: %s", self.endpoint, wrong)
                continue
            self._hear(message, now)
            if isinstance(message, (codec.Taken, codec.Refused)):
                found.append(message)
        return found

    def _hear(self, message: codec.Message, now: float) -> None:
        if isinstance(message, codec.Welcome):
            self._welcomed(message, now)
        elif isinstance(message, codec.NotNow):
            others = f"; it names {', '.join(message.endpoints)}" if message.endpoints else ""
            self._fail(Step.TURNED_AWAY, now, f"the bridge at {self.endpoint} takes nothing now: {message.reason}{others}")
        elif isinstance(message, codec.Pong):
            self._set_window(message.window, now)
            token, sent_at = self._ping_sent
            if message.token == token:
                self._round_trip_ns = int((now - sent_at) * 1e9)
        elif isinstance(message, codec.Taken):
            self._progress_at = now
            self._set_window(message.window, now)
        elif isinstance(message, codec.Refused):
            self._progress_at = now

    def _welcomed(self, welcome: codec.Welcome, now: float) -> None:
        self.window_bytes = welcome.window_bytes
        self.max_event = min(codec.MAX_EVENT, welcome.max_event)
        if self.state is State.GREETING:
            self._say(logging.INFO, f"bridge {welcome.bridge} at {self.endpoint} has welcomed us", now)
            self._tries = 0
            self._heard_at = self._progress_at = self._ping_at = now
        self._set_window(welcome.window, now)
        self._step(Step.WELCOME)

    def _set_window(self, window: int, now: float) -> None:
        if window and not self.window:
            self._progress_at = now
        self.window = window

    def watch(self, now: float) -> None:
        """What libzmq saw of the connection; a failed handshake is told nowhere else."""
        while self.monitor is not None and self.monitor.poll(0):
            happened = int(recv_monitor_message(self.monitor, zmq.DONTWAIT)["event"])
            if happened in HANDSHAKES:
                self._fail(Step.LOST, now, self._handshake_words(happened))
            elif happened == zmq.EVENT_HANDSHAKE_SUCCEEDED and self.state is State.GREETING:
                self._greet(now)
            elif happened == zmq.EVENT_DISCONNECTED:
                self._fail(Step.LOST, now, f"the connection to {self.endpoint} was cut")

    def _handshake_words(self, happened: int) -> str:
        keys = self._settings.keys
        if keys is None:  # a port with keys resets us, sometimes before it has said why
            happened = int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
        return HANDSHAKES[happened].format(endpoint=self.endpoint, public=keys.public.decode() if keys else "(none)")

    def _fail(self, step: Step, now: float, words: str) -> None:
        if (self.state, step) not in LIFE:
            return  # a second message of the socket that was just given up
        self._say(logging.WARNING, words, now)
        was_active = self.state is State.ACTIVE
        self._step(step)
        if self.state is State.STALLED:
            self._step(Step.GIVE_UP)
        self.close(0)
        self._open_at = now + (0.0 if step is Step.SILENCE else self._pause(was_active=was_active))
        self._tries += 1

    def _pause(self, *, was_active: bool) -> float:
        """Through the whole list quickly, then with a back-off."""
        endpoints = len(self._settings.bridges)
        if not was_active and (self._at + 1) % endpoints:
            return 0.05
        longest: float = min(RETRY_SLOWEST, RETRY_FIRST * 2.0 ** min(self._tries // endpoints, 8))
        return longest * self._chance.uniform(0.8, 1.2)

    def _say(self, level: int, words: str, now: float) -> None:
        """Each new thing once; the same thing again only after five minutes."""
        if words == self._said[0] and now - self._said[1] < REPEAT_WORDS_AFTER:
            return
        self._said = (words, now)
        log.log(level, "%s", words)

    def close(self, linger_ms: int) -> None:
        self.window = 0
        if self.socket is None or self.monitor is None:
            return
        self._poller.unregister(self.socket)
        self._poller.unregister(self.monitor)
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(linger_ms)
        self.socket = self.monitor = None


_OPTIONS: Final = {
    zmq.LINGER: 0,  # the spool is the memory; the default hangs at exit
    zmq.IMMEDIATE: 1,  # no queue for a peer that is not there
    zmq.SNDHWM: 1000,
    zmq.RCVHWM: 1000,
    zmq.RECONNECT_IVL: 50,
    zmq.RECONNECT_IVL_MAX: 2000,
    zmq.CONNECT_TIMEOUT: 3000,
    zmq.HEARTBEAT_IVL: 1000,
    zmq.HEARTBEAT_TIMEOUT: 3000,
    zmq.HANDSHAKE_IVL: 5000,
    zmq.MAXMSGSIZE: codec.MAX_EVENT,
    zmq.TCP_KEEPALIVE: 1,
}
