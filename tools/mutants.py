"""`make mutants ROOM=core/telling [SHARE=1/4] [ONLY=decide]`: small faults are put into a room's code, one by one; who sees them?

mutmut makes the faults in a copy of the project, which is gone afterwards. mypy refuses most of them. Against each of the others
run those of the room's tests that pass the changed function. We differ from mutmut in two points: words are left alone (texts
have tests of their own), and whole statements are taken out (what is forgotten is the fault that we met most).

SHARE is a sample, the same each time; ONLY are parts of names of faults, with commas between.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import libcst
from mutmut import __main__ as mutmut
from mutmut.configuration import config, reset_config
from mutmut.mutation import file_mutation, mutators
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.state import state
from mutmut.stats import status_by_exit_code


class Room(NamedTuple):
    """What is changed, and which tests should see it: those near it that need seconds, not minutes."""

    code: tuple[str, ...]
    tests: tuple[str, ...]
    processes: tuple[str, ...] = ()
    """Tests that run the code in a process of its own: for what no other test comes to."""


ROOMS: Final = {
    "core/telling": Room(
        ("bridge/core/telling/*.py",), ("tests/core/telling", "tests/timeline/test_stories.py", "tests/timeline/test_faults.py")
    ),
    "core/pacemaker": Room(
        ("bridge/core/pacemaker/*.py", "bridge/core/pacemaker/truth/*.py"),
        (
            "tests/core/pacemaker",
            "tests/core/truth",
            "tests/core/world/test_shown.py",
            "tests/core/world/test_relays.py",
            "tests/core/test_explained.py",
        ),
    ),
    "core/drbd": Room(("bridge/core/drbd/*.py",), ("tests/core/drbd", "tests/core/pacemaker")),
    "writer": Room(
        ("bridge/serve/writer.py", "bridge/ledger/writing.py"),
        (
            *(f"tests/ledger/test_{one}.py" for one in ("boards", "commit", "deliveries", "holdable", "people", "rebuild")),
            *(f"tests/serve/test_{one}.py" for one in ("bells", "turn", "writer")),
        ),
    ),
    "relay": Room(
        ("bridge/node/[!_]*.py",),
        (
            "tests/node",
            "tests/handlers/test_setup.py",
            # It runs the code with a Python that has no mutmut.
            "--deselect=tests/handlers/test_setup.py::test_the_command_and_the_systems_python_are_the_same",
            # It changes the defaults of a function, which mutmut's are not.
            "--deselect=tests/handlers/test_setup.py::test_a_module_that_calls_no_handlers",
            *(f"tests/wire/test_{one}.py" for one in ("clocks", "places", "present", "spool", "tables", "units")),
        ),
        ("tests/node/test_drbd_states.py", "tests/wire/test_way.py", "tests/wire/test_present.py"),
    ),
}
SEED: Final = 1
PROCESSES_TAKE: Final = 60.0
"""Seconds, about, for a file of tests that start processes: who takes far longer hangs."""
KILLED: Final = frozenset({"killed", "timeout", "segfault", "suspicious"})


def main(name: str, share: str = "1/1", only: str = "") -> int:
    room, began, parts = ROOMS[name], time.monotonic(), only.split(",")
    _choose_faults(int(share.partition("/")[2] or 1))
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        _copy(Path(place))
        os.chdir(place)
        _set_up(room)
        mutmut._run([f"*{part}*" for part in parts if part], 1)  # noqa: SLF001
        results = [one for one in _results() if any(part in one[0] for part in parts)]
        for fault, path, _ in (one for one in results if one[2] == "survived"):
            print(f"\n{fault}\n{get_diff_for_mutant(fault, path=path)}")
        unreached = sorted({fault.rpartition("__mutmut_")[0] for fault, _, status in results if status == "no tests"})
        print(*(f"no test comes to {function}" for function in unreached), sep="\n")
        os.chdir("/")
    print(_summary(f"{name} ({share})", Counter(status for *_, status in results), time.monotonic() - began))
    return 0


def _choose_faults(every: int) -> None:
    """No changed words, but statements taken out; and of all a share by lot, which falls the same each time."""
    faults: Any = mutators.mutation_operators
    faults[:] = [one for one in faults if one[1] is not mutators.operator_string]
    faults.append((libcst.Expr, _taken_out))
    make: Callable[..., Any] = file_mutation.create_mutations

    def some(*given: Any, **more: Any) -> Any:
        module, mutations, *rest = make(*given, **more)
        lot = Random(f"{SEED} {given[0]}")  # noqa: S311 - a sample, no secret
        return module, [one for one in mutations if lot.randrange(every) == 0], *rest

    file_mutation.create_mutations = some  # type: ignore[assignment]


def _taken_out(statement: libcst.Expr) -> Iterator[libcst.CSTNode]:
    if isinstance(statement.value, libcst.Call):
        yield libcst.Pass()


def _copy(place: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True)
    for file in (Path(name) for name in listed.stdout.decode().split("\0") if name):
        if file.exists():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place / file)


class _Passing(defaultdict[str, set[str]]):
    """The tests that pass a function, quick ones first; where none does, those that start a process."""

    def __init__(self, processes: tuple[str, ...]) -> None:
        super().__init__(set)
        self._processes = set(processes)

    def get(self, function: str, default: Any = None) -> Any:
        return sorted(super().get(function) or self._processes, key=state().duration_by_test.__getitem__) or default


def _set_up(room: Room) -> None:
    reset_config()
    config().only_mutate, config().pytest_add_cli_args_test_selection = list(room.code), list(room.tests)
    config().type_check_command = [sys.executable, "-m", "mypy", "--output=json", "--disable-error-code=unused-ignore"]
    state().tests_by_mangled_function_name = _Passing(room.processes)
    state().duration_by_test.update(dict.fromkeys(room.processes, PROCESSES_TAKE))
    if not sys.stdout.isatty():
        mutmut.print_stats = mutmut.print_status = lambda *_, **__: None


def _results() -> Iterator[tuple[str, Path, str]]:
    """(fault, file, what came of it)"""
    for path in mutmut.walk_mutatable_files():
        found = mutmut.SourceFileMutationData(path=path)
        found.load()
        yield from ((fault, path, status_by_exit_code[code]) for fault, code in found.exit_code_by_key.items())


def _summary(name: str, counts: Counter[str], seconds: float) -> str:
    refused, killed = counts["caught by type check"], sum(counts[status] for status in KILLED)
    total, run = counts.total(), counts.total() - refused
    return (
        f"{name}: {total} faults, {refused} refused by mypy; of {run} others {killed} seen by tests ({_percent(killed, run)}), "
        f"{counts['survived']} survived, {counts['no tests']} no test comes to; "
        f"{_percent(refused + killed, total)} of all; {seconds / 60:.0f} min"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.0f} %"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
