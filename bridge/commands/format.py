"""Times, lengths and tables for a terminal. Words for notices are in bridge.texts."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bridge.asked.plain import plain

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def span(length: timedelta) -> str:
    """`2 min 13 s`: the two largest units that say something."""
    seconds = abs(length).total_seconds()
    if 0 < seconds < 10:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        parts.append((count, unit))
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count or len(parts) - 1 == first)


def instant(at: datetime | None, *, fine: bool = False) -> str:
    """In the reader's own zone, which is named: 2026-11-24 03:12:45 CET."""
    if at is None:
        return "-"
    local = at.astimezone()
    return local.strftime(f"%Y-%m-%d %H:%M:%S{f'.{local.microsecond // 1000:03}' if fine else ''} %Z")


def ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    return f"{span(now - at)} ago" if at <= now else f"in {span(at - now)}"


def ago_of(text: str | None, now: datetime) -> str:
    """Of an instant as JSON has it."""
    return ago(datetime.fromisoformat(text) if text else None, now)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; the last one may be as long as it likes. Nothing that a report says can move the cursor."""
    lines = [list(heads), *([plain(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
