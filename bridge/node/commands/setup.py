"""quorumbell-node setup: Pacemaker calls our hook. Once in a cluster, on any node; with --apply it is written."""

from __future__ import annotations

import argparse
import os
import subprocess
import xml.etree.ElementTree as ET
from typing import Final

from bridge.node.child import installed
from bridge.node.commands import alert
from bridge.node.commands.common import Trouble, say
from bridge.node.commands.trial import HOOK

ENFORCING: Final = "/sys/fs/selinux/enforce"
TOO_OLD: Final = "alerts came with Pacemaker 1.1.15: of an older one see docs/heartbeat.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="write it")
    what.add_argument("--remove", action="store_true", help="take our alert out of the configuration")
    parser.add_argument("--hook", default=HOOK, help=f"the hook's path, the same on all nodes ({HOOK})")


def run(arguments: argparse.Namespace) -> int:
    cibadmin = installed("cibadmin")
    if cibadmin is None:
        raise Trouble("cibadmin is not there: is Pacemaker installed on this node? (Heartbeat without it: docs/heartbeat.md)")
    say(f"{_version(cibadmin)}{_shells()}")
    configuration = _configuration(cibadmin)
    wanted = alert.removal(configuration) if arguments.remove else alert.change(configuration, arguments.hook)
    if not arguments.remove:
        _look_at_hook(arguments.hook)
    if wanted is None:
        say(
            "the cluster has no alert of ours"
            if arguments.remove
            else "Pacemaker calls the hook for all that the bridge understands",
            "kept",
        )
    else:
        print(wanted.difference)
        _write(cibadmin, wanted, really=arguments.apply or arguments.remove)
    if not arguments.remove:
        _hints()
    return 0


def missing(cibadmin: str, hook: str) -> alert.Change | None:
    """What has to be written; None: nothing. Raises Trouble when the cluster does not answer."""
    return alert.change(_configuration(cibadmin), hook)


def _version(cibadmin: str) -> str:
    said = _call(cibadmin, "--version").stdout.splitlines()
    return said[0] if said else cibadmin


def _shells() -> str:
    """Not used, since cibadmin is everywhere: but who looks for the alert with them should know that they show it."""
    shells = [name for name in ("pcs", "crm") if installed(name)]
    shown = {"pcs": "pcs alert config", "crm": "crm configure show type:alert"}
    return f"; afterwards `{'` or `'.join(shown[name] for name in shells)}` shows it" if shells else ""


def _configuration(cibadmin: str) -> ET.Element:
    done = _call(cibadmin, "--query", "--xpath", "//configuration")
    if done.returncode:
        raise Trouble(f"cibadmin --query: {done.stderr.strip() or done.returncode}: does the cluster run here, and is this root?")
    try:
        root = ET.fromstring(done.stdout)  # noqa: S314 - the cluster's own, as root sees it
    except ET.ParseError as wrong:
        raise Trouble(f"cibadmin --query printed what is no XML: {wrong}") from None
    configuration = root if root.tag == "configuration" else root.find(".//configuration")
    if configuration is None:
        raise Trouble("cibadmin --query printed no configuration")
    return configuration


def _write(cibadmin: str, wanted: alert.Change, *, really: bool) -> None:
    if not really:
        say("this is what would be written; run it again with --apply", "to do")
        return
    done = _call(cibadmin, *wanted.words)
    if done.returncode:
        raise Trouble(f"cibadmin {wanted.words[0]}: {done.stderr.strip() or done.returncode}; nothing was written. {TOO_OLD}")
    say(
        "written: it holds for all nodes of this cluster"
        if wanted.words[0] != "--delete"
        else "taken out, for all nodes of this cluster"
    )


def _look_at_hook(hook: str) -> None:
    if os.access(hook, os.X_OK):
        say(f"{hook} is there; on the other nodes their relays look for it, and `quorumbell status` tells where it is missing")
    else:
        say(f"{hook} is missing on this node: install it there, mode 755, before anything is reported", "WRONG")


def _hints() -> None:
    if installed("drbdadm"):
        say("DRBD is here: `quorumbell-node setup-drbd` chains its handlers, on each node", "to do")
    try:
        with open(ENFORCING, encoding="ascii") as file:
            enforcing = file.read().strip() == "1"
    except OSError:
        enforcing = False
    if enforcing:
        say("SELinux is enforcing: if the trial of quorumbell-node join is refused, see SELinux in docs/hook.md", "hint")


def _call(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as wrong:
        raise Trouble(f"{words[0]}: {wrong}") from None
