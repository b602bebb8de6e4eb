"""quorumbell-node: what an administrator does on a cluster node. Each part is loaded when it is used.

python3 -m bridge.node.cli COMMAND …
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any, Final

from bridge import __version__
from bridge.node.commands.common import Trouble

COMMANDS: Final = {
    "join": "let this node join with the line that quorumbell join-token printed",
    "setup": "have Pacemaker call our hook: once in a cluster; shows the difference, and writes with --apply",
    "setup-drbd": "have the handlers of DRBD call ours, on this node",
    "rotate-key": "give this node a new key; the old one goes as soon as the new one has been heard",
    "relay": "run the relay in the foreground (the unit quorumbell-relay does)",
}
"""Each is a module in bridge/node/commands with add_arguments(parser) and run(arguments); - is _ there."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="quorumbell-node", description="Quorumbell on a cluster node.")
    parser.add_argument("--version", action="version", version=f"quorumbell-node {__version__}")
    parts = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((word for word in (sys.argv[1:] if arguments is None else arguments) if not word.startswith("-")), "")
    for name, words in COMMANDS.items():
        part = parts.add_parser(name, help=words, description=_sentence(words))
        if name == wanted:
            _module(name).add_arguments(part)
    known = parser.parse_args(arguments)
    try:
        code: int = _module(known.command).run(known)
    except Trouble as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("broken off; it can be run again", file=sys.stderr)
        return 130
    return code


def parser_of(name: str) -> argparse.ArgumentParser:
    """Of one part, for its page in the manual."""
    parser = argparse.ArgumentParser(prog=f"quorumbell-node {name}", description=_sentence(COMMANDS[name]))
    _module(name).add_arguments(parser)
    return parser


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _module(name: str) -> Any:
    """Each has the same two functions."""
    return importlib.import_module(f"bridge.node.commands.{name.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())
