"""The connections of a port, as the kernel knows them: how much came by each, for how long nothing did, and the end of one.

A ROUTER cannot end a connection. libzmq names the descriptor of each, though, in its monitor's events and in every message
(zmq_msg_get(3), ZMQ_SRCFD): the connection is ended below it, by shutdown(2), and libzmq sees that its peer hung up. The
descriptor stays libzmq's. It is neither closed here nor copied: it may be another's by now, and closing the copy of a
descriptor would drop the locks that SQLite holds on its file (fcntl(2)).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from bridge.wire.endpoint import plain_address
from bridge.wire.keys import Peer

R = TypeVar("R")
_LAST_DATA_RECEIVED: Final = 52  # struct tcp_info of linux/tcp.h: tcpi_last_data_recv, milliseconds
_BYTES_RECEIVED: Final = 128  # tcpi_bytes_received
_TCP_INFO: Final = 136


OTHER: Final = 256 * 1024
"""So many bytes between two looks may be no message: the handshake, libzmq's own heartbeats."""


class Seen(NamedTuple):
    """`received`: bytes, since it began; `quiet`: seconds since the last of them."""

    received: int
    quiet: float


class Connection:
    """`peer`: whose it is, once that was heard. `taken`: bytes of its messages that were received.

    `announced`: the monitor has told its beginning, so the next end that it tells is this one's.
    The writer's thread sets the first two, and `end_at` (monotonic) to have it ended; the doorman the rest.
    """

    __slots__ = ("_dry", "_gone_at", "_other", "address", "announced", "end_at", "fd", "gone", "peer", "since", "taken")

    def __init__(self, fd: int, now: float, *, announced: bool) -> None:
        self.fd = fd
        self.since = now
        self.announced = announced
        self.peer: Peer | None = None
        self.taken = 0
        self.end_at: float | None = None
        self.address = _on(fd, _address)
        self.gone = self.address is None
        self._dry, self._other = -1, 0
        self._gone_at = -1

    def waiting(self, received: int, dry: int) -> int:
        """Bytes that came and were not received as messages. `dry` counts the moments at which nothing waited, for anybody."""
        difference = received - self.taken
        if dry != self._dry:
            self._dry, self._other = dry, min(difference, self._other + OTHER)
        return difference - self._other

    def left_nothing(self, dry: int) -> bool:
        """It is gone, and since that was seen there was a moment at which nothing waited."""
        if self.gone and self._gone_at < 0:
            self._gone_at = dry
        return self.gone and self._gone_at != dry

    def look(self) -> Seen | None:
        """None when there is nothing to see any more."""
        return _on(self.fd, lambda line: _seen(line) if _address(line) == self.address else None)

    def end(self) -> None:
        self.gone = True
        _on(self.fd, lambda line: line.shutdown(socket.SHUT_RDWR) if _address(line) == self.address else None)


class Connections:
    """All that are open, by descriptor. The doorman keeps the table, the writer's thread looks into it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, Connection] = {}
        self.ports: frozenset[int] = frozenset()
        """Our ends."""

    def add(self, fd: int, now: float) -> None:
        """A descriptor that is known already may be another connection now: the end of the first one was not heard yet."""
        connection = Connection(fd, now, announced=True)
        with self._lock:
            before = self._open.get(fd)
            if before is None or before.gone or before.address != connection.address:
                self._replace(fd, connection)
            else:
                before.announced = True

    def remove(self, fd: int) -> None:
        with self._lock:
            known = self._open.get(fd)
            if known is not None and known.announced:
                self._replace(fd, None)

    def _replace(self, fd: int, connection: Connection | None) -> None:
        before = self._open.pop(fd, None)
        if before is not None:
            before.gone = True
        if connection is not None:
            self._open[fd] = connection

    def at(self, fd: int, now: float) -> Connection:
        """The one with this descriptor. A message may come before the word of its connection, and after its end: even before the
        word that the one which had the descriptor has ended."""
        with self._lock:
            found = self._open.get(fd)
            if found is None or found.gone or _on(fd, _address) not in {None, found.address}:
                found = Connection(fd, now, announced=False)
                if _on(fd, _port) in self.ports:
                    self._replace(fd, found)
                else:
                    found.gone = True
        return found

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> list[Connection]:
        """The oldest first."""
        with self._lock:
            return list(self._open.values())

    def of(self, peer: Peer) -> int:
        """How many a relay has."""
        return sum(one.peer == peer and not one.gone for one in self.all())


def _on(fd: int, do: Callable[[socket.socket], R]) -> R | None:
    """What the socket of that number answers; None when it is none, or is gone."""
    line = None
    try:
        line = socket.socket(fileno=fd)
        return do(line)
    except (OSError, ValueError):
        return None
    finally:
        if line is not None:
            line.detach()


def _address(line: socket.socket) -> tuple[str, int]:
    host, port, *_ = line.getpeername()
    return plain_address(host), port


def _port(line: socket.socket) -> int:
    return int(line.getsockname()[1])


def _seen(line: socket.socket) -> Seen:
    info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO)
    (received,), (quiet,) = struct.unpack_from("Q", info, _BYTES_RECEIVED), struct.unpack_from("I", info, _LAST_DATA_RECEIVED)
    return Seen(received, quiet / 1000)
