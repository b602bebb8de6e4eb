"""A peer that need not behave: a DEALER with all of the protocol's words, or none."""

import contextlib
import os
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.wire import codec
from bridge.wire.keys import load_public, load_secret

NEVER = 3_600_000
"""Milliseconds. libzmq's own never (-1) drops the answers that were not read yet when the connection ends."""
GONE = {int(zmq.EVENT_DISCONNECTED), int(zmq.EVENT_HANDSHAKE_FAILED_AUTH), int(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)}


class Stranger:
    """`held`: the files of its keys, as a relay's settings name them."""

    def __init__(self, endpoint, held=None, *, node="n1", hello=True, **options):
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndhwm = 0
        for name, value in {"reconnect_ivl": NEVER, **options}.items():
            setattr(self.socket, name, value)
        if held:
            pair = load_secret(held["key"])
            self.socket.curve_publickey, self.socket.curve_secretkey = pair
            self.socket.curve_serverkey = load_public(held["bridge_key"])
        self._monitor = self.socket.get_monitor_socket()
        self.socket.connect(endpoint)
        self.node = node
        self._fresh = True
        if hello:
            self.say(self.hello)

    @property
    def hello(self):
        return codec.Hello(node=self.node, cluster="demo", wall_ns=time.time_ns())

    def send(self, *frames):
        """Whatever it is; into the void, once it was hung up on."""
        with contextlib.suppress(zmq.Again):
            self.socket.send_multipart(frames, 0 if self._fresh else zmq.DONTWAIT)
            self._fresh = False

    def say(self, *messages):
        for message in messages:
            self.send(*codec.encode(message))

    def bring(self, *pairs):
        self.say(codec.Batch(1, pairs))

    def heard(self, seconds=5.0):
        """The next answer, or None."""
        return codec.decode(self.socket.recv_multipart()) if self.socket.poll(seconds * 1000) else None

    def answers(self, seconds=0.3):
        """All answers, until none comes for so long."""
        found = []
        while (message := self.heard(seconds)) is not None:
            found.append(message)
        return found

    def hung_up_on(self, seconds=5.0):
        """How the connection ended: an event of libzmq's, and its value."""
        while self._monitor.poll(seconds * 1000):
            happened = recv_monitor_message(self._monitor)
            if int(happened["event"]) in GONE:
                return int(happened["event"]), int(happened["value"])
        return None

    def close(self):
        if self._context.closed:
            return
        self.socket.disable_monitor()
        self._monitor.close(0)
        self.socket.close(0)
        self._context.term()


def token():
    return os.urandom(codec.TOKEN_BYTES)
