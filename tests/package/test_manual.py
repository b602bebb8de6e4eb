"""The pages of the manual come from what the commands say of themselves, and man prints them without a complaint."""

import gzip
import os
import shutil
import subprocess

import pytest

from bridge.cli import main
from bridge.node.cli import COMMANDS
from tools.manual import main as make


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    place = tmp_path_factory.mktemp("manual")
    make(str(place))
    return place


@pytest.mark.parametrize("name", ["quorumbell.1", "quorumbell-node.8", "quorumbell.toml.5", "relay.conf.5"])
def test_man_prints_a_page_without_a_warning(pages, name):
    if shutil.which("man") is None:
        assert not os.environ.get("CI"), "man is missing: apt-get install man-db"
        pytest.skip("needs man: apt-get install man-db")
    words = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(pages / f"{name}.gz")]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_stands_in_its_page(pages):
    bridge = gzip.decompress((pages / "quorumbell.1.gz").read_bytes()).decode()
    for name in set(main.places) - {"setup"}:
        assert f"quorumbell {name} ".replace("-", "\\-") in bridge, name
    node = gzip.decompress((pages / "quorumbell-node.8.gz").read_bytes()).decode()
    for name in COMMANDS:
        assert f"quorumbell\\-node {name}".replace("rotate-key", "rotate\\-key").replace("setup-drbd", "setup\\-drbd") in node


def test_bash_completes(pages):
    script = f'. {pages}/quorumbell-node.bash; COMP_WORDS=(quorumbell-node rot); COMP_CWORD=1; _quorumbell_node; echo "${{COMPREPLY[@]}}"'
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split() == ["rotate-key"]
    assert "_QUORUMBELL_COMPLETE=bash_complete" in (pages / "quorumbell.bash").read_text()
