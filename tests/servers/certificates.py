"""A certificate authority of our own, and what it signs: made with the openssl command, for loopback only."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class Signed(NamedTuple):
    certificate: Path
    key: Path


def make_authority(folder: Path) -> Path:
    """ca.pem and ca.key in the folder; returns ca.pem."""
    _openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test-authority "
        "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.pem",
    )
    return folder / "ca.pem"


def sign(folder: Path, name: str, alternative: str = "DNS:localhost,IP:127.0.0.1") -> Signed:
    """NAME.pem and NAME.key, signed by the folder's authority for the alternative names."""
    _openssl(
        folder, f"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
    )
    (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth\n")
    _openssl(
        folder, f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile {name}.ext -out {name}.pem"
    )
    return Signed(folder / f"{name}.pem", folder / f"{name}.key")


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
