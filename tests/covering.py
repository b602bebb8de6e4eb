"""Whether a file of tests reaches every line of the module that it is about: what nobody provokes is named."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSIDE = "QUORUMBELL_COVERING"


def covers(module, tests, home):
    """Called by one of these tests, which are run once more, counted."""
    if INSIDE in os.environ:
        return
    settings = home / "coverage.ini"
    settings.write_text(f"[run]\nbranch = True\ndata_file = {home}/seen\n[report]\nexclude_also =\n    if TYPE_CHECKING:\n")
    coverage = [sys.executable, "-m", "coverage"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "PYTEST"))}
    words = {"cwd": ROOT, "env": {**plain, INSIDE: "1"}, "capture_output": True, "text": True}
    options = [f"--rcfile={settings}", f"--include={module.__file__}"]
    done = subprocess.run([*coverage, "run", *options, "-m", "pytest", "-q", "-n", "0", tests], **words)
    assert done.returncode == 0, done.stdout + done.stderr
    told = subprocess.run([*coverage, "report", "--show-missing", "--fail-under=100", *options], **words)
    assert told.returncode == 0, told.stdout + told.stderr
