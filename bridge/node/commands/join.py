"""quorumbell-node join LINE: keys, the bridge's yes, relay.conf, the unit, and a report that goes all the way.

Each step looks first at what is there, and leaves it; so after a failure it is simply run again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
from typing import Final

import zmq

from bridge.node import settings
from bridge.node.child import installed
from bridge.node.commands import trial
from bridge.node.commands.common import CONFIG, KEYS, Trouble, first_yes, say, told
from bridge.wire import codec
from bridge.wire.invitation import Token, from_line
from bridge.wire.keys import NAME, KeyPair, give_to_user, load_public, load_secret, make_node_keys, replace_file

UNIT: Final = "quorumbell-relay.service"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("line", metavar="LINE", help="what quorumbell join-token printed; - reads it from standard input")
    parser.add_argument("--node", default="", help="what the cluster calls this node; otherwise crm_node -n, or the host's name")
    add_places(parser)


def add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default=CONFIG, help=f"the relay's settings ({CONFIG})")
    parser.add_argument("--keys", default=KEYS, help=f"folder of the keys ({KEYS})")
    parser.add_argument("--hook", default=trial.HOOK, help=f"Pacemaker's hook, for the trial ({trial.HOOK})")


def run(arguments: argparse.Namespace) -> int:
    try:
        line = from_line(sys.stdin.readline() if arguments.line == "-" else arguments.line)
    except ValueError as wrong:
        raise Trouble(str(wrong)) from None
    node = line.node or arguments.node or own_name()
    if not NAME.fullmatch(node):
        raise Trouble(f"{node!r} is not a name: letters, digits, . _ - are; name it with --node")
    with told():
        keys = _own_keys(arguments.keys)
        bridge_key = _bridge_key(arguments.keys, line)
        endpoint, joined = _enrol(line, keys, bridge_key, node)
        say(f"{joined.node} of {joined.cluster} is known to the bridge at {endpoint}")
        _write_config(arguments, endpoint)
    start_unit()
    with told():
        trial.send(settings.load(arguments.config), arguments.hook, joined.node)
    say(f"a trial {trial.ARRIVED}")
    return 0


def own_name() -> str:
    path = installed("crm_node")
    if path is not None:
        try:
            said = subprocess.run([path, "-n"], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return socket.gethostname()
        if said.returncode == 0 and said.stdout.strip():
            return said.stdout.strip()
    return socket.gethostname()


# --- keys


def _own_keys(folder: str) -> KeyPair:
    secret = f"{folder}/node.secret"
    if os.path.lexists(secret):
        give_to_user(secret)
        say(f"{secret} is there", "kept")
    else:
        give_to_user(make_node_keys(folder).secret)
        say(f"{secret} made")
    return load_secret(secret)


def _bridge_key(folder: str, line: Token) -> bytes:
    path = f"{folder}/bridge.public"
    if not os.path.lexists(path):
        replace_file(
            path, f"# The bridge's public key, from the line with which this node joined.\npublic-key = {line.bridge_key}\n"
        )
        say(f"{path} written")
    elif load_public(path).decode() == line.bridge_key:
        say(f"{path} is there", "kept")
    else:
        raise Trouble(f"{path} is another bridge's key: if this node shall leave that one, remove the file and run this again")
    return line.bridge_key.encode()


# --- the bridge's yes


def _enrol(line: Token, keys: KeyPair, bridge_key: bytes, node: str) -> tuple[str, codec.Joined]:
    """With the first of its addresses that answers."""
    invitation = KeyPair(zmq.curve_public(line.secret.encode()), line.secret.encode())
    said: list[str] = []
    for endpoint in line.bridges:
        try:
            return endpoint, _joined(endpoint, invitation, bridge_key, keys, node)
        except Trouble as wrong:  # noqa: PERF203 - the next address may answer
            said.append(str(wrong))
    raise Trouble("\n".join([*said, "nothing of it is lost; mend that, and run the same line again"]))


def _joined(endpoint: str, invitation: KeyPair, bridge_key: bytes, keys: KeyPair, node: str) -> codec.Joined:
    """With our own key, if we have joined already."""
    tries = ((invitation, codec.Join(keys.public.decode(), node)), (keys, codec.Join("")))
    used = "this line has been used, or has run out: make a new one with quorumbell join-token"
    return first_yes(endpoint, bridge_key, tries, f"{endpoint}: {used}")


# --- settings


def _write_config(arguments: argparse.Namespace, endpoint: str) -> None:
    path, keys = arguments.config, arguments.keys
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, f"bridge = {endpoint}\nkey = {keys}/node.secret\nbridge_key = {keys}/bridge.public\n")
        say(f"{path} written")
        return
    known = settings.load(path)
    if known.keys is None:
        raise Trouble(
            f"{path}: no keys: add `key = {keys}/node.secret` and `bridge_key = {keys}/bridge.public`, and run this again"
        )
    if endpoint in known.bridges:
        say(f"{path} names this bridge", "kept")
    else:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        replace_file(path, f"{text.rstrip()}\nbridge = {endpoint}\n")
        say(f"{path}: bridge = {endpoint} added, after {', '.join(known.bridges)}")


# --- the relay


def start_unit() -> None:
    """Where systemd runs and has the unit."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not os.path.isdir("/run/systemd/system"):
        say("systemd does not run here: start the relay now, with quorumbell-node relay", "to do")
        return
    for words in (["enable", "--quiet", UNIT], ["restart", UNIT]):
        done = subprocess.run([systemctl, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Trouble(f"systemctl {' '.join(words)}: {done.stderr.strip() or done.returncode}; journalctl -u {UNIT} says why")
    say(f"{UNIT} enabled and running")
