"""What would be changed in DRBD's configuration, and the proof that drbdadm understands it as it was meant.

What is there is read by drbdadm itself; the change is made in a copy, which drbdadm must accept: `dump` reads it, `sh-nop` also
joins `common` and resources, which `dump` does not. Standard library, Python 3.9: it runs on the cluster's nodes.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ET  # what it reads comes from drbdadm, run by root on this machine
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from bridge.node.drbd_handlers.config import (
    ANSWERING,
    LONGEST,
    NAMES,
    OLD_NAME,
    REFUSING,
    Parsed,
    Section,
    chain,
    length,
    parse,
    put,
    put_common,
    put_section,
    without,
)
from bridge.wire.key_value import Mistakes

OVERRIDE: Final = "DRBD_DRIVER_VERSION_OVERRIDE"
"""Tells drbdadm which module to take for running. (drbd-utils, shared_main.c)"""
VERSIONS: Final = {"8.4": "8.4.11", "9": "9.2.16"}
COMMON: Final = "common"

Commands = Mapping[str, str]


class Options(NamedTuple):
    config: str
    program: str
    generation: str
    """`8.4`, `9`, or "" to ask the module."""
    resync: bool
    """Also tell of before-resync-*."""
    remove: bool


class Plan(NamedTuple):
    """Files as they are and as they shall be; `notes` are for a person to do, or to know."""

    generation: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    told: Mapping[str, Sequence[str]]
    """Owner of a section → the handlers that tell there."""
    notes: Sequence[str]

    @property
    def changed(self) -> list[str]:
        return [path for path in self.before if self.before[path] != self.after[path]]


# --- drbdadm -------------------------------------------------------------------------------------------------------------


class Drbdadm:
    """drbdadm on a copy of the configuration; what it says names the real files."""

    def __init__(self, config: str, generation: str = "") -> None:
        self._config = config
        self._env = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        if generation:
            self._env[OVERRIDE] = VERSIONS[generation]

    def run(self, config: str, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["drbdadm", "-c", config, *words],  # noqa: S607 - /sbin or /usr/sbin, by distribution
                env=self._env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as wrong:
            raise Mistakes([f"drbdadm: {os.strerror(wrong.errno or 0)}: install drbd-utils on this node"]) from None

    def generation(self) -> str:
        """Of the module that runs or would be loaded; raises Mistakes when there is none."""
        said = dict(line.partition("=")[::2] for line in self.run(self._config, "--version").stdout.splitlines())
        if said.get("DRBDADM_API_VERSION", "").strip() == "1":
            return "8.4"
        if said.get("DRBD_KERNEL_VERSION", "0").strip() not in {"", "0"}:
            return "9"
        raise Mistakes(["no module drbd is loaded or installed here: say --generation 8.4 or --generation 9"])

    def knows(self, name: str) -> bool:
        """Whether this drbdadm takes a handler of that name: one that it does not know breaks every command."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as trial:
            trial.write(f'global {{ usage-count no; }}\ncommon {{ handlers {{ {name} "x"; }} }}\n')
            trial.flush()
            return self.run(trial.name, "dump").returncode == 0

    def read(self, files: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Section → handler → command, of these files; raises Mistakes with drbdadm's words when it does not accept them."""
        with scratch(files) as top:
            config = top + self._config
            for word in ("dump", "sh-nop"):
                run = self.run(config, word)
                if run.returncode != 0:
                    said = run.stderr.replace(top, "")
                    lines = [line.strip() for line in said.splitlines() if line.strip() and "__DRBD_NODE__" not in line]
                    raise Mistakes([f"drbdadm does not accept the configuration ({run.returncode}):", *lines])
            xml = self.run(config, "dump-xml").stdout
        root = ET.fromstring(re.sub(r"&(?!\w+;)", "&amp;", xml))  # noqa: S314 - see the import
        parts = [(COMMON, part) for part in root.findall("common")]
        parts += [(f"resource {part.get('name')}", part) for part in root.findall("resource")]
        return {owner: _handlers(part) for owner, part in parts}


def _handlers(part: ET.Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for option in part.findall("section[@name='handlers']/option"):
        found.setdefault(option.get("name", ""), option.get("value", ""))  # given twice, the first counts
    return found


def tree(config: str) -> dict[str, str]:
    """The configuration and every file that it includes; raises Mistakes for what cannot be read."""
    found: dict[str, str] = {}
    waiting = [os.path.abspath(config)]
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as source:
                found[path] = source.read()
        except OSError as wrong:
            raise Mistakes([f"{path}: {wrong.strerror}: run this on a node, as root, or name the file with --config"]) from None
        for include in parse(found[path]).includes:
            waiting += sorted(glob.glob(os.path.join(os.path.dirname(path), include.command)))
    return found


@contextlib.contextmanager
def scratch(files: Mapping[str, str]) -> Iterator[str]:
    """The files below a folder of their own; what they include is the copy too."""
    with tempfile.TemporaryDirectory(prefix="quorumbell-drbd-") as top:
        for path, text in files.items():
            os.makedirs(os.path.dirname(top + path), exist_ok=True)
            with open(top + path, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
                target.write(_including_below(top, text))
        yield top


def _including_below(top: str, text: str) -> str:
    for include in reversed(parse(text).includes):
        if include.command.startswith("/"):
            text = f'{text[: include.value]}"{top}{include.command}";{text[include.end :]}'
    return text


# --- the plan ------------------------------------------------------------------------------------------------------------


def plan(options: Options) -> Plan:
    """What shall be written, checked by drbdadm; raises Mistakes. Writes nothing."""
    config = os.path.abspath(options.config)
    generation = options.generation or Drbdadm(config).generation()
    drbdadm = Drbdadm(config, options.generation)
    before = tree(config)
    bare = {path: without(text) for path, text in before.items()}
    site = drbdadm.read(bare)
    if options.remove:
        return Plan(generation, before, bare, {}, ())
    wanted = [name for name in NAMES if (options.resync or name not in REFUSING) and drbdadm.knows(name)]
    maker = _Maker(options.program, wanted, generation)
    after = maker.make(bare, config)
    _verify(drbdadm.read(after), site, maker.told, options.program)
    return Plan(generation, before, after, maker.told, maker.notes)


class _Maker:
    """Goes through the files once, and keeps who tells what and what is left to do."""

    def __init__(self, program: str, wanted: Sequence[str], generation: str) -> None:
        self._program = program
        self._wanted = wanted
        self._generation = generation
        self.told: dict[str, list[str]] = {}
        self.notes: list[str] = []

    def make(self, files: Mapping[str, str], config: str) -> dict[str, str]:
        after = {path: self._file(path, text) for path, text in files.items()}
        if not any(parse(text).commons for text in files.values()):
            after[config] = put_common(after[config], self._commands(COMMON, {}))
        return after

    def _file(self, path: str, text: str) -> str:
        parsed = parse(text)
        self.notes += [
            f"{path}: {name} has a template-file: if that has a section common, ours does not count for it; chain there by hand"
            for name in parsed.templates
        ]
        if _is_generated(path, text):
            self._by_hand(path, parsed)
            return text
        for section in reversed(parsed.sections):
            text = put(text, section, self._commands(section.owner, _there(section)))
        if parsed.commons and not any(section.owner == COMMON for section in parsed.sections):
            text = put_section(text, parsed.commons[0], self._commands(COMMON, {}))
        return text

    def _by_hand(self, path: str, parsed: Parsed) -> None:
        owners: dict[str, Commands] = {COMMON: {}} if parsed.commons else {}
        for owner, there in {**owners, **{section.owner: _there(section) for section in parsed.sections}}.items():
            commands = self._commands(owner, there)
            self.told.pop(owner, None)
            lines = "".join(f'\n    {name} "{command}";' for name, command in commands.items())
            if lines:
                self.notes.append(f"{path}: is generated: set these handlers of {owner} where it comes from:{lines}")

    def _commands(self, owner: str, there: Commands) -> Commands:
        """The new commands of a section. A resource overrides key by key: what it leaves to `common`, `common` tells."""
        names = [name for name in self._wanted if name in there or (owner == COMMON and name != ANSWERING)]
        if self._generation == "8.4" and OLD_NAME in there and ANSWERING not in there:
            names.append(OLD_NAME)
        elif OLD_NAME in there and ANSWERING not in there:
            self.notes.append(f"{owner}: DRBD 9 never calls {OLD_NAME}: name it {ANSWERING}")
        commands: dict[str, str] = {}
        for name in names:
            before = there.get(name)
            command = chain(name, before, self._program)
            if before is not None and "quorumbell-drbd" in before:
                self.notes.append(f"{owner}: {name} calls quorumbell-drbd in its own way: left as it is")
            elif length(command) > LONGEST:
                self.notes.append(
                    f"{owner}: {name} would be {length(command)} characters long, {LONGEST} are allowed: "
                    f"put its command into a script of yours, then run this again"
                )
            else:
                commands[name] = command
        if commands:
            self.told[owner] = list(commands)
        return commands


def _there(section: Section) -> dict[str, str]:
    return {entry.name: entry.command for entry in reversed(section.entries)}


def _is_generated(path: str, text: str) -> bool:
    head = [line.lower() for line in text.splitlines()[:5] if line.lstrip().startswith("#")]
    return path.startswith("/var/lib/linstor") or any("generated" in line for line in head)


def _verify(now: Mapping[str, Commands], site: Mapping[str, Commands], told: Mapping[str, Sequence[str]], program: str) -> None:
    """drbdadm must read what was meant: ours where it tells, everything else as it was. Raises Mistakes: a fault of ours."""
    wrong = []
    for owner in {*now, *site}:
        was, has = site.get(owner, {}), now.get(owner, {})
        meant = {name: chain(name, was.get(name), program) for name in _as_read(told.get(owner, ()), was)}
        wanted = {**was, **meant}
        if wanted != dict(has):
            wrong.append(f"{owner}: drbdadm reads {has}, and not {wanted}: nothing was written; please report this")
    if wrong:
        raise Mistakes(wrong)


def _as_read(names: Sequence[str], was: Commands) -> list[str]:
    """8.4's drbdadm gives outdate-peer under its new name."""
    return [ANSWERING if name == OLD_NAME and OLD_NAME not in was else name for name in names]
