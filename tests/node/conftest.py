"""A place for a relay that a test runs in its own process or starts itself."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def node() -> Iterator[SimpleNamespace]:
    """Short, since a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="qb-") as name:
        for where in "spool", "run/spool2":
            for step in "tmp", "new":
                (Path(name) / where / "root" / step).mkdir(parents=True)
        yield SimpleNamespace(base=Path(name))
