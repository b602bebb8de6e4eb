"""What commands share: options, the way to the ledger and to the running bridge, and how failure is told."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from bridge.config.config import Config
    from bridge.ledger.reader import Reader
    from bridge.serve.control import Asked

BAD_CONFIG: Final = 78  # EX_CONFIG of sysexits.h: a service manager need not try again
F = TypeVar("F", bound=Callable[..., Any])


class Trouble(click.ClickException):
    """Says what is wrong and the cure, on stderr."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.__dict__["exit_code"] = exit_code  # click declares it for the class

    def show(self, file: Any = None) -> None:
        click.echo(self.message, file=file, err=True)


def config_option(command: F) -> F:
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("/etc/quorumbell/quorumbell.toml"),
        envvar="QUORUMBELL_CONFIG",
        show_default=True,
        show_envvar=True,
        help="The bridge's config file.",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def load(path: Path, *, secrets: bool = False) -> "Config":
    from bridge.config.config import load_config
    from bridge.config.findings import ConfigError

    try:
        return load_config(path, secrets=secrets)
    except ConfigError as error:
        raise Trouble(str(error), BAD_CONFIG) from None


@contextmanager
def plainly() -> Iterator[None]:
    """Errors that carry their cure are told as they are; only what nobody foresaw shows a traceback."""
    from bridge.ledger.ledger import LedgerError
    from bridge.secret import SecretError, redact
    from bridge.serve.control import ControlError

    try:
        yield
    except (ControlError, LedgerError, SecretError) as error:
        raise Trouble(redact(str(error))) from None


@contextmanager
def reading(config: "Config") -> Iterator["Reader"]:
    from bridge.ledger.ledger import Ledger

    with plainly():
        ledger = Ledger.open(config.bridge.ledger_url, write=False)
        try:
            yield ledger
        finally:
            ledger.close()


def ask(config: "Config", request: "Asked", *, timeout: float = 30) -> dict[str, Any]:
    """`timeout` in seconds."""
    from bridge.serve.control import ask as ask_bridge

    with plainly():
        return ask_bridge(config.bridge.control, request, timeout=timeout)


def emit(result: object) -> None:
    click.echo(json.dumps(result, indent=2, ensure_ascii=False, default=str))


def now() -> datetime:
    return datetime.now(UTC)


def who() -> str:
    """Who sits at the terminal: under sudo the one who typed it. The bridge believes it of root only."""
    return os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""


class Span(click.ParamType[timedelta]):
    """`30m`, `1h30m`, as in the config."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        from bridge.config.fields import duration
        from bridge.config.findings import Wrong

        try:
            return duration(value)
        except Wrong as error:
            self.fail(str(error), param, ctx)


class Instant(click.ParamType[datetime]):
    """`2026-11-24 03:00` in local time, with an offset if wanted, or `2h` for two hours ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        from bridge.config.fields import duration
        from bridge.config.findings import Wrong

        try:
            return now() - duration(value)
        except Wrong:
            pass
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            self.fail(f'{value!r} is no time; write "2026-11-24 03:00", or "2h" for two hours ago', param, ctx)
