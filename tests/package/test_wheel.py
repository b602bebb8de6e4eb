"""The wheel in an empty environment: one top-level package, hooks that can be run, migrations, a command that works elsewhere."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from bridge import __version__

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], check=True, cwd=ROOT, capture_output=True
    )
    (path,) = folder.glob("*.whl")
    return path


def test_it_is_named_by_the_version_that_the_package_says(wheel):
    assert wheel.name.startswith(f"quorumbell-{__version__}-")


def test_one_top_level_package_with_hooks_and_migrations_inside(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        hook = archive.getinfo("bridge/_share/alert_scripts/quorumbell-alert")
    assert {name.split("/")[0] for name in names} - {"bridge"} == {
        name for name in (n.split("/")[0] for n in names) if name.endswith(".dist-info")
    }
    assert hook.external_attr >> 16 & 0o111 == 0o111
    assert any(name.startswith("bridge/_migrations/versions/0001") for name in names)
    assert "bridge/texts/templates/de/node-failure.j2" in names


def test_installed_it_checks_migrates_and_reads_from_elsewhere(wheel, tmp_path):
    home = tmp_path / "env"
    venv.create(home, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    # The dependencies are those that are installed here: the same locked versions, without fetching them once more.
    site = next(path for path in sys.path if path.endswith("site-packages"))
    theirs = next((home / "lib").glob("python*/site-packages"))
    (theirs / "locked.pth").write_text(site + "\n")
    config = tmp_path / "q.toml"
    config.write_text(
        f'[bridge]\nledger = "sqlite:///{tmp_path}/l.db"\ncontrol = "{tmp_path}/c.sock"\nlisten = []\nlisten_plain = ["tcp://127.0.0.1:7799"]\n'
    )
    env = {"PATH": os.environ["PATH"], "QUORUMBELL_CONFIG": str(config)}

    def quorumbell(*words):
        return subprocess.run([str(home / "bin/quorumbell"), *words], capture_output=True, text=True, cwd=tmp_path, env=env)

    where = subprocess.run(
        [str(home / "bin/python"), "-c", "import bridge; print(bridge.__file__)"], capture_output=True, text=True, cwd=tmp_path
    )
    assert str(home) in where.stdout
    assert quorumbell("--version").stdout == f"quorumbell {__version__}\n"
    assert quorumbell("check").returncode == 0
    assert quorumbell("migrate").stderr == ""
    assert "0 reports" in quorumbell("status").stdout
    result = quorumbell("rehearse", str(ROOT / "examples/node-power-cut.json"))
    assert "1 incident" in result.stdout, result.stderr
