"""usage: confined.py UNIT COMMAND...: the command, under what the unit forbids it by seccomp(2), as systemd would load it.

SystemCallFilter=, RestrictAddressFamilies= and MemoryDenyWriteExecute= (systemd.exec(5)); systemd-analyze names the calls of a set.
"""

import ctypes
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

ALLOW, FORBID = 0x7FFF0000, 0x00050000  # seccomp.h: SCMP_ACT_ALLOW, SCMP_ACT_ERRNO
EQUAL, MASKED_EQUAL = 4, 7  # SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ
WRITE, EXECUTE = 2, 4  # PROT_WRITE, PROT_EXEC


class Compare(ctypes.Structure):
    _fields_ = (("argument", ctypes.c_uint), ("how", ctypes.c_int), ("first", ctypes.c_uint64), ("second", ctypes.c_uint64))


class Filter:
    def __init__(self, otherwise):
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._filter = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(otherwise)))

    def rule(self, action, call, *compare):
        """For a system call by its name; what this machine's processor does not know has no rule."""
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            arguments = (Compare * len(compare))(*compare)
            done = self._library.seccomp_rule_add_array(self._filter, ctypes.c_uint32(action), number, len(compare), arguments)
            assert done == 0, (call, done)

    def load(self):
        assert self._library.seccomp_load(self._filter) == 0


def settings(unit, name):
    return [value for key, _, value in (line.partition("=") for line in unit.read_text().splitlines()) if key == name]


def sets():
    """The calls and sets in each set."""
    run = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True)
    found = {}
    for line in run.stdout.splitlines():
        if line.startswith("@"):
            found[line] = names = []
        elif line.startswith(" ") and not line.lstrip().startswith("#"):
            names.append(line.strip())
    return found


def calls(names, known):
    return set().union(*(calls(known[name], known) if name in known else {name} for name in names))


def allowed(unit):
    known = sets()
    found = calls(["@default"], known)
    for value in settings(unit, "SystemCallFilter"):
        named = calls(value.lstrip("~").split(), known)
        found = found - named if value.startswith("~") else found | named
    return found


def confine(unit):
    some = Filter(ALLOW)
    families = {getattr(socket, name) for name in " ".join(settings(unit, "RestrictAddressFamilies")).split()}
    for family in set(range(46)) - families:
        some.rule(FORBID | errno.EAFNOSUPPORT, "socket", Compare(0, EQUAL, family))
    if settings(unit, "MemoryDenyWriteExecute") == ["yes"]:
        some.rule(FORBID | errno.EPERM, "mmap", Compare(2, MASKED_EQUAL, WRITE | EXECUTE, WRITE | EXECUTE))
        some.rule(FORBID | errno.EPERM, "mprotect", Compare(2, MASKED_EQUAL, EXECUTE, EXECUTE))
    most = Filter(FORBID | errno.EPERM)
    for call in allowed(unit):
        most.rule(ALLOW, call)
    some.load()
    most.load()


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
