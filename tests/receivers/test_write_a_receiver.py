"""The example in docs/write-a-receiver.md works: as it stands there it is installed beside the bridge, checked, and passes the kit."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "write-a-receiver.md"
CONFIG = '[receivers.phone]\nkind = "ntfy"\nurl = "https://ntfy.example.com"\ntopic = "{}"\ntoken = "long-enough"\n'


@pytest.fixture
def home(tmp_path):
    """A distribution of its own, as a third party would make it: the module, its test, and the entry point."""
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    files = dict(blocks)
    assert sorted(files) == ["bridge/receivers/ntfy.py", "tests/receivers/test_ntfy.py"]
    (tmp_path / "ntfy_bell.py").write_text(files["bridge/receivers/ntfy.py"])
    test = files["tests/receivers/test_ntfy.py"].replace("bridge.receivers.ntfy", "ntfy_bell")
    (tmp_path / "test_ntfy.py").write_text(test)
    (tmp_path / "conftest.py").write_text("from tests.receivers.conftest import *  # noqa\n")
    info = tmp_path / "ntfy_bell-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ntfy-bell\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[quorumbell.receivers]\nntfy = ntfy_bell:Ntfy\n")
    return tmp_path


def run(home, *arguments):
    environment = {**os.environ, "PYTHONPATH": f"{home}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=home, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_the_example_passes_the_kit(home):
    done = run(home, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--import-mode=importlib", "test_ntfy.py")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50


def test_its_kind_and_its_errors_are_the_configs(home):
    (home / "q.toml").write_text(CONFIG.format("alarms"))
    assert run(home, "-m", "bridge", "check", "-c", "q.toml").returncode == 0
    (home / "q.toml").write_text(CONFIG.format("a/b"))
    done = run(home, "-m", "bridge", "check", "-c", "q.toml")
    assert done.returncode == 78
    assert "q.toml:1: receivers.phone: topic 'a/b' is no name of a topic; write topic" in done.stderr
