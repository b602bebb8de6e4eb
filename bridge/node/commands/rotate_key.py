"""quorumbell-node rotate-key: a new key, which every bridge lets in before this node speaks with it.

The old one counts until the new one has been heard; so wherever this is broken off, the node can still speak, and it can be run
again.
"""

from __future__ import annotations

import argparse
import os
from typing import Final

from bridge.node import settings
from bridge.node.commands import trial
from bridge.node.commands.common import Trouble, first_yes, say, told
from bridge.node.commands.join import add_places, own_name, start_unit
from bridge.wire import codec
from bridge.wire.keys import KeyPair, give_to_user, load_secret, make_node_keys

NEXT: Final = "next"
"""The folder beside the keys where a new pair waits."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)


def run(arguments: argparse.Namespace) -> int:
    with told():
        conf = settings.load(arguments.config)
        if conf.keys is None or conf.bridge_key is None:
            raise Trouble(f"{arguments.config}: this relay has no key: let the node join first (quorumbell-node join)")
        folder = f"{arguments.keys}/{NEXT}"
        if not os.path.lexists(f"{folder}/node.secret"):
            make_node_keys(folder)
        fresh = load_secret(f"{folder}/node.secret")
        for endpoint in conf.bridges:
            joined = _announce(endpoint, conf.keys, conf.bridge_key, fresh)
            say(f"the bridge at {endpoint} lets the new key of {joined.node} in")
        _take_place(folder, arguments.keys)
    start_unit()
    with told():
        trial.send(settings.load(arguments.config), arguments.hook, own_name())
    say(f"a trial {trial.ARRIVED}")
    say("the old key counts no more as soon as the bridge has heard the new one")
    return 0


def _announce(endpoint: str, old: KeyPair, bridge_key: bytes, fresh: KeyPair) -> codec.Joined:
    """With the old key, or with the new one, if that was let in before. Whatever goes wrong, nothing was changed here."""
    tries = ((old, codec.Join(fresh.public.decode())), (fresh, codec.Join("")))
    neither = "knows neither the old key nor the new one: let this node join again (quorumbell join-token --again)"
    return first_yes(endpoint, bridge_key, tries, f"{endpoint} {neither}")


def _take_place(folder: str, keys: str) -> None:
    """The secret last: the relay reads nothing else."""
    give_to_user(f"{folder}/node.secret")
    for name in ("node.public", "node.secret"):
        os.replace(f"{folder}/{name}", f"{keys}/{name}")
    os.rmdir(folder)
    say(f"{keys}/node.secret is the new one")
