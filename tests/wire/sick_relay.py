"""usage: sick_relay.py SETTINGS FLAG FOLDER [CALL...]: a relay in a hurry; while FLAG is there, these calls fail in FOLDER.

FLAG has the errno, or nothing: EIO.
"""

import errno
import os
import sys

from bridge.node import places, relay, walk


def sicken(name: str, flag: str, folder: str) -> None:
    healthy = getattr(os, name)

    def call(path, *more, **options):
        where = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else path
        if str(where).startswith(folder) and os.path.exists(flag):
            if name == "access":  # it says no, and never raises
                return False
            with open(flag, encoding="ascii") as file:
                number = int(file.read() or errno.EIO)
            raise OSError(number, os.strerror(number), where)
        return healthy(path, *more, **options)

    setattr(os, name, call)


def main(settings: str, flag: str, folder: str, *calls: str) -> int:
    places.LOOK_EVERY = walk.ROUND_EVERY = 1.0
    for name in calls:
        sicken(name, flag, folder)
    return relay.main([settings])


sys.exit(main(*sys.argv[1:]))
