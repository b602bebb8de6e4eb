"""What stands still in the kernel meanwhile stands still briefly; and two hooks without an import between them stay one text."""

import ast
import contextlib
import json
import os
import subprocess
from pathlib import Path

from tests.alert_scripts.test_lean import LISTING, SPENT
from tests.handlers.conftest import HANDLER
from tests.wire.conftest import eventually

ALERT = Path(__file__).parents[2] / "alert_scripts" / "quorumbell-alert"
COMMON = {"quoted", "boot_id", "variables", "put", "spool", "spool_in_child", "tell"}
EVENT = {"DRBD_RESOURCE": "r0", "DRBD_PEER": "bravo", "DRBD_MINOR": "0", "DRBD_VOLUME": "0", "DRBD_LL_DISK": "/dev/vg/r0"}


def functions(path):
    return {node.name: ast.unparse(node) for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_what_both_hooks_do_is_the_same_text():
    """A hook is one file for the system's Python: nothing that is half installed can silence it. So they cannot share a module."""
    ours, theirs = functions(HANDLER), functions(ALERT)

    assert {name: ours[name] for name in COMMON} == {name: theirs[name] for name in COMMON}
    assert set(ours) & set(theirs) == COMMON | {"event", "complain", "main"}


def test_it_opens_ten_modules_at_most_and_none_of_python_text(node, python):
    def modules(*script):
        ran = node.run(EVENT, argv=[str(python), "-IS", "-c", LISTING, *map(str, script)])
        assert ran.code == 0, ran.stderr
        return dict(json.loads(ran.stdout))

    before, after = modules(), modules(HANDLER)
    opened = {name: file for name, file in after.items() if name not in before}
    assert len(opened) <= 10, opened
    assert [name for name, file in opened.items() if file and not file.endswith(".so")] == []


def test_the_first_line_isolates_it():
    assert HANDLER.read_text().splitlines()[0] == "#!/usr/bin/python3 -IS"
    assert HANDLER.stat().st_mode & 0o777 == 0o755


def test_it_costs_little_more_than_starting_python(node):
    """Measured 1.3 on a quiet machine, as the alert hook; the bound leaves room for a busy one."""
    ran = node.run(EVENT, argv=["/usr/bin/python3", "-c", SPENT, "/usr/bin/python3", "-IS", str(HANDLER), "split-brain"])

    assert ran.code == 0, ran.stderr
    bare, handler = map(float, ran.stdout.split())
    assert handler < 1.6 * bare, f"{handler * 1e3:.1f} ms of CPU against {bare * 1e3:.1f} ms"


def test_it_runs_on_every_python_of_nodes_with_descriptors_closed(node, python):
    closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(python), "-IS", str(HANDLER), "fence-peer", "7"]

    ran = node.run({**EVENT, b"DRBD_ODD": b"\xff\n"}, argv=closed, cwd="/")

    assert ran.code == 7
    assert node.only()["DRBD_ODD"] == "\\xff\n"
    assert {**EVENT, "handler": "fence-peer", "rc": "7"}.items() <= node.only().items()
    assert os.listdir(node.base / "spool/root/tmp") == []


def test_a_closed_standard_descriptor_becomes_no_socket_or_file(node):
    """What anything of the chain prints would land in it."""
    closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(HANDLER), "pri-lost"]
    with subprocess.Popen(closed, env={"quorumbell_base": str(node.base)}) as process:
        eventually(lambda: any(link.startswith("socket:") for link in links(process.pid).values()))
        seen = links(process.pid)

    assert [seen[number] for number in ("0", "1", "2")] == ["/dev/null"] * 3


def links(pid):
    """What its descriptors are; they come and go while it starts."""
    seen = {}
    for path in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            seen[path.name] = os.readlink(path)
    return seen
