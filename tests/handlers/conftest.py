"""A node with real drbdadm and, instead of the module, tests/handlers/kernel.py."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.alert_scripts.conftest import Node, Relay
from tests.handlers.kernel import HANDLERS, Kernel, configuration
from tests.missing import missing

HANDLER = Path(__file__).parents[2] / "handlers" / "quorumbell-drbd"


@pytest.fixture(autouse=True)
def drbdadm() -> None:
    if not shutil.which("drbdadm", path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
        missing("drbdadm is not here: install drbd-utils")


@pytest.fixture
def base() -> Iterator[Path]:
    """Short, since a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="qb-") as name:
        yield Path(name)


@pytest.fixture
def node(base: Path) -> Node:
    for where in "spool", "run/spool2":
        for step in "tmp", "new":
            (base / where / "root" / step).mkdir(parents=True)
    return Node(base=base, writer="root")


@pytest.fixture
def open_relay(node: Node) -> Iterator[Callable[..., Relay]]:
    opened: list[Relay] = []

    def now(*, answers: bool = True) -> Relay:
        opened.append(Relay(node.base, answers=answers))
        return opened[-1]

    yield now
    for relay in opened:
        relay.close()


@pytest.fixture(params=sorted(HANDLERS))
def generation(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make_kernel(node: Node, generation: str) -> Callable[..., Kernel]:
    """A module whose handlers are these commands; %s stands for our handler, told where its spool is."""

    def make(commands: Mapping[str, str]) -> Kernel:
        ours = f"quorumbell_base={node.base} {HANDLER}"
        config = node.base / "drbd.conf"
        config.write_text(configuration(generation, {name: command.replace("%s", ours) for name, command in commands.items()}))
        return Kernel(generation=generation, config=config)

    return make


from tests.alert_scripts.conftest import python, sick_disk  # noqa: E402, F401 - fixtures of the other hook
