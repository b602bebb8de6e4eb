"""What the system is told about relay and bridge: their units, user, folders. Judged by systemd's own tools."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.missing import missing

PACKAGING = Path(__file__).parent.parent.parent / "packaging"
RELAY = PACKAGING / "quorumbell-relay.service"
BRIDGE = PACKAGING / "quorumbell-bridge.service"
PAGE = PACKAGING / "quorumbell-page.service"
UNITS = pytest.mark.parametrize("unit", [RELAY, BRIDGE, PAGE], ids=["relay", "bridge", "page"])


def tool(name: str, *arguments: object) -> str:
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is not here: install systemd")
    run = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


@UNITS
def test_the_unit_is_sound(unit):
    assert tool("systemd-analyze", "verify", unit) == ""


@UNITS
def test_the_unit_is_hardened(unit):
    exposure = re.search(
        r"Overall exposure level[^:]*: ([0-9.]+)", tool("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    )
    assert exposure is not None
    assert float(exposure[1]) <= 1.5


def test_it_starts_before_the_cluster_and_never_gives_up():
    lines = RELAY.read_text().splitlines()
    for line in ("Before=pacemaker.service heartbeat.service drbd.service", "Restart=always", "StartLimitIntervalSec=0"):
        assert line in lines


def test_the_bridge_is_back_within_seconds_whatever_ends_or_stops_it():
    lines = BRIDGE.read_text().splitlines()
    settings = dict(line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#"))
    assert (settings["Type"], settings["Restart"], settings["StartLimitIntervalSec"]) == ("notify", "always", "0")
    assert int(settings["RestartSec"]) <= 2
    assert 10 <= int(settings["WatchdogSec"]) <= 60
    assert int(settings["LimitNOFILE"]) >= 4096
    assert settings["StateDirectory"] == "quorumbell"


def test_the_page_stands_behind_the_bridge():
    lines = PAGE.read_text().splitlines()
    for line in ("Type=notify", "Restart=always", "User=quorumbell", "After=network-online.target quorumbell-bridge.service"):
        assert line in lines
    assert not any(line.startswith(("Requires=", "BindsTo=", "PartOf=")) for line in lines), (
        "it shows that the bridge does not run"
    )
    assert int(next(line.partition("=")[2] for line in lines if line.startswith("OOMScoreAdjust="))) > 0


def test_folders_are_made_for_their_writers(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to give folders away")
    (tmp_path / "etc").mkdir()
    tool("systemd-sysusers", f"--root={tmp_path}", PACKAGING / "quorumbell.sysusers")
    users = {line.split(":")[0]: line.split(":")[2:4] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: line.split(":")[2:] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert users["hacluster"][1] == groups["haclient"][0]
    assert "quorumbell" in groups["haclient"][1].split(",")
    tool("systemd-tmpfiles", f"--root={tmp_path}", "--create", PACKAGING / "quorumbell.tmpfiles")
    for top in ("var/spool/quorumbell", "run/quorumbell/spool2"):
        for box, owner in (("pcmk", users["hacluster"][0]), ("root", "0")):
            for path in (box, f"{box}/tmp", f"{box}/new"):
                seen = (tmp_path / top / path).stat()
                assert (str(seen.st_uid), str(seen.st_gid), oct(seen.st_mode)) == (owner, groups["quorumbell"][0], "0o42770")
    for name, mode in (("bad", "0o40700"), (".lock", "0o100600"), ("ballast", "0o100600")):
        seen = (tmp_path / "var/spool/quorumbell" / name).stat()
        assert (str(seen.st_uid), oct(seen.st_mode)) == (users["quorumbell"][0], mode)
