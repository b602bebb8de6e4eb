"""What came back: an answer, or none; other sides' words fit for a log line and without our secrets."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

import msgspec

LONGEST_WAIT: Final = timedelta(days=1)


class NoAnswer(Exception):  # noqa: N818  # it is an outcome of asking, not a mistake
    """The other side gave no usable answer; `str()` says why in plain words and holds no secret."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes
    headers: Mapping[str, str]
    """Looked up in any letter case."""
    where: str
    """Scheme and host, for messages."""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON, or None when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def retry_after(self) -> timedelta | None:
        return retry_after(self.headers)


def one_line(text: str, limit: int = 200) -> str:
    """Other sides' words, fit for a log line: white space folded, unprintables gone, cut."""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def scrub(text: str, secrets: Iterable[str]) -> str:
    forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), quote_plus(secret), quote(secret))}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wish in seconds or as a date (RFC 9110 10.2.3). A date is taken against the answer's own Date, so no clocks differ."""
    wish = headers.get("Retry-After", "").strip()
    if wish.isascii() and wish.isdigit():
        return min(timedelta(seconds=min(int(wish[:9]), 10**8)), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(wish) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(timedelta(0), min(wait, LONGEST_WAIT))


def where(url: str) -> str:
    """Scheme and host of an address, which holds no secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
