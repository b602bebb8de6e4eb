"""The relay's settings: a file of `key = value` lines; every mistake is told at once, with its line and the cure."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Final, NamedTuple

from bridge.wire.endpoint import ENDPOINT, is_loopback
from bridge.wire.key_value import Line, Mistakes, read_lines
from bridge.wire.keys import NAME, KeyPair, load_public, load_secret

SPOOL: Final = "/var/spool/quorumbell"
RUN: Final = "/run/quorumbell"
HOOKS: Final = "/usr/libexec/quorumbell"
DRBDSETUP: Final = "/usr/sbin/drbdsetup"
_KNOWN: Final = (
    "base",
    "spool",
    "run",
    "bridge",
    "key",
    "bridge_key",
    "cluster",
    "node",
    "ballast_mib",
    "log",
    "drbd",
    "drbdsetup",
    "crm_mon",
    "cibadmin",
    "hooks",
)
_LEVELS: Final = ("debug", "info", "warning", "error")


class Settings(NamedTuple):
    """`keys` and `bridge_key` are both there, or both None: plain text, on loopback only."""

    spool: str
    run: str
    bridges: tuple[str, ...]
    keys: KeyPair | None
    bridge_key: bytes | None
    node: str
    cluster: str
    ballast: int
    log: str
    drbd: str
    """`auto`: followed while its module is loaded; `off`: not."""
    drbdsetup: str
    crm_mon: str
    """`auto`: the cluster is looked at where it is installed; `off`: it is not; or where it is. So is `cibadmin`."""
    cibadmin: str
    hooks: str
    """The folder in which they are, for drills."""

    @property
    def second(self) -> str:
        return f"{self.run}/spool2"

    @property
    def door(self) -> str:
        return f"{self.run}/hook.sock"


def load(path: str) -> Settings:
    lines, wrong = read_lines(path, _KNOWN)
    wrong += _repeated(path, lines)
    one = {line.key: line for line in lines}
    bridges = [line for line in lines if line.key == "bridge"]
    if not bridges and not wrong:
        wrong.append(f"{path}: no bridge: add `bridge = tcp://host:port`, once for each")
    for line in lines:
        wrong += [
            f"{path}:{line.number}: {line.key} = {line.value}: {fault}" for fault in _CHECKS.get(line.key, _fine)(line.value)
        ]
    keys, bridge_key = _load_keys(path, one, bridges, wrong)
    if wrong:
        raise Mistakes(wrong)
    base = one["base"].value if "base" in one else ""
    return Settings(
        spool=_value(one, "spool", f"{base}/spool" if base else SPOOL),
        run=_value(one, "run", f"{base}/run" if base else RUN),
        bridges=tuple(line.value for line in bridges),
        keys=keys,
        bridge_key=bridge_key,
        node=_value(one, "node", socket.gethostname()),
        cluster=_value(one, "cluster", ""),
        ballast=int(_value(one, "ballast_mib", "16")) << 20,
        log=_value(one, "log", "info"),
        drbd=_value(one, "drbd", "auto"),
        drbdsetup=_value(one, "drbdsetup", DRBDSETUP),
        crm_mon=_value(one, "crm_mon", "auto"),
        cibadmin=_value(one, "cibadmin", "auto"),
        hooks=_value(one, "hooks", HOOKS),
    )


def _value(one: dict[str, Line], key: str, otherwise: str) -> str:
    return one[key].value if key in one else otherwise


def _repeated(path: str, lines: list[Line]) -> list[str]:
    first: dict[str, int] = {}
    return [
        f"{path}:{line.number}: {line.key} stands already in line {first[line.key]}: keep one"
        for line in lines
        if line.key != "bridge" and first.setdefault(line.key, line.number) != line.number
    ]


def _load_keys(path: str, one: dict[str, Line], bridges: list[Line], wrong: list[str]) -> tuple[KeyPair | None, bytes | None]:
    if ("key" in one) != ("bridge_key" in one):
        there, missing = ("key", "bridge_key") if "key" in one else ("bridge_key", "key")
        wrong.append(f"{path}:{one[there].number}: {there} without {missing}: name both, made by quorumbell setup keys")
    if "key" not in one:
        wrong += [
            f"{path}:{line.number}: {line.value} without keys would send plain text: add `key = …` and `bridge_key = …`"
            for line in bridges
            if ENDPOINT.fullmatch(line.value) and not is_loopback(line.value)
        ]
    keys = bridge_key = None
    try:
        keys = load_secret(one["key"].value) if "key" in one else None
    except Mistakes as bad:
        wrong += [f"{path}:{one['key'].number}: {text}" for text in bad.texts]
    try:
        bridge_key = load_public(one["bridge_key"].value) if "bridge_key" in one else None
    except Mistakes as bad:
        wrong += [f"{path}:{one['bridge_key'].number}: {text}" for text in bad.texts]
    return keys, bridge_key


def _fine(_value: str) -> list[str]:
    return []


def _absolute(value: str) -> list[str]:
    return [] if os.path.isabs(value) else ["not an absolute path: begin it with /"]


def _endpoint(value: str) -> list[str]:
    match = ENDPOINT.fullmatch(value)
    return (
        []
        if match and 0 < int(match.group(3)) < 65536
        else ["not an endpoint: write tcp://host:port, for IPv6 tcp://[address]:port"]
    )


def _name(value: str) -> list[str]:
    return [] if NAME.fullmatch(value) else ["not a name: letters, digits, . _ - are"]


def _mebibytes(value: str) -> list[str]:
    return [] if value.isascii() and value.isdigit() and int(value) <= 1024 else ["not a number of MiB from 0 to 1024"]


def _level(value: str) -> list[str]:
    return [] if value in _LEVELS else [f"not a level: use one of {', '.join(_LEVELS)}"]


def _auto_or_off(value: str) -> list[str]:
    return [] if value in {"auto", "off"} else ["not a choice: use auto or off"]


def _program(value: str) -> list[str]:
    return [] if os.path.isabs(value) or value in {"auto", "off"} else ["not a choice: use auto, off, or an absolute path"]


_CHECKS: Final[dict[str, Callable[[str], list[str]]]] = {
    "base": _absolute,
    "spool": _absolute,
    "run": _absolute,
    "hooks": _absolute,
    "key": _absolute,
    "bridge_key": _absolute,
    "bridge": _endpoint,
    "node": _name,
    "cluster": _name,
    "ballast_mib": _mebibytes,
    "log": _level,
    "drbd": _auto_or_off,
    "drbdsetup": _absolute,
    "crm_mon": _program,
    "cibadmin": _program,
}
