"""What is wrong with this installation, from the outside: config, keys, ledger, sockets, and whether the bridge answers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.commands.asked import Silent, read, running
from bridge.commands.common import Trouble, config_option, load

if TYPE_CHECKING:
    from bridge.config.config import Config


@click.command()
@config_option
def doctor(config_path: Path) -> None:
    """Look at the installation, and say what is wrong and the cure.

    Each line is one thing that was looked at. Exit code 0 when all is well, 1 when not. It changes nothing.

    \b
    Example:
      sudo quorumbell doctor
    """
    config = load(config_path, secrets=True)
    click.echo(f"ok     config: {config_path}")
    wrong = 0
    for look in (_package, _keys, _ledger, _bridge):
        for fault in look(config):
            wrong += 1
            click.echo(f"WRONG  {fault}")
        if not wrong:
            click.echo(f"ok     {(look.__doc__ or '').rstrip('.')}")
    if wrong:
        raise Trouble(f"{wrong} thing(s) are wrong")


Look = Callable[["Config"], Iterator[str]]


def _package(_config: "Config") -> Iterator[str]:
    """package: nobody else installs `bridge`."""
    from importlib.metadata import packages_distributions

    owners = set(packages_distributions().get("bridge", ()))
    if owners - {"quorumbell"}:
        yield f"package: {', '.join(sorted(owners))} share the name bridge; give Quorumbell an environment of its own"


def _keys(config: "Config") -> Iterator[str]:
    """keys: the bridge's own pair, and the nodes that may speak."""
    from bridge.wire.key_value import Mistakes
    from bridge.wire.keys import AllowList, load_secret

    if not config.bridge.listen:
        return
    try:
        load_secret(str(config.bridge.keys / "bridge.secret"))
        peers = AllowList(str(config.bridge.allowed), str(config.bridge.joined)).peers
    except Mistakes as error:
        yield from (f"keys: {text}" for text in error.texts)
        return
    if not peers:
        yield f"keys: no node is enrolled in {config.bridge.allowed}; see quorumbell setup keys --help"


def _ledger(config: "Config") -> Iterator[str]:
    """ledger: can be read, and is of this version."""
    from bridge.commands.from_memory import lines, result

    try:
        read(config, running(config), lambda _: None)
    except Silent as error:
        yield "\n       ".join(line.strip() for line in lines(result(error, config.bridge.ledger)))
    except Trouble as error:
        yield f"ledger: {error}"


def _bridge(config: "Config") -> Iterator[str]:
    """bridge: runs and answers."""
    from bridge.serve.control import ControlError, Hello, ask

    try:
        ask(config.bridge.control, Hello())
    except ControlError as error:
        yield f"bridge: {error}"
