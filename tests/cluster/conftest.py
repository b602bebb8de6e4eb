"""Clusters for scenarios: each gets a new one, since a broken one would be the next one's trouble."""

import os
import shutil
from pathlib import Path

import pytest

from tests.cluster.furniture import furnish
from tests.cluster.machines import ROOT
from tests.cluster.recording import keep, record
from tests.cluster.site import Site

RELEASE = os.environ.get("QUORUMBELL_CLUSTER")
RECORD = os.environ.get("RECORD")
"""A folder: what the bridge was told in each scenario is kept there as a recording."""

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def kind_of_site():
    """What `site` makes; a file of tests may say otherwise."""
    return Site


@pytest.fixture
def site(request, worker_id, kind_of_site):
    if RELEASE is None:
        pytest.fail("clusters live in namespaces of their own: run `make cluster`, or tests/cluster/run")
    number = int(worker_id.removeprefix("gw")) if worker_id != "master" else 0
    home = Path(f"/run/site{number}")
    kept = ROOT / ".debian/failed" / request.node.name
    made = kind_of_site(home, number, RELEASE)
    try:
        made.start()
        yield made
        if RECORD:
            record(made.folder / "ledger.db", Path(RECORD), request.node.name.removeprefix("test_").replace("_", "-"))
        if request.node.stash.get(FAILED, True):
            keep(made, kept)
    except BaseException:
        keep(made, kept)
        raise
    finally:
        made.stop()
        shutil.rmtree(home)


@pytest.fixture
def furnished(site):
    furnish(site)
    return site
