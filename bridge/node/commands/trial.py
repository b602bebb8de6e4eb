"""A report that means nothing, the whole way: through the real hook, the spool and the relay into the bridge's ledger."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Final

from bridge.node import hooks
from bridge.node.commands.common import Trouble
from bridge.node.settings import HOOKS, Settings

HOOK: Final = f"{HOOKS}/{hooks.ALERT}"
ATTRIBUTE: Final = "quorumbell-trial"
ARRIVED: Final = "report went through hook, spool and relay, and is committed in the bridge's ledger"
PATIENCE: Final = 30.0
"""Seconds: a relay that has just been started must find the bridge first."""


def send(conf: Settings, hook: str, node: str) -> None:
    """Raises Trouble when it is not committed in time, with what is in its way."""
    mark = os.urandom(8).hex()
    until = time.monotonic() + PATIENCE
    while not os.path.exists(conf.door) and time.monotonic() < until:
        time.sleep(0.1)  # a relay that was just started makes it, and the folders
    _call(conf, hook, node, mark)
    spools = [f"{top}/{box}/new" for top in (conf.spool, conf.second) for box in ("pcmk", "root")]
    while waits := [folder for folder in spools if _holds(folder, mark)]:
        if time.monotonic() > until:
            raise Trouble(
                f"the trial report waits in {waits[0]} since {PATIENCE:.0f} s: is the relay running (systemctl status "
                "quorumbell-relay), and what does its log say? It is not lost; run this again"
            )
        time.sleep(0.1)
    if _holds(f"{conf.spool}/bad", mark):
        raise Trouble(f"the bridge refused the trial report: {conf.spool}/bad has it, and the relay's log says why")


def _call(conf: Settings, hook: str, node: str, mark: str) -> None:
    """As Pacemaker calls it: by its own user, where there is one."""
    words = {
        "kind": "attribute",
        "node": node,
        "attribute_name": ATTRIBUTE,
        "attribute_value": mark,
        "timestamp_epoch": str(int(time.time())),
    }
    environ = hooks.environ(conf, {f"CRM_alert_{key}": value for key, value in words.items()})
    try:
        done = subprocess.run([hook], env=environ, capture_output=True, text=True, timeout=20, check=False, **hooks.caller())
    except OSError as wrong:
        raise Trouble(f"{hook}: {wrong.strerror}: install the hook there, mode 755, or name it with --hook") from None
    if done.returncode:
        raise Trouble(f"{hook} ended with {done.returncode}: {done.stderr.strip() or 'it said nothing'}")


def _holds(folder: str, mark: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(mark.encode() in _content(f"{folder}/{name}") for name in names)


def _content(path: str) -> bytes:
    """Empty when it was taken in this moment."""
    try:
        with open(path, "rb") as file:
            return file.read(65536)
    except OSError:
        return b""
