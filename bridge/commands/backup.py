from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.commands.common import config_option, load, plainly

if TYPE_CHECKING:
    from bridge.ledger.backup import Copied

place = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@config_option
@place
def backup(config_path: Path, file: Path) -> None:
    """Write the whole ledger into one new FILE, also while the bridge runs.

    It holds all that is committed at one moment, and is checked before it gets its name. From PostgreSQL it is the same kind of
    file as from SQLite. It holds what was reported and told, no key and no password; only its owner can read it.

    \b
    Example:
      quorumbell backup /srv/backup/quorumbell-$(date +%F).db
    """
    config = load(config_path)
    from bridge.ledger.backup import back_up

    with plainly():
        copied = back_up(config.bridge.ledger_url, file)
    click.echo(f"{file}: {_words(copied)}")


@click.command()
@config_option
@place
def restore(config_path: Path, file: Path) -> None:
    """Make the backup in FILE the ledger. The bridge must not be running.

    An SQLite ledger that is there is put aside, not deleted. A PostgreSQL database must be empty: a backup may come from either.

    \b
    Example:
      systemctl stop quorumbell-bridge
      quorumbell restore /srv/backup/quorumbell-2026-11-26.db
      systemctl start quorumbell-bridge
    """
    config = load(config_path)
    from bridge.ledger.backup import restore as run

    with plainly():
        copied, aside = run(config.bridge.ledger_url, file)
    click.echo(f"{config.bridge.ledger}: {_words(copied)}")
    if aside is not None:
        click.echo(f"what was there before is in {aside}")


def _words(copied: "Copied") -> str:
    from bridge.commands.format import instant

    until = f", the last received {instant(copied.until)}" if copied.until else ""
    return f"{copied.reports} reports{until}; {copied.incidents} incidents"
