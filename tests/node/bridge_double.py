"""A bridge's side of the line, in the test's own hands: what a relay said is kept, and it hears what the test lets it hear."""

import time
from collections.abc import Callable
from typing import Any

import zmq

from bridge.wire import codec


class Bridge:
    """`turn` lets the other side work."""

    def __init__(self, turn: Callable[[], object]) -> None:
        self._turn = turn
        self._context: zmq.Context[Any] = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        self.endpoint = f"tcp://127.0.0.1:{self._router.bind_to_random_port('tcp://127.0.0.1')}"
        self._whom = b""
        self.said: list[codec.Message] = []

    def hears(self, kind: type | tuple[type, ...], seconds: float = 10.0) -> Any:
        """The next message of that kind; those before it are kept in `said`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._turn()
            while self._router.poll(5):
                self._whom, *frames = self._router.recv_multipart()
                self.said.append(codec.decode(frames))
                if isinstance(self.said[-1], kind):
                    return self.said[-1]
        raise AssertionError(f"no {kind} came; {self.said}")

    def hears_nothing(self, kind: type, seconds: float = 0.1) -> bool:
        try:
            self.hears(kind, seconds)
        except AssertionError:
            return True
        return False

    def says(self, message: codec.Message) -> None:
        self._router.send_multipart([self._whom, *codec.encode(message)])

    def close(self) -> None:
        self._router.close(0)
        self._context.term()
