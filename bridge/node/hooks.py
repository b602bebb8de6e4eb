"""Our hooks, called as Pacemaker and DRBD call them, for a trial or a drill."""

from __future__ import annotations

import os
import pwd
from typing import Any, Final

from bridge.node.door import PACEMAKER_USER
from bridge.node.settings import Settings

ALERT: Final = "quorumbell-alert"
HANDLER: Final = "quorumbell-drbd"


def environ(conf: Settings, variables: dict[str, str]) -> dict[str, str]:
    """Of a call; with where the spool is, if that is not where the hooks look for it."""
    base = {} if conf.spool.startswith("/var/spool/") else {"quorumbell_base": os.path.dirname(conf.spool)}
    return {"PATH": "/usr/bin:/bin", **base, **variables}


def caller() -> dict[str, Any]:
    """Pacemaker calls by its own user, where there is one: how Popen is told so."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(PACEMAKER_USER)
    except KeyError:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
