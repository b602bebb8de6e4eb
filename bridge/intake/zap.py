"""Who may connect: the ZeroMQ authentication protocol (RFC 27), answered from the allow-list by a thread of its own.

A CURVE port without such an answerer lets every key in. So it is bound before the port is, and the intake takes nothing
that does not carry the key which was checked here.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import zmq
from zmq.utils import z85

from bridge.intake.bounds import Over
from bridge.intake.conduct import Conduct
from bridge.intake.enrolment import Enrolment
from bridge.wire.endpoint import plain_address
from bridge.wire.keys import AllowList, Peer

ADDRESS: Final = "inproc://zeromq.zap.01"
DOMAIN: Final = b"quorumbell"
_MOST_WORDS: Final = 500

log = logging.getLogger("quorumbell.intake")


class Refusal(StrEnum):
    """Why something was not let in, in words for a person; also the label of its counter."""

    UNKNOWN_KEY = "a key that is not in the allow-list"
    NO_KEY = "no key at all"
    WRONG_BRIDGE_KEY = "a relay that expects another bridge key"
    NOT_A_RELAY = "something that does not speak the protocol"
    UNCHECKED = "a message whose key nobody checked"
    NO_HELLO = "reports before a hello"
    GARBLED = "a message that could not be read"
    NO_WORD = "a connection without a word"
    CROWD = "a connection too many, and without a word"
    FLOOD = "more bytes on a connection than its window allows"


class Refusals:
    """Counted for ever, logged once per kind and origin: a stranger who tries again and again does not fill the log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Refusal] = Counter()
        self._said: set[tuple[Refusal, str]] = set()

    def note(self, kind: Refusal, origin: str, cure: str = "") -> None:
        with self._lock:
            self._counts[kind] += 1
            fresh = (kind, origin) not in self._said and len(self._said) < _MOST_WORDS
            self._said.add((kind, origin)) if fresh else None
        if fresh:
            log.warning("refused: %s, from %s%s", kind.value, origin, f": {cure}" if cure else "")

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return {kind.value: number for kind, number in self._counts.items()}


def guest(key: str) -> Peer:
    """Who is on no list, for what it may send: its own name is a key, which no node's can be."""
    return Peer("", key)


class Authenticator(threading.Thread):
    """Ends when its context is terminated."""

    def __init__(
        self, context: zmq.Context[Any], allowed: AllowList, enrolment: Enrolment | None, conduct: Conduct, refusals: Refusals
    ) -> None:
        super().__init__(name="quorumbell-zap", daemon=True)
        self._allowed = allowed
        self._enrolment = enrolment
        self._conduct = conduct
        self._refusals = refusals
        self._socket: zmq.Socket[bytes] = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind(ADDRESS)

    def run(self) -> None:
        try:
            while True:
                self._socket.send_multipart(self._answer(self._socket.recv_multipart()))
        except zmq.ContextTerminated:
            pass
        finally:
            self._socket.close(0)

    def _answer(self, frames: list[bytes]) -> list[bytes]:
        version, request, _domain, address, _identity, mechanism, *credentials = [*frames, b"", b"", b"", b"", b"", b""]
        user = self._user(mechanism, credentials[0], plain_address(address.decode("ascii", "replace")))
        if user and not self._may_come(user.decode()):
            return [version, request, b"500", b"kept out for a while", b"", b""]
        status = [b"200", b"OK"] if user else [b"400", b"unknown key"]
        return [version, request, *status, user, b""]

    def _may_come(self, key: str) -> bool:
        """Not who is kept out; its relay tells 500 from 400, and says so."""
        peer, now = self._allowed.peers.get(key) or guest(key), time.monotonic()
        if self._conduct.keeps_out(peer, now):
            self._conduct.knock(peer, now)
            return False
        return self._conduct.spend(peer, Over.HANDSHAKES, now)

    def _user(self, mechanism: bytes, credential: bytes, address: str) -> bytes:
        if mechanism != b"CURVE" or len(credential) != 32:
            self._refusals.note(Refusal.NO_KEY, address)
            return b""
        key = z85.encode(credential)
        invited = self._enrolment is not None and self._enrolment.is_invited(key.decode())
        if invited or key.decode() in self._allowed.peers:
            return key
        cure = "enrol the node's node.public if it is one of yours (quorumbell setup keys)"
        self._refusals.note(Refusal.UNKNOWN_KEY, f"{address} with {key.decode()}", cure)
        return b""
