"""The contracts on who may import whom: each is seen to break when somebody does it."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "The rooms lie on floors": ("ledger/rows.py", "from bridge.serve import writer"),
    "The node side is lean": ("node/spool.py", "import msgspec"),
    "The core is pure": ("core/world/nodes.py", "import time"),
    "In the core": ("core/world/nodes.py", "from bridge.core import normalise"),
    "What words mean": ("core/pacemaker/quorum.py", "from bridge.core.telling import notice"),
    "Receivers are strangers": ("receivers/mail.py", "from bridge.receivers import slack"),
    "SQL is the ledger's": ("serve/writer.py", "import sqlalchemy"),
}


def test_each_contract_breaks(tmp_path):
    shutil.copytree(ROOT / "bridge", tmp_path / "bridge", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in FORBIDDEN.values():
        with (tmp_path / "bridge" / file).open("a") as source:
            source.write(f"\n{line}\n")

    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )

    lines = (
        " ".join(run.stdout.split("Contracts:")[0].split())
        .replace(" BROKEN", " BROKEN\n")
        .replace(" KEPT", " KEPT\n")
        .splitlines()
    )
    assert run.returncode == 1
    for name in FORBIDDEN:
        assert any(name in line and line.endswith("BROKEN") for line in lines), run.stdout
    assert len([line for line in lines if line.endswith(("BROKEN", "KEPT"))]) == len(FORBIDDEN), "each contract has its line here"
