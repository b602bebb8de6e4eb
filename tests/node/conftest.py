"""A place for a relay that a test runs in its own process or starts itself."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.whole_relay import Ours


class Node:
    """Short, since a socket's path has 107 bytes at most."""

    def __init__(self, base: Path) -> None:
        self.base = base
        for where in "spool", "run/spool2":
            for step in "tmp", "new":
                (base / where / "root" / step).mkdir(parents=True)

    def files(self) -> list[Path]:
        """What waits in the spools."""
        return [*self.base.glob("spool/*/new/*"), *self.base.glob("run/spool2/*/new/*")]


@pytest.fixture
def node() -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="qb-") as name:
        yield Node(Path(name))


@pytest.fixture
def ours(node, monkeypatch):
    monkeypatch.setattr("bridge.node.relay.LAST_WORDS", 0.0)
    ours = Ours(node)
    yield ours
    if ours.relay:
        ours.stop()
    ours.bridge.close()
