"""The node's package as `make packages` builds it. The bridge's is built in a root of its release: packaging/test judges it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.missing import missing
from tools import packages

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    place, dist = tmp_path_factory.mktemp("stage"), tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packages, "DIST", dist)
        packages.stage(place)
        return packages.pack("node", "deb", place)


def test_debians_judge_finds_no_error(built):
    lintian = shutil.which("lintian")
    if lintian is None:
        missing("lintian is not here: apt-get install lintian")
    done = subprocess.run([lintian, "--fail-on", "error", built], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_brings_all_of_the_node_side_and_nothing_of_the_bridge(built, tmp_path):
    subprocess.run(["dpkg-deb", "-x", built, tmp_path], check=True)
    brought = {str(path.relative_to(tmp_path / "usr/lib/quorumbell")) for path in tmp_path.rglob("usr/lib/quorumbell/**/*.py")}
    wanted = [path for room in ("node", "wire") for path in (ROOT / "bridge" / room).rglob("*.py")]
    assert brought == {"bridge/__init__.py", *(str(path.relative_to(ROOT)) for path in wanted)}
    assert not [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o022], "only root writes"
