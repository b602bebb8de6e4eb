"""The packages: python3 -m tools.packages [RELEASE...]

quorumbell-node is the same everywhere (.deb and .rpm). quorumbell brings an environment, which belongs to one Python: for each
RELEASE of Debian it is made in a root of that release (as root, by mmdebstrap), at the place where it will be.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template
from typing import Final

from bridge import __version__
from tools import manual

ROOT: Final = Path(__file__).resolve().parent.parent
DIST: Final = ROOT / "dist"
INSIDE: Final = "/opt/quorumbell"
REVISION: Final = "1"
MAINTAINER: Final = "Quorumbell <quorumbell@example.com>"
BUILT: Final = "Thu, 01 Jan 2026 00:00:00 +0000"
"""Always the same, so that equal trees make equal packages."""
COPYRIGHT: Final = """\
Quorumbell is licensed under the Apache License, version 2.0: on Debian systems its text is in
/usr/share/common-licenses/Apache-2.0, elsewhere at https://www.apache.org/licenses/LICENSE-2.0.
"""


def run(*words: str | Path, **more: str) -> str:
    """What it printed. What goes wrong is shown by the command itself."""
    done = subprocess.run(
        [*map(str, words)], check=False, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **more}
    )
    if done.returncode:
        raise SystemExit(f"{words[0]} ended with {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout.strip()


def stage(place: Path) -> None:
    """What packages hold and the tree does not."""
    manual.main(str(place))
    (place / "changelog.gz").write_bytes(gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0))
    (place / "copyright").write_text(COPYRIGHT)
    news = f"quorumbell ({__version__}-{REVISION}) stable; urgency=medium\n\n  * See changelog.gz.\n\n -- {MAINTAINER}  {BUILT}\n"
    (place / "changelog.Debian.gz").write_bytes(gzip.compress(news.encode(), mtime=0))
    for path in [path for room in ("node", "wire") for path in (ROOT / "bridge" / room).rglob("*.py")]:
        target = place / "node" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for path in [place / "node", *(place / "node").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def pack(which: str, form: str, place: Path, **values: str) -> Path:
    text = Template((ROOT / f"packaging/nfpm-{which}.yaml").read_text())
    config = place / f"{which}-{form}.yaml"
    config.write_text(text.substitute(VERSION=__version__, STAGE=str(place), **values))
    before = set(DIST.glob(f"*.{form}"))
    run(Path(sys.executable).parent / "nfpm", "package", "--config", config, "--packager", form, "--target", f"{DIST}/")
    (made,) = set(DIST.glob(f"*.{form}")) - before or {max(DIST.glob(f"*.{form}"), key=lambda path: path.stat().st_mtime)}
    print(f"{made.parent.name}/{made.name}: {made.stat().st_size / 1e6:.1f} MB")
    return made


def bridge_for(release: str, place: Path) -> Path:
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        raise SystemExit("the bridge's package is made in a root of its release: run this as root, with mmdebstrap installed")
    root = ROOT / f".debian/package-{release}"
    if not root.is_dir():
        make_root(release, root)
    wheel = newest_wheel()
    shutil.rmtree(root / INSIDE[1:], ignore_errors=True)
    for path in (wheel, ROOT / "packaging/requirements.lock", *network_files()):
        target = root / ("srv" / Path(path.name) if path.is_relative_to(ROOT) else Path(str(path)[1:]))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    inside(root, "python3", "-m", "venv", INSIDE)
    pip = (f"{INSIDE}/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir")
    inside(root, *pip, "--require-hashes", "-r", "/srv/requirements.lock")
    inside(root, *pip, "--no-deps", f"/srv/{wheel.name}")
    inside(root, f"{INSIDE}/bin/pip", "uninstall", "--quiet", "--yes", "pip", "setuptools")
    tidy(root / INSIDE[1:])
    major, minor = inside(root, "python3", "-c", "import sys; print(*sys.version_info[:2])").split()
    return pack(
        "bridge",
        "deb",
        place,
        ROOT=str(root),
        ARCH=inside(root, "dpkg", "--print-architecture"),
        RELEASE=f"{REVISION}~{release}",
        PYTHON=f"{major}.{minor}",
        NEXT_PYTHON=f"{major}.{int(minor) + 1}",
    )


def tidy(environment: Path) -> None:
    """Of the commands that libraries bring, none is ours to offer; and a library is not executed."""
    for path in (environment / "bin").iterdir():
        if not path.name.startswith(("python", "quorumbell")):
            path.unlink()
    (environment / ".gitignore").unlink(missing_ok=True)
    for path in environment.rglob("*.so*"):
        if not path.is_symlink():
            path.chmod(0o644)


def make_root(release: str, root: Path) -> None:
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    root.parent.mkdir(exist_ok=True)
    run("mmdebstrap", "--quiet", "--variant=apt", "--include=ca-certificates,python3-venv", release, part)
    part.rename(root)


def network_files() -> list[Path]:
    """How this machine reaches the network, which its root has to know, too."""
    return [
        path for path in map(Path, ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")) if path.exists()
    ]


def newest_wheel() -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel")
    return max(DIST.glob("quorumbell-*.whl"), key=lambda path: path.stat().st_mtime)


def inside(root: Path, *words: str) -> str:
    environ = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
    return run("chroot", root, *environ, "PIP_CERT=/etc/ssl/certs/ca-certificates.crt", *words)


def main(releases: list[str]) -> None:
    DIST.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="quorumbell-packages-") as folder:
        place = Path(folder)
        stage(place)
        for form in ("deb", "rpm"):
            pack("node", form, place)
        for release in releases:
            bridge_for(release, place)


if __name__ == "__main__":
    main(sys.argv[1:])
