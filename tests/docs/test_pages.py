"""What the pages name exists: paths, links, headings, modules, commands and make's targets. And every page is in the index."""

import importlib.util
import re
from pathlib import Path

import pytest

from bridge.cli import SETUP, main
from bridge.core.telling.holds import HOLDS, WHILE_NOT_CRITICAL

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "handlers/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "alert_scripts|benchmarks|bridge|docs|examples|handlers|migrations|packaging|tests|tools"
PATH = re.compile(rf"(?<![\w./-])(?:{FOLDERS})/[\w.*/-]*[\w*/]")
LINK = re.compile(r"\]\(([^)\s]*)\)")
FILE = re.compile(r"`(\w+\.py)`")
MODULE = re.compile(rf"-m ((?:{FOLDERS})(?:\.\w+)*)")
TARGET = re.compile(r"(?:^ {4}|`)make ([a-z]+)", re.MULTILINE)
COMMAND = re.compile(r"(?:^ {4}|`|/bin/)quorumbell (setup )?([a-z]+)", re.MULTILINE)
IN_THE_WHEEL = "bridge/_share/"
"""Where the hooks' folders lie when they are installed."""
INVENTED = {"bridge/receivers/ntfy.py", "tests/receivers/test_ntfy.py"}
"""The example of write-a-receiver.md."""


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def headings(page: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request):
    return request.param


def test_paths_exist(page):
    named = {path.removeprefix(IN_THE_WHEEL) for path in PATH.findall(page.read_text())}
    assert {path for path in named - INVENTED if not any(ROOT.glob(path.rstrip("/")))} == set()


def test_files_named_without_their_folder_exist(page):
    there = {path.name for path in (ROOT / "bridge").rglob("*.py")}
    assert set(FILE.findall(page.read_text())) <= there


def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not heading or heading in headings(target), link


def test_modules_commands_and_targets_exist(page):
    text = page.read_text()
    assert [name for name in MODULE.findall(text) if importlib.util.find_spec(name) is None] == []
    commands = {(bool(setup), name) for setup, name in COMMAND.findall(text)}
    assert {name for setup, name in commands if name not in (SETUP if setup else main).places} == set()
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(TARGET.findall(text)) <= set(targets)


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text())}
    notices = index.parent / "notices"  # they have an index of their own
    assert {page for page in PAGES if notices not in page.parents and page.parent != ROOT / "handlers"} - {index} <= linked


def test_the_table_of_holds_is_the_codes():
    table = (ROOT / "docs/operate.md").read_text()
    rows = re.findall(r"^\| ([a-z, -]+) \| (at once|after \d+ s|never)(.*) \|$", table, re.MULTILINE)
    told = {kind: words for kinds, words, _ in rows for kind in kinds.split(", ")}
    assert told == {kind: "never" if hold is None else f"after {hold} s" if hold else "at once" for kind, hold in HOLDS.items()}
    assert {kind for kinds, _, more in rows for kind in kinds.split(", ") if "else" in more} == set(WHILE_NOT_CRITICAL)
