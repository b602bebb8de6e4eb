"""The command. Its parts are loaded when they are used: see bridge/commands."""

import importlib
from typing import Any, Final

import click

from bridge import __version__


class Table(click.Group):
    """A group whose commands are lines `name: module:attribute`, imported on first use."""

    def __init__(self, name: str, places: dict[str, str], **more: Any) -> None:
        super().__init__(name, **more)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's form
        if cmd_name == "setup" and self is not SETUP:
            return SETUP
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"bridge.commands.{module}"), attribute)
        return command


SETUP: Final = Table(
    "setup",
    {"keys": "setup_keys:keys", "drbd": "setup_drbd:drbd", "opsview": "setup_opsview:opsview"},
    help="Prepare what is around: keys, and the configuration of others.",
)

_HELP: Final = """Understands what a Linux HA cluster reports, and tells the right people once.

\b
On the bridge:   check the config, serve, then status, incidents, explain; page for the browser.
On a node:       relay.
Somebody rang?   explain ID says why; ack ID says that you are on it.
Nobody rang?     doctor, deliveries, ring, drill.
"""


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"quorumbell {__version__}")
        ctx.exit()


VERSION: Final = click.Option(
    ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)

main: Final = Table(
    "quorumbell",
    {
        "serve": "serve:serve",
        "relay": "serve:relay",
        "status": "status:status",
        "incidents": "incidents:incidents",
        "explain": "explain:explain",
        "ack": "operator:ack",
        "silence": "operator:silence",
        "planned": "planned:planned",
        "deliveries": "deliveries:deliveries",
        "ring": "operator:ring",
        "drill": "drill:drill",
        "check": "check:check",
        "reload": "reload:reload",
        "doctor": "doctor:doctor",
        "rehearse": "rehearse:rehearse",
        "replay": "serve:replay",
        "migrate": "serve:migrate",
        "backup": "backup:backup",
        "restore": "backup:restore",
        "init": "init:init",
        "join-token": "join:join_token",
        "join": "join:join",
        "user": "people:user",
        "token": "people:token",
        "page": "page:page",
        "setup": "",
    },
    help=_HELP,
    params=[VERSION],
)
