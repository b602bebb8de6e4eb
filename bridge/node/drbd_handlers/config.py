"""The handlers in DRBD's configuration as text: found, chained behind ours, and put back. No I/O. (drbd.conf(5))

An administrator's file stays his: what is not a handler's string keeps every byte. Ours goes in front of the site's command, in
its string; only behind fence-peer, whose code is an answer, it comes second and hands that code on. A handler may not stand twice
in `common`: drbdadm then refuses every command. So nothing can be added beside, and the string itself says what it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

LONGEST: Final = 255
"""Characters of a string; one more and drbdadm cannot read the whole configuration. (drbd-utils, drbdadm_scanner.fl)"""
NAMES: Final = (
    "initial-split-brain",
    "split-brain",
    "pri-lost-after-sb",
    "pri-lost",
    "pri-on-incon-degr",
    "local-io-error",
    "out-of-sync",
    "before-resync-source",
    "before-resync-target",
    "after-resync-target",
    "fence-peer",
    "unfence-peer",
    "quorum-lost",
    "disconnected",
)
REFUSING: Final = frozenset({"before-resync-source", "before-resync-target"})
"""Another code than 0 refuses the resync, and so does a program that is missing. events2 tells of resyncs."""
ANSWERING: Final = "fence-peer"
OLD_NAME: Final = "outdate-peer"
"""fence-peer in old configurations: 8.4 still calls it, 9 reads it and calls nothing."""

_TOKEN: Final = re.compile(r'#[^\n]*|"(?:\\.|[^"\\])*"|[{};]|[^\s{};"#]+')
_OURS: Final = re.compile(r"(\S*/quorumbell-drbd) ([a-z-]+)(?: \|\| true)?(?:; (.*))?", re.DOTALL)
_OURS_ANSWERING: Final = re.compile(r"\((.*)\); rc=\$\?; \S*/quorumbell-drbd [a-z-]+ \$rc; exit \$rc", re.DOTALL)


class Entry(NamedTuple):
    """`name "command";`, the command as it stands in the file: backslashes before quotes, perhaps without quotes."""

    name: str
    command: str
    start: int
    """Of the name."""
    value: int
    end: int
    """Behind the semicolon."""


class Section(NamedTuple):
    """`handlers { … }` of `common` or of a resource. `inside` is the place behind its brace, `end` the one behind its last."""

    owner: str
    entries: tuple[Entry, ...]
    start: int
    inside: int
    end: int


class Parsed(NamedTuple):
    """`commons` are the places behind `common {`; `includes` those of the patterns, between `start` and `end`."""

    sections: tuple[Section, ...]
    commons: tuple[int, ...]
    includes: tuple[Entry, ...]
    templates: tuple[str, ...]
    """Resources that take a template-file: its `common` hides the one that all others share."""


def parse(text: str) -> Parsed:
    """Takes what it knows and skips the rest: whether the file is right is for drbdadm to say."""
    reader = _Reader()
    for token in _TOKEN.finditer(text):
        if not token.group().startswith("#"):
            reader.take(token)
    return Parsed(tuple(reader.sections), tuple(reader.commons), tuple(reader.includes), tuple(reader.templates))


class _Reader:
    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.commons: list[int] = []
        self.includes: list[Entry] = []
        self.templates: list[str] = []
        self._stack: list[tuple[str, ...]] = []
        self._words: list[re.Match[str]] = []
        self._entries: list[Entry] = []
        self._opened = (0, 0)

    def take(self, token: re.Match[str]) -> None:
        act = {"{": self._open, "}": self._close, ";": self._statement}.get(token.group())
        if act is None:
            self._words.append(token)
        else:
            act(token)
            self._words = []

    def _open(self, token: re.Match[str]) -> None:
        self._stack.append(tuple(_plain(word.group()) for word in self._words))
        if self._stack == [("common",)]:
            self.commons.append(token.end())
        elif _owner(self._stack) is not None:
            self._opened, self._entries = (self._words[0].start(), token.end()), []

    def _close(self, token: re.Match[str]) -> None:
        owner = _owner(self._stack)
        if owner is not None:
            self.sections.append(Section(owner, tuple(self._entries), *self._opened, token.end()))
        del self._stack[-1:]

    def _statement(self, token: re.Match[str]) -> None:
        if len(self._words) != 2:
            return
        first, second = self._words
        found = Entry(first.group(), _inner(second.group()), first.start(), second.start(), token.end())
        if not self._stack and found.name == "include":
            self.includes.append(found)
        elif _owner(self._stack) is not None:
            self._entries.append(found)
        elif len(self._stack) == 1 and found.name == "template-file":
            self.templates.append(" ".join(self._stack[0]))


def _owner(stack: list[tuple[str, ...]]) -> str | None:
    """Whose handlers are read just now, if any are: `common`, or `resource NAME`."""
    if len(stack) == 2 and stack[1] == ("handlers",) and stack[0][:1] in {("common",), ("resource",)}:
        return " ".join(stack[0])
    return None


def _inner(word: str) -> str:
    return word[1:-1] if word.startswith('"') else word


def _plain(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", _inner(word))


def length(command: str) -> int:
    """As drbdadm counts: a backslash that only protects does not."""
    return len(re.sub(r"\\(.)", r"\1", command))


def chain(name: str, command: str | None, program: str) -> str:
    """The command that tells of `name` and does what `command` did, with the exit code of that."""
    if name in {ANSWERING, OLD_NAME} and command is not None:
        return f"({command}); rc=$?; {program} {ANSWERING} $rc; exit $rc"
    ours = f"{program} {name}"
    if command is not None:
        return f"{ours}; {command}"
    return f"{ours} || true" if name in REFUSING else ours


def unchain(command: str) -> tuple[bool, str | None]:
    """(whether ours is in it in our form, what stands there without ours: None when nothing does)."""
    match = _OURS_ANSWERING.fullmatch(command)
    if match:
        return True, match.group(1)
    match = _OURS.fullmatch(command)
    return (True, match.group(3)) if match else (False, command)


def without(text: str) -> str:
    """The file as it is without us."""
    for section in reversed(parse(text).sections):
        left = [entry for entry in section.entries if unchain(entry.command)[1] is not None]
        if section.entries and not left and not _has_comment(text[section.inside : section.end]):
            text = _cut(text, section.start, section.end)
            continue
        for entry in reversed(section.entries):
            ours, before = unchain(entry.command)
            if before is None:
                text = _cut(text, entry.start, entry.end)
            elif ours:
                text = f'{text[: entry.value]}"{before}";{text[entry.end :]}'
    return re.sub(r"\ncommon \{\n\}\n\Z", "", text)


def put(text: str, section: Section, commands: Mapping[str, str]) -> str:
    """The section with these commands: in the place of those that are there, else as its first lines."""
    places = {entry.name: entry for entry in reversed(section.entries) if entry.name in commands}  # given twice, the first counts
    for entry in sorted(places.values(), key=lambda place: -place.start):
        text = f'{text[: entry.value]}"{commands[entry.name]}";{text[entry.end :]}'
    indent = _indent(text, section.start)
    fresh = {name: command for name, command in commands.items() if name not in places}
    return text[: section.inside] + _lines(fresh, indent + _step(text)) + text[section.inside :]


def put_section(text: str, at: int, commands: Mapping[str, str]) -> str:
    """A section `handlers` behind the brace of a `common` that has none."""
    indent = _indent(text, at) + _step(text)
    return f"{text[:at]}\n{indent}handlers {{{_lines(commands, indent + _step(text))}\n{indent}}}{text[at:]}"


def put_common(text: str, commands: Mapping[str, str]) -> str:
    """A `common` of our own at the end of a file: there is none anywhere."""
    before = f"{text}\ncommon {{"
    return put_section(before, len(before), commands) + "\n}\n"


def _lines(commands: Mapping[str, str], indent: str) -> str:
    return "".join(f'\n{indent}{name} "{command}";' for name, command in commands.items())


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _step(text: str) -> str:
    """What the file itself indents by."""
    return "\t" if "\n\t" in text else "    "


def _has_comment(text: str) -> bool:
    return any(token.group().startswith("#") for token in _TOKEN.finditer(text))


def _cut(text: str, start: int, end: int) -> str:
    """With the white space in front: a line of ours begins with the end of the one before."""
    before = text[:start].rstrip(" \t")
    return before.removesuffix("\n") + text[end:]
