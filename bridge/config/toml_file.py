"""A file's text and tables, or the one mistake that keeps it from being read at all. (TOML 1.0)"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

from bridge.config.findings import ConfigError, Problem

_FOUND_AT: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_CURES: Final = (
    ("Cannot overwrite", "it stands twice; keep one of them"),
    ("Cannot declare", "the table stands twice; join the two"),
    ("Invalid value", 'text needs quotes: key = "text"'),
    ("Expected '='", 'write key = "value"'),
    ("Expected newline", "one key on each line"),
    ("Unclosed array", "a ] or a comma is missing above"),
    ("Unterminated string", "the closing quote is missing"),
    ("Illegal character", "a quote is missing, or the line break must go"),
    ("Unescaped '\\'", "use single quotes: 'vm-\\d+'"),
)


def text_of(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise _only(path, 0, "there is no such file; write it (see docs/config.md), or name another with --config") from None
    except OSError as error:
        raise _only(path, 0, f"{error.strerror}; make it readable for this user") from None
    try:
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _only(path, line, "is not UTF-8; save the file as UTF-8") from None


def tables_of(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _FOUND_AT.search(str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        words = _FOUND_AT.sub("", str(error)).removesuffix(" (at end of document)")
        cure = next((cure for head, cure in _CURES if words.startswith(head)), "write it as TOML 1.0 wants it")
        raise _only(path, line, f"not TOML: {words}; {cure}") from None


def _only(path: Path, line: int, text: str) -> ConfigError:
    return ConfigError([Problem(str(path), line, "", text)])
