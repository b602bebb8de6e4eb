"""A TCP server that does what no protocol allows: says nothing, dribbles, hangs up, talks nonsense."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


def silent(peer: socket.socket) -> None:
    """Accepts, and never says a word."""
    peer.recv(1)


def slam(peer: socket.socket) -> None:
    """Hangs up at once."""


def nonsense(peer: socket.socket) -> None:
    peer.sendall(b"\x00\xff\x16\x03 hello, who is there?\r\n" * 3)


def half(peer: socket.socket) -> None:
    """Half a greeting, then gone."""
    peer.sendall(b"220 test-se")


def dribble(peer: socket.socket) -> None:
    """One byte at a time, for ever: no single read ever times out."""
    while True:
        peer.sendall(b"2")
        time.sleep(0.05)


class FaultServer:
    def __init__(self, behaviour: Callable[[socket.socket], None]) -> None:
        self._behaviour = behaviour
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.calls = 0
        self._peers: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            self._peers.append(peer)
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError), peer:
            self._behaviour(peer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            peer.close()
        self._thread.join(5)
