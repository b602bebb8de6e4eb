"""The real hook, run by every real interpreter that this machine has of those that nodes have."""

import binascii
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HOOK = Path(__file__).parents[2] / "alert_scripts" / "quorumbell-alert"
SYSTEM = Path("/usr/bin/python3")
WANTED = ("3.6", "3.9", "3.11", "3.13")
BUDGET_S = 3.0


def ask(python: Path) -> tuple[str, Path] | None:
    """Its version, and where it really is: pyenv puts shell scripts in front."""
    question = [python, "-ISc", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):  # e.g. a shim for a version that is not installed
        return None
    version, _, path = answer.stdout.strip().partition(" ")
    return version, Path(path)


NAMED = [Path(name) for name in os.environ.get("QUORUMBELL_PYTHONS", "").split(os.pathsep) if name]


def discover() -> dict[str, Path]:
    """Version and path: those named in QUORUMBELL_PYTHONS whatever they are, and of the wanted ones what PATH and pyenv have."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    around = [Path(folder, f"python{version}") for folder in os.get_exec_path() for version in WANTED]
    around += sorted(pyenv.glob("versions/*/bin/python3"))
    found: dict[str, Path] = {}
    for python in [*NAMED, *filter(Path.exists, around)]:
        version, path = ask(python) or ("", python)
        if python in NAMED or version in WANTED:
            assert version, f"QUORUMBELL_PYTHONS names {python}, which does not run"
            found.setdefault(version, path)
    return found


FOUND = discover()


@pytest.fixture(params=["system", *sorted({*WANTED, *FOUND}, key=lambda version: [int(n) for n in version.split(".")])])
def python(request: pytest.FixtureRequest) -> Path:
    if request.param == "system":
        assert SYSTEM.exists(), "a node's hooks run on /usr/bin/python3: install it"
        return SYSTEM
    if request.param not in FOUND:
        pytest.skip(f"no Python {request.param} here: name one in QUORUMBELL_PYTHONS")
    return FOUND[request.param]


@dataclass(frozen=True, kw_only=True)
class Ran:
    code: int
    seconds: float
    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """A spool, a second spool and a place for the relay's socket, as on a node, under one base."""

    base: Path
    writer: str = field(default_factory=lambda: "pcmk" if os.getuid() else "root")

    def files(self, where: str = "spool") -> list[Path]:
        return sorted((self.base / where / self.writer / "new").iterdir())

    def drafts(self, where: str = "spool") -> list[Path]:
        return sorted((self.base / where / self.writer / "tmp").iterdir())

    def only(self, where: str = "spool") -> dict[str, Any]:
        (path,) = self.files(where)
        return read(path.read_bytes())

    def without(self, where: str) -> None:
        shutil.rmtree(self.base / where)

    def run(self, env: Mapping[Any, Any], *, python: Path | None = None, argv: Sequence[str] = (), **more: Any) -> Ran:
        """The hook with nothing but `env` around it; ends what it left behind, e.g. a child that hangs on a disk."""
        argv = argv or ([str(python), "-IS", str(HOOK)] if python else [str(HOOK)])
        began = time.monotonic()
        with subprocess.Popen(
            argv,
            env={"quorumbell_base": str(self.base), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        ) as process:
            try:
                stdout, stderr = process.communicate(timeout=20)
                seconds = time.monotonic() - began
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        return Ran(code=process.returncode, seconds=seconds, stdout=stdout, stderr=stderr)


def read(body: bytes) -> dict[str, Any]:
    """What a receiver of a report checks: one line, small enough, its checksum, no key twice."""
    assert len(body) <= 32768
    assert body.endswith(b"}\n")
    assert body.count(b"\n") == 1
    head, crc = re.fullmatch(rb'(.*),"crc":"([0-9a-f]{8})"\}\n', body).groups()
    assert binascii.crc32(head) == int(crc, 16)
    pairs = json.loads(body, object_pairs_hook=list)
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


class Relay:
    """The relay's end of the datagram socket; says `A` and the id, when the bridge has it, to those whom it answers."""

    def __init__(self, base: Path, *, answers: bool = True) -> None:
        self.heard: list[bytes] = []
        self.answers = answers
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(base / "run" / "hook.sock"))
        self._socket.settimeout(0.1)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                body, sender = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            self.heard.append(body)
            if self.answers:
                self._socket.sendto(b"A" + bytes(16), sender)  # another's: proves nothing
                self._socket.sendto(b"A" + bytes.fromhex(read(body)["id"]), sender)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def base() -> Iterator[Path]:
    """Short, since a socket's path has 107 bytes at most, and open to other users."""
    with tempfile.TemporaryDirectory(prefix="qb-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def node(base: Path) -> Node:
    for where in "spool", "run/spool2":
        for writer in "pcmk", "root":
            for step in "tmp", "new":
                (base / where / writer / step).mkdir(parents=True)
    return Node(base=base)


@pytest.fixture
def open_relay(node: Node) -> Iterator[Callable[..., Relay]]:
    """Opens the relay's socket now; `answers=False` for one that never has the bridge's word."""
    with contextlib.ExitStack() as opened:

        def now(*, answers: bool = True) -> Relay:
            relay = Relay(node.base, answers=answers)
            opened.callback(relay.close)
            return relay

        yield now


@pytest.fixture(scope="session")
def sick_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload: fsync hangs or fails, and the order of what the disk is asked is written down."""
    cc = shutil.which("cc")
    if not cc:
        pytest.skip("no C compiler (cc): a disk that hangs cannot be made here")
    made = tmp_path_factory.mktemp("disk") / "sick_disk.so"
    source = Path(__file__).with_name("sick_disk.c")
    subprocess.run([cc, "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return made
