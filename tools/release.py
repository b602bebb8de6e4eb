"""Whether what lies here may be released: python3 -m tools.release [RELEASE...], after `make wheel packages`.

One version number, in bridge/__init__.py: the tag, the changelog, the wheel and every package must say the same. Then their
sums are written beside them.
"""

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from bridge import __version__
from tools.packages import REVISION, ROOT

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_HEAD: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_DATED: Final = re.compile(r"(\S+) - \d{4}-\d\d-\d\d")


def tree(root: Path) -> Iterator[str]:
    if changed := _git(root, "status", "--porcelain"):
        yield f"the tree is not clean: {', '.join(line.split(maxsplit=1)[1] for line in changed.splitlines()[:5])}; commit it"


def tag(root: Path, version: str) -> Iterator[str]:
    name = f"v{version}"
    at = _git(root, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
    if not at:
        yield f"there is no tag {name}: git tag -a {name} -m 'Quorumbell {version}'"
    elif at != _git(root, "rev-parse", "HEAD"):
        yield f"{name} is another commit, {at[:10]}: raise __version__ in bridge/__init__.py, with a section in CHANGELOG.md"


def changelog(text: str, version: str) -> Iterator[str]:
    """The newest section is this version's, dated, and nothing waits above it."""
    parts = _HEAD.split(text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if sections.pop("Unreleased", "").strip():
        yield f"CHANGELOG.md: what is under Unreleased belongs under ## {version} - DATE"
    newest = next(iter(sections), "")
    found = _DATED.fullmatch(newest)
    if found is None or found[1] != version:
        yield f"CHANGELOG.md: its newest section is {newest or 'missing'}; write ## {version} - YYYY-MM-DD"
    elif not sections[newest].strip():
        yield f"CHANGELOG.md: ## {newest} says nothing"


def lock(project: dict[str, Any], development: str, packages: str) -> Iterator[str]:
    """Every dependency is pinned as pyproject.toml wants it, and packages hold what the tests ran with."""
    own, extras = project["project"]["dependencies"], project["project"]["optional-dependencies"].values()
    wanted = [*own, *(one for some in extras for one in some), *project["dependency-groups"]["dev"]]
    pins = {_plain(name): version for name, version in _PIN.findall(development)}
    for one in map(Requirement, wanted):
        pinned = pins.get(_plain(one.name))
        if pinned is None or not one.specifier.contains(pinned, prereleases=True):
            yield f"requirements.lock has {one.name} {pinned or 'not at all'}, and pyproject.toml wants {one}: make lock"
    for name, version in _PIN.findall(packages):
        if pins.get(_plain(name)) != version:
            yield f"packaging/requirements.lock has {name} {version}, requirements.lock {pins.get(_plain(name))}: make lock"


def wheel(dist: Path, version: str) -> Iterator[str]:
    path = _wheel(dist, version)
    if not path.is_file():
        yield f"dist/{path.name} is missing: make wheel"
        return
    with zipfile.ZipFile(path) as archive:
        rooms = {name.partition("/")[0] for name in archive.namelist()}
        told = archive.read(f"quorumbell-{version}.dist-info/METADATA").decode()
    if rooms != {"bridge", f"quorumbell-{version}.dist-info"}:
        yield f"dist/{path.name} holds {', '.join(sorted(rooms))}; it should hold bridge alone"
    if f"\nVersion: {version}\n" not in told:
        yield f"dist/{path.name} calls itself another version: make wheel"


def packages(dist: Path, version: str, releases: list[str]) -> Iterator[str]:
    for release in releases:
        if not _of_bridge(dist, version, [release]):
            yield f"dist has no quorumbell {version} for {release}: make packages RELEASE='{' '.join(releases)}'"
    for path in [*_of_node(dist, version), *_of_bridge(dist, version, releases)]:
        if not path.is_file():
            yield f"dist/{path.name} is missing: make packages"
        elif (said := _version_of(path)).partition("-")[0].partition("~")[0] != version:
            yield f"dist/{path.name} calls itself {said}: make packages"


def sums(dist: Path, version: str, releases: list[str]) -> str:
    """Of what was looked at, as sha256sum writes and checks them."""
    found = [_wheel(dist, version), *_of_node(dist, version), *_of_bridge(dist, version, releases)]
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in found)


def main(releases: list[str]) -> None:
    dist = ROOT / "dist"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locks = [(ROOT / name).read_text() for name in ("requirements.lock", "packaging/requirements.lock")]
    looks = {
        "tree": tree(ROOT),
        "tag": tag(ROOT, __version__),
        "changelog": changelog((ROOT / "CHANGELOG.md").read_text(), __version__),
        "lock": lock(project, *locks),
        "wheel": wheel(dist, __version__),
        "packages": packages(dist, __version__, releases),
    }
    found = {name: list(look) for name, look in looks.items()}
    for name, problems in found.items():
        print(f"{name:10} {'good' if not problems else problems[0]}", *(f"{'':10} {one}" for one in problems[1:]), sep="\n")
    if any(found.values()):
        raise SystemExit(1)
    (dist / "SHA256SUMS").write_text(sums(dist, __version__, releases))
    print(f"Quorumbell {__version__} may be released; dist/SHA256SUMS is written")


def _wheel(dist: Path, version: str) -> Path:
    return dist / f"quorumbell-{version}-py3-none-any.whl"


def _of_node(dist: Path, version: str) -> list[Path]:
    return [dist / f"quorumbell-node_{version}_all.deb", dist / f"quorumbell-node-{version}-{REVISION}.noarch.rpm"]


def _of_bridge(dist: Path, version: str, releases: list[str]) -> list[Path]:
    return [path for release in releases for path in sorted(dist.glob(f"quorumbell_{version}-{REVISION}~{release}_*.deb"))]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _git(root: Path, *words: str) -> str:
    command = ("git", "-C", str(root), *words)
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def _version_of(package: Path) -> str:
    ask = ("dpkg-deb", "-f", package, "Version") if package.suffix == ".deb" else ("rpm", "-qp", "--qf", "%{VERSION}", package)
    try:
        done = subprocess.run([*map(str, ask)], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return f"unknown: {ask[0]} is not installed"
    return done.stdout.strip() or f"nothing: {done.stderr.strip()}"


if __name__ == "__main__":
    main(sys.argv[1:])
