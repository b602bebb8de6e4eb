"""What the CHANGELOG calls the newest version is the version that the package says it has."""

import re
from datetime import date
from pathlib import Path

from bridge import __version__

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def test_the_newest_version_is_the_packages():
    unreleased, *versions = re.findall(r"^## (.+)$", CHANGELOG.read_text(), re.MULTILINE)
    assert unreleased == "Unreleased"
    names, dates = zip(*(one.split(" - ") for one in versions), strict=True)
    assert names[0] == __version__
    assert sorted(map(date.fromisoformat, dates), reverse=True) == list(map(date.fromisoformat, dates))
