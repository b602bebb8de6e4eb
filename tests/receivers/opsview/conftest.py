"""Opsview servers with rules, and clients that are not ours."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.missing import missing
from tests.servers.opsview import Opsview

CLIENTS = Path(__file__).parents[2] / "servers" / "opsview_clients"


@pytest.fixture
def opsview():
    with Opsview() as server:
        yield server


@pytest.fixture(scope="session")
def pyopsview(tmp_path_factory):
    """An interpreter that has the vendor's client, in an environment of its own."""
    home = tmp_path_factory.mktemp("pyopsview")
    venv.create(home)  # without a pip of its own, which takes longer than the client
    pip = [sys.executable, "-m", "pip", "--python", home / "bin/python"]
    install = [*pip, "install", "--quiet", "--disable-pip-version-check", "-r", CLIENTS / "requirements.txt"]
    done = subprocess.run(install, check=False, capture_output=True, text=True, timeout=240)
    if done.returncode:
        missing(f"pyopsview cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return home / "bin/python", CLIENTS / "with_pyopsview.py"


@pytest.fixture(scope="session")
def nagstamon(tmp_path_factory):
    """Debian's nagstamon package, unpacked; its code runs on this interpreter."""
    home = tmp_path_factory.mktemp("nagstamon")
    installed = Path("/usr/lib/python3/dist-packages/Nagstamon")
    if installed.exists():
        return [sys.executable, str(CLIENTS / "with_nagstamon.py"), str(installed.parent)]
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        missing("Debian's package nagstamon is neither installed nor can it be fetched here")
    done = subprocess.run(
        ["apt-get", "download", "nagstamon"], cwd=home, check=False, capture_output=True, text=True, timeout=240
    )
    packages = list(home.glob("nagstamon_*.deb"))
    if not packages:
        missing(f"apt-get download nagstamon: {done.stderr.strip()[-200:]} (apt-get update first?)")
    subprocess.run(["dpkg-deb", "-x", packages[0], home], check=True)
    return [sys.executable, str(CLIENTS / "with_nagstamon.py"), str(home / "usr/lib/python3/dist-packages")]
