"""Nodes that join: the line for one of them, or all of them from here by ssh."""

import shlex
import socket
import subprocess
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from bridge.commands.common import Span, Trouble, ask, config_option, load
from bridge.commands.format import span

if TYPE_CHECKING:
    from bridge.config.config import Config

LONGEST: Final = timedelta(days=7)
NODE_COMMAND: Final = "quorumbell-node"

cluster_option = click.option("--cluster", required=True, help="The cluster that the node belongs to.")
length_option = click.option("--for", "length", type=Span(), default="1h", show_default=True, help="How long the line is good.")
again_option = click.option("--again", is_flag=True, help="Also for a name that is enrolled with another key, which goes then.")
address_option = click.option(
    "--address",
    "addresses",
    multiple=True,
    help="HOST or HOST:PORT under which nodes reach this bridge; otherwise its own names.",
)


@click.command("join-token")
@cluster_option
@click.option("--node", default="", help="Only for the node of this name; otherwise the node says its own.")
@length_option
@again_option
@address_option
@config_option
def join_token(cluster: str, node: str, length: timedelta, addresses: Sequence[str], config_path: Path, *, again: bool) -> None:
    """Print the line with which one node joins: type it there, as root.

    It is good once, and for a while. The bridge must be running.

    \b
    Example:
      sudo quorumbell join-token --cluster ha1 --node n1
    """
    config = load(config_path)
    if not timedelta() < length <= LONGEST:
        raise Trouble(f"--for may be up to {LONGEST.days} days")
    bridges = _bridges(config.bridge.listen, addresses)
    command = _command(config, bridges, cluster, node, length, again=again)
    click.echo(f"# good once, for {span(length)}; the node tries {', '.join(bridges)}", err=True)
    click.echo(command)


@click.command()
@click.option("--ssh", is_flag=True, required=True, expose_value=False, help="By ssh, which must let you in without a question.")
@click.argument("nodes", metavar="NODE...", nargs=-1, required=True)
@cluster_option
@again_option
@address_option
@click.option("--login", default="root", show_default=True, help="Who logs in; if that is not root, with sudo there.")
@config_option
def join(nodes: Sequence[str], cluster: str, addresses: Sequence[str], login: str, config_path: Path, *, again: bool) -> None:
    """Let NODEs join from here: on each, quorumbell-node must be installed.

    NODE is what ssh calls it; the node says itself what the cluster calls it.

    \b
    Example:
      sudo quorumbell join --ssh n1 n2 n3 --cluster ha1
    """
    config = load(config_path)
    bridges = _bridges(config.bridge.listen, addresses)
    commands = {node: _command(config, bridges, cluster, "", timedelta(minutes=10), again=again) for node in nodes}
    failed: list[str] = []
    threads = [threading.Thread(target=_at, args=(node, login, command, failed)) for node, command in commands.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise Trouble(f"did not join: {', '.join(sorted(failed))}; mend what is said above, and run this again")


def _at(node: str, login: str, command: str, failed: list[str]) -> None:
    """The line goes in by standard input: arguments of processes can be read by all who are there."""
    line = command.rpartition(" ")[2]
    remote = f"{'' if login == 'root' else 'sudo '}{NODE_COMMAND} join -"
    words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", f"{login}@{node}", remote]
    try:
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as error:
        click.echo(f"{node}: ssh: {error.strerror}", err=True)
        failed.append(node)
        return
    said, _ = child.communicate(f"{line}\n")
    for text in said.splitlines():
        click.echo(f"{node}: {text}")
    if child.returncode:
        click.echo(f"{node}: {shlex.join(words[-2:])} ended with {child.returncode}", err=True)
        failed.append(node)


def _command(config: "Config", bridges: tuple[str, ...], cluster: str, node: str, length: timedelta, *, again: bool) -> str:
    from bridge.serve.control import Invite
    from bridge.wire.invitation import Token, to_line

    said = ask(config, Invite(cluster=cluster, node=node, seconds=int(length.total_seconds()), again=again))
    line = to_line(Token(bridges, said["bridge"], said["secret"], cluster, node))
    return f"{NODE_COMMAND} join {line}"


def _bridges(listen: Sequence[str], addresses: Sequence[str]) -> tuple[str, ...]:
    """Under which addresses a node may find this bridge, the likeliest first."""
    from bridge.wire.endpoint import ENDPOINT

    if not listen:
        raise Trouble("[bridge] listen is empty: there is no port with keys that a node could reach")
    ports = [endpoint.rpartition(":")[2] for endpoint in listen]
    hosts = [endpoint.rpartition(":")[0] for endpoint in listen]
    if addresses:
        found = [_endpoint(one, ports[0]) for one in addresses]
    else:
        found = [f"{host}:{port}" for host, port in zip(hosts, ports, strict=True) if host != "tcp://*"]
        found += [
            f"tcp://{name}:{port}" for host, port in zip(hosts, ports, strict=True) if host == "tcp://*" for name in _own_names()
        ]
    wrong = [one for one in found if not ENDPOINT.fullmatch(one)]
    if wrong:
        raise Trouble(f"{', '.join(wrong)}: no address: write HOST or HOST:PORT, of IPv6 [ADDRESS]:PORT")
    return tuple(dict.fromkeys(found))


def _endpoint(address: str, port: str) -> str:
    from bridge.wire.endpoint import ENDPOINT

    if ENDPOINT.fullmatch(f"tcp://{address}"):
        return f"tcp://{address}"
    return f"tcp://[{address}]:{port}" if address.count(":") > 1 and address[0] != "[" else f"tcp://{address}:{port}"


def _own_names() -> list[str]:
    """The name, if it is known to others, and the addresses that this machine speaks from."""
    name, found = socket.getfqdn(), []
    if "." in name and not name.startswith("localhost"):
        found.append(name)
    for family, far, form in ((socket.AF_INET, "192.0.2.1", "{}"), (socket.AF_INET6, "2001:db8::1", "[{}]")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((far, 9))  # sends nothing
            except OSError:
                continue
            found.append(form.format(probe.getsockname()[0]))
    return found or [socket.gethostname()]
