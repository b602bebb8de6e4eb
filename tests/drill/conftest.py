"""A site in a folder that Pacemaker's user may read: the hooks run as that user where there is one."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.drill.site import DrillSite, Everybody
from tests.servers.postgres import Postgres


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="quorumbell-drill-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def everybody():
    with ExitStack() as stack:
        yield Everybody(stack)


@pytest.fixture
def make(home, everybody):
    made = []

    def make(ledger="", **more):
        made.append(DrillSite(home, everybody.config(**more), ledger))
        return made[0]

    yield make
    for site in made:
        site.stop()


@pytest.fixture
def site(make):
    return make().begin()
