import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bridge.commands.common import Span, Trouble, config_option, emit, json_option, load, now, plainly

if TYPE_CHECKING:
    from bridge.ledger.people import People

role_option = click.option(
    "--role", type=click.Choice(["viewer", "operator"]), required=True, help="An operator may act, a viewer may look."
)
stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from stdin, and do not ask for it.")


@click.group()
def user() -> None:
    """Who may log in on the page."""


@user.command("add")
@click.argument("name")
@role_option
@config_option
@stdin_option
@click.option("--no-password", is_flag=True, help="Let in by a trusted proxy only.")
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True, help="Of their pages.")
@click.option("--zone", default="UTC", show_default=True, help="Their time zone, like Europe/Berlin.")
def add_user(
    name: str,
    role: Literal["viewer", "operator"],
    config_path: Path,
    *,
    password_stdin: bool,
    no_password: bool,
    language: Literal["en", "de"],
    zone: str,
) -> None:
    """Let somebody in, with a password that they can change.

    \b
    Examples:
      quorumbell user add anna --role operator --language de --zone Europe/Berlin
      pwgen -s 20 1 | quorumbell user add wall --role viewer --password-stdin
    """
    from bridge.ledger.people import Account
    from bridge.page.people.passwords import kept, name_of
    from bridge.page.people.zones import is_zone

    with _people(config_path) as people:
        if not is_zone(zone):
            raise Trouble(f"there is no time zone {zone!r}; write one like Europe/Berlin", 2)
        name = name_of(name)
        password = "" if no_password else kept(_password(stdin=password_stdin))
        account = Account(name=name, role=role, language=language, zone=zone, password=password, made_at=now())
        if not people.add(account):
            raise Trouble(f"there is a user {name} already; see quorumbell user list")
    click.echo(f"{name} is let in as {role}")


@user.command("list")
@config_option
@json_option
def list_users(config_path: Path, *, as_json: bool) -> None:
    """List who may log in."""
    from bridge.commands.format import instant, table

    with _people(config_path) as people:
        found = people.accounts()
    if as_json:
        emit(
            [
                {
                    "name": one.name,
                    "role": one.role,
                    "language": one.language,
                    "zone": one.zone,
                    "password": bool(one.password),
                    "made_at": one.made_at.isoformat(),
                }
                for one in found
            ]
        )
    elif found:
        rows = [
            (one.name, one.role, "password" if one.password else "proxy only", one.language, one.zone, instant(one.made_at))
            for one in found
        ]
        click.echo(table(("NAME", "ROLE", "LOGS IN BY", "LANGUAGE", "ZONE", "SINCE"), rows))
    else:
        click.echo("nobody; let somebody in with quorumbell user add NAME --role operator", err=True)


@user.command()
@click.argument("name")
@config_option
def remove(name: str, config_path: Path) -> None:
    """Let somebody in no more. Their open pages are out at once."""
    with _people(config_path) as people:
        _there(name, people.remove(_named(name)))
    click.echo(f"{name} is let in no more")


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(["viewer", "operator"]))
@config_option
def change_role(name: str, role: str, config_path: Path) -> None:
    """Change what somebody may do; it counts from their next click on."""
    with _people(config_path) as people:
        _there(name, people.change(_named(name), role=role))
    click.echo(f"{name} is {role} now")


@user.command("password")
@click.argument("name")
@config_option
@stdin_option
def change_password(name: str, config_path: Path, *, password_stdin: bool) -> None:
    """Set another password. Whoever is logged in with the old one is out."""
    from bridge.page.people.passwords import kept

    with _people(config_path) as people:
        _there(name, people.account(_named(name)) is not None)
        _there(name, people.change_password(_named(name), kept(_password(stdin=password_stdin))))
    click.echo(f"the password of {name} is changed")


@click.group()
def token() -> None:
    """What programs show to use the page's API."""


@token.command("add")
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "act"]), required=True, help="To look, or also to act.")
@click.option("--for", "length", type=Span(), help="How long it is good, like 90d; for ever when it is left out.")
@config_option
def add_token(name: str, scope: Literal["read", "act"], length: timedelta | None, config_path: Path) -> None:
    """Make a token and print it: it is shown this once.

    \b
    Example:
      quorumbell token add grafana --scope read --for 365d > grafana.token
    """
    from bridge.ledger.people import Token
    from bridge.page.people.passwords import hash_of, name_of, secret

    word, made_at = secret(), now()
    with _people(config_path) as people:
        name = name_of(name)
        ends_at = made_at + length if length is not None else None
        if not people.add_token(Token(name=name, scope=scope, hash=hash_of(word), made_at=made_at, ends_at=ends_at)):
            raise Trouble(f"there is a token {name} already; revoke it first, or take another name")
    click.echo(word)


@token.command("list")
@config_option
@json_option
def list_tokens(config_path: Path, *, as_json: bool) -> None:
    """List the tokens, but not what they say."""
    from bridge.commands.format import instant, table

    with _people(config_path) as people:
        found = people.tokens()
    if as_json:
        times = [(one, one.ends_at.isoformat() if one.ends_at else None) for one in found]
        emit([{"name": one.name, "scope": one.scope, "made_at": one.made_at.isoformat(), "ends_at": end} for one, end in times])
    elif found:
        rows = [(one.name, one.scope, instant(one.made_at), instant(one.ends_at) if one.ends_at else "never") for one in found]
        click.echo(table(("NAME", "SCOPE", "SINCE", "ENDS"), rows))
    else:
        click.echo("no tokens", err=True)


@token.command()
@click.argument("name")
@config_option
def revoke(name: str, config_path: Path) -> None:
    """Make a token worth nothing, from now on."""
    with _people(config_path) as people:
        if not people.revoke(_named(name)):
            raise Trouble(f"there is no token {name}; see quorumbell token list")
    click.echo(f"token {name} is worth nothing now")


@contextmanager
def _people(config_path: Path) -> Iterator["People"]:
    from bridge.ledger.people import People
    from bridge.page.people.passwords import Unfit

    with plainly():
        try:
            yield People(load(config_path).bridge.ledger_url)
        except Unfit as error:
            raise Trouble(str(error), 2) from None


def _named(name: str) -> str:
    from bridge.page.people.passwords import name_of

    return name_of(name)


def _there(name: str, found: bool) -> None:
    if not found:
        raise Trouble(f"there is no user {name}; see quorumbell user list")


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
