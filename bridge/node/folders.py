"""The folders of a node: made where they are missing, checked where they are there, held by one relay."""

from __future__ import annotations

import fcntl
import os
import pwd
from typing import Final

from bridge.node.door import PACEMAKER_USER
from bridge.node.settings import Settings
from bridge.node.spool import BOXES
from bridge.wire.key_value import Mistakes

TOP_MODE: Final = 0o751  # hooks pass through; nobody lists
BOX_MODE: Final = 0o2770  # its writer and the relay, whose group new files inherit
BAD_MODE: Final = 0o700


def prepare(settings: Settings) -> None:
    """Raises Mistakes with everything that hooks or relay could not do here."""
    wrong: list[str] = []
    for top in (settings.spool, settings.run, settings.second):
        _folder(top, TOP_MODE, wrong)
    _folder(f"{settings.spool}/bad", BAD_MODE, wrong)
    for top in (settings.spool, settings.second):
        for box in BOXES:
            for path in (f"{top}/{box}", f"{top}/{box}/tmp", f"{top}/{box}/new"):  # noqa: S108
                if _folder(path, BOX_MODE, wrong) and box == "pcmk":
                    _give_to_pacemaker(path)
    if wrong:
        raise Mistakes(wrong)


def _folder(path: str, mode: int, wrong: list[str]) -> bool:
    """True when it was made just now."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        os.mkdir(path)
        os.chmod(path, mode)
    except FileExistsError:
        if not os.path.isdir(path) or os.path.islink(path):
            wrong.append(f"{path}: is no folder: remove it")
        elif not os.access(path, os.R_OK | os.W_OK | os.X_OK) and mode != TOP_MODE:
            wrong.append(f"{path}: the relay may not write here: give the folder to its group, mode {mode:o}")
        return False
    except OSError as failed:
        wrong.append(f"{path}: {failed.strerror}: make it as root, mode {mode:o}, or run the relay as a user that can")
        return False
    return True


def _give_to_pacemaker(path: str) -> None:
    """Only root can; without that user there is no Pacemaker here, and whoever runs the hook is ourselves."""
    if os.geteuid() != 0:
        return
    try:
        owner = pwd.getpwnam(PACEMAKER_USER).pw_uid
    except KeyError:
        return
    os.chown(path, owner, -1)
    os.chmod(path, BOX_MODE)  # a change of owner takes the set-gid bit


def lock(spool: str) -> int:
    """The handle that holds the spool; it is ours until the process ends, however it ends."""
    path = f"{spool}/.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as failed:
        raise Mistakes([f"{path}: {failed.strerror}: make it as root, mode 600, for the relay's user"]) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise Mistakes([f"{spool}: another relay serves this spool already (process {holder}): stop one of the two"]) from None
    os.ftruncate(handle, 0)
    os.write(handle, b"%d\n" % os.getpid())
    return handle
