import sys
from pathlib import Path

import click

from bridge.commands.common import Trouble, config_option, load, plainly


@click.command()
@config_option
def serve(config_path: Path) -> None:
    """Run the bridge: take reports, understand them, tell people.

    It stays in the foreground, logs to stderr, and stops at SIGTERM. Under systemd it says when it is ready.

    \b
    Example:
      quorumbell serve -c /etc/quorumbell/quorumbell.toml
    """
    config = load(config_path, secrets=True)
    import structlog

    from bridge.serve.app import serve as run
    from bridge.serve.logs import set_up_logs
    from bridge.wire.key_value import Mistakes

    set_up_logs(config.bridge.log_level, config.bridge.log_format)
    log = structlog.get_logger("bridge")
    for warning in config.warnings:
        log.warning("config", what=str(warning))
    try:
        with plainly():
            run(config)
    except Mistakes as error:
        raise Trouble(str(error), 78) from None


@click.command()
@click.argument("settings", type=click.Path(path_type=Path), default=Path("/etc/quorumbell/relay.conf"))
def relay(settings: Path) -> None:
    """Run the relay of a cluster node: from its spool to the bridge.

    SETTINGS is a file of `key = value` lines, /etc/quorumbell/relay.conf if none is named. Nodes that have only this and pyzmq
    start the same as `python3 -m bridge.node.relay SETTINGS`.
    """
    from bridge.node.relay import main

    sys.exit(main([str(settings)]))


@click.command()
@config_option
def migrate(config_path: Path) -> None:
    """Make the ledger's tables, or bring them up to date.

    `serve` does the same at its start. A copy of an SQLite file is kept beside it. The bridge must not be running.
    """
    config = load(config_path)
    from bridge.ledger.ledger import Ledger

    with plainly():
        Ledger.open(config.bridge.ledger_url).close()
    click.echo(f"{config.bridge.ledger} is up to date")


@click.command()
@config_option
def replay(config_path: Path) -> None:
    """Make all incidents anew from the stored reports, with the present config.

    Reports, notices and what was delivered stay untouched; nobody is told anything. The bridge must not be running.
    """
    config = load(config_path)
    from bridge.serve.recall import replay as run

    with plainly():
        result = run(config)
    click.echo(", ".join(f"{number} {what}" for what, number in result.items()))
