"""quorumbell-node setup-drbd: DRBD's handlers call us, before those of the site."""

from __future__ import annotations

import argparse

from bridge.node.drbd_handlers.setup import main


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs=argparse.REMAINDER, help="--apply, --remove and others: setup-drbd -- --help lists them")


def run(arguments: argparse.Namespace) -> int:
    return main([word for word in arguments.words if word != "--"], prog="quorumbell-node setup-drbd")
