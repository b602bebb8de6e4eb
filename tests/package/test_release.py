"""What must be the same everywhere before a release, and what is said when it is not."""

import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from bridge import __version__
from tools import release

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK, PACKAGED = ((ROOT / name).read_text() for name in ("requirements.lock", "packaging/requirements.lock"))


@pytest.fixture
def tree(tmp_path):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=q", "-c", "user.email=q@e.org", *words], check=True)

    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", ".")
    git("commit", "-qm", "one")
    return tmp_path, git


@pytest.mark.parametrize(
    "text,words",
    [
        ("## Unreleased\n\n## 1.2.3 - 2026-11-27\n- new\n\n## 1.2.2 - 2026-01-01\n- old\n", None),
        ("## 1.2.3 - 2026-11-27\n- new\n", None),
        ("## Unreleased\n- more\n\n## 1.2.3 - 2026-11-27\n- new\n", "under Unreleased belongs under ## 1.2.3"),
        ("## 1.2.2 - 2026-01-01\n- old\n", "its newest section is 1.2.2 - 2026-01-01; write ## 1.2.3"),
        ("## 1.2.3\n- new\n", "its newest section is 1.2.3; write ## 1.2.3 - YYYY-MM-DD"),
        ("## 1.2.3 - 2026-11-27\n\n## 1.2.2 - 2026-01-01\n- old\n", "says nothing"),
        ("", "its newest section is missing"),
    ],
)
def test_the_changelog_has_a_dated_section_of_this_version(text, words):
    found = list(release.changelog(f"# Changelog\n\n{text}", "1.2.3"))
    assert (found == []) if words is None else words in found[0]


def test_our_own_is_understood():
    """Once nothing is left under Unreleased."""
    before, _, rest = (ROOT / "CHANGELOG.md").read_text().partition("## Unreleased\n")
    released = rest[rest.index("\n## ") :]
    assert list(release.changelog(f"{before}## Unreleased\n{released}", __version__)) == []


def test_the_tag_is_this_commit(tree):
    root, git = tree
    assert "git tag -a v1.2.3" in next(release.tag(root, "1.2.3"))
    git("tag", "v1.2.3")
    assert list(release.tag(root, "1.2.3")) == list(release.tree(root)) == []
    (root / "file").write_text("two")
    assert "not clean: file" in next(release.tree(root))
    git("commit", "-qam", "two")
    assert "v1.2.3 is another commit" in next(release.tag(root, "1.2.3"))


def test_the_locks_are_those_of_the_project():
    assert list(release.lock(PROJECT, LOCK, PACKAGED)) == []
    assert "wants pyzmq" in next(release.lock(PROJECT, LOCK.replace("pyzmq==", "pyzmq==0."), PACKAGED))
    assert "not at all" in next(release.lock(PROJECT, LOCK.replace("\nmsgspec==", "\nother=="), PACKAGED))
    assert "packaging/requirements.lock has click" in next(release.lock(PROJECT, LOCK, PACKAGED.replace("click==", "click==99.")))


def test_the_wheel_holds_one_package_of_this_version(tmp_path):
    assert "make wheel" in next(release.wheel(tmp_path, "1.2.3"))
    for rooms, version, words in (
        (["bridge/x.py"], "1.2.3", None),
        (["bridge/x.py", "tools/y.py"], "1.2.3", "holds bridge, quorumbell-1.2.3.dist-info, tools"),
        (["bridge/x.py"], "1.2.2", "calls itself another version"),
    ):
        with zipfile.ZipFile(tmp_path / "quorumbell-1.2.3-py3-none-any.whl", "w") as archive:
            for name in rooms:
                archive.writestr(name, "")
            archive.writestr("quorumbell-1.2.3.dist-info/METADATA", f"Name: quorumbell\nVersion: {version}\n\n")
        found = list(release.wheel(tmp_path, "1.2.3"))
        assert (found == []) if words is None else words in found[0]


def test_every_package_is_there_and_says_this_version(tmp_path):
    found = list(release.packages(tmp_path, "1.2.3", ["bookworm"]))
    assert found == [
        "dist has no quorumbell 1.2.3 for bookworm: make packages RELEASE='bookworm'",
        "dist/quorumbell-node_1.2.3_all.deb is missing: make packages",
        "dist/quorumbell-node-1.2.3-1.noarch.rpm is missing: make packages",
    ]
    folder = tmp_path / "tree"
    (folder / "DEBIAN").mkdir(parents=True)
    for version, words in (("1.2.3", None), ("1.2.2", "calls itself 1.2.2")):
        (folder / "DEBIAN/control").write_text(
            f"Package: quorumbell-node\nVersion: {version}\nArchitecture: all\nMaintainer: q <q@e.org>\nDescription: x\n"
        )
        deb = tmp_path / "quorumbell-node_1.2.3_all.deb"
        subprocess.run(["dpkg-deb", "-b", "--root-owner-group", folder, deb], check=True, capture_output=True)
        told = [one for one in release.packages(tmp_path, "1.2.3", []) if deb.name in one]
        assert (told == []) if words is None else words in told[0]


def test_the_sums_are_of_what_was_looked_at(tmp_path):
    wanted = [
        "quorumbell-1.2.3-py3-none-any.whl",
        "quorumbell-node_1.2.3_all.deb",
        "quorumbell-node-1.2.3-1.noarch.rpm",
        "quorumbell_1.2.3-1~trixie_amd64.deb",
    ]
    for name in (*wanted, "quorumbell_1.2.3-1~bookworm_amd64.deb", "quorumbell-node_11.2.3_all.deb"):
        (tmp_path / name).write_text(name)
    (tmp_path / "SHA256SUMS").write_text(release.sums(tmp_path, "1.2.3", ["trixie"]))
    said = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert (said.returncode, said.stdout.splitlines()) == (0, [f"{name}: OK" for name in wanted])


def test_there_is_one_version_number():
    assert PROJECT["tool"]["hatch"]["version"] == {"path": "bridge/__init__.py"}
    assert "version" in PROJECT["project"]["dynamic"]
    rooms = [
        path for room in ("bridge", "tools", "packaging") for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".yaml"}
    ]
    written = [path for path in [*rooms, ROOT / "pyproject.toml"] if f'"{__version__}"' in path.read_text()]
    assert written == [ROOT / "bridge/__init__.py"]
