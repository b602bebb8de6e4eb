"""A failover starts fifty hooks at once on the node that takes over: each opens next to nothing."""

import json
from pathlib import Path

HOOK = Path(__file__).parents[2] / "alert_scripts" / "quorumbell-alert"
EVENT = {"CRM_alert_kind": "node", "CRM_alert_node": "n3"}

# Runs the hook's own text; where it ends, lists the modules that are loaded, before json comes to tell of them.
LISTING = """
import posix, sys
leave, me = posix._exit, posix.getpid()
def report(code):
    if posix.getpid() == me:
        loaded = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
        import json
        posix.write(1, json.dumps(loaded).encode())
    leave(code)
posix._exit = report
if len(sys.argv) > 1:
    exec(compile(open(sys.argv[1], "rb").read(), sys.argv[1], "exec"), {"__name__": "__main__"})
report(0)
"""


def modules(node, python, *script):
    ran = node.run(EVENT, argv=[str(python), "-IS", "-c", LISTING, *map(str, script)])
    assert ran.code == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_it_opens_ten_modules_at_most_and_none_of_python_text(node, python):
    before = modules(node, python)
    after = modules(node, python, HOOK)

    opened = {name: file for name, file in after.items() if name not in before}
    assert "binascii" in opened or "binascii" in before
    assert len(opened) <= 10, opened
    assert [name for name, file in opened.items() if file and not file.endswith(".so")] == []


def test_the_first_line_isolates_it():
    """-I: no variable, no folder of a user changes what it imports; -S: nor does an installed package."""
    assert HOOK.read_text().splitlines()[0] == "#!/usr/bin/python3 -IS"
    assert HOOK.stat().st_mode & 0o777 == 0o755


def test_variables_of_python_do_not_reach_it(node, tmp_path):
    """Instance attributes of an alert can set any variable."""
    (tmp_path / "binascii.py").write_text("raise SystemExit(3)")

    assert node.run({**EVENT, "PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": "/nowhere"}, cwd=tmp_path).code == 0


# User and system time of a program and of every process that it leaves behind; alone, so that no other child is counted.
SPENT = """
import ctypes, os, statistics, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come to us
def spent(argv):
    os.posix_spawn(argv[0], argv, os.environ)
    total, late = 0, False
    while True:
        try:
            _, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return None if late else total
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, 75), code
        late = late or code == 75  # the disk took longer than the hook waits: another program's doing
        total += usage.ru_utime + usage.ru_stime
runs = [(spent(["/usr/bin/python3", "-IS", "-c", "pass"]), spent(sys.argv[1:])) for _ in range(40)]
runs = [pair for pair in runs if None not in pair]
assert len(runs) >= 20, len(runs)
print(*map(statistics.median, zip(*runs)))
"""


def test_it_costs_little_more_than_starting_python(node):
    """Measured 1.3 on a quiet machine (the writing child included); `import json` alone makes it 1.8."""
    ran = node.run(EVENT, argv=["/usr/bin/python3", "-c", SPENT, "/usr/bin/python3", "-IS", str(HOOK)])

    assert ran.code == 0, ran.stderr
    bare, hook = map(float, ran.stdout.split())
    assert hook < 1.6 * bare, f"{hook * 1e3:.1f} ms of CPU against {bare * 1e3:.1f} ms"
