import sys

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def drbd(words: tuple[str, ...]) -> None:
    """Chain Quorumbell's handler into DRBD's configuration on this node."""
    from bridge.node.drbd_handlers.setup import main

    sys.exit(main(words, prog="quorumbell setup drbd"))  # its options are there: nodes have it without this command
