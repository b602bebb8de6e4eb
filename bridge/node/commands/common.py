"""What the parts of quorumbell-node share: how they speak to a person, and to the bridge."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.wire import codec
from bridge.wire.endpoint import families
from bridge.wire.key_value import Mistakes
from bridge.wire.keys import KeyPair

CONFIG: Final = "/etc/quorumbell/relay.conf"
KEYS: Final = "/etc/quorumbell/keys"
PATIENCE: Final = 4.0
"""Seconds for an answer."""
REFUSED: Final = int(zmq.EVENT_HANDSHAKE_FAILED_AUTH)


class Trouble(Exception):  # noqa: N818 - the administrator's
    """What went wrong, with the place and the cure."""


def say(what: str, how: str = "ok") -> None:
    """One step: how it is, and what it is about."""
    print(f"{how:<8} {what}", flush=True)


@contextmanager
def told() -> Iterator[None]:
    """Mistakes and errors of the system, as a person is told of them."""
    try:
        yield
    except Mistakes as wrong:
        raise Trouble(str(wrong)) from None
    except OSError as wrong:
        cure = "" if os.geteuid() == 0 else "; run this as root"
        raise Trouble(f"{wrong.filename}: {wrong.strerror}{cure}") from None


class Unknown(Exception):  # noqa: N818 - a key's
    """The bridge does not let this key in."""


def ask(endpoint: str, keys: KeyPair, bridge_key: bytes, message: codec.Join) -> codec.Message:
    """The bridge's answer. Raises Unknown, or Trouble when nothing answers there."""
    why = "nothing answers"
    for ipv6 in families(endpoint):
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.setsockopt(zmq.IPV6, int(ipv6))
            socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = keys.public, keys.secret, bridge_key
            monitor = socket.get_monitor_socket()
            try:
                socket.connect(endpoint)
                socket.send_multipart(codec.encode(message))
                answer = _answer(socket, monitor)
            except zmq.ZMQError as wrong:
                why = str(wrong)
                continue
            finally:
                socket.disable_monitor()
                monitor.close(0)
            if answer is not None:
                return answer
    raise Trouble(f"{endpoint}: {why} (is the bridge running, its port open, and its key the right one?)")


def first_yes(endpoint: str, bridge_key: bytes, tries: Iterable[tuple[KeyPair, codec.Join]], unknown: str) -> codec.Joined:
    """With the first of these keys that the bridge lets in; `unknown` is told when it knows none. Raises Trouble."""
    for keys, message in tries:
        try:
            answer = ask(endpoint, keys, bridge_key, message)
        except Unknown:
            continue
        if isinstance(answer, codec.Joined):
            return answer
        raise Trouble(f"{endpoint}: {answer.reason if isinstance(answer, codec.NotNow) else answer}")
    raise Trouble(unknown)


def _answer(socket: zmq.Socket[bytes], monitor: zmq.Socket[bytes]) -> codec.Message | None:
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(monitor, zmq.POLLIN)
    until = time.monotonic() + PATIENCE
    while ready := dict(poller.poll(max(0, int((until - time.monotonic()) * 1000)))):
        if socket in ready:
            try:
                return codec.decode(socket.recv_multipart())
            except codec.Malformed as wrong:
                raise Trouble(f"what answers is no bridge of this version: {wrong}") from None
        if int(recv_monitor_message(monitor)["event"]) == REFUSED:
            raise Unknown
    return None
