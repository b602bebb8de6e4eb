"""Logs: structlog and the standard library's loggers go the same way to stderr, and no secret with them."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

from bridge.secret import redact

# sd-daemon(3): the level in front of a line, for what systemd reads from stderr.
_LEVELS: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def set_up_logs(level: str = "info", style: str = "text", *, to: TextIO | None = None) -> None:
    """structlog and stdlib loggers go the same way to stderr; the last step blanks out every secret."""
    stream = to or sys.stderr
    journal = read_by_journal(stream)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    if not journal:  # the journal has its own clock
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    last = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _without_secrets,
        _renderer(style),
        _Last(journal=journal),
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("urllib3", "alembic", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _renderer(style: str) -> Any:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    return structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "logger", "event"], drop_missing=True, bool_as_flag=False
    )


def _without_secrets(_logger: Any, _name: str, words: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Before the renderer escapes anything: a secret with a quote in it would not be recognised afterwards."""
    return {name: value if isinstance(value, int | float | None) else redact(str(value)) for name, value in words.items()}


class _Last:
    """Redaction and the journal's prefix, on the finished line: nothing is added behind it."""

    def __init__(self, *, journal: bool) -> None:
        self._journal = journal

    def __call__(self, _logger: Any, name: str, line: Any) -> str:
        text = _printable(redact(str(line)))
        if not self._journal:
            return text
        prefix = f"<{_LEVELS.get(name, 6)}>"
        return "\n".join(prefix + part for part in text.split("\n"))


def _printable(text: str) -> str:
    """Names out of reports may hold anything: what moves a cursor is written out, or the journal hides the line as a blob."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)


def read_by_journal(stream: TextIO) -> bool:
    """Whether this very stream goes to the journal: systemd names its device and inode in JOURNAL_STREAM. (systemd.exec(5))"""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        seen = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(seen.st_dev), str(seen.st_ino))
