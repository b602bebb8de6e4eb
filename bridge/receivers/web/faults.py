"""What went wrong while asking, in plain words: those of requests quote the address with everything in it."""

import contextlib
import ssl
from collections.abc import Iterator

import requests
import urllib3

from bridge.receivers.web.answer import NoAnswer, where
from bridge.receivers.web.deadline import Cut


@contextlib.contextmanager
def telling(url: str, within: float) -> Iterator[Cut]:
    """Turns what requests raises, and a deadline that passed, into NoAnswer."""
    cut = Cut()
    try:
        yield cut
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if cut.done:
            raise NoAnswer(f"no whole answer from {where(url)} within {within:g} s") from None
        raise NoAnswer(f"{_words(error)}: {where(url)}") from None
    if cut.done:
        # An answer without a length ends where we cut it, and looks whole.
        raise NoAnswer(f"no whole answer from {where(url)} within {within:g} s")


def _words(error: Exception) -> str:
    match error:
        case requests.exceptions.SSLError():
            return f"TLS failed ({_root(error)})"
        case requests.exceptions.ConnectTimeout():
            return "no connection in time"
        case requests.exceptions.Timeout():
            return "no answer in time"
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "half an answer"
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidSchema() | requests.exceptions.MissingSchema():
            return "not an address that can be called"
    return f"no answer ({_root(error)})"


def _root(error: BaseException) -> str:
    """The innermost cause's own words: `Connection refused`, `certificate has expired`."""
    seen: list[BaseException] = [error]
    while inner := _inner(seen[-1], seen):
        seen.append(inner)
    last = seen[-1]
    if isinstance(last, ssl.SSLCertVerificationError):
        return last.verify_message
    if isinstance(last, OSError) and last.strerror:
        return last.strerror
    return type(last).__name__


def _inner(error: BaseException, seen: list[BaseException]) -> BaseException | None:
    reason = getattr(error, "reason", None)
    causes = [reason, error.__cause__, error.__context__, *error.args, *error.args[1:]]
    return next((c for c in causes if isinstance(c, BaseException) and c not in seen), None)
