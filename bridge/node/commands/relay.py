"""quorumbell-node relay"""

from __future__ import annotations

import argparse

from bridge.node.commands.common import CONFIG
from bridge.node.relay import main


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", default=CONFIG, help=f"its settings ({CONFIG})")


def run(arguments: argparse.Namespace) -> int:
    return main([arguments.config])
