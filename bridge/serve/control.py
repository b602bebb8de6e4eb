"""The local socket on which commands speak to the running bridge: one line of JSON asks, one answers.

What changes something (acknowledge, silence) must go through the one writer, so commands never write the ledger themselves.
The kernel says which user asks. Only root may speak in another's name (as sudo does); the bridge's own user may in the names of
the people of its page, and of nobody else.
"""

import json
import os
import pwd
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

LONGEST: Final = 64 * 1024
MOST_CLIENTS: Final = 32
OF_PAGE: Final = " (page)"
"""Behind the name of a person whom the page let in: no user of the system is called so."""
SHORT: Final = 500
"""A comment is a sentence, not a file."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    author: str = ""


class Ack(Request, frozen=True, kw_only=True, tag="ack"):
    """Answer: {"ok": true, "incident": id}"""

    incident: int
    comment: str = ""
    withdraw: bool = False


class Silence(Request, frozen=True, kw_only=True, tag="silence"):
    """Answer: {"ok": true, "id": "…", "until_us": …}. Matchers as in the routes; microseconds since 1970."""

    matchers: tuple[str, ...]
    until_us: int
    comment: str = ""


class EndSilence(Request, frozen=True, kw_only=True, tag="end-silence"):
    """Answer: {"ok": true, "id": "…"}"""

    id: str


class Planned(Request, frozen=True, kw_only=True, tag="planned"):
    """Work on a part of a cluster: a silence, and a downtime at the boards, which begin and end together. `what` is like
    `node=n3`. Answer: {"ok": true, "id", "until_us", "matchers", "known": whether anything of that name was ever heard of}"""

    cluster: str
    what: str
    until_us: int
    comment: str = ""


class EndPlanned(Request, frozen=True, kw_only=True, tag="end-planned"):
    """Answer: {"ok": true, "id": "…"}"""

    id: str


class Silences(Request, frozen=True, kw_only=True, tag="silences"):
    """Answer: {"ok": true, "silences": [{"id", "matchers", "author", "comment", "until_us", "planned"}]}"""


class Ring(Request, frozen=True, kw_only=True, tag="ring"):
    """A test notice. Answer: {"ok": true, "verdicts": [{"receiver", "verdict", "why"}]}; no name means all."""

    receivers: tuple[str, ...] = ()


class Drill(Request, frozen=True, kw_only=True, tag="drill"):
    """Plays a drill's story. No cluster: the only one; no `played_by`: a node that can; `node` and `resource`: the names in the
    story. Answer, when it is over: what `bridge.serve.drill.Drill.result` gives; no when it cannot begin."""

    story: str
    cluster: str = ""
    played_by: str = ""
    node: str = ""
    resource: str = ""
    dry: bool = False


class Reload(Request, frozen=True, kw_only=True, tag="reload"):
    """Read the config again. Answer: {"ok": true, "taken": [key], "restart": [key], "warnings": [text]}; no with all mistakes."""


class Invite(Request, frozen=True, kw_only=True, tag="invite"):
    """For root and the bridge's own user. Answer: {"ok": true, "secret", "bridge"}: of the invitation, and the
    bridge's public key. `node` "": any name."""

    cluster: str
    node: str = ""
    seconds: int = 3600
    again: bool = False


class Hello(Request, frozen=True, kw_only=True, tag="hello"):
    """Answer: {"ok": true, "name", "version", "pid", "since_us", "now_us", "held_back": {receiver: count},
    "acknowledged": {key: who}, "ahead_us": of the machine's clock, "clock_set" and "clocks_set": when whose was last set,
    "ledger_lost_at": when another ledger took the place of the last; and "faults",
    "kept_out" and "looks", as `status` shows them; and "config", when the file is not what is in force. With `whole` also what
    the bridge knows without its ledger."""

    whole: bool = False


Asked = Ack | Silence | EndSilence | Planned | EndPlanned | Silences | Ring | Drill | Reload | Invite | Hello
Answer = Callable[..., None]
"""answer(incident=4711) says ok; answer(why="…") says no. May be called later, also when the asker is gone."""

_decode: Final = msgspec.json.Decoder(Asked).decode


class ControlError(Exception):
    """What went wrong, and the cure."""


class Control:
    """The bridge's half: when fileno() is readable, one thread walks through handle(). Answers may come from others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._poll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._lock = threading.RLock()
        """Whoever answers drops its client."""
        self._listener = _listen(path)
        self._poll.register(self._listener, select.EPOLLIN)

    def fileno(self) -> int:
        """One descriptor for the listener and all clients: epoll's own."""
        return self._poll.fileno()

    def handle(self) -> Iterator[tuple[Asked, Answer]]:
        """Never blocks. A request that cannot be understood is answered here."""
        for number, _ in self._poll.poll(0):
            if number == self._listener.fileno():
                self._accept()
            elif (client := self._clients.get(number)) is not None:
                yield from self._read(client)

    def close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._poll.close()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptor left
            return
        connection.setblocking(False)
        with self._lock:
            if len(self._clients) >= MOST_CLIENTS:
                self._drop(next(iter(self._clients.values())))
            self._clients[connection.fileno()] = _Client(connection)
        self._poll.register(connection, select.EPOLLIN)

    def _read(self, client: "_Client") -> Iterator[tuple[Asked, Answer]]:
        try:
            piece = client.connection.recv(LONGEST)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        client.heard += piece
        line, end, _ = client.heard.partition(b"\n")
        if not end:
            if not piece or len(client.heard) > LONGEST:
                self._drop(client)
            return
        self._poll.unregister(client.connection)  # one question, one answer
        request, why = _understood(line, client.user)
        answer = self._answerer(client)
        if request is None:
            answer(why=why)
        else:
            yield request, answer

    def _answerer(self, client: "_Client") -> Answer:
        def answer(why: str = "", **more: Any) -> None:
            said = {"ok": not why, **({"why": why} if why else {}), **more}
            client.say(json.dumps(said).encode() + b"\n")
            self._drop(client)

        return answer

    def _drop(self, client: "_Client") -> None:
        with self._lock:
            if self._clients.get(client.number) is client:  # its number may be another's by now
                del self._clients[client.number]
            client.connection.close()


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.number = connection.fileno()
        self.heard = b""
        _, self.user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))

    def say(self, line: bytes) -> None:
        try:
            self.connection.settimeout(1)  # an asker who does not listen must not hold the writer
            self.connection.sendall(line)
        except OSError:
            pass  # it is gone, or was dropped: nobody waits for this answer


def _understood(line: bytes, user: int) -> tuple[Asked | None, str]:
    try:
        request = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, f"the request is not understood: {error}; are command and bridge of the same version?"
    wordy = [text for text in (request.author, getattr(request, "comment", "")) if len(text) > SHORT]
    if wordy:
        return None, f"author and comment may have {SHORT} characters each; write less"
    if isinstance(request, Invite) and user not in {0, os.geteuid()}:
        return None, "only root may let a node join; use sudo"
    if not _may_say(user, request.author):
        request = msgspec.structs.replace(request, author=_name(user))
    return request, ""


def _may_say(user: int, author: str) -> bool:
    """Whether this is who asks. The page runs as the bridge's own user, and signs for the people whom it let in."""
    return bool(author) and (user == 0 or (user == os.geteuid() and author.endswith(OF_PAGE)))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _make_way(path)
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(MOST_CLIENTS)
    except OSError as error:
        listener.close()
        raise ControlError(f"{path}: {error.strerror or error}; its folder must exist and be writable for this user") from error
    return listener


def _make_way(path: Path) -> None:
    """A socket that nobody answers is left from a process that was killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ControlError(f"{path}: another bridge answers there; stop it first, or give this one another [bridge] control")


def ask(path: Path, request: Asked, *, timeout: float = 30) -> dict[str, Any]:
    """The command's half. Raises ControlError when there is no answer, or when the answer is no."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode(request) + b"\n")
            line = connection.makefile("rb").readline()
        except (FileNotFoundError, ConnectionRefusedError):
            raise ControlError(f"{path}: no bridge answers there; start quorumbell serve, or name its config") from None
        except PermissionError:
            raise ControlError(f"{path}: this user may not speak to the bridge; use sudo, or join the socket's group") from None
        except TimeoutError:
            raise ControlError(f"{path}: no answer within {timeout:g} s; look at the bridge's log") from None
        except OSError as error:
            raise ControlError(f"{path}: {error.strerror or error}") from None
    said = json.loads(line) if line else {"why": f"{path}: the bridge hung up; look at its log"}
    if not said.get("ok"):
        raise ControlError(str(said.get("why")))
    return dict(said)


def who() -> str:
    """Who sits at the terminal: under sudo the one who typed it."""
    return os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
