"""A bridge from nothing: keys, folders, a config from a few answers, the unit. What is there already is shown, and kept."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import click

from bridge.commands.common import Trouble, config_option, load

UNIT: Final = "quorumbell-bridge.service"
STATE: Final = Path("/var/lib/quorumbell")
Answers = dict[str, Any]


@click.command()
@config_option
@click.option("--mail-server", help="The server that takes mails, HOST or HOST:PORT.")
@click.option("--mail-to", multiple=True, metavar="ADDRESS", help="Who is woken; several times for several people.")
@click.option("--mail-from", metavar="ADDRESS", help="From whom mails come.  [default: quorumbell@ and this host's name]")
@click.option("--mail-user", help="For a login at the mail server; the password is asked for.")
@click.option("--opsview", metavar="URL", help="Opsview, the board; its password is asked for.")
@click.option("--opsview-user", default="quorumbell", show_default=True)
@click.option("--mattermost", metavar="URL", help="A Mattermost server; the token of its bot is asked for.")
@click.option("--slack", is_flag=True, help="Slack; the token of the app is asked for.")
@click.option("--channel", help="The channel of Mattermost or Slack.")
@click.option("--page", metavar="URL", help="How browsers will reach the page: messages link there, see docs/page.md.")
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True, help="Of the messages.")
@click.option("--keys", type=click.Path(path_type=Path), default=Path("/etc/quorumbell/keys"), show_default=True)
@click.option("--state", type=click.Path(path_type=Path), default=STATE, show_default=True, help="Where the ledger lies.")
@click.option("--no-start", is_flag=True, help="Leave the unit alone.")
def init(config_path: Path, keys: Path, state: Path, *, no_start: bool, **answers: Any) -> None:
    """Set this machine up as a bridge: keys, folders, config, unit.

    Asks for what no option says, if somebody sits at the terminal. It can be run again; a config that is there is left as it is.

    \b
    Examples:
      sudo quorumbell init
      sudo quorumbell init --mail-server mail.example.com --mail-to oncall@example.com
    """
    try:
        _keys(keys)
        for folder in (config_path.parent / "allowed.d", state):
            _folder(folder, mine=folder == state)
        if config_path.exists():
            _say(f"{config_path} is there", "kept")
        else:
            _write(config_path, keys, state, _asked(answers))
    except OSError as error:
        raise Trouble(f"{error.filename}: {error.strerror}; run this as root, or name places of your own") from None
    config = load(config_path, secrets=True)
    for warning in config.warnings:
        _say(str(warning), "note")
    _say(f"{config_path} is good: {len(config.receivers)} receivers")
    if not no_start:
        _start()
    click.echo("\nNext: quorumbell ring tries the receivers; quorumbell join-token --cluster NAME prints the line for a node.")


def _say(what: str, how: str = "ok") -> None:
    click.echo(f"{how:<8} {what}")


def _keys(folder: Path) -> None:
    from bridge.wire.key_value import Mistakes
    from bridge.wire.keys import give_to_user, load_secret, make_bridge_keys

    secret = folder / "bridge.secret"
    try:
        if secret.exists():
            load_secret(str(secret))
            _say(f"{secret} is there", "kept")
        else:
            give_to_user(make_bridge_keys(str(folder)).secret)
            _say(f"{secret} made")
    except Mistakes as error:
        raise Trouble(str(error)) from None


def _folder(path: Path, *, mine: bool) -> None:
    from bridge.wire.keys import give_to_user

    if path.is_dir():
        _say(f"{path} is there", "kept")
        return
    path.mkdir(mode=0o750 if mine else 0o755, parents=True)
    if mine:
        give_to_user(str(path))
    _say(f"{path} made")


# --- the config


def _asked(answers: Answers) -> Answers:
    if not sys.stdin.isatty():
        return answers
    answers["mail_server"] = answers["mail_server"] or click.prompt(
        "Mail server (empty: no mail)", default="", show_default=False
    )
    if answers["mail_server"] and not answers["mail_to"]:
        answers["mail_to"] = tuple(click.prompt("Who is woken by mail (addresses with blanks between)").split())
    answers["opsview"] = answers["opsview"] or click.prompt("Opsview's URL (empty: none)", default="", show_default=False)
    return answers


def _write(path: Path, keys: Path, state: Path, answers: Answers) -> None:
    from bridge.wire.keys import replace_file

    if answers["mail_server"] and not answers["mail_to"]:
        raise Trouble("--mail-server without --mail-to: who shall get the mails?")
    parts = [
        _bridge(path, keys, state, answers["language"]),
        _page(answers["page"]),
        *_receivers(path.parent / "secrets", answers),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(str(path), "\n".join(parts))
    _say(f"{path} written")


def _bridge(path: Path, keys: Path, state: Path, language: str) -> str:
    return f"""\
# Quorumbell's bridge. `quorumbell check` tells every mistake at once; man quorumbell.toml lists all settings.

[bridge]
ledger = {_text(f"sqlite:///{state}/ledger.db")}
listen = ["tcp://*:7710"]              # where relays come in
keys = {_text(keys)}
allowed = {_text(path.parent / "allowed.d")}
joined = {_text(state / "joined.d")}   # nodes that joined with a line
language = {_text(language)}
"""


def _page(address: str | None) -> str:
    """Where nobody has said it, what to write stands there."""
    written = f"address = {_text(address)}" if address else '# address = "https://bell.example.com"'
    return f"""\
[page]                                 # quorumbell page: see docs/page.md
{written:<38} # how browsers reach it: messages link there
"""


def _receivers(secrets: Path, answers: Answers) -> list[str]:
    """A config without routes rings every bell."""
    parts = []
    if answers["mail_server"]:
        parts.append(_mail(secrets, answers))
    for kind in ("mattermost", "slack"):
        if answers[kind]:
            url = f"url = {_text(answers[kind])}\n" if isinstance(answers[kind], str) else ""
            words = f"token = {_secret(secrets, kind)}\nchannel = {_text(answers['channel'] or '')}\n"
            parts.append(f'[receivers.{kind}]\nkind = "{kind}"\n{url}{words}')
    if answers["opsview"]:
        words = f"url = {_text(answers['opsview'])}\nuser = {_text(answers['opsview_user'])}\n"
        own = f"password = {_secret(secrets, 'opsview')}\nown_host = {_text(os.uname().nodename)}\n"
        parts.append(f'[receivers.noc]                       # the board: see docs/opsview.md\nkind = "opsview"\n{words}{own}')
    return parts


def _mail(secrets: Path, answers: Answers) -> str:
    host, _, port = answers["mail_server"].partition(":")
    lines = ["[receivers.oncall]", 'kind = "mail"', f"host = {_text(host)}", *([f"port = {port}"] if port.isdecimal() else [])]
    lines.append('security = "starttls"                 # or "tls"')
    if answers["mail_user"]:
        lines += [f"user = {_text(answers['mail_user'])}", f"password = {_secret(secrets, 'mail')}"]
    sender = answers["mail_from"] or f"quorumbell@{os.uname().nodename}"
    return "\n".join([*lines, f"from = {_text(sender)}", f"to = {_text(list(answers['mail_to']))}", ""])


def _text(value: object) -> str:
    """As TOML has it, which of plain texts and lists of them is JSON."""
    return json.dumps(value if isinstance(value, list) else str(value), ensure_ascii=False)


def _secret(folder: Path, name: str) -> str:
    """A file of its own, that only the bridge can read."""
    from bridge.wire.keys import give_to_user, replace_file

    path = folder / name
    if not path.exists():
        told = click.prompt(f"Password or token for {name}", hide_input=True) if sys.stdin.isatty() else ""
        if not told:
            raise Trouble(f"write the password or token for {name} into {path} (mode 600), and run this again")
        folder.mkdir(mode=0o755, exist_ok=True, parents=True)
        replace_file(str(path), f"{told}\n", 0o600)
        give_to_user(str(path))
        _say(f"{path} written")
    return f"{{ file = {_text(path)} }}"


# --- the unit


def _start() -> None:
    systemctl = shutil.which("systemctl")
    if systemctl is None or not Path("/run/systemd/system").is_dir():
        _say("systemd does not run here: start the bridge with quorumbell serve", "to do")
        return
    done = subprocess.run([systemctl, "enable", "--quiet", "--now", UNIT], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"systemctl enable --now {UNIT}: {done.stderr.strip() or done.returncode}; journalctl -u {UNIT} says why")
    _say(f"{UNIT} enabled and running")
