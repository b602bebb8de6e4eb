"""A TCP server that does what no protocol allows: says nothing, dribbles, hangs up, talks nonsense."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


def silent(peer: socket.socket) -> None:
    """Accepts, and never says a word."""
    while peer.recv(65536):
        pass


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


class Answering(FaultServer):
    """An HTTP server that says the same to every request; with `tls`, behind it. `asked` holds what it was asked, as it came."""

    def __init__(self, raw: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.raw = raw
        self.asked: list[bytes] = []
        self._tls = tls
        super().__init__(self._say)

    def _say(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            line = self._tls.wrap_socket(peer, server_side=True) if self._tls else peer
            with line:
                self.asked.append(read_request(line))
                line.sendall(self.raw)


def read_request(line: socket.socket) -> bytes:
    """The head and as much of a body as its Content-Length promises."""
    got = b""
    while b"\r\n\r\n" not in got and (more := line.recv(65536)):
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
    while len(body) < length and (more := line.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body


class Lossy(FaultServer):
    """Stands before a server and lets every request through, but the next `lose` answers never come back: the line is cut."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.lose = 0
        self.lost = 0
        super().__init__(self._pass_on)

    def _pass_on(self, peer: socket.socket) -> None:
        request = read_request(peer)
        if not request.strip():
            return
        with socket.create_connection(("127.0.0.1", self._upstream), 10) as server:
            server.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
            answer = b""
            while more := server.recv(65536):
                answer += more
        if self.lose:
            self.lose -= 1
            self.lost += 1
            return
        # It hangs up after each answer, and must say so: a client that is not told keeps the line, and may send its next
        # request into it while it is being closed (RFC 9112, 9.6).
        status, _, rest = answer.partition(b"\r\n")
        peer.sendall(status + b"\r\nConnection: close\r\n" + rest)


class LossyLine(FaultServer):
    """As `Lossy`, for protocols that talk to and fro: what the server says after the client's `last` never comes back."""

    def __init__(self, port: int, last: bytes) -> None:
        self._upstream = port
        self._last = last
        self.lose = 0
        self.lost = 0
        super().__init__(self._pass_on)

    def _pass_on(self, peer: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._upstream), 10) as server:
            threading.Thread(target=self._back, args=(server, peer), daemon=True).start()
            heard = b""
            while more := peer.recv(65536):
                heard = (heard + more)[-len(self._last) - 65536 :]
                if self.lose and heard.endswith(self._last):
                    self.lose -= 1
                    self.lost += 1
                    peer.shutdown(socket.SHUT_RDWR)
                    server.sendall(more)
                    time.sleep(0.5)  # the server takes it, and answers nobody
                    return
                server.sendall(more)

    def _back(self, server: socket.socket, peer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while more := server.recv(65536):
                peer.sendall(more)
