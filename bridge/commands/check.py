from pathlib import Path

import click

from bridge.commands.common import BAD_CONFIG, Trouble, config_option


@click.command()
@config_option
def check(config_path: Path) -> None:
    """Read the config file and say all that is wrong with it.

    Each mistake is one line on stderr: FILE:LINE: key: what is wrong; cure. Exit code 0 when the bridge would start with it,
    78 when not.

    \b
    Example:
      quorumbell check -c ./quorumbell.toml
    """
    from bridge.commands.format import count
    from bridge.config.config import load_config
    from bridge.config.findings import ConfigError

    try:
        config = load_config(config_path, secrets=True)
    except ConfigError as error:
        mistakes = count(len(error.problems), "mistake")
        raise Trouble(f"{error}\n{mistakes}", BAD_CONFIG) from None
    for warning in config.warnings:
        click.echo(f"{warning} (warning)", err=True)
    told = f"{count(len(config.receivers), 'receiver')}, {count(len(config.routes), 'route')}"
    click.echo(f"{config_path} is good: {told}")
