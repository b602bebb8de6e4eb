"""quorumbell-node doctor: what is wrong with this node's installation, from the outside; it changes nothing."""

from __future__ import annotations

import argparse
import grp
import json
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bridge.node import settings
from bridge.node.child import installed
from bridge.node.commands import setup, trial
from bridge.node.commands.common import CONFIG, Trouble, Unknown, ask, say
from bridge.node.commands.trial import HOOK
from bridge.node.door import PACEMAKER_USER
from bridge.node.settings import Settings
from bridge.wire import codec
from bridge.wire.key_value import Mistakes
from bridge.wire.keys import USER

LEAST_FREE: Final = 64 << 20
"""Bytes: two thousand of the largest reports."""
MOST_WAITING: Final = 1000
WRONG: Final = "WRONG"


class Finding(NamedTuple):
    """What was looked at; why it is wrong, "" when it is not, and what mends it."""

    what: str
    why: str = ""
    cure: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default=CONFIG, help=f"the relay's settings ({CONFIG})")
    parser.add_argument("--hook", default=HOOK, help=f"Pacemaker's hook ({HOOK})")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--trial", action="store_true", help="send a report through hook, spool and relay, too")


def run(arguments: argparse.Namespace) -> int:
    """0: all is well; 2: something is wrong."""
    found = list(look(arguments))
    if arguments.json:
        print(json.dumps([one._asdict() for one in found], indent=2))
    else:
        for one in found:
            say(f"{one.what}: {one.why}; {one.cure}" if one.why else one.what, WRONG if one.why else "ok")
    return 2 if any(one.why for one in found) else 0


def look(arguments: argparse.Namespace) -> Iterator[Finding]:
    try:
        conf = settings.load(arguments.config)
    except Mistakes as wrong:
        yield from (
            Finding("relay.conf", text, "mend that line, or let the node join again (quorumbell-node join)")
            for text in wrong.texts
        )
        return
    yield Finding(f"relay.conf: {arguments.config}, and its keys")
    yield from _user()
    yield from _hook(arguments.hook)
    yield from _relay(conf)
    yield from _spool(conf)
    yield from (_bridge(conf, endpoint) for endpoint in conf.bridges)
    yield from _cluster(arguments.hook)
    if arguments.trial:
        yield _trial(conf, arguments.hook)


def _user() -> Iterator[Finding]:
    """Pacemaker's hooks reach the relay by the group haclient, and it asks crm_mon as a member of it."""
    pacemaker, user = _user_of(PACEMAKER_USER), _user_of(USER)
    if pacemaker is None:
        return  # no Pacemaker here: DRBD alone
    if user is None:
        yield Finding("user", f"there is no user {USER}", "systemd-sysusers quorumbell.conf makes it")
        return
    group = grp.getgrgid(pacemaker.pw_gid)
    if USER in group.gr_mem or user.pw_gid == group.gr_gid:
        yield Finding(f"user: {USER}, in the group {group.gr_name}")
    else:
        yield Finding(
            "user", f"{USER} is not in the group {group.gr_name}", f"usermod -aG {group.gr_name} {USER}, then restart the relay"
        )


def _hook(hook: str) -> Iterator[Finding]:
    if not os.path.exists(hook):
        yield Finding("hook", f"{hook} is not there", f"install -D -m 0755 quorumbell-alert {hook}")
    elif not os.stat(hook).st_mode & 0o001:
        yield Finding("hook", f"{hook} may not be executed by everybody", f"chmod 755 {hook}")
    elif not os.access("/usr/bin/python3", os.X_OK):
        yield Finding("hook", "it is run by /usr/bin/python3, which is not there", "install python3")
    else:
        yield Finding(f"hook: {hook}")


def _relay(conf: Settings) -> Iterator[Finding]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        try:
            box.connect(conf.door)
        except OSError as wrong:
            yield Finding(
                "relay",
                f"nobody listens at {conf.door} ({wrong.strerror})",
                "systemctl start quorumbell-relay; its log says why not",
            )
            return
    pacemaker = _user_of(PACEMAKER_USER)
    if pacemaker is not None and not _may_write(conf.door, pacemaker):
        yield Finding(
            "relay", f"{PACEMAKER_USER} may not send to {conf.door}", "systemctl restart quorumbell-relay; its log says more"
        )
    else:
        yield Finding(f"relay: listens at {conf.door}")


def _user_of(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _may_write(path: str, user: pwd.struct_passwd) -> bool:
    """Into this folder, or to this socket, by its mode; with the user's own group alone, as Pacemaker calls its hooks."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    shift = 6 if found.st_uid == user.pw_uid else 3 if found.st_gid == user.pw_gid else 0
    wanted = 0o3 if os.path.isdir(path) else 0o2
    return found.st_mode >> shift & wanted == wanted


def _spool(conf: Settings) -> Iterator[Finding]:
    for box in ("pcmk", "root"):
        place = f"{conf.spool}/{box}/new"
        try:
            waiting = len(os.listdir(place))
        except OSError as wrong:
            yield Finding("spool", f"{place}: {wrong.strerror}", "systemd-tmpfiles --create quorumbell.conf makes the folders")
            return
        if waiting > MOST_WAITING:
            yield Finding("spool", f"{waiting} reports wait in {place}", "is a bridge reached? See below, and the relay's log")
    for name, boxes in ((PACEMAKER_USER, ("pcmk",)), (USER, ("pcmk", "root"))):
        folders = [f"{conf.spool}/{box}/{part}" for box in boxes for part in ("tmp", "new")]
        if (user := _user_of(name)) is not None and (shut := [place for place in folders if not _may_write(place, user)]):
            yield Finding(
                "spool", f"{name} may not write into {', '.join(shut)}", "systemd-tmpfiles --create quorumbell.conf mends it"
            )
    room = shutil.disk_usage(conf.spool).free
    if room < LEAST_FREE:
        yield Finding("spool", f"its disk has only {room >> 20} MiB left", f"make room on the file system of {conf.spool}")
    else:
        yield Finding(f"spool: {conf.spool}, {room >> 20} MiB left")


def _bridge(conf: Settings, endpoint: str) -> Finding:
    if conf.keys is None or conf.bridge_key is None:
        return Finding(f"bridge: {endpoint}, in plain text on this machine")
    try:
        answer = ask(endpoint, conf.keys, conf.bridge_key, codec.Join(""))
    except Unknown:
        cure = "let the node join again: quorumbell join-token --again on the bridge"
        return Finding("bridge", f"{endpoint} does not know this node's key", cure)
    except Trouble as wrong:
        return Finding("bridge", str(wrong), "look at the network and the port from here, and at the bridge there")
    if isinstance(answer, codec.Joined):
        return Finding(f"bridge: {endpoint} knows this node as {answer.node} of {answer.cluster}")
    return Finding(
        "bridge",
        f"{endpoint}: {answer.reason if isinstance(answer, codec.NotNow) else answer}",
        "quorumbell status on the bridge says more",
    )


def _cluster(hook: str) -> Iterator[Finding]:
    cibadmin = installed("cibadmin")
    if cibadmin is None:
        return
    try:
        wanted = setup.missing(cibadmin, hook)
    except Trouble as wrong:
        yield Finding("alert", str(wrong), "start the cluster on this node, or run this where it runs")
        return
    if wanted is not None:
        yield Finding(
            "alert", "Pacemaker does not call the hook for all that the bridge understands", "quorumbell-node setup --apply"
        )
    else:
        yield Finding("alert: Pacemaker calls the hook")
    crm_mon = installed("crm_mon")
    if crm_mon is not None and os.geteuid() == 0:
        yield _looks(crm_mon)


def _looks(crm_mon: str) -> Finding:
    """As the relay asks it."""
    user, pacemaker = _user_of(USER), _user_of(PACEMAKER_USER)
    if user is None or pacemaker is None:
        return Finding("crm_mon: asked by the relay's own user, whom this machine does not have")
    group = grp.getgrgid(pacemaker.pw_gid)
    be_the_relay: dict[str, Any] = {
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": [group.gr_gid] if USER in group.gr_mem else [],
    }
    try:
        done = subprocess.run([crm_mon, "-1"], capture_output=True, text=True, timeout=20, check=False, **be_the_relay)
    except (OSError, subprocess.TimeoutExpired) as wrong:
        return Finding("crm_mon", str(wrong), "is Pacemaker stuck on this node?")
    if done.returncode:
        return Finding(
            "crm_mon", (done.stderr or done.stdout).strip(), f"let {USER} join the group {group.gr_name}, if it is not allowed"
        )
    return Finding("crm_mon: answers the relay's user")


def _trial(conf: Settings, hook: str) -> Finding:
    try:
        trial.send(conf, hook, conf.node)
    except Trouble as wrong:
        return Finding("trial", str(wrong), "mend what is WRONG above first")
    return Finding(f"trial: a {trial.ARRIVED}")
