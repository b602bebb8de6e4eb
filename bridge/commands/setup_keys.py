from collections.abc import Iterator
from contextlib import contextmanager

import click

from bridge.commands.common import Trouble

FOLDER = "/etc/quorumbell/keys"
ALLOWED = "/etc/quorumbell/allowed.d"


@click.group()
def keys() -> None:
    """Make and enrol the keys with which relays and the bridge know each other.

    \b
    Once on the bridge:       quorumbell setup keys bridge
    Once on every node:       quorumbell setup keys node
    For each node, on the bridge, with its node.public:
                              quorumbell setup keys enrol node.public --cluster ha1 --node n3
    Then copy bridge.public to the nodes (bridge_key of the relay's settings).
    """


@keys.command("bridge")
@click.option("--keys", "folder", default=FOLDER, show_default=True, help="Where to put them: [bridge] keys of the config.")
def bridge_keys(folder: str) -> None:
    """Make the bridge's own pair."""
    from bridge.wire.keys import make_bridge_keys

    with _told():
        files = make_bridge_keys(folder)
    click.echo(f"{files.secret} stays here; copy {files.public} to every node")


@keys.command("node")
@click.option("--keys", "folder", default=FOLDER, show_default=True, help="Where to put them.")
def node_keys(folder: str) -> None:
    """Make the pair of this cluster node."""
    from bridge.wire.keys import make_node_keys

    with _told():
        files = make_node_keys(folder)
    click.echo(f"{files.secret} stays here; bring {files.public} to the bridge and enrol it")


@keys.command()
@click.argument("public_key_file", type=click.Path(exists=True, dir_okay=False))
@click.option("--cluster", required=True, help="The cluster that the node belongs to.")
@click.option("--node", required=True, help="The node's name in its cluster, as crm_node -n prints it.")
@click.option("--allowed", default=ALLOWED, show_default=True, help="The allow-list: [bridge] allowed of the config.")
def enrol(public_key_file: str, cluster: str, node: str, allowed: str) -> None:
    """Let a node in. What its key brings counts as told by this node of this cluster. A running bridge sees it by itself."""
    from bridge.wire.keys import enrol as let_in

    with _told():
        path = let_in(allowed, public_key_file, cluster, node)
    click.echo(f"{path}: {node} of {cluster} may speak")


@contextmanager
def _told() -> Iterator[None]:
    from bridge.wire.key_value import Mistakes

    try:
        yield
    except Mistakes as error:
        raise Trouble(str(error)) from None
    except OSError as error:
        raise Trouble(f"{error.filename}: {error.strerror}; run this as root, or name a folder of your own") from None
