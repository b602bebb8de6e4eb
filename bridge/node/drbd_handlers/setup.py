"""Puts Quorumbell's handler into DRBD's configuration: `quorumbell setup drbd`, or with the system's Python alone

python3 -m bridge.node.drbd_handlers.setup [--apply | --remove --apply]
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from typing import Final

from bridge.node.drbd_handlers.plan import VERSIONS, Drbdadm, Options, Plan, plan, tree
from bridge.wire.key_value import Mistakes

PROGRAM: Final = "/usr/libexec/quorumbell/quorumbell-drbd"
CONFIG: Final = "/etc/drbd.conf"
HELPER: Final = "/sys/module/drbd/parameters/usermode_helper"


def apply(made: Plan, options: Options) -> None:
    """Writes the files, each at once, with owner and mode kept; takes all back when drbdadm then says no."""
    done: list[str] = []
    try:
        for path in made.changed:
            _replace(path, made.after[path])
            done.append(path)
        Drbdadm(os.path.abspath(options.config), options.generation).read(tree(options.config))
    except (Mistakes, OSError):
        for path in done:
            _replace(path, made.before[path])
        raise


def _replace(path: str, text: str) -> None:
    path = os.path.realpath(path)
    seen = os.stat(path)
    handle, fresh = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".quorumbell-")  # drbd.d/*.res does not match it
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
            os.fchmod(target.fileno(), seen.st_mode & 0o7777)
            os.fchown(target.fileno(), seen.st_uid, seen.st_gid)
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        os.rename(fresh, path)
    except OSError:
        os.unlink(fresh)
        raise


def difference(made: Plan) -> str:
    lines: list[str] = []
    for path in made.changed:
        before, after = (text[path].splitlines(keepends=True) for text in (made.before, made.after))
        lines += [line.rstrip("\n") for line in difflib.unified_diff(before, after, path, f"{path} (new)")]
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode()


def handlers_are_off(parameter: str = HELPER) -> bool:
    """From 9.0.17 the module can be told to call no handlers at all; LINSTOR's images do so."""
    try:
        with open(parameter, encoding="ascii") as source:
            return source.read().strip() == "disabled"
    except OSError:
        return False


def check_program(path: str) -> None:
    if not os.path.isabs(path) or re.search(r"[^\w/.+-]", path) or os.path.basename(path) != "quorumbell-drbd":
        raise Mistakes([f"--program {path}: name an absolute path without blanks that ends in /quorumbell-drbd"])
    if not os.access(path, os.X_OK):
        raise Mistakes([f"{path}: is not there: install -D -m 0755 {_source()} {path}"])


def _source() -> str:
    """Where this installation has the handler: in the wheel, or beside the package."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    places = (f"{package}/_share/handlers/quorumbell-drbd", f"{os.path.dirname(package)}/handlers/quorumbell-drbd")
    return next((place for place in places if os.path.exists(place)), "handlers/quorumbell-drbd")


def main(argv: Sequence[str] | None = None, prog: str = "python3 -m bridge.node.drbd_handlers.setup") -> int:
    """0: done, or shown; 1: something is left to a person; 78: nothing was done, and why."""
    words = _parser(prog).parse_args(argv)
    options = Options(words.config, words.program, words.generation, words.with_resync, words.remove)
    if handlers_are_off() and not options.remove:
        print(_NO_HANDLERS)
        return 0
    try:
        if not options.remove:
            check_program(options.program)
        made = plan(options)
        _show(made)
        if words.apply and made.changed:
            apply(made, options)
    except Mistakes as wrong:
        print(wrong, file=sys.stderr)
        return 78
    except OSError as wrong:
        print(f"{wrong.filename}: {wrong.strerror}: nothing was changed; run this as root", file=sys.stderr)
        return 78
    print(_last_word(made, applied=words.apply))
    return 1 if made.notes else 0


_NO_HANDLERS: Final = f"""{HELPER} says `disabled`: this module calls no handlers, so there is nothing to set up.
The relay follows drbdsetup events2, which tells states, resyncs and split brains (as StandAlone) all the same."""


def _show(made: Plan) -> None:
    if made.changed:
        print(difference(made))
    for owner, names in made.told.items():
        print(f"{owner} tells: {', '.join(names)}")
    for note in made.notes:
        print(f"BY HAND: {note}")


def _last_word(made: Plan, *, applied: bool) -> str:
    if not made.changed:
        return f"DRBD {made.generation}: nothing to change."
    if not applied:
        return f"DRBD {made.generation}: nothing was written. Look at it, then run it again with --apply."
    return f"DRBD {made.generation}: written, and drbdadm accepts it. It counts from the next call on. Now the other nodes."


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Chain Quorumbell's handler into what DRBD calls on this node. Shows the difference; writes with --apply.",
        epilog="Run it on every node, and again after an upgrade of DRBD or a change of the handlers.",
    )
    parser.add_argument("--apply", action="store_true", help="write what was shown")
    parser.add_argument("--remove", action="store_true", help="take Quorumbell's handler out again")
    parser.add_argument("--generation", choices=sorted(VERSIONS), default="", help="of DRBD; else the module is asked")
    parser.add_argument("--with-resync", action="store_true", help="also before-resync-*: the relay tells of resyncs without it")
    parser.add_argument("--config", default=CONFIG, help="DRBD's configuration (default: %(default)s)")
    parser.add_argument("--program", default=PROGRAM, help="the handler (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
