"""The config and the running bridge: read again, refused, or in part waiting for a restart."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from bridge.asked.asking import control_of
from bridge.commands.common import config_option, plainly, who

WITHIN: Final = 300.0
"""Seconds: with other settings for the understanding, the bridge reads its ledger as at a start."""


@click.command()
@config_option
def reload(config_path: Path) -> None:
    """Have the running bridge read its config again. Relays, notices on their way and timers go on.

    Says what was taken over and what needs a restart. When the file has mistakes, all are printed as `check` does, the old config
    stays in force, and the exit code is 1.

    \b
    Example:
      quorumbell reload
    """
    from bridge.serve.control import Reload, ask

    with plainly():
        said = ask(control_of(config_path), Reload(author=who()), timeout=WITHIN)
    for warning in said["warnings"]:
        click.echo(f"{warning} (warning)", err=True)
    click.echo(f"taken over: {', '.join(said['taken']) or 'nothing has changed that can be'}")
    if said["restart"]:
        click.echo(f"needs a restart: {', '.join(said['restart'])}")


def lines(bridge: dict[str, Any], at: datetime) -> list[str]:
    """For `status`: that the file is not what is in force."""
    from bridge.commands.format import ago, instant

    config = bridge.get("config") or {}
    read_at = datetime.fromisoformat(config["read_at"]) if config.get("read_at") else at
    when = f"{instant(read_at)}, {ago(read_at, at)}"
    told = [
        f"CONFIG      REFUSED {when}: the bridge goes on with the one before",
        *(f"            {one}" for one in config.get("mistakes", ())),
        "            when it is mended: quorumbell reload",
    ]
    waits = f"CONFIG      needs a restart since {when}: {', '.join(config.get('restart', ()))}"
    return (told if config.get("mistakes") else []) + ([waits] if config.get("restart") else [])
