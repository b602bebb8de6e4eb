"""What crm_mon's and cibadmin's ends mean: an answer, a cluster that does not run here, or no answer and why. (crm_mon(8))"""

from __future__ import annotations

import grp
import os
from typing import Final, NamedTuple

from bridge.node.child import LATE
from bridge.node.picture import ROOTS
from bridge.node.xml_tree import Element, NotXml, Tree

NOT_ALLOWED: Final = 4
USAGE: Final = 64
NOT_CONNECTED: Final = frozenset({102, 107})
"""crm_mon's own code, and ENOTCONN of 1.1."""
SIGNALS: Final = 128
"""From here on a code is the signal that ended it."""
GROUP: Final = "haclient"


class Answer(NamedTuple):
    """`root` when there is one. Else `away`: the cluster does not run on this node. `strange`: it does not know what it was asked
    with. `why` in words, with the cure."""

    root: Element | None = None
    away: bool = False
    strange: bool = False
    why: str = ""


def read(tree: Tree, code: int, fault: str) -> Answer:
    """`code` is how it ended, `fault` why it was killed."""
    if fault:
        return Answer(why=f"{fault}: is Pacemaker stuck on this node?" if fault == LATE else fault)
    try:
        root = tree.root()
    except NotXml as wrong:
        said = f"it printed what is no XML of Pacemaker ({wrong})" if tree.fed else "it printed nothing"
        return (
            _not_connected(f"exit code {code}")
            if code in NOT_CONNECTED
            else _failed(code, said, strange=not tree.begun and 0 < code < SIGNALS)
        )
    status = root.first("status")
    code = int(told) if (told := status.get("code")).isdecimal() and len(told) < 6 else code
    if code in NOT_CONNECTED:
        return _not_connected(_errors(status))
    if root.tag not in {*ROOTS, "configuration"}:
        return _failed(code, f"it printed <{root.tag[:40]}>", strange=False)
    return Answer(root) if code == 0 else _failed(code, _errors(status), strange=code == USAGE)


def _failed(code: int, said: str, *, strange: bool) -> Answer:
    if code == NOT_ALLOWED:
        return Answer(why=_not_allowed(said))
    return Answer(strange=strange, why=f"exit code {code}: {said}")


def _not_connected(said: str) -> Answer:
    """2.0 says so, too, to those who may not ask."""
    return Answer(away=True, why=said) if may_ask() else Answer(why=_not_allowed(said))


def _not_allowed(said: str) -> str:
    return f"not allowed ({said}): let the relay's user join the group {GROUP}, and start it again"


def _errors(status: Element) -> str:
    errors = [one.text.strip() for one in status.first("errors").all("error")]
    return "; ".join(filter(None, [status.get("message"), *errors]))[:400] or "no word why"


def may_ask() -> bool:
    """Whether this process is root or in Pacemaker's group; where there is no such group, nobody is kept out."""
    try:
        group = grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return True
    return os.geteuid() == 0 or group in {os.getegid(), *os.getgroups()}
