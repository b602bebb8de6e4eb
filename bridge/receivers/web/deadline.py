"""A deadline for a whole request: the socket that carries it is shut down when the time is over."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Cut:
    """Ends a request at its deadline whatever it is stuck in: handshake, header, body. (A socket's own timeout only bounds
    the wait for the next byte; a side that sends one byte a second would hold us for ever. Name resolution alone has the
    resolver's limits.)
    """

    def __init__(self) -> None:
        self.done = False
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()

    def carries(self, line: socket.socket) -> None:
        # A descriptor of our own: TLS takes the first one away, and http.client closes early when the body ends with the line.
        with self._lock:
            self._lines.append(socket.socket(fileno=os.dup(line.fileno())))
            if self.done:
                _shut(self._lines[-1])

    @contextlib.contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        _underway.cut = self
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            _underway.cut = None
            self._close()

    def _cut(self) -> None:
        with self._lock:
            self.done = True
            for line in self._lines:
                _shut(line)

    def _close(self) -> None:
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


_underway = threading.local()


class _Connection(HTTPConnection):
    """Shows the request under way which socket carries it: at its making, before TLS, and whenever it is used again."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _show(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _show(self.sock)
        super().request(*args, **kwargs)


def _show(line: socket.socket) -> None:
    cut: Cut | None = getattr(_underway, "cut", None)
    if cut is not None:
        cut.carries(line)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Adapter(HTTPAdapter):
    def __init__(self) -> None:
        once = urllib3.Retry(total=1, connect=1, read=0, redirect=0, status=0, other=0, respect_retry_after_header=False)
        super().__init__(pool_connections=4, pool_maxsize=2, max_retries=once)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
