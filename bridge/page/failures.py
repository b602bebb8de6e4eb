"""What is answered when nothing can be shown: in words, with what it was, and never with a trace."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bridge.asked.asking import Silent
from bridge.ledger.ledger import LedgerError
from bridge.page.render import page
from bridge.secret import redact
from bridge.serve.control import ControlError

log = logging.getLogger("quorumbell.page")


def _said(request: Request, status: int, key: str, why: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Whoever is not known yet is answered without a frame."""
    if "person" not in request.scope:
        answer: Response = PlainTextResponse(f"{why or status}\n", status)
    else:
        answer = page(request, "failure.html", status=status, key=key, why=why)
    answer.headers.update(headers or {})
    return answer


def refused(request: Request, error: Exception) -> Response:
    """Views raise HTTPException with a sentence as its detail, or without one."""
    found = error if isinstance(error, HTTPException) else HTTPException(500)
    if found.status_code == 404:
        return _said(request, 404, "not_found")
    return _said(request, found.status_code, "not_allowed", str(found.detail), found.headers)


def unread(request: Request, error: Exception) -> Response:
    return _said(request, 503, "cannot_read", redact(str(error)), {"retry-after": "5"})


def unasked(request: Request, error: Exception) -> Response:
    return _said(request, 502, "bridge_refuses", redact(str(error)))


def broken(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s", request.method, request.url.path, redact(str(error)), exc_info=error)
    return _said(request, 500, "own_error")


HANDLERS: Final[dict[Any, Any]] = {
    HTTPException: refused,
    LedgerError: unread,
    Silent: unread,
    ControlError: unasked,
    Exception: broken,
}
